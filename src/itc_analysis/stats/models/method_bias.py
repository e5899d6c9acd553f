"""The usual difference between two methods that measured the same people, some of whom lie below a
limit.

A person's difference varies by the sampling errors of both methods, which are known, and by a
spread between methods, which is estimated (REML) with the mean difference. Where one method saw too
few cells the difference is only a limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats
from scipy.special import log_ndtr

from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.models.linear import NotEstimable

#: What a difference is known to be.
EXACT, AT_MOST, AT_LEAST = "exact", "at_most", "at_least"
#: Fewest exact differences from which a spread can be told.
MIN_EXACT = 3
#: Tolerance of the spread between methods, on the logit scale.
SD_TOLERANCE = 1e-4
LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
MAX_STEPS = 100
NO_MAXIMUM = "the likelihood of the difference between methods has no maximum that could be found"


@dataclass(frozen=True)
class Differences:
    """Differences of n people.

    Parameters
    ----------
    value : numpy.ndarray
        shape (n,), the difference or its limit.
    error : numpy.ndarray
        shape (n,), its standard error from sampling, above 0.
    side : numpy.ndarray
        shape (n,): 0 exact, -1 the difference is at most `value`, 1 at least.
    """

    value: Vector
    error: Vector
    side: npt.NDArray[np.int64]

    def without(self, i: int) -> Differences:
        """Leave one person out."""
        keep = np.arange(len(self.value)) != i
        return Differences(self.value[keep], self.error[keep], self.side[keep])


@dataclass(frozen=True)
class Offset:
    """The usual difference.

    Parameters
    ----------
    mean : float
        on the logit scale.
    error : float
        its standard error.
    spread : float
        SD of differences between people beyond sampling, 0 or more.
    df : int
        exact differences less one.
    """

    mean: float
    error: float
    spread: float
    df: int


def fit_offset(differences: Differences) -> Offset:
    """Estimate mean and spread of the differences.

    Restricted likelihood (for exact differences REML; with
    limits the likelihood's own adjustment for an estimated mean, Cox and Reid 1987,
    doi:10.1111/j.2517-6161.1987.tb01422.x).

    Raises
    ------
    NotEstimable
        fewer than three exact differences, or no maximum of the likelihood is found.
    """
    n_exact = int(np.sum(differences.side == 0))
    if n_exact < MIN_EXACT:
        msg = f"participants quantified by both methods: {n_exact}, needed {MIN_EXACT}"
        raise NotEstimable(msg)

    def lost(spread: float) -> float:
        sd = np.hypot(differences.error, spread)
        mean, information = _mean(differences, sd)
        return float(0.5 * np.log(information) - _log_likelihood(differences, mean, sd))

    exact = differences.value[differences.side == 0]
    widest = 2 * float(np.std(exact)) + float(differences.error.max())
    found = optimize.minimize_scalar(
        lost, bounds=(0, widest), method="bounded", options={"xatol": SD_TOLERANCE}
    )
    if not (found.success and np.isfinite(found.fun)):
        raise NotEstimable(NO_MAXIMUM)
    spread = float(found.x)
    if lost(0.0) <= float(found.fun):
        spread = 0.0
    mean, information = _mean(differences, np.hypot(differences.error, spread))
    return Offset(mean, float(information**-0.5), spread, n_exact - 1)


def p_of_agreement(value: float, error: float, side: int, others: Offset) -> float:
    """Return the two-sided p that one person's difference is of the same kind as the others'.

    Parameters
    ----------
    value, error, side : float or int
        as in `Differences`, of the one.
    others : Offset
        from everybody else.

    Notes
    -----
    A limit is held against the others on its one side only; it agrees (p = 1) as long as they lie
    beyond it.
    """
    t = (value - others.mean) / predicted_error(error, others)
    if side == 0:
        return float(2 * stats.t.sf(abs(t), others.df))
    return float(min(1.0, 2 * stats.t.sf(t * side, others.df)))


def predicted_error(error: float, others: Offset) -> float:
    """Return the standard error of one more difference about the others' mean."""
    return float(np.sqrt(error**2 + others.spread**2 + others.error**2))


def _mean(differences: Differences, sd: Vector) -> tuple[float, float]:
    """Return the mean that maximises the likelihood at these SDs, and the information on it
    (Newton).
    """
    exact = differences.side == 0
    mean = float(np.average(differences.value[exact], weights=sd[exact] ** -2.0))
    if exact.all():
        return mean, float(np.sum(sd**-2.0))
    low, high = -np.inf, np.inf
    for _ in range(MAX_STEPS):
        slope, information = _derivatives(differences, mean, sd)
        if slope > 0:
            low = mean
        else:
            high = mean
        step = slope / information
        if abs(step) < SD_TOLERANCE * float(information**-0.5):
            break
        # where limits bend the likelihood a step may leap over its top: halve what is left between
        mean = mean + step if low < mean + step < high else (low + high) / 2
    else:
        raise NotEstimable(NO_MAXIMUM)
    return mean, _derivatives(differences, mean, sd)[1]


def _derivatives(differences: Differences, mean: float, sd: Vector) -> tuple[float, float]:
    """Return the slope of the log-likelihood in the mean, and minus its curvature."""
    z = (differences.value - mean) / sd
    side = differences.side
    # at most: P(D <= value) = ndtr(z); at least: ndtr(-z)
    inside = np.where(side < 0, z, -z)
    hazard = np.exp(-0.5 * inside**2 - LOG_SQRT_2PI - log_ndtr(inside))
    slope = np.where(side == 0, z, np.where(side < 0, -hazard, hazard)) / sd
    curvature = np.where(side == 0, 1.0, hazard * (inside + hazard)) / sd**2
    return float(slope.sum()), float(curvature.sum())


def _log_likelihood(differences: Differences, mean: float, sd: Vector) -> float:
    z = (differences.value - mean) / sd
    inside = np.where(differences.side < 0, z, -z)
    rows = np.where(
        differences.side == 0, -0.5 * z**2 - np.log(sd) - LOG_SQRT_2PI, log_ndtr(inside)
    )
    return float(rows.sum())
