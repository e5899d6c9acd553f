# One page, the reporting checklists beside it, and every gate of every tube.


rule report:
    input:
        report_inputs(),
        spreading_files(),
        panels=[f"{STUDY.panels_folder}/{panel}.tsv" for panel in panels()],
        signatures=STUDY.signatures,
        plan=STUDY.analysis_plan,
    output:
        page=AT.report,
        strobe=AT.strobe,
        # MIFlowCyt does not concern a study without flow cytometry
        miflowcyt=[AT.miflowcyt] if TUBES else [],
    log:
        AT.log("report"),
    params:
        settings=settings_of("report"),
        results=lambda wildcards, output: Path(output[0]).parent,
        version=VERSION,
    message:
        "Writing the report"
    shell:
        "itc report --config {params.settings} --results {params.results} --panels {input.panels}"
        " --signatures {input.signatures} --plan {input.plan} --output {output.page}"
        " > {log} 2>&1"


rule overview:
    input:
        gates=AT.gates("{panel}"),
        histograms=lambda wildcards: per_batch(AT.histograms, wildcards.panel),
        counts=lambda wildcards: per_batch(AT.counts, wildcards.panel),
        quality=lambda wildcards: per_batch(AT.tube_quality, wildcards.panel),
    output:
        directory(AT.overview("{panel}")),
    log:
        AT.log("overview", "{panel}"),
    params:
        note=overview_note(),
        version=VERSION,
    message:
        "Drawing every gate: {wildcards.panel}"
    shell:
        "itc overview --gates {input.gates} --histograms {input.histograms} --counts {input.counts}"
        " --quality {input.quality} --output-folder {output} {params.note} > {log} 2>&1"
