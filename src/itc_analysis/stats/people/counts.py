"""What was counted in a sample, as the likelihood of counts takes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.statistics.arrays import Vector

#: Columns of a measurement from which its likelihood is made, see `Count`.
COUNTED = ["n_events", "n_background", "background_se", "capture", "error_log"]
#: Measures that are counts of cells, and the column of what they are counted in.
COUNTED_IN = {
    "share_of_t": "n_denominator",
    "share_positive": "n_denominator",
    "response": "n_denominator",
    "cells_per_ul": "volume_ul",
    "odds_ratio": "n_denominator",
}
#: Of these the cells are among those of the denominator.
SHARES = ("share_of_t", "share_positive", "response", "odds_ratio")


class Count(NamedTuple):
    """What was counted in one sample.

    Parameters
    ----------
    k : float
        Cells in the gate, background included.
    n : float
        Cells of the denominator, or microlitres of blood.
    background, background_se : float
        Cells expected without the population, and their standard error.
    capture : float
        Part of the population that lies inside of the gate.
    error_log : float
        Standard error of the log of the number that is not counting.
    soft : float
        Sum of the probabilities of single cells of being in the population; NaN where there is
        none.
    """

    k: float
    n: float
    background: float
    background_se: float
    capture: float
    error_log: float
    soft: float = np.nan


def counts_of(rows: pd.DataFrame, measure: str) -> npt.NDArray[np.object_]:
    """Return what was counted in each sample, None where that is not known."""
    found = np.full(len(rows), None, dtype=object)
    inside = COUNTED_IN.get(measure)
    if inside is None or not {inside, *COUNTED} <= set(rows.columns):
        return found
    columns = [
        rows[name].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        for name in ("n_events", inside, *COUNTED[1:])
    ]
    k, n, background, error, capture, error_log = columns
    known = (k >= 0) & (n > 0) & ((k <= n) | (measure not in SHARES))
    soft = np.full(len(rows), np.nan)
    if measure == "share_of_t" and "n_expected" in rows:
        soft = rows["n_expected"].to_numpy(dtype=float)
    filled = zip(
        k,
        n,
        np.nan_to_num(background),
        np.nan_to_num(error),
        np.where(np.isnan(capture), 1.0, capture),
        np.nan_to_num(error_log),
        soft,
        strict=True,
    )
    for i, values in enumerate(filled):
        if known[i]:
            found[i] = Count(*map(float, values))
    return found


def join_counts(counted: pd.Series) -> tuple[Count, ...] | None:
    """Return the counts of a person's samples, None when one is not known."""
    counts = tuple(counted)
    return None if any(count is None for count in counts) else counts


def cells_of(counted: Iterable[tuple[Count, ...]]) -> tuple[Vector, Vector]:
    """Return the cells of each participant above the background, and those of the denominator."""
    own = [
        (sum(max(c.k - c.background, 0.0) for c in counts), sum(c.n for c in counts))
        for counts in counted
    ]
    net, total = np.array(own, dtype=float).T
    return net, total
