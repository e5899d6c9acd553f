# Who was enrolled, who is eligible and why not.


rule check:
    input:
        sheets=study_sheets(),
    output:
        AT.participants,
        AT.eligibility,
        AT.classification,
        AT.queries,
        AT.query_sheet,
        AT.disclosure,
        AT.shared_participants,
        AT.samples,
        AT.tubes,
        AT.libraries,
        AT.cohort_problems,
    log:
        AT.log("check"),
    params:
        settings=freeze(
            CohortSettings(study=STUDY, cohort=SETTINGS.cohort), AT.settings, "cohort"
        ),
        folder=lambda wildcards, output: Path(output[0]).parent,
        version=VERSION,
    message:
        "Checking sheets and eligibility"
    shell:
        "itc check --config {params.settings} --output-folder {params.folder} > {log} 2>&1"
