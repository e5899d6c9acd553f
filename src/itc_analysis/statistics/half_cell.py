"""Logarithms of counts, with half a cell added so that a count of none has one.

0 of 20 is not 0 of 20,000, and the error of the logarithm is known (Haldane 1956,
doi:10.1111/j.1469-1809.1955.tb01285.x).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import FloatArray

#: Added to a count before its logarithm is taken.
HALF_CELL = 0.5


def log_ratio(n: npt.ArrayLike, other: npt.ArrayLike) -> FloatArray:
    """Return the logarithm of the ratio of two counts; of a part and the rest, its logit.

    Parameters
    ----------
    n, other : array_like
        Counts, of shapes that broadcast; NaN gives NaN.

    Examples
    --------
    >>> float(log_ratio(0, 0)), round(float(log_ratio(20, 80)), 3)
    (0.0, -1.368)
    """
    n, other = np.asarray(n, dtype=float), np.asarray(other, dtype=float)
    return np.asarray(np.log((n + HALF_CELL) / (other + HALF_CELL)))


def log_ratio_variance(n: npt.ArrayLike, other: npt.ArrayLike) -> FloatArray:
    """Return the variance of `log_ratio` by counting."""
    n, other = np.asarray(n, dtype=float), np.asarray(other, dtype=float)
    return np.asarray(1 / (n + HALF_CELL) + 1 / (other + HALF_CELL))


def log_rate(n: npt.ArrayLike, of: npt.ArrayLike) -> FloatArray:
    """Return the logarithm of a count per one of what it was counted in, cells or microlitres."""
    n, of = np.asarray(n, dtype=float), np.asarray(of, dtype=float)
    return np.asarray(np.log((n + HALF_CELL) / of))
