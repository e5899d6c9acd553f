"""Counts that do not hang on the threshold of a call or on how many receptors a library caught.

A hard count takes each sure call as one cell. Next to it stand the sum of the posteriors, which
also counts the doubtful cells by their probability, and the count by receptors alone, corrected for
the share of alpha chains that the library caught: a library with poor capture must not look poor in
MAIT cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.singlecell.pseudobulk import T_CELLS, is_member
from itc_analysis.tables import contract
from itc_analysis.tables.singlecell import INNATE, SoftCounts

#: Populations whose alpha chain proves them.
PROVEN = {"mait": "mait", "inkt": "inkt"}
#: Fewer T cells say nothing of the capture.
FEWEST_T_CELLS = 20


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
        row of the library sheet; `library_id` and `sample_id` are read.
    cells : pandas.DataFrame
        the Cells table of the library.
    call_threshold : float
        probability from which on a cell is a T cell.
    not_callable : mapping of str to str
        populations that the library cannot show; their counts are null.

    Returns
    -------
    pandas.DataFrame
        A SoftCounts table. n_expected is the sum of posteriors; its standard error is that of which
        cells belong to the population, given their probabilities (independent cells), not that of
        sampling cells from the sample. n_corrected is n_proven over the share of T cells in which
        an alpha chain was seen.
    """
    is_t = is_member(cells, T_CELLS, call_threshold=call_threshold).to_numpy()
    has_alpha = cells["has_alpha"].to_numpy(dtype=bool)
    capture = float(has_alpha[is_t].mean()) if is_t.sum() >= FEWEST_T_CELLS else np.nan
    rows = []
    for population in INNATE:
        found: dict[str, Any] = {
            "library_id": str(row["library_id"]),
            "sample_id": str(row["sample_id"]),
            "population": population,
            "n_t_cells": int(is_t.sum()),
            "share_with_alpha": capture if row.get("contigs_path") else np.nan,
        }
        if population not in not_callable:
            chance = cells[f"posterior_{population}"].to_numpy()
            found |= {
                "n_called": int((cells["call"] == population).sum()),
                "n_expected": float(chance.sum()),
                "standard_error": float(np.sqrt((chance * (1 - chance)).sum())),
            }
        if population in PROVEN and row.get("contigs_path"):
            n_proven = int((cells["receptor"] == PROVEN[population]).fillna(value=False).sum())
            found["n_proven"] = n_proven
            if np.isfinite(capture) and capture > 0:
                found["n_corrected"] = n_proven / capture
        rows.append(found)
    return contract.make(rows, SoftCounts)
