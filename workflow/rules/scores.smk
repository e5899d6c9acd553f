# Scores, responses, and the narrow table in the middle: measurements.


rule score:
    input:
        signatures=STUDY.signatures,
        participants=AT.participants,
        samples=AT.samples,
        tubes=AT.tubes,
        libraries=AT.libraries,
        identity=per_panel(AT.identity),
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
        sources=sources(STUDY.signatures),
        version=VERSION,
    message:
        "Scoring exhaustion and activation"
    shell:
        "itc score --config {params.settings:q}"
        " --signatures {input.signatures:q} --participants {input.participants:q}"
        " --samples {input.samples:q} --tubes {input.tubes:q} --libraries {input.libraries:q}"
        " --identity {input.identity:q} --counts {input.counts:q}"
        " --intensity {input.intensity:q} --combinations {input.combinations:q}"
        " --pseudobulk {input.pseudobulk:q} --pseudobulk-depth {input.depth:q}"
        " --cell-counts {input.cell_counts:q} --output {output:q} > {log:q} 2>&1"


rule respond:
    input:
        tubes=AT.tubes,
        quality=per_flow_job(AT.tube_quality),
        counts=per_flow_job(AT.counts),
        intensity=per_flow_job(AT.intensity),
        combinations=per_flow_job(AT.combinations),
    output:
        **AT.made_by("respond"),
    log:
        AT.log("respond"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("respond"),
        folder=lambda wildcards, output: Path(output.responses).parent,
        version=VERSION,
    message:
        "Measuring responses to stimulation"
    shell:
        "itc respond --config {params.settings:q} --tubes {input.tubes:q}"
        " --tube-quality {input.quality:q} --counts {input.counts:q} --intensity {input.intensity:q}"
        " --combinations {input.combinations:q} --output-folder {params.folder:q} > {log:q} 2>&1"


rule measure:
    input:
        participants=AT.participants,
        samples=AT.samples,
        tubes=AT.tubes,
        libraries=AT.libraries,
        identity=per_panel(AT.identity),
        counts=per_flow_job(AT.counts),
        intensity=per_flow_job(AT.intensity),
        quality=per_flow_job(AT.tube_quality),
        cell_counts=per_library_job(AT.cell_counts),
        thinned_counts=per_library_job(AT.thinned_counts),
        library_quality=per_library_job(AT.library_quality),
        scores=AT.scores,
        responses=AT.responses,
        response_combinations=AT.response_combinations,
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
        "itc measure --config {params.settings:q}"
        " --participants {input.participants:q} --samples {input.samples:q} --tubes {input.tubes:q}"
        " --libraries {input.libraries:q} --tube-quality {input.quality:q}"
        " --identity {input.identity:q} --counts {input.counts:q}"
        " --intensity {input.intensity:q} --library-quality {input.library_quality:q}"
        " --cell-counts {input.cell_counts:q} --thinned-counts {input.thinned_counts:q}"
        " --scores {input.scores:q} --responses {input.responses:q}"
        " --response-combinations {input.response_combinations:q} --output {output:q} > {log:q} 2>&1"


rule label:
    input:
        signatures=STUDY.signatures,
        measurements=AT.measurements,
    output:
        AT.labels,
    log:
        AT.log("label"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("label"),
        sources=sources(STUDY.signatures),
        version=VERSION,
    message:
        "Naming what may be said of each participant"
    shell:
        "itc label --config {params.settings:q} --signatures {input.signatures:q}"
        " --measurements {input.measurements:q} --output {output:q} > {log:q} 2>&1"
