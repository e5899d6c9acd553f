"""Measure the response of stimulated cells against the same person's unstimulated cells.

Every stimulated tube is read against its unstimulated control, from the counts of both: the
difference with its limits, whether it is more than chance, and how markers of function come
together on a cell. A tube without control, or that did not survive culture, is a named row. A
study without stimulated tubes gets two empty tables.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--tubes", required=True, help="tubes.parquet")
    for name, what in (
        ("tube-quality", "quality of the tubes"),
        ("counts", "counts of the tubes"),
        ("intensity", "marker positivity of the tubes"),
        ("combinations", "combinations of markers of the tubes"),
    ):
        parser.add_argument(f"--{name}", nargs="*", default=[], metavar="PARQUET", help=what)
    parser.add_argument("--output-folder", required=True, help="folder for the two tables")


def run(options: argparse.Namespace) -> None:
    """Read, pair, measure, write."""
    from pathlib import Path

    from itc_analysis import provenance
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import RespondSettings
    from itc_analysis.measurements.function.methods_text import CITATIONS, describe_responses
    from itc_analysis.measurements.function.pairs import pair_tubes
    from itc_analysis.measurements.function.responses import measure_responses
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort.sheets import Tubes
    from itc_analysis.tables.flow.tubes import Combinations, Intensity, TubeQuality
    from itc_analysis.tables.function import ResponseCombinations, Responses
    from itc_analysis.tables.measured import Counts

    settings = read_settings(options.config, RespondSettings).function
    pairs = pair_tubes(
        contract.read(options.tubes, Tubes),
        contract.read_all(options.tube_quality, TubeQuality),
        settings,
    )
    responses, combinations = measure_responses(
        pairs,
        contract.read_all(options.intensity, Intensity),
        contract.read_all(options.combinations, Combinations),
        contract.read_all(options.counts, Counts),
    )
    methods = describe_responses(responses, settings)
    described = provenance.describe(
        "itc respond",
        parameters={"function": settings.model_dump()},
        packages=("numpy", "pandas", "scipy"),
        methods=methods,
        citations=CITATIONS if methods else (),
    )
    folder = Path(options.output_folder)
    contract.write(responses, folder / "responses.parquet", Responses, described)
    contract.write(
        combinations, folder / "response_combinations.parquet", ResponseCombinations, described
    )
