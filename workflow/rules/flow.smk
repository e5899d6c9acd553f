# Flow cytometry. A job takes one (panel, staining batch): all its tubes in one process, one at a time.
# The sample sheet is no input here: a corrected age must not regate the cohort.

PANEL_SHEET = f"{STUDY.panels_folder}/{{panel}}.tsv"
GATING_TEMPLATE = f"{STUDY.gating_folder}/{{panel}}.yaml"


rule fit_gates:
    input:
        fcs=fcs_of,
        panel=PANEL_SHEET,
        template=GATING_TEMPLATE,
    output:
        fits=AT.fits("{panel}", "{batch}"),
        quality=AT.tube_quality("{panel}", "{batch}"),
        acquisition=AT.acquisition("{panel}", "{batch}"),
    log:
        AT.log("fit_gates", "{panel}", "{batch}"),
    params:
        settings=freeze(SETTINGS.flow, AT.settings, "flow"),
        tubes=frozen_tubes,
        folder=lambda wildcards, output: Path(output.fits).parent,
        version=VERSION,
    message:
        "Learning gates: {wildcards.panel}, batch {wildcards.batch}"
    shell:
        "itc fit-gates --config {params.settings} --tubes {params.tubes} --panel {input.panel}"
        " --template {input.template} --output-folder {params.folder} > {log} 2>&1"


rule pool_gates:
    input:
        fits=lambda wildcards: [
            AT.fits(wildcards.panel, batch)
            for batch in batches_of_panel(wildcards.panel)
        ],
        template=GATING_TEMPLATE,
        panel=PANEL_SHEET,
        manual=manual_of,
    output:
        gates=AT.gates("{panel}"),
        gatingml=directory(AT.gatingml("{panel}")),
    log:
        AT.log("pool_gates", "{panel}"),
    params:
        settings=freeze(SETTINGS.flow, AT.settings, "flow"),
        manual=lambda wildcards, input: (
            f"--manual {Path(input.manual[0]).parent}" if input.manual else ""
        ),
        version=VERSION,
    message:
        "Pooling gates: {wildcards.panel}"
    shell:
        "itc pool-gates --config {params.settings} --template {input.template}"
        " --panel {input.panel} --fits {input.fits} --output {output.gates}"
        " --gatingml {output.gatingml} {params.manual} > {log} 2>&1"


rule apply_gates:
    input:
        fcs=fcs_of,
        panel=PANEL_SHEET,
        template=GATING_TEMPLATE,
        gates=AT.gates("{panel}"),
    output:
        counts=AT.counts("{panel}", "{batch}"),
        intensity=AT.intensity("{panel}", "{batch}"),
        combinations=AT.combinations("{panel}", "{batch}"),
        views=AT.views("{panel}", "{batch}"),
    log:
        AT.log("apply_gates", "{panel}", "{batch}"),
    params:
        settings=freeze(SETTINGS.flow, AT.settings, "flow"),
        tubes=frozen_tubes,
        folder=lambda wildcards, output: Path(output.counts).parent,
        version=VERSION,
    message:
        "Counting populations: {wildcards.panel}, batch {wildcards.batch}"
    shell:
        "itc apply-gates --config {params.settings} --tubes {params.tubes} --panel {input.panel}"
        " --template {input.template} --gates {input.gates} --output-folder {params.folder}"
        " > {log} 2>&1"
