"""Where a tube's negatives lie, read from the histogram that travels with its fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.batch_tolerance import MIN_TUBES
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.robust import robust_sd

#: Standard deviation of the bell that smooths a histogram, transformed units: a third of a typical
#: peak's.
_BELL = 0.015
#: A peak stands so many standard errors above its saddles; a tube's negatives hold so much of it.
_SHARE, _Z = 0.02, 4.0
#: Fewer events show no peak; fewer than `_ENOUGH` may show another one by chance.
MIN_EVENTS, _ENOUGH = 100, 500
#: Negatives that lie no further from their batch's are never odd, transformed units: half a decade.
_NEAR = 0.11
_MADS = 5.0


def negative_places(histograms: FloatArray, x: FloatArray) -> FloatArray:
    """Return the mode of the lowest peak that is a good part of each tube; NaN where there is none.

    Parameters
    ----------
    histograms : FloatArray
        events per bin, shape (n_tubes, n_bins).
    x : FloatArray
        centres of the bins, evenly spaced.
    """
    return np.array([_negative_place(smooth, x) for smooth in _smoothed(histograms, x)])


def odd_negatives(
    histograms: FloatArray, x: FloatArray, places: FloatArray
) -> npt.NDArray[np.bool_]:
    """Return which tubes show no peak where the negatives of most tubes of the batch lie.

    A tube is odd when it lacks them, not when something else is lower or larger in it. Small tubes
    are not judged.

    Parameters
    ----------
    histograms, x : FloatArray
        as for `negative_places`.
    places : FloatArray
        of the tubes' negatives, what `negative_places` returned.
    """
    is_judged = histograms.sum(axis=1) >= _ENOUGH
    known = places[is_judged & np.isfinite(places)]
    odd = np.zeros(len(histograms), dtype=np.bool_)
    if known.size < MIN_TUBES:
        return odd
    centre = float(np.median(known))
    near = max(_NEAR, _MADS * robust_sd(known))
    away = np.flatnonzero(is_judged & ~(np.abs(places - centre) <= near))
    for tube, smooth in zip(away, _smoothed(histograms[away], x), strict=True):
        there = (abs(float(x[place]) - centre) <= near for place, _, z in _peaks(smooth) if z >= _Z)
        odd[tube] = not any(there)
    return odd


def _negative_place(smooth: FloatArray, x: FloatArray) -> float:
    large = (place for place, share, z in _peaks(smooth) if share >= _SHARE and z >= _Z)
    lowest = next(large, None)
    return float("nan") if lowest is None else float(x[lowest])


def _smoothed(histograms: FloatArray, x: FloatArray) -> FloatArray:
    width = _BELL / (x[1] - x[0]) if x.size > 1 else 1.0
    reach = int(4 * width + 0.5)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    bell /= bell.sum()
    padded = np.pad(histograms, ((0, 0), (reach, reach)))
    return np.array([np.convolve(one, bell, "valid") for one in padded])


def _peaks(smooth: FloatArray) -> Iterator[tuple[int, float, float]]:
    """Give bin, share of the events and significance of every peak, from left to right.

    A peak reaches as far as no higher one does; the significance is what stands above the higher of
    the two ways down to higher ones, in standard errors.
    """
    total = float(smooth.sum())
    if total < MIN_EVENTS:
        return
    is_rise = np.diff(smooth, prepend=0.0, append=0.0) > 0
    tops = np.flatnonzero(is_rise[:-1] & ~is_rise[1:]).tolist()
    heights = smooth[tops].tolist()
    for i, (top, height) in enumerate(zip(tops, heights, strict=True)):
        left = next((tops[k] for k in range(i - 1, -1, -1) if heights[k] > height), None)
        right = next((tops[k] for k in range(i + 1, len(tops)) if heights[k] >= height), None)
        begin, end, level = 0, smooth.size - 1, 0.0
        if left is not None:
            begin = left + int(np.argmin(smooth[left : top + 1]))
            level = float(smooth[begin])
        if right is not None:
            end = top + int(np.argmin(smooth[top : right + 1]))
            level = max(level, float(smooth[end]))
        lobe = smooth[begin : end + 1]
        over = float(np.sum(np.maximum(lobe - level, 0)))
        size = float(lobe.sum())
        yield top, size / total, over / float(np.sqrt(size + 1))
