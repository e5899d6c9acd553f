"""Agreement of two methods that measure the same people: concordance, limits of agreement, a line
with errors in both.

Plain arithmetic on arrays, used by the flow room (automatic against human gates) and by the
statistics room (flow cytometry against single cell), which may not import one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from itc_analysis.statistics.arrays import Vector

#: The slope of a line with errors in both has settled when it moves by less than this.
SETTLED = 1e-12
MAX_STEPS = 200
#: An SD or a difference below this, relative to the values, is rounding.
ROUNDING = 1e-12
#: Fewest pairs whose spread about a line, or about a mean, says anything.
MIN_PAIRS = 3


@dataclass(frozen=True)
class Interval:
    """A number with its limits; NaN where the pairs set none."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x, with standard errors."""

    slope: float
    intercept: float
    slope_se: float
    intercept_se: float


def concordance_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Return Lin's concordance correlation coefficient; NaN for fewer than two pairs or no spread.

    Lin 1989, doi:10.2307/2532051: the correlation, lowered by differences in mean and in spread.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.size < 2:  # one pair has no spread
        return float("nan")
    total = np.var(x) + np.var(y) + (np.mean(x) - np.mean(y)) ** 2
    if np.sqrt(total) <= _rounding(x, y):
        return float("nan")
    return float(2 * np.mean((x - np.mean(x)) * (y - np.mean(y))) / total)


def concordance_interval(x: npt.ArrayLike, y: npt.ArrayLike, *, confidence: float) -> Interval:
    """Return Lin's coefficient with the interval of its inverse hyperbolic tangent.

    Variance as corrected in Lin 2000 (Biometrics 56:324). Limits are NaN for fewer than three
    pairs, where a side does not vary, and for perfect or no correlation, where the transformation
    has no variance.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    ccc = concordance_correlation(x, y)
    n = x.size
    if n < MIN_PAIRS or not np.isfinite(ccc):
        return Interval(ccc, np.nan, np.nan)
    sd_x, sd_y = (float(np.std(values)) for values in (x, y))
    if sd_x <= _rounding(x) or sd_y <= _rounding(y):
        return Interval(0.0, np.nan, np.nan)
    r = float(np.mean((x - x.mean()) * (y - y.mean())) / (sd_x * sd_y))
    if abs(ccc) >= 1 - ROUNDING or abs(r) <= ROUNDING or abs(r) >= 1 - ROUNDING:
        return Interval(ccc, np.nan, np.nan)
    shift2 = float((x.mean() - y.mean()) ** 2 / (sd_x * sd_y))
    variance = (
        (1 - r**2) * ccc**2 / ((1 - ccc**2) * r**2)
        + 2 * ccc**3 * (1 - ccc) * shift2 / (r * (1 - ccc**2) ** 2)
        - ccc**4 * shift2**2 / (2 * r**2 * (1 - ccc**2) ** 2)
    ) / (n - 2)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * np.sqrt(max(variance, 0))
    middle = np.arctanh(ccc)
    return Interval(ccc, float(np.tanh(middle - half)), float(np.tanh(middle + half)))


def _rounding(*sides: Vector) -> float:
    """Return up to which size a spread of these values is only rounding."""
    return ROUNDING * max(float(np.max(np.abs(values))) for values in sides)


def limits_of_agreement(difference: npt.ArrayLike) -> Interval:
    """Return the mean difference with Bland and Altman's limits, mean -+ 1.96 SD.

    About 95 % of people differ by less (Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8).
    Limits are NaN for one pair, everything for none.
    """
    d = np.asarray(difference, dtype=float)
    if not d.size:
        return Interval(np.nan, np.nan, np.nan)
    spread = float(np.std(d, ddof=1)) if d.size > 1 else np.nan
    half = float(stats.norm.ppf(0.975)) * spread
    return Interval(float(d.mean()), float(d.mean()) - half, float(d.mean()) + half)


def fit_line(
    x: npt.ArrayLike, y: npt.ArrayLike, *, x_se: npt.ArrayLike, y_se: npt.ArrayLike
) -> Line:
    """Fit a line when both sides have errors of known size, each pair its own: weighted Deming
    regression.

    With the same two errors for everybody it is Deming's line. York 2004, doi:10.1119/1.1632486,
    uncorrelated errors; the standard errors take the given errors as they are.

    Parameters
    ----------
    x, y : array_like
        shape (n,), at least three pairs.
    x_se, y_se : array_like
        shape (n,) or one number, above 0.

    Raises
    ------
    ValueError
        fewer than three pairs, an error that is not above 0, or no line to be found (no
        correlation).
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    wx, wy = (1 / np.broadcast_to(np.asarray(e, dtype=float), x.shape) ** 2 for e in (x_se, y_se))
    if x.size < MIN_PAIRS or not (np.all(np.isfinite(wx)) and np.all(np.isfinite(wy))):
        msg = "a line with errors in both needs three pairs and errors above 0"
        raise ValueError(msg)
    slope = _deming(x, y, ratio=float(np.mean(1 / wy) / np.mean(1 / wx)))
    for _ in range(MAX_STEPS):
        w, u, v, beta = _york_terms(x, y, wx, wy, slope)
        before, slope = slope, float(np.sum(w * beta * v) / np.sum(w * beta * u))
        if not np.isfinite(slope):
            break
        if abs(slope - before) <= SETTLED * max(abs(slope), 1.0):
            centre_x, centre_y = np.average(x, weights=w), np.average(y, weights=w)
            adjusted = centre_x + beta
            mean = float(np.average(adjusted, weights=w))
            slope_se = float(1 / np.sqrt(np.sum(w * (adjusted - mean) ** 2)))
            intercept_se = float(np.sqrt(1 / np.sum(w) + mean**2 * slope_se**2))
            return Line(slope, float(centre_y - slope * centre_x), slope_se, intercept_se)
    msg = "no line with errors in both was found: the two hardly correlate"
    raise ValueError(msg)


def _deming(x: Vector, y: Vector, *, ratio: float) -> float:
    """Slope when the errors are alike in everybody; `ratio`: variance of y's errors over that of
    x's.
    """
    sxx, syy = np.var(x), np.var(y)
    sxy = np.mean((x - x.mean()) * (y - y.mean()))
    if abs(sxy) <= ROUNDING * np.sqrt(sxx * syy):
        msg = "no line with errors in both was found: the two do not correlate"
        raise ValueError(msg)
    gap = syy - ratio * sxx
    return float((gap + np.sqrt(gap**2 + 4 * ratio * sxy**2)) / (2 * sxy))


def _york_terms(
    x: Vector, y: Vector, wx: Vector, wy: Vector, slope: float
) -> tuple[Vector, Vector, Vector, Vector]:
    """Return York's W, U, V and beta of every pair at this slope."""
    w = wx * wy / (wx + slope**2 * wy)
    u, v = x - np.average(x, weights=w), y - np.average(y, weights=w)
    return w, u, v, w * (u / wy + slope * v / wx)
