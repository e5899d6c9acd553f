"""Annotate the libraries of one batch: read, check, call, count and sum, one library at a time.

A library that cannot be used is recorded with its reason in every table; the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.cohort.data_files import without_names
from itc_analysis.config.sections import CellCalling
from itc_analysis.errors import UnreadableFile
from itc_analysis.plural import plural
from itc_analysis.singlecell import counts, pseudobulk
from itc_analysis.singlecell.calls import call as calls
from itc_analysis.singlecell.calls.weights import Evidence
from itc_analysis.singlecell.intake import pairing
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.library import (
    FailedQuality,
    ForeignContigs,
    annotate_library,
    quality_row,
)
from itc_analysis.singlecell.scores import ranks
from itc_analysis.singlecell.soft_counts import count_softly
from itc_analysis.singlecell.thinning import count_thinned
from itc_analysis.singlecell.writing import remove_others, write_cells
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Counts
from itc_analysis.tables.singlecell import (
    Cells,
    LibraryQuality,
    Receptors,
    SoftCounts,
    ThinnedCounts,
)

log = logging.getLogger(__name__)

METHODS = (
    "Barcodes with few genes, a large mitochondrial share, or molecule or gene numbers far from "
    "the "
    "median of their library were dropped (median absolute deviations). Each cell was called by "
    "adding "
    "the log-odds of its RNA (none, few or many molecules of marker genes against "
    "what sorted populations express at the cell's depth, with ambient RNA) and of its productive "
    "T cell receptor chains, and, where antibodies were counted, of those that part the cells into "
    "background and signal; MAIT cells carry TRAV1-2 joined to TRAJ33, TRAJ12 or TRAJ20 and iNKT "
    "cells "
    "TRAV10 joined to TRAJ18. Missing chains counted as missing evidence, gamma-delta T cells "
    "needed CD3 and a delta gene or chain without an alpha-beta pair, iNKT cells needed receptor "
    "evidence, "
    "and cells without a sure call stayed indeterminate. Where receptors were sequenced, MAIT and "
    "iNKT cells were called by their alpha chain alone, and their shares corrected for the share "
    "of T cells in which an alpha chain was caught. Limits of counts are exact binomial."
)
CITATIONS = (
    "clopper1934",
    "garner2023",
    "germain2020",
    "lanier1992",
    "monaco2019",
    "young2020",
    "zheng2017",
)


@dataclass(frozen=True)
class BatchTables:
    """The tables of one library batch, each after its contract."""

    quality: pd.DataFrame
    cells: pd.DataFrame
    receptors: pd.DataFrame
    counts: pd.DataFrame
    soft_counts: pd.DataFrame
    thinned_counts: pd.DataFrame
    pseudobulk: pd.DataFrame
    pseudobulk_depth: pd.DataFrame


def annotate_libraries(
    rows: Sequence[Mapping[str, Any]],
    *,
    settings: CellCalling,
    evidence: Evidence,
    signatures: pd.DataFrame,
    folder: Path | None = None,
) -> BatchTables:
    """Annotate the libraries of one batch.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        rows of the library sheet, paths joined to the data folder. `copied` says of which library
        its file is a copy, where it is one: neither is used.
    signatures : pandas.DataFrame
        the signature sheet; every cell is scored for the single-cell ones (`scores.ranks`), and
        genes of theirs that a library's reference lacks are named in its remarks.
    folder : Path, optional
        where `<library_id>.h5ad` is written for each usable library, and those that an earlier run
        wrote of others are removed; None writes none.

    Returns
    -------
    BatchTables
        The eight tables. Every library has its rows in quality and counts, and every sample in
        pseudobulk_depth, whatever happened to the file.
    """
    qualities, cells, counted = [], [contract.empty(Cells)], [contract.empty(Counts)]
    softly, receptors = [contract.empty(SoftCounts)], [contract.empty(Receptors)]
    thinned = [contract.empty(ThinnedCounts)]
    sums = {str(row["sample_id"]): pseudobulk.SampleSums() for row in rows}
    written: list[Path] = []
    for row in rows:
        library_id = str(row["library_id"])
        try:
            if row.get("copied"):
                raise UnreadableFile(Path(str(row["path"])).name, str(row["copied"]))
            library = annotate_library(row, settings=settings, evidence=evidence)
        except (UnreadableFile, FailedQuality) as error:
            status = "unreadable" if isinstance(error, UnreadableFile) else "failed_quality"
            told = "; ".join(str(fault) for fault in error.faults)
            if isinstance(error, ForeignContigs):
                told = _explain_foreign(error, row, rows)
            reason = without_names(f"{error.source}: {told}", row)
            log.warning("%s: %s", library_id, reason)
            qualities.append(quality_row(row) | {"status": status, "reason": reason})
            counted.append(counts.uncounted(row, status=status, reason=reason))
            continue
        genes = library.data.var_names
        scored = ranks.score_signatures(
            library.data.X, genes, signatures, barcodes=library.data.obs_names
        )
        remarks = [library.quality["remarks"]]
        remarks += _uncovered(signatures, genes, fewest_cells=library.fewest_cells)
        remarks += [
            f"cells not scored for {name}: {why}" for name, why in scored.not_scored.items()
        ]
        joined = without_names("; ".join(text for text in remarks if text), row)
        qualities.append(library.quality | {"remarks": joined or None})
        cells.append(library.cells)
        receptors.append(library.receptors)
        counted.append(
            counts.count_populations(
                row, library.cells, settings=settings, not_callable=library.not_callable
            )
        )
        softly.append(
            count_softly(
                row,
                library.cells,
                call_threshold=settings.call_threshold,
                not_callable=library.not_callable,
            )
        )
        thinned.append(count_thinned(row, library.caller, library.cells, settings=settings))
        sums[str(row["sample_id"])].add(
            library.data,
            library.cells,
            call_threshold=settings.call_threshold,
            fewest_cells=library.fewest_cells,
        )
        if folder is not None:
            written.append(folder / f"{library_id}.h5ad")
            write_cells(
                library.data,
                library.cells,
                written[-1],
                scores=scored.values,
                not_callable=library.not_callable,
                call_threshold=settings.call_threshold,
            )
        tally = library.cells["call"].value_counts()
        told = ", ".join(f"{tally[call]} {call}" for call in calls.CALLS if call in tally)
        log.info("%s: %d cells: %s", library_id, len(library.cells), told)
        del library, scored, genes  # else the next library is read while this one is held
    if folder is not None:
        remove_others(folder, written)
    profiles, depth = pseudobulk.tabulate(sums)
    return BatchTables(
        contract.make(qualities, LibraryQuality),
        _joined(cells),
        _joined(receptors),
        _joined(counted),
        _joined(softly),
        _joined(thinned),
        profiles,
        depth,
    )


def _explain_foreign(
    error: ForeignContigs, row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> str:
    """Say which library of the batch the contigs fit, reading the barcodes of the others."""
    others = {}
    for other in rows:
        if other["library_id"] != row["library_id"]:
            try:
                others[str(other["library_id"])] = read_library(other).obs_names
            except UnreadableFile:
                continue
    return pairing.explain_mismatch(error.contig_barcodes, error.names, others=others)


def _uncovered(signatures: pd.DataFrame, genes: pd.Index, *, fewest_cells: int | None) -> list[str]:
    """Return a sentence for each single-cell signature of which the library's list lacks genes."""
    told = []
    wanted = signatures[signatures["assay"] == "singlecell"]
    for name, rows in wanted.groupby("signature", sort=True):
        lacking = sorted(set(rows["feature"]) - set(genes))
        if lacking and fewest_cells is not None:
            told.append(
                f"signature {name}: the library lists only genes seen in "
                f"{plural(fewest_cells, 'cell')} or more, and few or no molecules are taken for "
                f"{', '.join(lacking)} where another library lists them"
            )
        elif lacking:
            told.append(f"signature {name}: the reference lacks {', '.join(lacking)}")
    return told


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
