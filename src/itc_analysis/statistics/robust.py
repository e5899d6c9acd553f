"""Spread that a few outlying values cannot change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: From the median absolute deviation to the standard deviation of a normal distribution.
MAD_TO_SD = 1.4826


def robust_sd(values: npt.ArrayLike) -> float:
    """Return the standard deviation by the median absolute deviation; NaN without values.

    Examples
    --------
    >>> round(robust_sd([1.0, 2.0, 3.0, 4.0, 1000.0]), 4)
    1.4826
    """
    found = np.asarray(values, dtype=float)
    if not found.size:
        return float("nan")
    return MAD_TO_SD * float(np.median(np.abs(found - np.median(found))))
