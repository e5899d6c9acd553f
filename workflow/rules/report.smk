# One page.


rule report:
    input:
        AT.comparisons,
        AT.measurements,
        AT.scores,
        AT.participants,
        AT.eligibility,
        AT.classification,
        AT.queries,
        AT.disclosure,
        AT.samples,
        AT.tubes,
        AT.libraries,
        AT.cohort_problems,
        [AT.gates(panel) for panel in panels()],
        per_flow_job(AT.fits),
        per_flow_job(AT.tube_quality),
        per_flow_job(AT.acquisition),
        per_flow_job(AT.counts),
        per_flow_job(AT.intensity),
        per_flow_job(AT.views),
        per_library_job(AT.library_quality),
        per_library_job(AT.cells),
        per_library_job(AT.cell_counts),
        per_library_job(AT.pseudobulk),
    output:
        AT.report,
    log:
        AT.log("report"),
    params:
        settings=freeze(SETTINGS, AT.settings, "all"),
        results=lambda wildcards, output: Path(output[0]).parent,
        version=VERSION,
    message:
        "Writing the report"
    shell:
        "itc report --config {params.settings} --results {params.results} --output {output}"
        " > {log} 2>&1"
