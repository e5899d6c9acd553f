"""Dunnett's single step with the estimated correlation: several references, one index group, one
endpoint.

The contrasts of an endpoint share the index group and so are correlated; with a robust covariance
that correlation is estimated as well. The largest of their |t| then follows a multivariate t
distribution (Hothorn 2008, doi:10.1002/bimj.200810425), integrated as in Genz and Bretz 2002,
doi:10.1198/106186002394.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from itc_analysis.statistics.arrays import Matrix, Vector

#: Points of the quasi-random rule, as a power of two; the error in p is then below 1e-4 (tests,
#: against R).
LOG2_POINTS = 13
#: Seed of the quasi-random points.
SEED = 1
#: Conditional variance below which a contrast is a combination of those before it (the pooled one
#: of the diseases').
DETERMINED = 1e-9
#: Keeps the normal quantile finite at the ends.
TINY = 1e-15


def dunnett_p(t: npt.ArrayLike, correlation: Matrix, df: float) -> Vector:
    """Return single-step adjusted p, two-sided.

    Parameters
    ----------
    t : array_like
        shape (m,), estimate over standard error of each contrast.
    correlation : Matrix
        shape (m, m), of the estimates; may be singular.
    df : float
        degrees of freedom of the t distribution.

    Returns
    -------
    numpy.ndarray
        Shape (m,), at least the unadjusted p and at most Bonferroni's.
    """
    size = np.abs(np.asarray(t, dtype=float))
    alone = 2 * stats.t.sf(size, df)
    box = _Box(correlation, df)
    together = np.array([1 - box.probability(one) for one in size])
    adjusted: Vector = np.clip(together, alone, np.minimum(len(size) * alone, 1))
    return adjusted


def dunnett_critical(correlation: Matrix, df: float, *, alpha: float) -> float:
    """Return the value that the largest of all |t| exceeds with probability `alpha`."""
    m = len(correlation)
    box = _Box(correlation, df)
    low, high = (float(stats.t.isf(level / 2, df)) for level in (alpha, alpha / m))
    if high - low < TINY or 1 - box.probability(low) <= alpha:
        return low
    if (
        1 - box.probability(high) >= alpha
    ):  # the rule's error, where contrasts are next to independent
        return high
    root: float = optimize.brentq(lambda value: 1 - box.probability(value) - alpha, low, high)
    return root


class _Box:
    """Probability that all |t| stay below a bound, by one set of points for every bound."""

    def __init__(self, correlation: Matrix, df: float) -> None:
        self.factor = _triangular(np.asarray(correlation, dtype=float))
        m = len(self.factor)
        points = stats.qmc.Sobol(m, rng=np.random.default_rng(SEED)).random_base2(LOG2_POINTS)
        self.scale = np.sqrt(stats.chi2.ppf(points[:, 0], df) / df)
        self.points = points[:, 1:]

    def probability(self, bound: float) -> float:
        """Return P(max |t| <= bound), taking one contrast after the other given those before."""
        factor, limit = self.factor, bound * self.scale
        drawn = np.zeros((len(limit), len(factor)))
        inside = np.ones(len(limit))
        for i, row in enumerate(factor):
            centre = drawn[:, :i] @ row[:i]
            if row[i] == 0:
                inside *= np.abs(centre) <= limit
                continue
            low, high = (special.ndtr((side * limit - centre) / row[i]) for side in (-1, 1))
            inside *= high - low
            if i + 1 < len(factor):
                place = low + self.points[:, i] * (high - low)
                drawn[:, i] = special.ndtri(np.clip(place, TINY, 1 - TINY))
        return float(inside.mean())


def _triangular(correlation: Matrix) -> Matrix:
    """Return L with L L' = correlation; a zero on the diagonal where a contrast is determined by
    others.
    """
    m = len(correlation)
    factor = np.zeros((m, m))
    for i in range(m):
        for j in range(i):
            if factor[j, j] > 0:
                left = correlation[i, j] - factor[i, :j] @ factor[j, :j]
                factor[i, j] = left / factor[j, j]
        variance = correlation[i, i] - factor[i, :i] @ factor[i, :i]
        factor[i, i] = np.sqrt(variance) if variance > DETERMINED else 0.0
    return factor
