"""Learn the scales of a panel on the study's tubes, and check their compensation.

Estimates the width of every logicle scale that the gating template leaves open (w: null) from the
events below zero, in up to 24 stained tubes spread over the batches, and writes one scale per
marker for the whole study (scales.parquet). Scales that the template states are written as they
are. The same tubes show which pairs of fluorochromes seem over- or under-compensated
(spill.parquet).
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument(
        "--tubes", required=True, help="JSON list of the panel's tubes, all batches"
    )
    parser.add_argument("--panel", required=True, help="panel sheet (TSV)")
    parser.add_argument("--template", required=True, help="gating template (YAML)")
    parser.add_argument("--output-folder", required=True, help="folder for the two tables")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import LearnScalesSettings
    from itc_analysis.flow.batches import scales as scale_learning
    from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes
    from itc_analysis.flow.tube.batch import read_batch
    from itc_analysis.flow.tube.choice import choose_tubes
    from itc_analysis.flow.tube.unchanged import watch_files
    from itc_analysis.provenance import describe
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.panelwide import ResidualSpill, Scales

    settings = read_settings(options.config, LearnScalesSettings).flow
    batch = read_batch(options.tubes, options.panel, options.template)
    files = watch_files(batch.rows)
    scales, spill = scale_learning.learn_scales(
        batch.rows, batch.panel, batch.template.transform, settings
    )
    files.refuse_changed()
    matrices = matrices_of_tubes(settings.matrices_folder, choose_tubes(batch.rows))
    is_estimated = bool((scales["state"] == "estimated").any())
    described = describe(
        "itc learn-scales",
        parameters={"flow": settings.model_dump(mode="json")},
        inputs=[options.panel, options.template, *matrices],
        packages=("numpy", "pandas"),
        methods=scale_learning.METHODS_TEXT if is_estimated else "",
        citations=scale_learning.CITATIONS if is_estimated else (),
    )
    folder = Path(options.output_folder)
    contract.write(scales, folder / "scales.parquet", Scales, described)
    contract.write(spill, folder / "spill.parquet", ResidualSpill, described)
