"""Does a threshold without control tube mean the same in every batch? The bridge control tells.

It is the same material in every batch. Where its share positive differs between batches by more
than counting explains, the thresholds of these batches part other cells, and shares that were read
at them cannot be set beside those of other batches.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.measurements.columns import NUMBERS
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.tables.columns import floats

#: Shares of the bridge control may differ by so much between batches; each lies within half of it
#: of their median.
MOST_APART = 0.05
#: And by more standard errors of counting than this.
_BEYOND_COUNTING = 3.0

#: Stands in the reason of every share that is withheld here.
THRESHOLDS_PART = "the thresholds part other cells"

_KEYS = ["panel", "population", "feature"]


def withhold_contradicted(rows: pd.DataFrame, bridges: set[str]) -> pd.DataFrame:
    """Return `rows` with status no_control where the bridge control contradicts a threshold.

    Parameters
    ----------
    rows : pandas.DataFrame
        of `phenotype.phenotype_rows`. Only shares positive at thresholds without control tube
        change: their number goes, and their reason says what the bridge control shows.
    bridges : set of str
        samples of the bridge control, by sample_id. Fewer than two batches with one show nothing.
    """
    is_free = (rows["measure"] == "share_positive") & (rows["status"] == "ok")
    is_free &= (rows["threshold_source"] == "negative_population").fillna(value=False)
    shown = rows[is_free & rows["sample_id"].isin(bridges)]
    reasons = {
        (*key, batch): reason
        for key, own in shown.groupby(_KEYS, sort=True)
        for batch, reason in _contradicted(own).items()
    }
    keys = zip(*(rows[name].astype(str) for name in (*_KEYS, "batch")), strict=True)
    told = pd.Series([reasons.get(key) for key in keys], index=rows.index, dtype="string")
    is_contradicted = is_free & told.notna()
    return rows.assign(
        status=rows["status"].mask(is_contradicted, "no_control"),
        reason=rows["reason"].mask(is_contradicted, told),
        **{name: rows[name].mask(is_contradicted) for name in NUMBERS if name in rows},
    )


def _contradicted(own: pd.DataFrame) -> dict[str, str]:
    """Return the batches in which the bridge control stands apart, with what it shows."""
    batches = own.assign(
        n=floats(own["n_denominator"]), n_positive=floats(own["n_denominator"]) * own["value"]
    )
    sums = batches.groupby("batch", sort=True)[["n_positive", "n"]].sum()
    if len(sums) < 2:
        return {}
    share = (sums["n_positive"] / sums["n"]).to_numpy(dtype=float)
    # Agresti and Coull: 0 of n is not certain
    about = ((sums["n_positive"] + 2) / (sums["n"] + 4)).to_numpy(dtype=float)
    error = np.sqrt(about * (1 - about) / (sums["n"].to_numpy(dtype=float) + 4))
    off = np.abs(share - np.median(share))
    if len(share) == 2:  # each lies half of their distance from the middle
        counting = np.full(2, np.hypot(*error) / 2)
    else:
        of_median = np.sqrt(np.pi / 2 / len(share)) * np.median(error)
        counting = np.hypot(error, of_median)
    is_apart = (off > MOST_APART / 2) & (off > _BEYOND_COUNTING * counting)
    return {
        str(batch): (
            f"no control tube, and {100 * share[i]:.1f} % of the bridge control's cells are "
            f"positive in this batch, {_span(np.delete(share, i))} in others: {THRESHOLDS_PART}; "
            "the median does not need one"
        )
        for i, batch in enumerate(sums.index)
        if is_apart[i]
    }


def _span(shares: FloatArray) -> str:
    low, high = 100 * shares.min(), 100 * shares.max()
    return f"{low:.1f} %" if f"{low:.1f}" == f"{high:.1f}" else f"{low:.1f} to {high:.1f} %"
