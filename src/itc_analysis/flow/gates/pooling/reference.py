"""Where a population's cut lies in a batch or study, judged by the tubes that decided on theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.flow.batch_tolerance import MIN_SPREAD, MIN_TUBES
from itc_analysis.statistics.robust import MAD_TO_SD

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
    usable = decided(cuts)
    if len(usable) < MIN_TUBES:
        return None
    values = usable["cut"].to_numpy(dtype=float)
    errors = usable["cut_se"].fillna(0.0).to_numpy(dtype=float)
    centre = float(np.median(values))
    observed = MAD_TO_SD * float(np.median(np.abs(values - centre)))
    between = observed**2 - float(np.median(errors**2))
    return CutReference(
        source, centre, max(float(np.sqrt(max(between, 0.0))), MIN_SPREAD), len(usable)
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
    usable = decided(cuts)
    n = len(usable)
    if n == 0:
        return None
    values = usable["cut"].to_numpy(dtype=float)
    errors = usable["cut_se"].fillna(0.0).to_numpy(dtype=float)
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
    return cuts[(cuts["tube"] == "stained") & (cuts["status"] == "ok") & cuts["cut"].notna()]
