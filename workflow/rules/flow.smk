# Flow cytometry. A job takes one (panel, staining batch): all its tubes in one process, one at a time.
# The sample sheet is no input here: a corrected age must not regate the cohort.

PANEL_SHEET = f"{STUDY.panels_folder}/{{panel}}.tsv"
GATING_TEMPLATE = f"{STUDY.gating_folder}/{{panel}}.yaml"


rule take_over:
    input:
        f"{STUDY.frozen_folder}/{{record}}",
    output:
        f"{STUDY.results_folder}/{{record}}",
    log:
        AT.log("take_over", "{record}"),
    wildcard_constraints:
        record=one_of(files_to_take_over()),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        sources=sources(lambda wildcards: f"{STUDY.frozen_folder}/{wildcards.record}"),
        version=VERSION,
    message:
        "Taking over from the release: {wildcards.record}"
    shell:
        "cp {input:q} {output:q} 2> {log:q}"


rule learn_scales:
    input:
        fcs=lambda wildcards: [row["path"] for row in scale_tubes(wildcards)],
        matrices=lambda wildcards: matrices_for(scale_tubes(wildcards)),
        panel=PANEL_SHEET,
        template=GATING_TEMPLATE,
    output:
        **AT.made_by("learn_scales"),
    log:
        AT.log("learn_scales", "{panel}"),
    wildcard_constraints:
        panel=one_of(learned_panels()),
    resources:
        mem_mb=tube_memory,
        runtime=tube_minutes,
    params:
        settings=settings_of("learn_scales"),
        tubes=frozen_scale_tubes,
        folder=lambda wildcards, output: Path(output.scales).parent,
        sources=sources(
            panel_files, lambda wildcards: matrices_for(scale_tubes(wildcards))
        ),
        version=VERSION,
    message:
        "Learning scales: {wildcards.panel}"
    shell:
        "itc learn-scales --config {params.settings:q} --tubes {params.tubes:q} --panel {input.panel:q}"
        " --template {input.template:q} --output-folder {params.folder:q} > {log:q} 2>&1"


rule learn_alignment:
    input:
        fcs=lambda wildcards: [row["path"] for row in bridge_tubes(wildcards)],
        matrices=lambda wildcards: matrices_for(bridge_tubes(wildcards)),
        panel=PANEL_SHEET,
        template=GATING_TEMPLATE,
        scales=AT.scales("{panel}"),
    output:
        **AT.made_by("learn_alignment"),
    log:
        AT.log("learn_alignment", "{panel}"),
    wildcard_constraints:
        panel=one_of(learned_panels()),
    resources:
        mem_mb=tube_memory,
        runtime=tube_minutes,
    params:
        settings=settings_of("learn_alignment"),
        bridge=frozen_bridge_tubes,
        people=frozen_people,
        folder=lambda wildcards, output: Path(output.landmarks).parent,
        sources=sources(
            panel_files, lambda wildcards: matrices_for(bridge_tubes(wildcards))
        ),
        version=VERSION,
    message:
        "Aligning batches to the bridge control: {wildcards.panel}"
    shell:
        "itc learn-alignment --config {params.settings:q} --bridge {params.bridge:q}"
        " --people {params.people:q} --panel {input.panel:q} --template {input.template:q}"
        " --scales {input.scales:q} --output-folder {params.folder:q} > {log:q} 2>&1"


rule fit_gates:
    input:
        fcs=fcs_of,
        matrices=matrices_of,
        panel=PANEL_SHEET,
        template=GATING_TEMPLATE,
        scales=AT.scales("{panel}"),
        landmarks=landmarks_of,
    output:
        **AT.made_by("fit_gates"),
    log:
        AT.log("fit_gates", "{panel}", "{batch}"),
    resources:
        mem_mb=tube_memory,
        runtime=tube_minutes,
    params:
        settings=settings_of("fit_gates"),
        tubes=frozen_tubes,
        landmarks=landmarks_option,
        folder=lambda wildcards, output: Path(output.fits).parent,
        sources=sources(panel_files, matrices_of),
        version=VERSION,
    message:
        "Learning gates: {wildcards.panel}, batch {wildcards.batch}"
    shell:
        "itc fit-gates --config {params.settings:q} --tubes {params.tubes:q} --panel {input.panel:q}"
        " --template {input.template:q} --scales {input.scales:q} {params.landmarks}"
        " --output-folder {params.folder:q} > {log:q} 2>&1"


