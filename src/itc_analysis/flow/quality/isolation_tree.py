"""The isolation tree of PeacoQC: set windows apart whose peaks lie elsewhere than those of the
many.

A node is split where the standard deviation of a peak falls most; the largest leaf holds the steady
windows (Emmaneel 2022, doi:10.1002/cyto.a.24501; isolationTreeSD of the R package). All splits of a
node are judged at once from running sums.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import BoolArray

#: PeacoQC: nodes of three windows or fewer are not split.
_SMALLEST_NODE = 3


def find_isolated(peaks: npt.NDArray[np.float64], *, gain_limit: float) -> BoolArray:
    """Return which windows lie outside the largest leaf, shape (n_windows,).

    Parameters
    ----------
    peaks : numpy.ndarray
        position of each peak in each window, shape (n_windows, n_peaks).
    gain_limit : float
        smallest relative fall of the standard deviation that splits a node, 0..1; PeacoQC's default
        is 0.6, and a higher limit removes less.
    """
    n_windows = len(peaks)
    largest = np.zeros(n_windows, dtype=np.bool_)
    if peaks.shape[1] == 0:
        return largest
    deepest = math.ceil(math.log2(max(n_windows, 2)))
    nodes = [(np.arange(n_windows), 0)]
    leaf = np.empty(0, dtype=np.int64)
    while nodes:
        rows, depth = nodes.pop()
        if len(rows) <= len(leaf):  # no part of it can become the largest leaf
            continue
        split = _best_split(peaks[rows]) if len(rows) > _SMALLEST_NODE and depth < deepest else None
        if split is None or split[0] < gain_limit:
            leaf = rows
            continue
        _, column, value = split
        below = peaks[rows, column] <= value
        nodes += [(rows[below], depth + 1), (rows[~below], depth + 1)]
    largest[leaf] = True
    return ~largest


def _best_split(node: npt.NDArray[np.float64]) -> tuple[float, int, float] | None:
    """Return gain, peak and value (the left side ends there) of the best split; None without
    one.
    """
    n = len(node)
    ordered = np.sort(node, axis=0)
    centred = ordered - ordered.mean(axis=0)  # running sums of squares lose no digits
    whole = centred.std(axis=0, ddof=1)
    usable = whole > 0
    if not usable.any():
        return None
    sums, squares = np.cumsum(centred, axis=0), np.cumsum(centred**2, axis=0)
    size = np.arange(1, n)[:, None]
    left = _deviation(sums[:-1], squares[:-1], size)
    right = _deviation(sums[-1] - sums[:-1], squares[-1] - squares[:-1], n - size)
    gain = np.full((n - 1, node.shape[1]), -np.inf)
    gain[:, usable] = 1 - (left + right)[:, usable] / (2 * whole[usable])
    gain[ordered[1:] == ordered[:-1]] = -np.inf  # equal values cannot be set apart
    best = int(np.argmax(gain))
    row, column = divmod(best, node.shape[1])
    if not np.isfinite(gain[row, column]):
        return None
    return float(gain[row, column]), column, float(ordered[row, column])


def _deviation(
    sums: npt.NDArray[np.float64],
    squares: npt.NDArray[np.float64],
    size: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return the standard deviation of each side; 0 for a single value, as in PeacoQC."""
    variance = np.maximum(squares - sums**2 / size, 0) / np.maximum(size - 1, 1)
    return np.where(size > 1, np.sqrt(variance), 0)
