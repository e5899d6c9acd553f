# The index group against each other group, and how the plan stands towards its lock.

TEMPLATES = [f"{STUDY.gating_folder}/{panel}.yaml" for panel in panels()]
POST_HOC = [] if STUDY.post_hoc_plan is None else [STUDY.post_hoc_plan]


rule plan_changes:
    input:
        plan=STUDY.analysis_plan,
        templates=TEMPLATES,
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
        lock=lambda wildcards, input: option("lock", input.lock),
        by_hand=by_hand_option,
        sources=sources(
            STUDY.analysis_plan, TEMPLATES, STUDY.signatures, locks_of_plan()
        ),
        version=VERSION,
    message:
        "Comparing the plan with its lock"
    shell:
        "itc plan-changes --config {params.settings:q} --plan {input.plan:q}"
        " --templates {input.templates:q} --signatures {input.signatures:q} {params.lock}"
        " {params.by_hand} --output {output:q} > {log:q} 2>&1"


rule compare:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        variables=AT.variables,
        measurements=AT.measurements,
        post_hoc=POST_HOC,
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
        post_hoc=lambda wildcards, input: option("post-hoc", input.post_hoc),
        sources=sources(STUDY.analysis_plan, POST_HOC),
        version=VERSION,
    message:
        "Comparing groups"
    shell:
        "itc compare --config {params.settings:q} --plan {input.plan:q}"
        " --participants {input.participants:q} --variables {input.variables:q}"
        " --measurements {input.measurements:q}"
        " --changes {input.changes:q} --output-folder {params.folder:q} {params.post_hoc}"
        " > {log:q} 2>&1"


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
        sources=sources(STUDY.analysis_plan),
        version=VERSION,
    message:
        "Comparing genes"
    shell:
        "itc compare-genes --config {params.settings:q}"
        " --plan {input.plan:q} --participants {input.participants:q}"
        " --variables {input.variables:q} --samples {input.samples:q}"
        " --libraries {input.libraries:q} --pseudobulk {input.pseudobulk:q}"
        " --pseudobulk-depth {input.depth:q} --changes {input.changes:q} --output {output:q}"
        " > {log:q} 2>&1"
