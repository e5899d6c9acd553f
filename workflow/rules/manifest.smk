# The last step: SHA-256 of every input and result, and the RO-Crate.


rule manifest:
    input:
        report=AT.report,
        results=report_inputs(),
        overviews=per_panel(AT.overview),
        study=files_of_study(),
    output:
        manifest=AT.manifest,
        crate=AT.crate,
        workflow=directory(AT.workflow_copy),
    log:
        AT.log("manifest"),
    resources:
        mem_mb=table_memory,
        # it reads every data file once
        runtime=tube_minutes,
    params:
        settings=freeze(SETTINGS, FROZEN, "manifest"),
        snakefile=str(Path(workflow.basedir) / "Snakefile"),
        results=lambda wildcards, output: Path(output.manifest).parent,
        sources=sources(files_of_study()),
        version=VERSION,
    message:
        "Writing the manifest"
    shell:
        "itc manifest --config {params.settings:q} --results {params.results:q}"
        " --snakefile {params.snakefile:q} --content {params.sources:q} > {log:q} 2>&1"
