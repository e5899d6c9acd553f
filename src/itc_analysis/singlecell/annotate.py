"""Annotate the libraries of one batch: read, check, call, count and sum, one library at a time.

A library that cannot be used is recorded with its reason in every table; the others go on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd

from itc_analysis.config.sections import SingleCell
from itc_analysis.errors import ItcError, UnreadableFile
from itc_analysis.singlecell import calls, counts, pseudobulk, quality, read, receptors
from itc_analysis.singlecell.weights import Evidence
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Counts
from itc_analysis.tables.singlecell import Cells, LibraryQuality

log = logging.getLogger(__name__)

METHODS = (
    "Barcodes with few genes, a large mitochondrial share, or molecule or gene numbers far from the "
    "median of their library were dropped (median absolute deviations). Each cell was called by adding "
    "the log-odds of its RNA (none, few or many molecules of marker genes against "
    "what sorted populations express at the cell's depth, with ambient RNA) and of its productive "
    "T cell receptor chains; MAIT cells carry TRAV1-2 joined to TRAJ33, TRAJ12 or TRAJ20 and iNKT cells "
    "TRAV10 joined to TRAJ18. Missing chains counted as missing evidence, gamma-delta T cells "
    "needed CD3 and a delta gene or chain without an alpha-beta pair, iNKT cells needed receptor evidence, "
    "and cells without a sure call stayed indeterminate. Limits of counts are exact binomial."
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
    counts: pd.DataFrame
    pseudobulk: pd.DataFrame
    pseudobulk_depth: pd.DataFrame


@dataclass(frozen=True)
class Annotated:
    """One library: its cells with their calls, and what there is to know about it."""

    data: anndata.AnnData
    cells: pd.DataFrame
    quality: dict[str, Any]
    not_callable: dict[str, str]


class FailedQuality(ItcError):
    """A library without a single usable cell."""


def annotate_libraries(
    rows: Sequence[Mapping[str, Any]],
    *,
    settings: SingleCell,
    evidence: Evidence,
    signatures: pd.DataFrame,
    folder: Path | None = None,
) -> BatchTables:
    """Annotate the libraries of one batch.

    Parameters
    ----------
    rows : rows of the library sheet, paths joined to the data folder.
    signatures : the signature sheet; genes of single-cell signatures that a library's reference
        lacks are named in its remarks.
    folder : where `<library_id>.h5ad` is written for each usable library; None writes none.

    Returns
    -------
    The five tables. Every library has its rows in quality and counts, and every sample in
    pseudobulk_depth, whatever happened to the file.
    """
    qualities, cells, counted = [], [contract.empty(Cells)], [contract.empty(Counts)]
    sums = {str(row["sample_id"]): pseudobulk.SampleSums() for row in rows}
    for row in rows:
        library_id = str(row["library_id"])
        try:
            library = annotate_library(row, settings=settings, evidence=evidence)
        except (UnreadableFile, FailedQuality) as error:
            status = "unreadable" if isinstance(error, UnreadableFile) else "failed_quality"
            reason = f"{error.source}: " + "; ".join(str(fault) for fault in error.faults)
            log.warning("%s: %s", library_id, reason)
            qualities.append(_quality_row(row) | {"status": status, "reason": reason})
            counted.append(counts.uncounted(row, status=status, reason=reason))
            continue
        remarks = [library.quality["remarks"], *_uncovered(signatures, library.data.var_names)]
        joined = "; ".join(text for text in remarks if text)
        qualities.append(library.quality | {"remarks": joined or None})
        cells.append(library.cells)
        counted.append(
            counts.count_populations(
                row, library.cells, settings=settings, not_callable=library.not_callable
            )
        )
        sums[str(row["sample_id"])].add(
            library.data, library.cells, call_threshold=settings.call_threshold
        )
        if folder is not None:
            write_cells(library, folder / f"{library_id}.h5ad")
        tally = library.cells["call"].value_counts()
        told = ", ".join(f"{tally[call]} {call}" for call in calls.CALLS if call in tally)
        log.info("%s: %d cells: %s", library_id, len(library.cells), told)
    profiles, depth = pseudobulk.tabulate(sums)
    return BatchTables(
        contract.make(qualities, LibraryQuality),
        _joined(cells),
        _joined(counted),
        profiles,
        depth,
    )


def annotate_library(
    row: Mapping[str, Any], *, settings: SingleCell, evidence: Evidence
) -> Annotated:
    """Read one library, drop what are not cells, and call the others.

    Raises
    ------
    UnreadableFile : counts or contigs cannot be read, or the contigs belong to another library.
    FailedQuality : no barcode passes quality control.
    """
    data = read.read_library(row)
    n_barcodes = data.n_obs
    contigs = _read_contigs(row, data)
    measured = quality.measure_cells(data)
    verdict = quality.judge_cells(measured, settings=settings)
    dropped = quality.describe_dropped(verdict)
    if verdict.notna().all():
        raise FailedQuality(Path(str(row["path"])).name, f"no usable cell; {dropped}")
    data = data[verdict.isna().to_numpy()].copy()
    found = receptors.summarise_receptors(contigs, data.obs_names)
    called = calls.call_cells(
        data, found, evidence=evidence, call_threshold=settings.call_threshold
    )
    has_delta = contigs is not None and row.get("has_gamma_delta_receptors") is True
    not_callable = calls.find_not_callable(
        data.var_names,
        has_contigs=contigs is not None,
        has_delta_contigs=has_delta,
        evidence=evidence,
    )
    cells = measured[verdict.isna()].join(called).reset_index()
    cells.insert(0, "library_id", str(row["library_id"]))
    cells.insert(1, "sample_id", str(row["sample_id"]))
    summary = _quality_row(row) | {
        "status": "ok",
        "n_barcodes": n_barcodes,
        "n_cells": data.n_obs,
        "n_with_receptor": int(found["receptor"].notna().sum()) if contigs is not None else None,
        "remarks": "; ".join([*data.uns["remarks"], *_about_quality(dropped, measured)]),
    }
    return Annotated(data, contract.make(cells, Cells), summary, not_callable)


def write_cells(library: Annotated, path: Path) -> None:
    """Write the cells of a library: `layers["counts"]` whole numbers, calls in `obs`; no `X`."""
    described = library.cells.set_index("barcode")
    described.index = described.index.astype(object)
    text: list[str] = described.select_dtypes("string").columns.tolist()
    for column in text:
        described[column] = described[column].astype(object).astype("category")
    data = anndata.AnnData(
        obs=described,
        var=library.data.var,
        layers={"counts": library.data.X.astype(np.int32)},
        uns={"itc_analysis": json.dumps({"not_callable": library.not_callable}, sort_keys=True)},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    # gzip, not lzf: R reads it without a plug-in
    data.write_h5ad(partial, compression="gzip")
    partial.replace(path)


def list_inputs(rows: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Return the files that the rows name and that exist; the files within, for an mtx folder."""
    named = [
        Path(str(row[key])) for row in rows for key in ("path", "contigs_path") if row.get(key)
    ]
    files = [path for path in named if path.is_file()]
    folders = [path for path in named if path.is_dir()]
    return files + [
        inner for path in folders for inner in sorted(path.iterdir()) if inner.is_file()
    ]


