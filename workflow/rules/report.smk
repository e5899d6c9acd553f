# One page, the reporting checklists beside it, and every gate of every tube.


rule report:
    input:
        AT.comparisons,
        AT.verdicts,
        AT.diagnostics,
        AT.associations,
        AT.compositions,
        AT.modalities,
        AT.modality_agreement,
        AT.genes,
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
        per_panel(AT.scales),
        per_panel(AT.spill),
        spreading_files(),
        per_panel(AT.landmarks) if SETTINGS.flow.align else [],
        per_panel(AT.alignment) if SETTINGS.flow.align else [],
        per_panel(AT.gates),
        per_flow_job(AT.fits),
        per_flow_job(AT.tube_quality),
        per_flow_job(AT.acquisition),
        per_flow_job(AT.counts),
        per_flow_job(AT.intensity),
        per_flow_job(AT.views),
        per_panel(AT.overview),
        per_library_job(AT.library_quality),
        per_library_job(AT.cells),
        per_library_job(AT.cell_counts),
        per_library_job(AT.pseudobulk),
        panels=[f"{STUDY.panels_folder}/{panel}.tsv" for panel in panels()],
        signatures=STUDY.signatures,
    output:
        page=AT.report,
        strobe=AT.strobe,
        # MIFlowCyt does not concern a study without flow cytometry
        miflowcyt=[AT.miflowcyt] if TUBES else [],
    log:
        AT.log("report"),
    params:
        settings=freeze(SETTINGS, AT.settings, "all"),
        results=lambda wildcards, output: Path(output[0]).parent,
        version=VERSION,
    message:
        "Writing the report"
    shell:
        "itc report --config {params.settings} --results {params.results} --panels {input.panels}"
        " --signatures {input.signatures} --output {output.page}"
        " > {log} 2>&1"


rule overview:
    input:
        gates=AT.gates("{panel}"),
        views=lambda wildcards: per_batch(AT.views, wildcards.panel),
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
        "itc overview --gates {input.gates} --views {input.views} --counts {input.counts}"
        " --quality {input.quality} --output-folder {output} {params.note} > {log} 2>&1"
