"""Apply the final gates to every tube of a batch, and count.

Writes the gates as they were applied (gates.parquet, and for every stained tube as GatingML 2.0,
which FlowJo, Cytobank and FlowKit open), counts with background, interval and detection state
(counts.parquet), marker levels and positivity (intensity.parquet), combinations of inhibitory
receptors (combinations.parquet) and what gate plots need (histograms.parquet).
"""

from __future__ import annotations

import argparse

from itc_analysis.cli.gating.batch import add_batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_batch(parser)
    parser.add_argument("--gates", required=True, help="pooled_gates.parquet of the panel")
    parser.add_argument(
        "--review",
        help="review.tsv, or its rows as JSON: gates that a reviewer corrected are applied so",
    )
    parser.add_argument(
        "--quality", required=True, help="quality.parquet of the batch, of `itc fit-gates`"
    )
    parser.add_argument(
        "--kept", required=True, help="kept_events.parquet of the batch, of `itc fit-gates`"
    )
    parser.add_argument(
        "--output-folder", required=True, help="folder for the tables, and gatingml/"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from itc_analysis.cohort.sheets.review import list_reviews
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import ApplyGatesSettings
    from itc_analysis.flow.counting import apply
    from itc_analysis.flow.gates import corrected
    from itc_analysis.flow.manual import gatingml
    from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes
    from itc_analysis.flow.tube.batch import read_batch, refuse_foreign_gates
    from itc_analysis.flow.tube.quality_mask import Judged
    from itc_analysis.flow.tube.unchanged import watch_files
    from itc_analysis.provenance import describe
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import (
        Combinations,
        Gates,
        Histograms,
        Intensity,
        KeptEvents,
        TubeQuality,
    )
    from itc_analysis.tables.measured import Counts

    settings = read_settings(options.config, ApplyGatesSettings).flow
    batch = read_batch(
        options.tubes, options.panel, options.template, options.scales, options.landmarks
    )
    refuse_foreign_gates(batch, options.gates)
    gates = contract.read(options.gates, Gates)
    judged = Judged(
        contract.read(options.quality, TubeQuality), contract.read(options.kept, KeptEvents)
    )
    reviews = list_reviews(options.review) if options.review else []
    files = watch_files(batch.rows)
    applied = apply.apply_batch(
        batch.rows, batch.panel, batch.template, gates, judged, settings, reviews
    )
    files.refuse_changed()
    matrices = matrices_of_tubes(settings.matrices_folder, batch.rows)
    learned = [options.gates, options.quality, options.kept]
    learned += filter(None, [options.scales, options.landmarks, options.review])
    inputs = [options.panel, options.template, *learned, *matrices]
    described = describe(
        "itc apply-gates",
        parameters={"flow": settings.model_dump(mode="json")},
        inputs=inputs,
        packages=("numpy", "pandas", "scipy", "flowutils"),
        methods=" ".join([apply.METHODS_TEXT, *([corrected.METHODS_TEXT] if reviews else [])]),
        citations=apply.CITATIONS,
    )
    folder = Path(options.output_folder)
    for name, table, shape in (
        ("counts", applied.counts, Counts),
        ("intensity", applied.intensity, Intensity),
        ("combinations", applied.combinations, Combinations),
        ("histograms", applied.histograms, Histograms),
    ):
        contract.write(table, folder / f"{name}.parquet", shape, described, is_checked=True)
    # what `refuse_foreign_gates` asks of gates, wherever they come from
    learned_on = contract.read_provenance(options.gates).get("parameters", {})
    kept = {name: learned_on[name] for name in ("scales", "is_aligned") if name in learned_on}
    own = described | {"parameters": described["parameters"] | kept}
    contract.write(applied.gates, folder / "gates.parquet", Gates, own, is_checked=True)
    stained = sorted(str(row["file_id"]) for row in batch.rows if row["tube"] == "stained")
    gatingml.write_gates(applied.gates, batch.template, applied.axes, stained, folder / "gatingml")
