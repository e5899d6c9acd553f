"""Exact limits of a binomial share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from itc_analysis.statistics.arrays import FloatArray

#: Level of the intervals of counts and shares, everywhere.
CONFIDENCE = 0.95
#: Standard errors from the middle to either limit of such an interval, of a normal distribution.
Z = float(special.ndtri((1 + CONFIDENCE) / 2))


def clopper_pearson(
    n: npt.ArrayLike, total: npt.ArrayLike, *, confidence: float = CONFIDENCE
) -> tuple[FloatArray, FloatArray]:
    """Return the exact limits of a binomial share.

    Parameters
    ----------
    n : array_like
        Events that count; any shape that broadcasts against `total`. NaN: not known.
    total : array_like
        Events in all, at least `n`.
    confidence : float
        Level of the two-sided interval.

    Returns
    -------
    lower, upper : FloatArray
        Between 0 and 1; 0 and 1 for an empty total; NaN where `n` or `total` is, and where they
        are no share (`n` below 0 or above `total`).

    References
    ----------
    Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> lower, upper = clopper_pearson(0, 100)
    >>> float(lower), round(float(upper), 4)
    (0.0, 0.0362)
    """
    counted, of = np.broadcast_arrays(np.asarray(n, dtype=float), np.asarray(total, dtype=float))
    outside = (1 - confidence) / 2
    # the beta's parameters must be positive where its value is not used
    some, left = np.where(counted > 0, counted, 1.0), np.where(of > counted, of - counted, 1.0)
    lower = np.where(counted == 0, 0.0, special.betaincinv(some, of - counted + 1, outside))
    upper = np.where(counted == of, 1.0, special.betaincinv(counted + 1, left, 1 - outside))
    unknown = ~((counted >= 0) & (counted <= of))  # NaN as well
    return np.where(unknown, np.nan, lower), np.where(unknown, np.nan, upper)


def count_limits(n_events: int, n_parent: int) -> tuple[float, float]:
    """Return the exact 95 % limits of a count among `n_parent` events, in events.

    Examples
    --------
    >>> low, high = count_limits(20, 1000)
    >>> round(low, 1), round(high, 1)
    (12.3, 30.7)
    """
    low, high = clopper_pearson(n_events, n_parent)
    return float(low) * n_parent, float(high) * n_parent
