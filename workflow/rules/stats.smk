# The index group against each other group.


rule compare:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        variables=AT.variables,
        measurements=AT.measurements,
        post_hoc=[] if STUDY.post_hoc_plan is None else STUDY.post_hoc_plan,
    output:
        **AT.made_by("compare"),
    log:
        AT.log("compare"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("compare"),
        folder=lambda wildcards, output: Path(output.comparisons).parent,
        post_hoc=lambda wildcards, input: (
            f"--post-hoc {input.post_hoc}" if input.post_hoc else ""
        ),
        sources=sources_of,
        version=VERSION,
    message:
        "Comparing groups"
    shell:
        "itc compare --config {params.settings} --plan {input.plan}"
        " --participants {input.participants} --variables {input.variables}"
        " --measurements {input.measurements}"
        " --output-folder {params.folder} {params.post_hoc} > {log} 2>&1"


rule compare_genes:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        variables=AT.variables,
        samples=AT.samples,
        libraries=AT.libraries,
        pseudobulk=per_library_job(AT.pseudobulk),
        depth=per_library_job(AT.pseudobulk_depth),
    output:
        AT.genes,
    log:
        AT.log("compare_genes"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("compare_genes"),
        sources=sources_of,
        version=VERSION,
    message:
        "Comparing genes"
    shell:
        "itc compare-genes --config {params.settings}"
        " --plan {input.plan} --participants {input.participants}"
        " --variables {input.variables} --samples {input.samples}"
        " --libraries {input.libraries} --pseudobulk {input.pseudobulk}"
        " --pseudobulk-depth {input.depth} --output {output} > {log} 2>&1"