def _read_contigs(row: Mapping[str, Any], data: anndata.AnnData) -> pd.DataFrame | None:
    path = row.get("contigs_path")
    if not path:
        return None
    contigs = receptors.read_contigs(str(path))
    names = set(receptors.strip_suffix(data.obs_names))
    if len(contigs) and not names & set(receptors.strip_suffix(pd.Index(contigs["barcode"]))):
        what = "none of its barcodes is in the library; is it the contig file of another library?"
        raise UnreadableFile(Path(str(path)).name, what)
    return contigs


def _quality_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "library_id": str(row["library_id"]),
        "sample_id": str(row["sample_id"]),
        "batch": str(row["batch"]),
        "n_barcodes": 0,
        "n_cells": 0,
        "has_contigs": bool(row.get("contigs_path")),
    }


def _about_quality(dropped: str, measured: pd.DataFrame) -> list[str]:
    if measured["share_mito"].isna().all():
        return [dropped, "no mitochondrial genes in the reference: that share was not checked"]
    return [dropped]


def _uncovered(signatures: pd.DataFrame, genes: pd.Index) -> list[str]:
    """Return a sentence for each single-cell signature of which the reference lacks genes."""
    told = []
    wanted = signatures[signatures["assay"] == "singlecell"]
    for name, rows in wanted.groupby("signature", sort=True):
        lacking = sorted(set(rows["feature"]) - set(genes))
        if lacking:
            told.append(f"signature {name}: the reference lacks {', '.join(lacking)}")
    return told


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
