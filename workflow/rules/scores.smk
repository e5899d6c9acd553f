# Scores, and the narrow table in the middle: measurements.


rule score:
    input:
        signatures=STUDY.signatures,
        participants=AT.participants,
        samples=AT.samples,
        tubes=AT.tubes,
        libraries=AT.libraries,
        counts=per_flow_job(AT.counts),
        intensity=per_flow_job(AT.intensity),
        combinations=per_flow_job(AT.combinations),
        pseudobulk=per_library_job(AT.pseudobulk),
        depth=per_library_job(AT.pseudobulk_depth),
        cell_counts=per_library_job(AT.cell_counts),
    output:
        AT.scores,
    log:
        AT.log("score"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("score"),
        sources=sources_of,
        version=VERSION,
    message:
        "Scoring exhaustion and activation"
    shell:
        "itc score --config {params.settings}"
        " --signatures {input.signatures} --participants {input.participants}"
        " --samples {input.samples} --tubes {input.tubes} --libraries {input.libraries}"
        " --counts {input.counts}"
        " --intensity {input.intensity} --combinations {input.combinations}"
        " --pseudobulk {input.pseudobulk} --pseudobulk-depth {input.depth}"
        " --cell-counts {input.cell_counts} --output {output} > {log} 2>&1"


rule measure:
    input:
        participants=AT.participants,
        samples=AT.samples,
        tubes=AT.tubes,
        libraries=AT.libraries,
        counts=per_flow_job(AT.counts),
        intensity=per_flow_job(AT.intensity),
        quality=per_flow_job(AT.tube_quality),
        cell_counts=per_library_job(AT.cell_counts),
        library_quality=per_library_job(AT.library_quality),
        scores=AT.scores,
    output:
        AT.measurements,
    log:
        AT.log("measure"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("measure"),
        version=VERSION,
    message:
        "Collecting measurements"
    shell:
        "itc measure --config {params.settings}"
        " --participants {input.participants} --samples {input.samples} --tubes {input.tubes}"
        " --libraries {input.libraries} --tube-quality {input.quality} --counts {input.counts}"
        " --intensity {input.intensity} --library-quality {input.library_quality}"
        " --cell-counts {input.cell_counts} --scores {input.scores} --output {output} > {log} 2>&1"
