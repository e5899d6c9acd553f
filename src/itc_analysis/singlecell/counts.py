"""Count called cells: the same table as the flow room makes, so that both meet downstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from itc_analysis.config.sections import CellCalling
from itc_analysis.singlecell.calls.call import GAMMA_DELTA
from itc_analysis.singlecell.pseudobulk import POPULATIONS, T_CELLS, is_member
from itc_analysis.singlecell.soft_counts import PROVEN, measure_capture, sum_posteriors
from itc_analysis.statistics.binomial import count_limits
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Counts
from itc_analysis.tables.singlecell import INNATE

#: Name of what the T cells are counted among: all cells that passed quality control.
CELLS = "cells"
#: Tail on either side of a 95 % interval.
TAIL = 0.025


def count_populations(
    row: Mapping[str, Any],
    cells: pd.DataFrame,
    *,
    settings: CellCalling,
    not_callable: Mapping[str, str],
) -> pd.DataFrame:
    """Count the populations of one library.

    Parameters
    ----------
    row : mapping of str to object
        row of the library sheet; `library_id` and `sample_id` are read.
    cells : pandas.DataFrame
        from `calls.call_cells`.
    not_callable : mapping of str to str
        from `calls.find_not_callable`.

    Returns
    -------
    pandas.DataFrame
        A Counts table, one row per population of `pseudobulk.POPULATIONS`. The denominator t_cells
        counts every cell that is surely a T cell, also those whose kind is indeterminate or
        doubtful between CD4 and CD8; its parent is `cells`. Limits are exact binomial ones (Clopper
        1934) times n_parent. MAIT and iNKT cells of a library with contigs are called by their
        alpha chain, so these rows have the share of T cells in which one was caught (`capture`), by
        which the share is corrected downstream. n_expected is the soft count. A population that the
        library cannot show has null counts and status not_estimable.
    """
    n_cells = len(cells)
    members = {
        population: int(is_member(cells, population, call_threshold=settings.call_threshold).sum())
        for population in POPULATIONS
    }
    capture = None
    if row.get("contigs_path"):
        capture = measure_capture(cells, call_threshold=settings.call_threshold)
    rows = []
    for population in POPULATIONS:
        n_events, n_parent = members[population], n_cells
        if population != T_CELLS:
            n_parent = members[T_CELLS]
        found = _row(row, population) | {"n_parent": n_parent, "n_total": n_cells}
        if population in not_callable:
            found |= {"status": "not_estimable", "reason": not_callable[population]}
        elif n_parent == 0:
            reason = "no T cells in the library"
            found |= {"n_events": 0, "status": "not_estimable", "reason": reason}
        elif population in PROVEN and capture is not None and capture.share == 0:
            reason = f"no alpha chain was seen in any of the {n_parent} T cells of the library"
            found |= {"status": "not_estimable", "reason": reason}
        else:
            lower, upper = count_limits(n_events, n_parent)
            found |= {
                "n_events": n_events,
                "n_lower": lower,
                "n_upper": upper,
                "detection": detection_of(n_events, settings=settings),
                "status": "ok",
            }
            if population in INNATE:
                found["n_expected"], found["expected_se"] = sum_posteriors(cells, population)
            found["called_by"] = _called_by(row, population)
            if population in PROVEN and capture is not None:
                found["capture"] = capture.share
                found["capture_se_log"] = capture.standard_error_log
        rows.append(found)
    return contract.make(rows, Counts)


def uncounted(row: Mapping[str, Any], *, status: str, reason: str) -> pd.DataFrame:
    """Return the Counts rows of a library that could not be used: null counts with the reason."""
    rows = [
        _row(row, population) | {"n_total": 0, "status": status, "reason": reason}
        for population in POPULATIONS
    ]
    return contract.make(rows, Counts)


def detection_of(n_events: int, *, settings: CellCalling) -> str:
    """Return quantified, detected or below_lod."""
    if n_events < settings.lod_cells:
        return "below_lod"
    return "quantified" if n_events >= settings.loq_cells else "detected"


def _called_by(row: Mapping[str, Any], population: str) -> str:
    """Return what calls the cells, as the contract of Counts names it."""
    has_contigs = bool(row.get("contigs_path"))
    if population in PROVEN and has_contigs:
        return "receptor"
    has_delta = has_contigs and row.get("has_gamma_delta_receptors") is True
    return "rna_or_delta" if population == GAMMA_DELTA and has_delta else "rna"


def _row(row: Mapping[str, Any], population: str) -> dict[str, Any]:
    return {
        "source_id": str(row["library_id"]),
        "sample_id": str(row["sample_id"]),
        "population": population,
        "parent": CELLS if population == T_CELLS else T_CELLS,
        "is_measured": population != T_CELLS,
    }
