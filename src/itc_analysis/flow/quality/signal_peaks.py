"""Where the density of a channel peaks, window by window along the acquisition.

The peaks of PeacoQC (Emmaneel 2022, doi:10.1002/cyto.a.24501): negative and positive cells keep
their place on the scale while the instrument runs steadily, whatever their numbers do. Here all
windows of a channel are smoothed in one matrix product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.robust import quantiles

#: Grid of the densities; positions between its points are interpolated.
N_LEVELS = 256
#: The grid leaves out this share of the values at either end: wild values would make it coarse.
_TAIL = 0.001
#: Values that give quantiles and spread well enough to lay the grid.
_ENOUGH = 20_000
#: PeacoQC: lower maxima are bumps, not peaks.
_LOWEST_PEAK = 1 / 3
#: A window follows a peak of the tube also where it is up to half as high or twice as high as
#: usual: else a peak that falls below the third would seem to jump to where its neighbour lies.
_HEIGHT_FACTOR = 2.0
#: A peak that fewer than half of the windows show is no reference for the others, and one that is
#: seen in fewer than half of the tenths of the acquisition is strange to the tube.
_SEEN_IN, _TENTHS = 0.5, 10
#: Silverman's rule of thumb (1986), the default of R's density().
_SILVERMAN, _IQR_TO_SD = 0.9, 1.349
#: Beyond this many bandwidths a Gaussian is below a float32's precision.
_KERNEL_REACH = 5.0


def track_peaks(
    values: npt.NDArray[np.float32], step: npt.NDArray[np.int64], n_steps: int
) -> FloatArray:
    """Return the position of each steady peak of a channel in each window.

    Parameters
    ----------
    values : numpy.ndarray
        one channel on its scale, shape (n_values,), finite.
    step : numpy.ndarray
        the step of each value, 0..n_steps - 1, ascending.
    n_steps : int
        steps of the acquisition; window i is made of the steps i and i + 1.

    Returns
    -------
    FloatArray
        Shape (n_steps - 1, n_peaks), on the scale of the values; NaN where a window lacks the peak.
        No column when all values are equal.
    """
    sample = values[:: max(1, len(values) // _ENOUGH)]
    low, quarter, three_quarters, high = quantiles(sample, [_TAIL, 0.25, 0.75, 1 - _TAIL])
    spread = float(sample.std())
    iqr = float(three_quarters - quarter) / _IQR_TO_SD
    width = min(spread, iqr) if iqr > 0 else spread
    if not (high > low and width > 0):
        return np.empty((n_steps - 1, 0))
    per_window = 2 * len(values) / n_steps
    grid = (high - low) / (N_LEVELS - 1)
    bandwidth = max(_SILVERMAN * width * per_window**-0.2 / grid, 1.0)
    level = values - np.float32(low)
    level *= np.float32(1 / grid)
    level += np.float32(0.5)
    np.clip(level, 0, N_LEVELS - 1, out=level)
    cell = level.astype(np.int64)
    cell += step * N_LEVELS
    counts = np.bincount(cell, minlength=n_steps * N_LEVELS).reshape(n_steps, N_LEVELS)
    # Events beyond the grid were put on its ends, where they must not look like a peak.
    counts[:, [0, -1]] = 0
    windows = (counts[:-1] + counts[1:]).astype(np.float32)
    window, position, height = _find_maxima(windows @ _kernel(bandwidth))
    if not np.any(height > _LOWEST_PEAK):
        return np.empty((n_steps - 1, 0))
    tracks = _tracks(window, position, height, n_windows=len(windows), bandwidth=bandwidth)
    return float(low) + tracks * float(grid)


def _kernel(bandwidth: float) -> npt.NDArray[np.float32]:
    """Return the matrix that smooths a histogram, shape (N_LEVELS, N_LEVELS)."""
    distance = np.arange(1 - N_LEVELS, N_LEVELS) / bandwidth
    bell = np.where(np.abs(distance) < _KERNEL_REACH, np.exp(-0.5 * distance**2), 0)
    # Row i is the bell curve around level i.
    rows = np.lib.stride_tricks.sliding_window_view(bell.astype(np.float32), N_LEVELS)[::-1]
    return np.ascontiguousarray(rows)


def _find_maxima(
    density: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray]:
    """Return window, level (interpolated) and height (over the window's highest) of all maxima."""
    middle, left, right = density[:, 1:-1], density[:, :-2], density[:, 2:]
    highest = density.max(axis=1)
    lowest = (_LOWEST_PEAK / _HEIGHT_FACTOR) * highest[:, None]
    window, level = np.nonzero((middle > left) & (middle >= right) & (middle > lowest))
    a, b, c = (side[window, level].astype(np.float64) for side in (left, middle, right))
    curvature = a - 2 * b + c
    shift = np.divide(a - c, 2 * curvature, out=np.zeros_like(a), where=curvature < 0)
    place = np.asarray(level + 1 + shift, dtype=np.float64)
    return np.asarray(window, dtype=np.int64), place, np.asarray(b / highest[window], np.float64)


def _tracks(
    window: npt.NDArray[np.int64],
    position: FloatArray,
    height: FloatArray,
    *,
    n_windows: int,
    bandwidth: float,
) -> FloatArray:
    """Return which maximum of each window belongs to which peak of the tube, as `track_peaks`."""
    mode = np.searchsorted(_borders(position[height > _LOWEST_PEAK], bandwidth), position)
    seen = np.zeros((int(mode.max()) + 1, n_windows), dtype=np.bool_)
    seen[mode[height > _LOWEST_PEAK], window[height > _LOWEST_PEAK]] = True
    steady = np.flatnonzero(seen.mean(axis=1) >= _SEEN_IN)
    if steady.size == 0:
        return np.empty((n_windows, 0))
    tracks = np.full((n_windows, len(steady)), np.nan)
    for column, own in zip(tracks.T, steady, strict=True):
        _put_nearest(column, window, position, mode == own)
    centres = np.nanmedian(tracks, axis=0)
    heights = np.array([np.median(height[mode == own]) for own in steady])
    # A maximum where the tube shows none at other times is a peak that has moved, when the peak
    # that it comes from is missing in its place and as high.
    parts = np.array_split(np.arange(n_windows), _TENTHS)
    in_parts = np.stack([seen[:, part].any(axis=1) for part in parts], axis=1)
    is_strange = (in_parts.mean(axis=1) < _SEEN_IN)[mode] & (height > _LOWEST_PEAK)
    origin = np.argmin(np.abs(position[:, None] - centres[None, :]), axis=1)
    ratio = height / heights[origin]
    moved = is_strange & (ratio < _HEIGHT_FACTOR) & (ratio > 1 / _HEIGHT_FACTOR)
    for i, column in enumerate(tracks.T):
        missing = np.isnan(column)
        _put_nearest(column, window, position, moved & (origin == i) & missing[window])
    return tracks


def _borders(position: FloatArray, bandwidth: float) -> FloatArray:
    """Return the levels between the modes at which the maxima of all windows lie, ascending."""
    # Maxima closer than the bandwidth cannot be told apart in one window either.
    counts = np.bincount(position.astype(np.int64), minlength=N_LEVELS).astype(np.float32)
    smooth = counts @ _kernel(bandwidth)
    is_valley = (smooth[1:-1] <= smooth[:-2]) & (smooth[1:-1] < smooth[2:])
    return np.flatnonzero(is_valley).astype(np.float64) + 1.5


def _put_nearest(
    column: FloatArray,
    window: npt.NDArray[np.int64],
    position: FloatArray,
    own: npt.NDArray[np.bool_],
) -> None:
    """Write the positions into their windows; of several in one, that nearest to the median."""
    if own.any():
        # Of two maxima of a window the nearer one counts: it is written last.
        order = np.argsort(-np.abs(position[own] - np.median(position[own])), kind="stable")
        column[window[own][order]] = position[own][order]
