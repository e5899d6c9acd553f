"""Middle and spread that a few outlying values cannot change."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import FloatArray

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


def middle(values: FloatArray) -> FloatArray:
    """Return the median over the first axis, of what is known; NaN where nothing is.

    Examples
    --------
    >>> middle(np.array([[1.0, np.nan], [3.0, np.nan]]))
    array([ 2., nan])
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing is known is no fault
        return np.asarray(np.nanmedian(values, axis=0), dtype=np.float64)
