"""Compare the index group with the references of the analysis plan.

Makes every comparison that the plan declares and no other. One that the data cannot decide keeps
its row and says why.
"""

from __future__ import annotations

import argparse
import os

from itc_analysis.cli.threads import ONE_THREAD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", required=True, help="config.yaml, or the frozen stats section")
    parser.add_argument("--plan", required=True, help="analysis_plan.yaml")
    parser.add_argument(
        "--cohort-config", required=True, help="config.yaml, or the frozen cohort section"
    )
    parser.add_argument("--participants", required=True, help="participants.parquet")
    parser.add_argument("--measurements", required=True, help="measurements.parquet")
    parser.add_argument("--output", required=True, help="comparisons.parquet")


def run(options: argparse.Namespace) -> None:
    """Read, compare, write."""
    os.environ.update(ONE_THREAD)
    from itc_analysis import provenance
    from itc_analysis.config import Cohort, Stats, read_section
    from itc_analysis.stats.compare import compare_groups
    from itc_analysis.stats.methods_text import describe_comparisons
    from itc_analysis.stats.plan import read_plan
    from itc_analysis.tables import contract, made

    settings = read_section(options.config, Stats)
    cohort = read_section(options.cohort_config, Cohort)
    plan = read_plan(options.plan)
    table = compare_groups(
        contract.read(options.measurements, made.Measurements),
        contract.read(options.participants, made.Participants),
        plan=plan,
        cohort=cohort,
        settings=settings,
    )
    methods, citations = describe_comparisons(table, plan=plan, cohort=cohort, settings=settings)
    contract.write(
        table,
        options.output,
        made.Comparisons,
        provenance=provenance.describe(
            "itc compare",
            parameters={"stats": settings.model_dump(), "cohort": cohort.model_dump()},
            inputs=[options.plan, options.participants, options.measurements],
            packages=("formulaic", "numpy", "pandas", "scipy"),
            methods=methods,
            citations=citations,
        ),
    )
    n_left = int((table["status"] == "not_estimable").sum())
    print(f"{len(table)} comparisons, {n_left} of them not estimable")
