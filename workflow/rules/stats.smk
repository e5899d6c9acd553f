# The index group against each other group.


rule compare:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        measurements=AT.measurements,
        post_hoc=[] if STUDY.post_hoc_plan is None else STUDY.post_hoc_plan,
    output:
        comparisons=AT.comparisons,
        verdicts=AT.verdicts,
        diagnostics=AT.diagnostics,
        associations=AT.associations,
        compositions=AT.compositions,
        modalities=AT.modalities,
        modality_agreement=AT.modality_agreement,
    log:
        AT.log("compare"),
    params:
        settings=freeze(SETTINGS.stats, AT.settings, "stats"),
        cohort=freeze(SETTINGS.cohort, AT.settings, "groups"),
        post_hoc=lambda wildcards, input: (
            f"--post-hoc {input.post_hoc}" if input.post_hoc else ""
        ),
        version=VERSION,
    message:
        "Comparing groups"
    shell:
        "itc compare --config {params.settings} --cohort-config {params.cohort} --plan {input.plan}"
        " --participants {input.participants} --measurements {input.measurements}"
        " --output {output.comparisons} --verdicts {output.verdicts} --diagnostics {output.diagnostics}"
        " --associations {output.associations} --compositions {output.compositions}"
        " --modalities {output.modalities} --modality-agreement {output.modality_agreement}"
        " {params.post_hoc} > {log} 2>&1"


rule compare_genes:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        samples=AT.samples,
        libraries=AT.libraries,
        pseudobulk=per_library_job(AT.pseudobulk),
        depth=per_library_job(AT.pseudobulk_depth),
    output:
        AT.genes,
    log:
        AT.log("compare_genes"),
    params:
        settings=freeze(SETTINGS.stats, AT.settings, "stats"),
        cohort=freeze(SETTINGS.cohort, AT.settings, "groups"),
        version=VERSION,
    message:
        "Comparing genes"
    shell:
        "itc compare-genes --config {params.settings} --cohort-config {params.cohort}"
        " --plan {input.plan} --participants {input.participants} --samples {input.samples}"
        " --libraries {input.libraries} --pseudobulk {input.pseudobulk}"
        " --pseudobulk-depth {input.depth} --output {output} > {log} 2>&1"
