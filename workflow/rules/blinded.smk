# What may be handed over while groups are masked; in place of comparisons and report.


rule blind:
    input:
        participants=AT.participants,
        samples=AT.samples,
        tubes=AT.tubes,
        libraries=AT.libraries,
        measurements=AT.measurements,
        quality=per_flow_job(AT.tube_quality),
        acquisitions=per_flow_job(AT.acquisitions),
        counts=per_flow_job(AT.counts),
        histograms=per_flow_job(AT.histograms),
        gates=per_flow_job(AT.gates),
        scales=per_panel(AT.scales),
        spill=per_panel(AT.spill),
        library_quality=per_library_job(AT.library_quality),
    output:
        masks=AT.masks,
        folder=directory(STUDY.blinded_folder),
    log:
        AT.log("blind"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("report"),
        results=STUDY.results_folder,
        version=VERSION,
    message:
        "Writing the blinded folder"
    shell:
        "itc blind --config {params.settings:q} --results {params.results:q}"
        " --masks {output.masks:q} --output-folder {output.folder:q} > {log:q} 2>&1"
