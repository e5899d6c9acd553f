"""Score exhaustion, activation and further signatures against healthy participants.

Reads positivity of markers (flow) and pseudobulk (single cell), and writes one row per sample,
subset and signature, also where there is no score, with the reason. Any list of tables may be left
empty.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from itc_analysis.scores.samples.profiles import FlowTables, SingleCellTables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--signatures", required=True, help="signatures.tsv")
    parser.add_argument("--participants", required=True, help="participants.parquet")
    parser.add_argument("--samples", required=True, help="samples.parquet")
    parser.add_argument("--tubes", help="tubes.parquet; needed with --intensity")
    parser.add_argument(
        "--libraries",
        help="libraries.parquet; without it, single cell has one reference for all batches",
    )
    for name, what in (
        ("identity", "whether the tubes are what the sheet says"),
        ("counts", "counts of the tubes"),
        ("intensity", "marker positivity of the tubes"),
        ("combinations", "combinations of receptors of the tubes"),
        ("pseudobulk", "pseudobulk of the libraries"),
        ("pseudobulk-depth", "cells and molecules behind the pseudobulk"),
        ("cell-counts", "counts of the libraries, to know every sample expected"),
    ):
        parser.add_argument(f"--{name}", nargs="*", default=[], metavar="PARQUET", help=what)
    parser.add_argument("--output", required=True, help="scores.parquet")


def run(options: argparse.Namespace) -> None:
    """Read, score, write."""
    from itc_analysis import provenance
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.sections import Flow
    from itc_analysis.config.steps import ScoreSettings
    from itc_analysis.scores.cards.signatures import read_signatures
    from itc_analysis.scores.methods_text import CITATIONS, describe_scores
    from itc_analysis.scores.scoring.runner import score_study
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort import sheets
    from itc_analysis.tables.cohort.participants import Participants
    from itc_analysis.tables.made_with import setting_of
    from itc_analysis.tables.measured import ScoreTable

    frozen = read_settings(options.config, ScoreSettings)
    settings, cohort = frozen.scores, frozen.cohort
    signatures = read_signatures(options.signatures)
    # positive by different thresholds in different tubes is not the same marker: refused
    setting_of(options.intensity, "fmo_quantile", Flow)
    min_cells = frozen.singlecell.min_pseudobulk_cells
    flow, single_cell = _read_flow(options, frozen.function.resting), _read_single_cell(options)
    table = score_study(
        signatures,
        contract.read(options.participants, Participants),
        contract.read(options.samples, sheets.SampleSheet),
        flow=flow,
        single_cell=single_cell,
        healthy_group=cohort.healthy_group,
        settings=settings,
        min_cells=min_cells,
    )
    contract.write(
        table,
        options.output,
        ScoreTable,
        provenance=provenance.describe(
            "itc score",
            parameters={"scores": settings.model_dump(), "healthy_group": cohort.healthy_group},
            inputs=[
                *(options.signatures, options.participants, options.samples),
                *filter(None, [options.tubes, options.libraries]),
                *(*options.counts, *options.intensity, *options.combinations),
                *(*options.pseudobulk, *options.pseudobulk_depth, *options.cell_counts),
            ],
            methods=describe_scores(
                table, signatures, settings, min_cells=min_cells, healthy_group=cohort.healthy_group
            ),
            citations=CITATIONS,
        ),
    )


def _read_flow(options: argparse.Namespace, resting: str) -> FlowTables | None:
    """Return the flow tables, or None for a study without tubes."""
    from itc_analysis.errors import ItcError
    from itc_analysis.scores.samples.profiles import FlowTables, with_held
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort import sheets
    from itc_analysis.tables.flow.tubes import Combinations, Intensity, TubeIdentity
    from itc_analysis.tables.held import held_tubes
    from itc_analysis.tables.measured import Counts

    if not options.counts and not options.intensity:
        return None
    if options.tubes is None:
        source = "arguments"
        raise ItcError(source, "--counts and --intensity need --tubes; add tubes.parquet")
    tubes = contract.read(options.tubes, sheets.Tubes)
    held = held_tubes(contract.read_all(options.identity, TubeIdentity), tubes)
    return FlowTables(
        tubes=tubes,
        counts=with_held(contract.read_all(options.counts, Counts), held),
        intensity=contract.read_all(options.intensity, Intensity),
        combinations=contract.read_all(options.combinations, Combinations),
        resting=resting,
    )


def _read_single_cell(options: argparse.Namespace) -> SingleCellTables | None:
    """Return the single-cell tables, or None for a study without libraries."""
    from itc_analysis.scores.samples.profiles import SingleCellTables
    from itc_analysis.scores.samples.sources import single_cell_sources
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort import sheets
    from itc_analysis.tables.measured import Counts
    from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth

    if not options.pseudobulk and not options.pseudobulk_depth:
        return None
    depth = contract.read_all(options.pseudobulk_depth, PseudobulkDepth)
    libraries = contract.empty(sheets.Libraries)
    if options.libraries is not None:
        libraries = contract.read(options.libraries, sheets.Libraries)
    return SingleCellTables(
        sources=single_cell_sources(
            libraries, contract.read_all(options.cell_counts, Counts), depth
        ),
        pseudobulk=contract.read_all(options.pseudobulk, Pseudobulk),
        depth=depth,
    )
