"""List what was changed since the analysis plan was locked, field by field.

A step of the workflow: `itc compare` and `itc compare-genes` read the table and mark what follows
from a change as post hoc. Without a lock the table has no rows and says that there was none.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--plan", required=True, help="analysis_plan.yaml")
    parser.add_argument(
        "--templates", nargs="*", default=[], help="gating templates (YAML) of the study's panels"
    )
    parser.add_argument("--signatures", required=True, help="signatures.tsv")
    parser.add_argument("--lock", help="lock of the plan, of `itc lock-plan`; left out: no lock")
    parser.add_argument(
        "--by-hand", help="what was decided by hand (JSON of the workflow); left out: not compared"
    )
    parser.add_argument("--output", required=True, help="plan_changes.parquet")


def run(options: argparse.Namespace) -> None:
    """Compare and write."""
    import json

    from itc_analysis import provenance
    from itc_analysis.cli.plan.content import describe_state, locked_content
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import PlanChangesSettings
    from itc_analysis.stats.plan.lock import read_lock
    from itc_analysis.stats.plan.standing import parameters_of, stand
    from itc_analysis.tables import contract
    from itc_analysis.tables.stats.plan_changes import PlanChanges

    settings = read_settings(options.config, PlanChangesSettings)
    content = locked_content(
        settings,
        plan=options.plan,
        templates=options.templates,
        signatures=options.signatures,
        by_hand=json.loads(Path(options.by_hand).read_text()) if options.by_hand else None,
    )
    standing = stand(read_lock(options.lock) if options.lock else None, content)
    read = [options.plan, *options.templates, options.signatures]
    contract.write(
        standing.changes,
        options.output,
        PlanChanges,
        provenance=provenance.describe(
            "itc plan-changes",
            parameters=parameters_of(standing),
            inputs=[*read, *([options.lock] if options.lock else [])],
        ),
    )
    for line in describe_state(standing):
        print(line)
