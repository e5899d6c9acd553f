"""Counts that do not hang on the threshold of a call or on how many receptors a library caught.

A hard count takes each sure call as one cell. Where an alpha chain makes the call, it holds only
the cells whose chain was caught, so it is corrected for the share of T cells in which one was seen:
a library with poor capture must not look poor in MAIT cells. Next to it stands the sum of the
posteriors, which counts every cell by its probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.singlecell.pseudobulk import T_CELLS, is_member
from itc_analysis.tables import contract
from itc_analysis.tables.singlecell import INNATE, SoftCounts

#: Populations that their own alpha chain proves.
PROVEN = ("mait", "inkt")


@dataclass(frozen=True)
class Capture:
    """How well a library caught alpha chains.

    Parameters
    ----------
    share : float
        share of the alpha-beta T cells in which a productive alpha chain was seen, 0 to 1.
    standard_error_log : float
        of its logarithm, from the cells it was counted in; null where no chain was seen.
    """

    share: float
    standard_error_log: float


def measure_capture(cells: pd.DataFrame, *, call_threshold: float) -> Capture:
    """Measure in how many T cells of a library an alpha chain was seen.

    Gamma-delta cells have none: each cell counts by its probability of not being one. The cells of
    a population are taken to lose their chains as often as the other T cells of their library.

    Parameters
    ----------
    cells : pandas.DataFrame
        from `calls.call_cells`.
    """
    is_t = is_member(cells, T_CELLS, call_threshold=call_threshold).to_numpy()
    n_seen = int(cells["has_alpha"].to_numpy(dtype=bool)[is_t].sum())
    n_able = float((1 - cells["posterior_gd_t_cells"].to_numpy()[is_t]).sum())
    if n_seen == 0:
        return Capture(0.0, np.nan)
    share = min(n_seen / n_able, 1.0)
    return Capture(share, float(np.sqrt((1 - share) / n_seen)))


def sum_posteriors(cells: pd.DataFrame, population: str) -> tuple[float, float]:
    """Return the sum of the cells' probabilities and its standard error.

    The error is that of which cells belong to the population, given their probabilities and
    independent cells; not that of sampling cells from the sample.
    """
    chance = cells[f"posterior_{population}"].to_numpy()
    return float(chance.sum()), float(np.sqrt((chance * (1 - chance)).sum()))


def count_softly(
    row: Mapping[str, Any],
    cells: pd.DataFrame,
    *,
    call_threshold: float,
    not_callable: Mapping[str, str],
) -> pd.DataFrame:
    """Count the innate populations of one library in three ways.

    Parameters
    ----------
    row : mapping of str to object
        row of the library sheet; `library_id`, `sample_id` and `contigs_path` are read.
    cells : pandas.DataFrame
        the Cells table of the library.
    call_threshold : float
        probability from which on a cell is a T cell.
    not_callable : mapping of str to str
        populations that the library cannot show; their counts are null.

    Returns
    -------
    pandas.DataFrame
        A SoftCounts table: n_called; n_expected, the sum of posteriors; and n_corrected, n_called
        over the share of T cells in which an alpha chain was seen, for populations that this chain
        defines and libraries with contigs.
    """
    is_t = is_member(cells, T_CELLS, call_threshold=call_threshold)
    capture = Capture(np.nan, np.nan)
    if row.get("contigs_path"):
        capture = measure_capture(cells, call_threshold=call_threshold)
    rows = []
    for population in INNATE:
        found: dict[str, Any] = {
            "library_id": str(row["library_id"]),
            "sample_id": str(row["sample_id"]),
            "population": population,
            "n_t_cells": int(is_t.sum()),
            "share_with_alpha": capture.share,
        }
        if population not in not_callable:
            n_called = int((cells["call"] == population).sum())
            n_expected, error = sum_posteriors(cells, population)
            found |= {"n_called": n_called, "n_expected": n_expected, "standard_error": error}
            if population in PROVEN and capture.share > 0:
                found["n_corrected"] = n_called / capture.share
        rows.append(found)
    return contract.make(rows, SoftCounts)
