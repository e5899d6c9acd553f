"""Collect one number per sample, population and measure.

Derives shares of the T cells, cells per microlitre, marker positivity and medians from the counts,
adds the scores, and writes a row for everything expected, also where there is no number, with the
reason. Any list of tables may be left empty.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--participants", required=True, help="participants.parquet")
    parser.add_argument("--samples", required=True, help="samples.parquet")
    parser.add_argument("--tubes", help="tubes.parquet; without it, no counts from beads")
    parser.add_argument("--libraries", help="libraries.parquet")
    for name, what in (
        ("tube-quality", "quality of the tubes"),
        ("identity", "whether the tubes are what the sheet says"),
        ("counts", "counts of the tubes"),
        ("intensity", "marker positivity of the tubes"),
        ("library-quality", "quality of the libraries"),
        ("cell-counts", "counts of the libraries"),
        (
            "thinned-counts",
            "what RNA calls in the libraries at lower depths; without it, shares "
            "of such populations are those of each library's own depth",
        ),
    ):
        parser.add_argument(f"--{name}", nargs="*", default=[], metavar="PARQUET", help=what)
    parser.add_argument("--scores", help="scores.parquet")
    parser.add_argument("--responses", help="responses.parquet, of `itc respond`")
    parser.add_argument("--response-combinations", help="response_combinations.parquet")
    parser.add_argument("--output", required=True, help="measurements.parquet")


def run(options: argparse.Namespace) -> None:
    """Read, measure, write."""
    from itc_analysis import provenance
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.sections import Flow, SingleCell
    from itc_analysis.config.steps import MeasureSettings
    from itc_analysis.measurements.collect import Limits, Tables, measure_study
    from itc_analysis.measurements.methods_text import CITATIONS, describe_measurements
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort import sheets
    from itc_analysis.tables.cohort.participants import Participants
    from itc_analysis.tables.flow.tubes import Intensity, TubeIdentity, TubeQuality
    from itc_analysis.tables.function import ResponseCombinations, Responses
    from itc_analysis.tables.made_with import setting_of
    from itc_analysis.tables.measured import Counts, Measurements, ScoreTable
    from itc_analysis.tables.singlecell import LibraryQuality, ThinnedCounts

    frozen = read_settings(options.config, MeasureSettings)
    settings = frozen.measure
    tables = Tables(
        participants=contract.read(options.participants, Participants),
        samples=contract.read(options.samples, sheets.SampleSheet),
        tubes=contract.read(options.tubes, sheets.Tubes) if options.tubes else None,
        libraries=(
            contract.read(options.libraries, sheets.Libraries) if options.libraries else None
        ),
        tube_quality=contract.read_all(options.tube_quality, TubeQuality),
        identity=contract.read_all(options.identity, TubeIdentity),
        counts=contract.read_all(options.counts, Counts),
        intensity=contract.read_all(options.intensity, Intensity),
        library_quality=contract.read_all(options.library_quality, LibraryQuality),
        cell_counts=contract.read_all(options.cell_counts, Counts),
        thinned_counts=contract.read_all(options.thinned_counts, ThinnedCounts),
        scores=contract.read_all(given(options.scores), ScoreTable),
        responses=contract.read_all(given(options.responses), Responses),
        response_combinations=contract.read_all(
            given(options.response_combinations), ResponseCombinations
        ),
    )
    limits = Limits(
        lod_events=setting_of(options.counts, "lod_events", Flow),
        lod_cells=setting_of(options.cell_counts, "lod_cells", SingleCell),
        min_phenotype_events=setting_of(options.intensity, "min_phenotype_events", Flow),
    )
    groups = frozen.cohort.groups
    table = measure_study(
        tables, settings, limits=limits, groups=groups, resting=frozen.function.resting
    )
    contract.write(
        table,
        options.output,
        Measurements,
        provenance=provenance.describe(
            "itc measure",
            parameters={"measure": settings.model_dump()},
            inputs=[
                *(options.participants, options.samples),
                *filter(None, [options.tubes, options.libraries, options.scores]),
                *(*options.tube_quality, *options.counts, *options.intensity),
                *(*options.library_quality, *options.cell_counts, *options.thinned_counts),
            ],
            packages=("numpy", "pandas", "scipy"),
            methods=describe_measurements(table, settings, limits),
            citations=CITATIONS,
        ),
    )


def given(path: str | None) -> list[str]:
    """Return the file that was named, or none."""
    return [path] if path else []
