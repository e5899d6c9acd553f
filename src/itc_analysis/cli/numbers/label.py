"""Name what may be said of each participant's subsets: activated, hypofunctional, exhausted.

Reads the measurements alone. 'Exhausted' needs raised inhibitory receptors and a lowered response
in the same subset; each word has a probability, and what is missing for it is said.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--signatures", required=True, help="signatures.tsv")
    parser.add_argument("--measurements", required=True, help="measurements.parquet")
    parser.add_argument("--output", required=True, help="labels.parquet")


def run(options: argparse.Namespace) -> None:
    """Read, judge, write."""
    from itc_analysis import provenance
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import LabelSettings
    from itc_analysis.scores.cards.signatures import read_signatures
    from itc_analysis.scores.words.labels import describe_labels, label_participants
    from itc_analysis.tables import contract
    from itc_analysis.tables.function import Labels
    from itc_analysis.tables.measured import Measurements

    settings = read_settings(options.config, LabelSettings)
    table = label_participants(
        contract.read(options.measurements, Measurements),
        read_signatures(options.signatures),
        healthy_group=settings.cohort.healthy_group,
        settings=settings.scores,
    )
    contract.write(
        table,
        options.output,
        Labels,
        provenance=provenance.describe(
            "itc label",
            parameters=settings.model_dump(),
            inputs=[options.signatures],
            packages=("numpy", "pandas", "scipy"),
            methods=describe_labels(table),
        ),
    )
