"""One library, from its files to its called cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.cohort.data_files import contig_files
from itc_analysis.config.sections import CellCalling
from itc_analysis.errors import ItcError, UnreadableFile
from itc_analysis.singlecell.calls import call as calls
from itc_analysis.singlecell.calls.evidence import wanted_genes, weigh_molecules
from itc_analysis.singlecell.calls.molecules import Molecules, take_molecules
from itc_analysis.singlecell.calls.proteins import CONTROL, name_proteins, weigh_proteins
from itc_analysis.singlecell.calls.receptors import list_chains, summarise_receptors
from itc_analysis.singlecell.calls.weights import Evidence
from itc_analysis.singlecell.intake import pairing
from itc_analysis.singlecell.intake.contigs import read_contigs
from itc_analysis.singlecell.intake.genes import explain_missing_t_genes, find_filter
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.intake.pooled import is_of_sample
from itc_analysis.singlecell.intake.tidy import keep_rows
from itc_analysis.singlecell.quality import cells as quality
from itc_analysis.singlecell.quality.doublets import find_doublets
from itc_analysis.singlecell.thinning import Caller, molecules_per_t_cell
from itc_analysis.tables import contract
from itc_analysis.tables.singlecell import Cells, Receptors

#: About 1 % of T cells have two productive beta chains (Padovan 1995, 10.1084/jem.181.4.1587), and
#: contigs of public libraries show two in 3 to 14 % of the cells with any, by the load of the lane.
SHARE_TWO_BETA = 0.05
#: So many antibodies that the calls do not know are named.
N_SHOWN = 10


@dataclass(frozen=True)
class Annotated:
    """One library: its cells with their calls, and what there is to know about it."""

    data: anndata.AnnData
    cells: pd.DataFrame
    receptors: pd.DataFrame
    quality: dict[str, Any]
    not_callable: dict[str, str]
    #: Cells that a gene needs to be in the library's list; None for a whole reference.
    fewest_cells: int | None
    caller: Caller


class FailedQuality(ItcError):
    """A library without a usable cell, or in which T cells cannot be distinguished from others."""


class ForeignContigs(UnreadableFile):
    """Contigs whose barcodes are those of another library."""

    def __init__(self, source: str, contig_barcodes: pd.Index, names: pd.Index) -> None:
        super().__init__(source, pairing.explain_mismatch(contig_barcodes, names, others={}))
        self.contig_barcodes, self.names = contig_barcodes, names


def annotate_library(
    row: Mapping[str, Any], *, settings: CellCalling, evidence: Evidence
) -> Annotated:
    """Read one library, drop what are not cells, and call the others.

    Raises
    ------
    UnreadableFile
        counts or contigs cannot be read, or the contigs belong to another library.
    FailedQuality
        no barcode passes quality control.
    """
    name = Path(str(row["path"])).name
    data = read_library(row)
    n_barcodes = data.n_obs
    # before cells are dropped: programs filter genes over all barcodes of the file
    fewest_cells = find_filter(data.X)
    unclear = explain_missing_t_genes(data.var_names)
    if unclear:
        raise FailedQuality(name, unclear)
    # before cells are chosen: the contigs are those of the whole pool
    contigs = _read_contigs(row, data.obs_names)
    of_sample = is_of_sample(row, data.obs_names, data.obsm.get("antibodies"))
    if of_sample is not None:
        data = _keep(data, of_sample)
        n_barcodes = data.n_obs
    measured = quality.measure_cells(data)
    verdict = quality.judge_cells(measured, settings=settings)
    dropped = quality.describe_dropped(verdict)
    bounds = quality.explain_bounds(measured, settings=settings)
    if verdict.notna().all():
        raise FailedQuality(name, "; ".join(["no usable cell", dropped, *bounds]))
    data = _keep(data, verdict.isna().to_numpy())
    few = quality.explain_few(verdict, measured, n_listed=data.n_vars, settings=settings)
    told = few + bounds + _about_quality(measured)
    if settings.doublets == "scrublet":
        is_doublet = find_doublets(data, seed=settings.seed)
        if is_doublet is None:
            told.append("Scrublet could not tell doublets in this library: none was dropped")
        else:
            verdict[data.obs_names[is_doublet]] = "doublet"
            data = _keep(data, ~is_doublet)
            dropped = quality.describe_dropped(verdict)
    found = summarise_receptors(contigs, data.obs_names)
    told += _about_receptors(found)
    taken = take_molecules(data.X, data.var_names, wanted_genes(evidence))
    rna = weigh_molecules(taken, data.obs_names, evidence=evidence)
    has_delta_contigs = contigs is not None and row.get("has_gamma_delta_receptors") is True
    not_callable = calls.find_not_callable(
        rna,
        has_contigs=contigs is not None,
        has_delta_contigs=has_delta_contigs,
        evidence=evidence,
    )
    protein = None
    if "antibodies" in data.obsm:
        protein, peaks = weigh_proteins(data.obsm["antibodies"], evidence=evidence)
        used = ", ".join(sorted(peaks)) or "none"
        told.append(f"antibodies that told two kinds of cells apart and entered the calls: {used}")
        told += _about_antibodies(data.obsm["antibodies"].columns)
    barcodes = data.obs_names

    def call(molecules: Molecules) -> pd.DataFrame:
        return calls.call_cells(
            weigh_molecules(molecules, barcodes, evidence=evidence),
            found,
            evidence=evidence,
            call_threshold=settings.call_threshold,
            has_contigs=contigs is not None,
            not_callable=not_callable,
            protein=protein,
        )

    called = call(taken)
    kept = measured[verdict.isna()].drop(columns="share_other_genome", errors="ignore")
    cells = kept.join(called).reset_index()
    cells.insert(0, "library_id", str(row["library_id"]))
    cells.insert(1, "sample_id", str(row["sample_id"]))
    summary = quality_row(row) | {
        "status": "ok",
        "n_barcodes": n_barcodes,
        "n_cells": data.n_obs,
        "n_with_receptor": int(found["receptor"].notna().sum()) if contigs is not None else None,
        "share_ambient": rna.share_ambient,
        "molecules_per_t_cell": molecules_per_t_cell(
            taken.depth, called, call_threshold=settings.call_threshold
        ),
        "has_delta_contigs": has_delta_contigs,
        "remarks": "; ".join([*data.uns["remarks"], dropped, *told]),
    }
    cells = contract.make(cells, Cells)
    chains = contract.make(list_chains(contigs, cells), Receptors)
    caller = Caller(taken, call, not_callable)
    return Annotated(data, cells, chains, summary, not_callable, fewest_cells, caller)


def _read_contigs(row: Mapping[str, Any], names: pd.Index) -> pd.DataFrame | None:
    found = []
    for path in contig_files(row):
        contigs = read_contigs(path)
        if not pairing.is_pair(pd.Index(contigs["barcode"]), names):
            raise ForeignContigs(path.name, pd.Index(contigs["barcode"]), names)
        found.append(contigs)
    return pd.concat(found, ignore_index=True) if found else None


def _keep(data: anndata.AnnData, is_kept: npt.NDArray[np.bool_]) -> anndata.AnnData:
    """Return the cells that are kept; the counts of `data` are used up, not copied."""
    kept = anndata.AnnData(keep_rows(data.X, is_kept), obs=data.obs[is_kept], var=data.var)
    kept.uns["remarks"] = data.uns["remarks"]
    for key in data.obsm:
        kept.obsm[key] = data.obsm[key][is_kept]
    return kept


def quality_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the LibraryQuality row of a library of which nothing is known yet."""
    return {
        "library_id": str(row["library_id"]),
        "sample_id": str(row["sample_id"]),
        "batch": str(row["batch"]),
        "n_barcodes": 0,
        "n_cells": 0,
        "has_contigs": bool(row.get("contigs_path")),
        "has_delta_contigs": bool(row.get("contigs_path"))
        and row.get("has_gamma_delta_receptors") is True,
    }


def _about_quality(measured: pd.DataFrame) -> list[str]:
    if measured["share_mito"].isna().all():
        return ["no mitochondrial genes in the reference: that share was not checked"]
    return []


def _about_antibodies(columns: pd.Index) -> list[str]:
    """Name antibodies that are none of those that the calls look at, or not understood as such."""
    known = set(name_proteins(columns).values())
    others = [str(name) for name in columns if name not in known]
    others = [name for name in others if not CONTROL.search(name.upper())]
    if not others:
        return []
    shown = ", ".join(others[:N_SHOWN])
    more = f" and {len(others) - N_SHOWN} more" if len(others) > N_SHOWN else ""
    return [f"antibodies that are none of those that the calls know: {shown}{more}"]


def _about_receptors(found: pd.DataFrame) -> list[str]:
    """Say how many cells show two beta chains, when that is more than allelic inclusion gives."""
    with_beta = found["n_beta"] > 0
    share = float((found.loc[with_beta, "n_beta"] > 1).mean()) if with_beta.any() else 0.0
    if share <= SHARE_TWO_BETA:
        return []
    return [
        f"{share:.0%} of the cells with a beta chain show two: more than single cells do, so T "
        "cells "
        "share droplets in this library"
    ]
