"""Learn the gates of every tube of a batch by itself.

Reads, cleans, compensates and transforms each tube, walks the gating template, and writes each cut
with its uncertainty (gate_fits.parquet), what was done to each tube (quality.parquet), what its
acquisition looked like (acquisition.parquet), which events were kept (kept_events.parquet), and
what it shows of its stains (evidence.parquet).
"""

from __future__ import annotations

import argparse
from typing import Any

from itc_analysis.cli.gating.batch import add_batch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_batch(parser)
    parser.add_argument("--output-folder", required=True, help="folder for the five tables")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    import pandas as pd

    from itc_analysis.cohort.data_files import name_tubes, there
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import FitGatesSettings
    from itc_analysis.flow.gates import fit
    from itc_analysis.flow.quality import judge as quality_check
    from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes
    from itc_analysis.flow.tube.batch import read_batch
    from itc_analysis.flow.tube.unchanged import watch_files
    from itc_analysis.provenance import describe
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import (
        Acquisitions,
        GateFits,
        KeptEvents,
        TubeEvidence,
        TubeQuality,
    )

    frozen = read_settings(options.config, FitGatesSettings)
    settings, stimulated = frozen.flow, tuple(frozen.function.controls)
    batch = read_batch(
        options.tubes, options.panel, options.template, options.scales, options.landmarks
    )
    files = watch_files(batch.rows)
    seen: list[pd.DataFrame] = []
    kept: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    fits, quality, axes = fit.fit_batch(
        batch.rows,
        batch.panel,
        batch.template,
        settings,
        acquisitions=seen,
        kept=kept,
        stimulated=stimulated,
        evidence=evidence,
        panel_tops=batch.tops,
    )
    files.refuse_changed()
    matrices = matrices_of_tubes(settings.matrices_folder, batch.rows)
    learned = filter(None, [options.scales, options.landmarks])
    inputs = [options.panel, options.template, *learned, *matrices]
    data = there(name_tubes(batch.rows))
    described = describe(
        "itc fit-gates",
        parameters={"flow": settings.model_dump(mode="json"), "axes": axes},
        inputs=inputs,
        data=data,
        packages=("numpy", "pandas", "scipy", "flowutils"),
        methods=fit.METHODS_TEXT,
        citations=fit.CITATIONS,
    )
    folder = Path(options.output_folder)
    contract.write(fits, folder / "gate_fits.parquet", GateFits, described)
    without_axes = describe(
        "itc fit-gates",
        parameters={"flow": settings.model_dump(mode="json")},
        inputs=inputs,
        data=data,
        packages=("numpy", "pandas"),
        methods=quality_check.METHODS_TEXT,
        citations=quality_check.CITATIONS,
    )
    contract.write(quality, folder / "quality.parquet", TubeQuality, without_axes)
    along = contract.make(pd.concat(seen), Acquisitions) if seen else contract.empty(Acquisitions)
    contract.write(along, folder / "acquisition.parquet", Acquisitions, without_axes)
    shown = contract.make(evidence, TubeEvidence) if evidence else contract.empty(TubeEvidence)
    contract.write(shown, folder / "evidence.parquet", TubeEvidence, without_axes)
    masks = contract.make(kept, KeptEvents)
    contract.write(masks, folder / "kept_events.parquet", KeptEvents, without_axes, is_checked=True)
