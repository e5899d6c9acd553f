"""Tell how likely the primary comparisons are to find an assumed ratio.

Simulates studies from this study's own participants, spread and limits of detection, with the
reached numbers or with planned ones, and sends each through the very same comparison as `itc
compare`.
"""

from __future__ import annotations

import argparse

from itc_analysis.cli.settings_option import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("--plan", required=True, help="analysis_plan.yaml")
    parser.add_argument("--participants", required=True, help="participants.parquet")
    parser.add_argument("--variables", help="variables.parquet; left out for none")
    parser.add_argument("--measurements", required=True, help="measurements.parquet")
    parser.add_argument(
        "--ratio", type=float, default=0.7, help="assumed ratio of the index group (default 0.7)"
    )
    parser.add_argument(
        "--planned", action="store_true", help="cohort.planned_sizes instead of the reached numbers"
    )
    parser.add_argument("--studies", type=int, default=500, help="simulated studies (default 500)")
    parser.add_argument("--output", required=True, help="a table to write, power.tsv")


def run(options: argparse.Namespace) -> None:
    """Simulate and write."""
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import PowerSettings
    from itc_analysis.errors import ItcError
    from itc_analysis.stats.people.variables import read_plan_for
    from itc_analysis.stats.questions.power import simulate_power
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort.participants import Participants
    from itc_analysis.tables.measured import Measurements
    from itc_analysis.whole_files import write_text

    frozen = read_settings(options.config, PowerSettings)
    cohort = frozen.cohort
    if options.ratio <= 0 or options.studies < 1:
        where, msg = "arguments", "--ratio must be above 0 and --studies at least 1"
        raise ItcError(where, msg)
    if options.planned and not cohort.planned_sizes:
        msg = "cohort.planned_sizes is empty; write the planned participants per group there"
        raise ItcError(options.config, msg)
    participants = contract.read(options.participants, Participants)
    plan, participants = read_plan_for(options.plan, participants, options.variables)
    table = simulate_power(
        contract.read(options.measurements, Measurements),
        participants,
        plan=plan,
        cohort=cohort,
        settings=frozen.stats,
        ratio=options.ratio,
        n_studies=options.studies,
        sizes=cohort.planned_sizes if options.planned else None,
    )
    write_text(options.output, table.to_csv(sep="\t", index=False, float_format="%.4g"))
    print(table.to_string(index=False, float_format="%.3g"))
