# The index group against each other group.


rule compare:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        measurements=AT.measurements,
    output:
        comparisons=AT.comparisons,
        verdicts=AT.verdicts,
        diagnostics=AT.diagnostics,
    log:
        AT.log("compare"),
    params:
        settings=freeze(SETTINGS.stats, AT.settings, "stats"),
        cohort=freeze(SETTINGS.cohort, AT.settings, "groups"),
        version=VERSION,
    message:
        "Comparing groups"
    shell:
        "itc compare --config {params.settings} --cohort-config {params.cohort} --plan {input.plan}"
        " --participants {input.participants} --measurements {input.measurements}"
        " --output {output.comparisons} --verdicts {output.verdicts} --diagnostics {output.diagnostics}"
        " > {log} 2>&1"
