# The index group against each other group.


rule compare:
    input:
        plan=STUDY.analysis_plan,
        participants=AT.participants,
        measurements=AT.measurements,
    output:
        AT.comparisons,
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
        " --output {output} > {log} 2>&1"
