# Who was enrolled, who is eligible and why not.


rule check:
    input:
        sheets=study_sheets(),
    output:
        **AT.made_by("check"),
    log:
        AT.log("check"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("check"),
        folder=lambda wildcards, output: Path(output[0]).parent,
        sources=sources(study_sheets()),
        version=VERSION,
    message:
        "Checking sheets and eligibility"
    shell:
        "itc check --config {params.settings:q} --output-folder {params.folder:q} > {log:q} 2>&1"
