# The index group against each other group, and how the plan stands towards its lock.


rule plan_changes:
    input:
        plan=STUDY.analysis_plan,
        templates=[f"{STUDY.gating_folder}/{panel}.yaml" for panel in panels()],
        signatures=STUDY.signatures,
        lock=locks_of_plan(),
    output:
        AT.plan_changes,
    log:
        AT.log("plan_changes"),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("plan_changes"),
        lock=lambda wildcards, input: f"--lock {input.lock}" if input.lock else "",
        sources=sources_of,
        version=VERSION,
    message:
        "Comparing the plan with its lock"
    shell:
        "itc plan-changes --config {params.settings} --plan {input.plan}"
        " --templates {input.templates} --signatures {input.signatures} {params.lock}"
        " --output {output} > {log} 2>&1"


rule compare:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        variables=AT.variables,
        measurements=AT.measurements,
        post_hoc=[] if STUDY.post_hoc_plan is None else STUDY.post_hoc_plan,
        changes=AT.plan_changes,
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
        " --changes {input.changes} --output-folder {params.folder} {params.post_hoc}"
        " > {log} 2>&1"


rule compare_genes:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        variables=AT.variables,
        samples=AT.samples,
        libraries=AT.libraries,
        pseudobulk=per_library_job(AT.pseudobulk),
        depth=per_library_job(AT.pseudobulk_depth),
        changes=AT.plan_changes,
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
        " --pseudobulk-depth {input.depth} --changes {input.changes} --output {output}"
        " > {log} 2>&1"
