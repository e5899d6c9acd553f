"""The healthy people's SD of several markers, estimated together where each is uncertain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from itc_analysis.scores.healthy.reference import Healthy
from itc_analysis.statistics.arrays import FloatArray

#: The correction of 1 / SD is to second order; beyond this squared relative error it is cut off.
MAX_CV2 = 0.5
#: E(1 / SD) is larger than 1 / SD by 3/8 of the squared relative error of the variance
#: (second-order Taylor).
TAYLOR = 3 / 8
#: Mean of the positive half of a standard normal.
HALF_NORMAL = 0.8
#: Variances below this are rounding.
NOTHING = 1e-6


@dataclass(frozen=True)
class Spreads:
    """Variances between healthy people.

    Parameters
    ----------
    variance, error : FloatArray
        Shape (n_markers,), estimated variance and its standard error; NaN without a reference.
    """

    variance: FloatArray
    error: FloatArray

    @classmethod
    def of(cls, people: Sequence[Healthy]) -> Spreads:
        """Take them from fitted references."""
        return cls(
            np.array([one.sd**2 for one in people]), np.array([one.sd_error for one in people])
        )


def share_spread(spreads: Spreads) -> FloatArray:
    """Return the SD of each marker, so that dividing by it is unbiased.

    Each variance is drawn towards the mean of all, the more the less the markers differ beyond
    their errors (random effects by moments). Each SD is then enlarged, because its own error makes
    1/SD too large on average: with 12 healthy people, z scores against the plain SD are 7 % too
    large.

    Returns
    -------
    Floats
        Shape (n_markers,); 0 where healthy people do not differ, NaN without a reference.
    """
    sd = np.full(len(spreads.variance), np.nan)
    known = np.isfinite(spreads.variance)
    if not known.any():
        return sd
    variance, squared = spreads.variance[known], spreads.error[known] ** 2
    n, mean = len(variance), float(np.mean(variance))
    kept = np.ones(n)
    if n > 1:
        between = max(float(np.var(variance, ddof=1)) - float(np.mean(squared)), 0.0)
        kept = between / np.maximum(between + squared, NOTHING**2)
    drawn = mean + kept * (variance - mean)
    left = kept**2 * squared + (1 - kept) ** 2 * float(np.sum(squared)) / n**2
    cv2 = np.minimum(left / np.maximum(drawn, NOTHING) ** 2, MAX_CV2)
    # people who differ no more than counting explains may still differ: what is left of the error
    # above zero
    drawn = np.where(drawn > 0, drawn, HALF_NORMAL * np.sqrt(left))
    sd[known] = np.where(drawn > NOTHING, np.sqrt(drawn) * (1 + TAYLOR * cv2), 0.0)
    return sd
