"""Where a population's cut lies in a batch or study, judged by the tubes that decided on theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.flow.batch_tolerance import MIN_SPREAD, MIN_TUBES
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.robust import robust_sd

#: Spread of a batch's cuts where no batch shows one, transformed units: 20 % of the intensity on a
#: scale of 4.5 decades, twice what a stable cytometer drifts within a day.
UNKNOWN_SPREAD = 2 * MIN_SPREAD


@dataclass(frozen=True)
class CutReference:
    """Where a population's cut lies in a batch or study.

    Parameters
    ----------
    source : str
        in words, for reasons.
    centre : float
        robust centre, transformed units.
    spread : float
        robust standard deviation between tubes, freed of their own errors; never below
        `MIN_SPREAD`.
    n_tubes : int
        tubes behind it.
    """

    source: str
    centre: float
    spread: float
    n_tubes: int


def reference(cuts: pd.DataFrame, source: str) -> CutReference | None:
    """Return centre and spread of the clearly decided cuts, None when there are too few.

    Parameters
    ----------
    cuts : pandas.DataFrame
        rows of `GateFits` of one population.
    """
    values, errors = _decided_cuts(cuts)
    if len(values) < MIN_TUBES:
        return None
    centre = float(np.median(values))
    observed = robust_sd(values)
    between = observed**2 - float(np.median(errors**2))
    return CutReference(
        source, centre, max(float(np.sqrt(max(between, 0.0))), MIN_SPREAD), len(values)
    )


def usual_spread(fits: pd.DataFrame) -> float:
    """Return how far the cuts of one batch lie apart, where enough tubes decided to know it.

    Parameters
    ----------
    fits : pandas.DataFrame
        `GateFits`, any number of populations and batches.

    Returns
    -------
    float
        Median of the spreads of all batches and populations with `MIN_TUBES` decided tubes,
        transformed units; `UNKNOWN_SPREAD` where there is none.
    """
    known = decided(fits)
    groups = [cuts for _, cuts in known.groupby(["population", "batch"], sort=True)]
    found = [reference(cuts, "") for cuts in groups]
    spreads = [one.spread for one in found if one is not None]
    return float(np.median(spreads)) if spreads else UNKNOWN_SPREAD


def few_tubes(cuts: pd.DataFrame, source: str, usual: float) -> CutReference | None:
    """Return the mean of one or two decided cuts; None where no tube decided.

    They cannot show their own spread, so the usual one is taken, or theirs where it is larger;
    `spread` is that of another tube's cut about their mean: usual x sqrt(1 + 1 / n).

    Parameters
    ----------
    cuts : pandas.DataFrame
        rows of `GateFits` of one population and batch.
    usual : float
        of `usual_spread`.
    """
    values, errors = _decided_cuts(cuts)
    n = len(values)
    if n == 0:
        return None
    observed = float(np.std(values, ddof=1)) if n > 1 else 0.0
    between = max(usual, observed, MIN_SPREAD)
    spread = float(np.sqrt(between**2 * (1 + 1 / n) + np.mean(errors**2) / n))
    return CutReference(source, float(np.mean(values)), spread, n)


def decided(cuts: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose stained tube decided on its cut by itself.

    Parameters
    ----------
    cuts : pandas.DataFrame
        rows of `GateFits`.
    """
    return cuts[_is_decided(cuts)]


def _is_decided(cuts: pd.DataFrame) -> BoolArray:
    # plain objects: comparing pandas' own strings costs ten times as much, for every batch
    tube, status = (cuts[name].to_numpy(dtype=object) for name in ("tube", "status"))
    known = np.isfinite(cuts["cut"].to_numpy(dtype=float, na_value=np.nan))
    return np.asarray((tube == "stained") & (status == "ok") & known, dtype=np.bool_)


def _decided_cuts(cuts: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return the cuts that stained tubes decided on by themselves, and their errors."""
    is_decided = _is_decided(cuts)
    values, errors = (
        cuts[name].to_numpy(dtype=float, na_value=np.nan)[is_decided] for name in ("cut", "cut_se")
    )
    return values, np.nan_to_num(errors, nan=0.0)
