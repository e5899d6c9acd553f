"""Apply the final gates to every tube of a batch, and count.

Writes counts with background, interval and detection state (counts.parquet), marker levels and
positivity (intensity.parquet), combinations of inhibitory receptors (combinations.parquet) and
what gate plots need (views.parquet).
"""

from __future__ import annotations

import argparse
import os

from itc_analysis.cli.threads import ONE_THREAD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--config", required=True, help="flow section (JSON), or a config.yaml")
    parser.add_argument("--tubes", required=True, help="JSON list of rows of the tube sheet")
    parser.add_argument("--panel", required=True, help="panel sheet (TSV)")
    parser.add_argument("--template", required=True, help="gating template (YAML)")
    parser.add_argument("--gates", required=True, help="gates.parquet of the panel")
    parser.add_argument("--output-folder", required=True, help="folder for the four tables")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    os.environ.update(ONE_THREAD)  # before numpy is imported
    from pathlib import Path

    from itc_analysis.config import Flow, read_section
    from itc_analysis.flow import apply
    from itc_analysis.flow.batch import read_batch
    from itc_analysis.provenance import describe
    from itc_analysis.tables import contract, made

    settings = read_section(options.config, Flow)
    batch = read_batch(options.tubes, options.panel, options.template)
    gates = contract.read(options.gates, made.Gates)
    applied = apply.apply_batch(batch.rows, batch.panel, batch.template, gates, settings)
    described = describe(
        "itc apply-gates",
        parameters={"flow": settings.model_dump(mode="json")},
        inputs=[options.panel, options.template, options.gates],
        packages=("numpy", "pandas", "scipy", "flowutils"),
        methods=apply.METHODS_TEXT,
        citations=apply.CITATIONS,
    )
    folder = Path(options.output_folder)
    contract.write(applied.counts, folder / "counts.parquet", made.Counts, described)
    contract.write(applied.intensity, folder / "intensity.parquet", made.Intensity, described)
    contract.write(
        applied.combinations, folder / "combinations.parquet", made.Combinations, described
    )
    contract.write(applied.views, folder / "views.parquet", made.Views, described)
