# The index group against each other group.


rule compare:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        measurements=AT.measurements,
    output:
        AT.comparisons,
    params:
        settings=freeze(SETTINGS.stats, AT.settings, "stats"),
        cohort=freeze(SETTINGS.cohort, AT.settings, "groups"),
        version=VERSION,
    log:
        AT.log("compare"),
    message:
        "Comparing groups"
    shell:
        "itc compare --config {params.settings} --cohort-config {params.cohort} --plan {input.plan}"
        " --participants {input.participants} --measurements {input.measurements}"
        " --output {output} > {log} 2>&1"
