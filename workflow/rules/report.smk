# One page, the reporting checklists beside it, and every gate of every tube.

PANEL_SHEETS = [f"{STUDY.panels_folder}/{panel}.tsv" for panel in panels()]
REVIEW = [str(path) for path in [review_path(STUDY)] if path.exists()]


rule report:
    input:
        report_inputs(),
        spreading_files(),
        panels=PANEL_SHEETS,
        signatures=STUDY.signatures,
        plan=STUDY.analysis_plan,
        review=REVIEW,
    output:
        page=AT.report,
        strobe=AT.strobe,
        methods=AT.methods,
        bibtex=AT.bibtex,
        csl=AT.csl,
        # MIFlowCyt does not concern a study without flow cytometry
        miflowcyt=[AT.miflowcyt] if TUBES else [],
    log:
        AT.log("report"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("report"),
        results=lambda wildcards, output: Path(output[0]).parent,
        sources=sources(
            spreading_files(),
            PANEL_SHEETS,
            STUDY.signatures,
            STUDY.analysis_plan,
            REVIEW,
        ),
        review=lambda wildcards, input: option("review", input.review),
        version=VERSION,
    message:
        "Writing the report"
    shell:
        "itc report --config {params.settings:q} --results {params.results:q} --panels {input.panels:q}"
        " --signatures {input.signatures:q} {params.review} --plan {input.plan:q} --output {output.page:q}"
        " > {log:q} 2>&1"


rule overview:
    input:
        gates=lambda wildcards: per_batch(AT.gates, wildcards.panel),
        histograms=lambda wildcards: per_batch(AT.histograms, wildcards.panel),
        counts=lambda wildcards: per_batch(AT.counts, wildcards.panel),
        quality=lambda wildcards: per_batch(AT.tube_quality, wildcards.panel),
    output:
        directory(AT.overview("{panel}")),
    log:
        AT.log("overview", "{panel}"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        note=overview_note(),
        version=VERSION,
    message:
        "Drawing every gate: {wildcards.panel}"
    shell:
        "itc overview --gates {input.gates:q} --histograms {input.histograms:q} --counts {input.counts:q}"
        " --quality {input.quality:q} --output-folder {output:q} {params.note} > {log:q} 2>&1"
