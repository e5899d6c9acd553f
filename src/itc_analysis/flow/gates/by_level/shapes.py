"""The form of one level of a marker: a two-piece Student distribution on a grid of bins.

Four parameters: mode, logarithms of the spread left and right of it, logarithm of the degrees of
freedom. Weak prior distributions keep them where cells have been seen to lie (a spread of a tenth
to a third of a decade, the two sides alike within a factor of two, tails between normal and very
heavy) when the data say nothing.
"""

from __future__ import annotations

import itertools

import numpy as np

from itc_analysis.statistics.arrays import FloatArray

#: Parameters of a level: mode, log left spread, log right spread, log degrees of freedom.
N_SHAPE = 4
#: Prior means and standard deviations of: log spread (mean of both sides), their difference, log
#: degrees of freedom.
_SPREAD, _SPREAD_SD = np.log(0.04), 0.6
_SKEW_SD = 0.5
_FREEDOM, _FREEDOM_SD = np.log(8.0), 0.6
_NARROWEST, _WIDEST = np.log(0.008), np.log(0.25)
_LEAST_FREEDOM, _MOST_FREEDOM = np.log(2.2), np.log(80.0)
_FEWEST = 1e-12
#: Places of the starts, as parts of the way from the negatives to the brightest.
_START_QUANTILES = (0.1, 0.25, 0.45, 0.6, 0.75, 0.9)


def per_bin(x: FloatArray, shapes: FloatArray) -> FloatArray:
    """Return the share of each level in each bin, shape (n_levels, n_bins); rows add up to 1."""
    return np.asarray(per_bin_shifted(x, shapes, np.zeros(1))[0])


def per_bin_shifted(x: FloatArray, shapes: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return the same for tubes whose levels are all shifted, shape (n_tubes, n_levels, n_bins)."""
    away, scale, degrees = _standing(x, shapes, shifts)
    density = np.exp(-(degrees + 1) / 2 * np.log1p((away / scale) ** 2 / degrees))
    return np.asarray(density / density.sum(axis=2, keepdims=True), dtype=np.float64)


def _standing(
    x: FloatArray, shapes: FloatArray, shifts: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return each bin's distance from the mode, the spread on its side, and degrees of freedom."""
    mode, left, right, freedom = shapes.T
    away = x[None, None, :] - shifts[:, None, None] - mode[None, :, None]
    scale = np.where(away < 0, np.exp(left)[None, :, None], np.exp(right)[None, :, None])
    return away, scale, np.exp(freedom)[None, :, None]


def gradients(
    x: FloatArray, shapes: FloatArray, shifts: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return `per_bin_shifted`, its gradient by the shape parameters, and by the shift.

    Returns
    -------
    tuple of (FloatArray, FloatArray, FloatArray)
        (n_tubes, n_levels, n_bins), (n_tubes, n_levels, N_SHAPE, n_bins), (n_tubes, n_levels,
        n_bins).
    """
    away, scale, degrees = _standing(x, shapes, shifts)
    squared = (away / scale) ** 2 / degrees
    density = np.exp(-(degrees + 1) / 2 * np.log1p(squared))
    density /= density.sum(axis=2, keepdims=True)
    # of the logarithm of the density, before its bins add up to 1
    pull = (degrees + 1) * squared / (1 + squared)
    by_mode = (degrees + 1) / degrees * away / scale**2 / (1 + squared)
    by_freedom = (pull - degrees * np.log1p(squared)) / 2
    is_left = away < 0
    slopes = np.stack(
        [by_mode, np.where(is_left, pull, 0), np.where(is_left, 0, pull), by_freedom], axis=2
    )
    own = density[:, :, None, :]
    by_shape = own * (slopes - (own * slopes).sum(axis=3, keepdims=True))
    return density, by_shape, by_shape[:, :, 0]


def penalty(shapes: FloatArray) -> float:
    """Return -2 log prior of the shapes."""
    _, left, right, freedom = shapes.T
    terms = (
        (((left + right) / 2 - _SPREAD) / _SPREAD_SD) ** 2
        + ((left - right) / _SKEW_SD) ** 2
        + ((freedom - _FREEDOM) / _FREEDOM_SD) ** 2
    )
    return float(terms.sum())


def penalty_gradient(shapes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return slope and (diagonal) curvature of half the penalty, flat."""
    _, left, right, freedom = shapes.T
    middle = ((left + right) / 2 - _SPREAD) / _SPREAD_SD**2 / 2
    skew = (left - right) / _SKEW_SD**2
    slope = np.stack(
        [
            np.zeros(len(shapes)),
            middle + skew,
            middle - skew,
            (freedom - _FREEDOM) / _FREEDOM_SD**2,
        ],
        axis=1,
    )
    spread = 1 / (4 * _SPREAD_SD**2) + 1 / _SKEW_SD**2
    curvature = np.tile([0.0, spread, spread, 1 / _FREEDOM_SD**2], (len(shapes), 1))
    return slope.ravel(), curvature.ravel()


def bounded(shapes: FloatArray) -> FloatArray:
    """Return shapes within what a level can be."""
    low = np.array([-np.inf, _NARROWEST, _NARROWEST, _LEAST_FREEDOM])
    high = np.array([np.inf, _WIDEST, _WIDEST, _MOST_FREEDOM])
    return np.clip(shapes, low, high)


def from_moments(x: FloatArray, mass: FloatArray, shapes: FloatArray) -> FloatArray:
    """Return symmetrical shapes with mode and spread of weighted events; a cheap step."""
    total = mass.sum(axis=1) + _FEWEST
    middle = mass @ x / total
    spread = np.sqrt(np.maximum((mass * (x - middle[:, None]) ** 2).sum(axis=1) / total, 1e-6))
    moved = shapes.copy()
    # the prior counts as ten events, so that no level sinks into a bin
    log_spread = (total * np.log(spread) + 10 * _SPREAD) / (total + 10) - 0.1
    moved[:, 0] = middle
    moved[:, 1] = moved[:, 2] = log_spread
    return bounded(moved)


def starts(histograms: FloatArray, x: FloatArray, n_levels: int) -> list[FloatArray]:
    """Return shapes to start from: negatives at the lowest tenth, the others at places above them.

    Places are quantiles of the tubes' mean shares, so that a tube with many events does not decide
    alone.
    """
    shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1)
    mean = np.cumsum(shares.mean(axis=0))
    mean /= mean[-1]
    lowest = float(np.interp(0.1, mean, x))
    top = float(np.interp(0.995, mean, x))
    places = [lowest + (top - lowest) * q for q in _START_QUANTILES]
    found = []
    for chosen in itertools.combinations(places, n_levels - 1):
        shape = np.array([[at, _SPREAD, _SPREAD, _FREEDOM] for at in (lowest, *chosen)])
        found.append(shape)
    return found
