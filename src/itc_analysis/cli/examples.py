"""An example of every verb, shown below its help."""

_FLOW = "--panel config/panels/panel_a.tsv --template config/gating/panel_a.yaml"
_TUBES = "--config config/config.yaml --tubes tubes.json"
_COHORT = "results/cohort"

EXAMPLES = {
    "init": "itc init my_study",
    "check": "itc check --config config/config.yaml --headers",
    "lock-plan": "itc lock-plan --config config/config.yaml --date 2026-11-29",
    "panel": "itc panel data/tube_1.fcs data/tube_2.fcs --output config/panels/panel_a.tsv",
    "template": "itc template config/panels/panel_a.tsv --output config/gating/panel_a.yaml",
    "deidentify": "itc deidentify --tubes config/fcs_files.tsv --data-folder data "
    "--output-folder clean",
    "spillover": "itc spillover --unstained unstained.fcs --stain FITC-A=cd3.fcs "
    "--stain PE-A=cd8.fcs --output matrices/panel_a.csv",
    "simulate": "itc simulate --output demo --per-group 6 --seed 1",
    "learn-scales": f"itc learn-scales {_TUBES} {_FLOW} --output-folder results/flow/panel_a",
    "learn-alignment": "itc learn-alignment --config config/config.yaml --bridge bridge.json "
    f"--people people.json {_FLOW} --output-folder results/flow/panel_a",
    "fit-gates": f"itc fit-gates {_TUBES} {_FLOW} --output-folder results/flow/panel_a/batch1",
    "pool-gates": "itc pool-gates --config config/config.yaml --template "
    "config/gating/panel_a.yaml --fits results/flow/panel_a/batch1/gate_fits.parquet "
    "--output results/flow/panel_a/gates.parquet",
    "apply-gates": f"itc apply-gates {_TUBES} {_FLOW} --gates results/flow/panel_a/gates.parquet "
    "--quality results/flow/panel_a/batch1/quality.parquet "
    "--kept results/flow/panel_a/batch1/kept_events.parquet "
    "--output-folder results/flow/panel_a/batch1",
    "concordance": f"itc concordance --config config/config.yaml {_FLOW} "
    "--scales results/flow/panel_a/scales.parquet "
    "--gates results/flow/panel_a/pooled_gates.parquet --human analyst.wsp "
    "--output-folder concordance",
    "overview": "itc overview --gates results/flow/panel_a/gates.parquet "
    "--histograms results/flow/panel_a/batch1/histograms.parquet "
    "--counts results/flow/panel_a/batch1/counts.parquet "
    "--quality results/flow/panel_a/batch1/quality.parquet --output-folder gates",
    "review": "itc review results --serve",
    "annotate": "itc annotate --config config/config.yaml --libraries libraries.json "
    "--signatures config/signatures.tsv --output-folder results/singlecell/batch1",
    "score": "itc score --config config/config.yaml --signatures config/signatures.tsv "
    f"--participants {_COHORT}/participants.parquet --samples {_COHORT}/samples.parquet "
    "--output results/scores.parquet",
    "measure": "itc measure --config config/config.yaml "
    f"--participants {_COHORT}/participants.parquet --samples {_COHORT}/samples.parquet "
    "--output results/measurements.parquet",
    "blind": "itc blind --config config/config.yaml --results results --masks results/masks.tsv "
    "--output-folder blinded",
    "plan-changes": "itc plan-changes --config config/config.yaml "
    "--plan config/analysis_plan.yaml --signatures config/signatures.tsv "
    "--output results/plan_changes.parquet",
    "compare": "itc compare --config config/config.yaml --plan config/analysis_plan.yaml "
    f"--participants {_COHORT}/participants.parquet "
    "--measurements results/measurements.parquet --output-folder results",
    "compare-genes": "itc compare-genes --config config/config.yaml "
    f"--plan config/analysis_plan.yaml --participants {_COHORT}/participants.parquet "
    f"--samples {_COHORT}/samples.parquet --libraries {_COHORT}/libraries.parquet "
    "--output results/genes.parquet",
    "power": "itc power --config config/config.yaml --plan config/analysis_plan.yaml "
    f"--participants {_COHORT}/participants.parquet "
    "--measurements results/measurements.parquet --planned --output power.tsv",
    "report": "itc report --config config/config.yaml --results results "
    "--plan config/analysis_plan.yaml --output results/report.html",
    "respond": "itc respond --config config/config.yaml "
    f"--tubes {_COHORT}/tubes.parquet --output-folder results",
    "label": "itc label --config config/config.yaml --signatures config/signatures.tsv "
    "--measurements results/measurements.parquet --output results/labels.parquet",
    "figures": "itc figures results --output figures",
    "manifest": "itc manifest --config config/config.yaml --results results "
    "--snakefile workflow/Snakefile",
    "status": "itc status",
    "trace": "itc trace mait P014 --measure cells_per_ul",
    "verify": "itc verify results",
    "freeze": "itc freeze --config config/config.yaml --name 2026-11-29",
    "unlock": "itc unlock --directory my_study",
    "completion": 'eval "$(itc completion bash)"',
}
