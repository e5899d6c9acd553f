"""Learn how to align batches by the bridge control, and try it on the bridge control itself.

Writes where the control's peaks lie in every batch and where they are moved (landmarks.parquet),
and every share and marker level of the control before and after (alignment.parquet). Refuses where
a batch has no bridge control, or where batches go with groups. Settings: flow.align,
flow.align_reference.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument(
        "--bridge", required=True, help="JSON list of the panel's stained bridge tubes"
    )
    parser.add_argument(
        "--people",
        required=True,
        help=(
            "JSON list of {batch, group, n_people}: who else was stained in which batch of the "
            "panel"
        ),
    )
    parser.add_argument("--panel", required=True, help="panel sheet (TSV)")
    parser.add_argument("--template", required=True, help="gating template (YAML)")
    parser.add_argument("--scales", help="scales.parquet of the panel, of `itc learn-scales`")
    parser.add_argument("--output-folder", required=True, help="folder for the two tables")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import LearnAlignmentSettings
    from itc_analysis.flow.batches import alignment as align_learning
    from itc_analysis.flow.batches import alignment_check as align_check
    from itc_analysis.flow.batches.alignment_conditions import read_people, refuse_unfit
    from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes
    from itc_analysis.flow.tube.batch import read_batch
    from itc_analysis.flow.tube.unchanged import watch_files
    from itc_analysis.provenance import describe
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.panelwide import AlignmentCheck, Landmarks

    settings = read_settings(options.config, LearnAlignmentSettings).flow
    batch = read_batch(options.bridge, options.panel, options.template, options.scales)
    people = read_people(options.people)
    refuse_unfit(people, batch.rows, batch.template.panel)
    files = watch_files(batch.rows)
    landmarks, check = align_check.align_bridge(batch.rows, batch.panel, batch.template, settings)
    files.refuse_changed()
    matrices = matrices_of_tubes(settings.matrices_folder, batch.rows)
    described = describe(
        "itc learn-alignment",
        parameters={"flow": settings.model_dump(mode="json")},
        inputs=[options.panel, options.template, *filter(None, [options.scales]), *matrices],
        packages=("numpy", "pandas", "scipy"),
        methods=align_learning.METHODS_TEXT,
        citations=align_learning.CITATIONS,
    )
    folder = Path(options.output_folder)
    contract.write(landmarks, folder / "landmarks.parquet", Landmarks, described)
    contract.write(check, folder / "alignment.parquet", AlignmentCheck, described)
