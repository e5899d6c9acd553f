"""The shape of participants about their mean: normal, or skewed to either side of it.

The log-gamma distribution has one parameter more than the normal one: at shape 0 it is normal,
above 0 its longer tail is to the left (1: the logarithm of a Weibull time), below 0 to the right.
Prentice 1974, doi:10.1093/biomet/61.3.539.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from itc_analysis.statistics.arrays import BoolArray, Vector

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
#: Nearer to the normal distribution than this, the incomplete gamma function loses its digits:
#: interpolated.
NEARLY_NORMAL = 5e-3
#: Below this, differences of exponentials are taken from their series.
SMALL = 1e-2
#: Shapes from which Stirling's remainder is no longer taken from its series (then exact to 1e-9).
STIRLING = 0.2
#: Logarithm of the least probability that is not yet 0 in the computer.
UNDERFLOW = -690.0
#: Exponentials are held below this, so that their products stay finite.
LARGEST_EXPONENT = 250.0
#: Step of the derivatives by the shape.
STEP = 1e-2


def log_density(w: Vector, is_censored: BoolArray, shape: float) -> tuple[Vector, Vector, Vector]:
    """Return log density, or log probability of lying at or below `w` where censored, and two
    derivatives by `w`.

    Parameters
    ----------
    w : numpy.ndarray
        shape (n,), distance from the location in SDs of the distribution's scale.
    is_censored : numpy.ndarray
        shape (n,).
    shape : float
        0 is normal.
    """
    x = shape * w
    grown = np.exp(np.minimum(x, LARGEST_EXPONENT))
    density = -LOG_SQRT_2PI - _stirling(shape) - w**2 * _curved(x)
    first = -w * _sloped(x)
    below = _log_below(w, density, first, shape)
    hazard = np.exp(np.minimum(density - below, LARGEST_EXPONENT))
    return (
        np.where(is_censored, below, density),
        np.where(is_censored, hazard, first),
        np.where(is_censored, hazard * (first - hazard), -grown),
    )


def by_shape(w: Vector, is_censored: BoolArray, shape: float) -> tuple[Vector, Vector, Vector]:
    """Return the derivatives of `log_density` by the shape: first, second, and that of its
    derivative by `w`.
    """
    middle = log_density(w, is_censored, shape)[0]
    high, low = (log_density(w, is_censored, shape + sign * STEP) for sign in (1, -1))
    return (
        (high[0] - low[0]) / (2 * STEP),
        (high[0] - 2 * middle + low[0]) / STEP**2,
        (high[1] - low[1]) / (2 * STEP),
    )


def mean(shape: float) -> float:
    """Return the mean of the distribution, in its scale's SDs from its location; 0 for the normal
    one.
    """
    if abs(shape) < NEARLY_NORMAL:
        return -shape / 2
    q = shape**-2
    return float((special.digamma(q) - np.log(q)) / shape)


def _log_below(w: Vector, density: Vector, first: Vector, shape: float) -> Vector:
    """Return the log probability of lying at or below `w`."""
    if abs(shape) < NEARLY_NORMAL:
        none = np.zeros(len(w), dtype=bool)
        high, low = (
            _log_below(w, *log_density(w, none, sign * NEARLY_NORMAL)[:2], sign * NEARLY_NORMAL)
            for sign in (1, -1)
        )
        middle, part = special.log_ndtr(w), shape / NEARLY_NORMAL
        near: Vector = middle + part * (high - low) / 2 + part**2 * (high - 2 * middle + low) / 2
        return near
    q = shape**-2
    u = q * np.exp(np.minimum(shape * w, LARGEST_EXPONENT))
    share = special.gammainc(q, u) if shape > 0 else special.gammaincc(q, u)
    with np.errstate(divide="ignore"):
        found = np.log(share)
    # so far out the probability is the density over its slope (Mills' ratio)
    far = density - np.log(np.maximum(np.abs(first), 1))
    return np.where(found > UNDERFLOW, found, far)


def _curved(x: Vector) -> Vector:
    """Return (exp(x) - 1 - x) / x^2."""
    small = np.abs(x) < SMALL
    safe = np.where(small, 1, np.minimum(x, LARGEST_EXPONENT))
    return np.where(small, 0.5 + x / 6 + x**2 / 24 + x**3 / 120, (np.expm1(safe) - safe) / safe**2)


def _sloped(x: Vector) -> Vector:
    """Return (exp(x) - 1) / x."""
    small = np.abs(x) < NEARLY_NORMAL**2
    safe = np.where(small, 1, np.minimum(x, LARGEST_EXPONENT))
    return np.where(small, 1 + x / 2, np.expm1(safe) / safe)


def _stirling(shape: float) -> float:
    """Return what Stirling's formula leaves out of log Gamma(shape^-2)."""
    if abs(shape) < STIRLING:
        return shape**2 / 12 - shape**6 / 360 + shape**10 / 1260
    q = shape**-2
    return float(special.gammaln(q) - (q - 0.5) * np.log(q) + q - LOG_SQRT_2PI)