rule pool_gates:
    input:
        fits=lambda wildcards: [
            AT.fits(wildcards.panel, batch)
            for batch in batches_of_panel(wildcards.panel)
        ],
        evidence=lambda wildcards: per_batch(AT.evidence, wildcards.panel),
        template=GATING_TEMPLATE,
        panel=PANEL_SHEET,
        manual=manual_of,
    output:
        gates=AT.pooled_gates("{panel}"),
        identity=AT.identity("{panel}"),
    log:
        AT.log("pool_gates", "{panel}"),
    wildcard_constraints:
        panel=one_of(learned_panels()),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("pool_gates"),
        manual=manual_option,
        sources=sources(panel_files, manual_of),
        version=VERSION,
    message:
        "Pooling gates: {wildcards.panel}"
    shell:
        "itc pool-gates --config {params.settings:q} --template {input.template:q}"
        " --panel {input.panel:q} --fits {input.fits:q} --evidence {input.evidence:q}"
        " --identity {output.identity:q} --output {output.gates:q}"
        " {params.manual} > {log:q} 2>&1"


rule pool_added_gates:
    input:
        fits=lambda wildcards: per_batch(AT.fits, wildcards.panel),
        evidence=lambda wildcards: per_batch(AT.evidence, wildcards.panel),
        frozen=frozen_gates,
        template=GATING_TEMPLATE,
        panel=PANEL_SHEET,
        manual=manual_of,
    output:
        gates=AT.added_gates("{panel}"),
        moved=AT.moved_gates("{panel}"),
        identity=AT.identity("{panel}"),
    log:
        AT.log("pool_gates", "{panel}"),
    wildcard_constraints:
        panel=one_of(grown_panels()),
    resources:
        mem_mb=table_memory,
        runtime=table_minutes,
    params:
        settings=settings_of("pool_gates"),
        manual=manual_option,
        added=frozen_later_tubes,
        sources=sources(panel_files, manual_of, frozen_gates),
        version=VERSION,
    message:
        "Pooling gates: {wildcards.panel}"
    shell:
        "itc pool-gates --config {params.settings:q} --template {input.template:q}"
        " --panel {input.panel:q} --fits {input.fits:q} --evidence {input.evidence:q}"
        " --frozen {input.frozen:q} --added {params.added:q} --moved {output.moved:q}"
        " --identity {output.identity:q} --output {output.gates:q}"
        " {params.manual} > {log:q} 2>&1"


rule apply_gates:
    input:
        fcs=fcs_of,
        matrices=matrices_of,
        panel=PANEL_SHEET,
        template=GATING_TEMPLATE,
        scales=AT.scales("{panel}"),
        landmarks=landmarks_of,
        gates=gates_of,
        quality=AT.tube_quality("{panel}", "{batch}"),
        kept=AT.kept_events("{panel}", "{batch}"),
    output:
        **{
            name: directory(path) if name == "gatingml" else path
            for name, path in AT.made_by("apply_gates").items()
        },
    log:
        AT.log("apply_gates", "{panel}", "{batch}"),
    resources:
        mem_mb=tube_memory,
        runtime=tube_minutes,
    params:
        settings=settings_of("apply_gates"),
        tubes=frozen_tubes,
        landmarks=landmarks_option,
        review=frozen_corrections,
        folder=lambda wildcards, output: Path(output.counts).parent,
        sources=sources(panel_files, matrices_of),
        version=VERSION,
    message:
        "Counting populations: {wildcards.panel}, batch {wildcards.batch}"
    shell:
        "itc apply-gates --config {params.settings:q} --tubes {params.tubes:q} --panel {input.panel:q}"
        " --template {input.template:q} --scales {input.scales:q} {params.landmarks}"
        " --gates {input.gates:q} {params.review} --quality {input.quality:q} --kept {input.kept:q}"
        " --output-folder {params.folder:q} > {log:q} 2>&1"
