"""Where a tube's negatives lie, read from the histogram that travels with its fit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.batch_tolerance import MAD_TO_SD

FloatArray = npt.NDArray[np.float64]

#: Standard deviation of the bell that smooths a histogram, transformed units: a third of a typical
#: peak's.
_BELL = 0.015
#: A peak holds at least this share of the events, or so many standard errors more than its saddle.
_SHARE, _Z = 0.02, 4.0
#: Fewer events show no peak; fewer than `_ENOUGH` may show another one by chance.
MIN_EVENTS, _ENOUGH = 100, 500
#: Negatives that lie no further from their batch's are never odd, transformed units: half a decade.
_NEAR = 0.11
_MADS = 5.0


def negative_places(histograms: FloatArray, x: FloatArray) -> FloatArray:
    """Return the mode of the lowest peak that is more than noise of each tube; NaN where too few
    events show none.

    Parameters
    ----------
    histograms : events per bin, shape (n_tubes, n_bins).
    x : centres of the bins, evenly spaced.
    """
    if x.size < 2:
        return np.full(len(histograms), np.nan)
    width = _BELL / (x[1] - x[0])
    reach = int(4 * width + 0.5)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    bell /= bell.sum()
    return np.array([_lowest(np.convolve(one, bell, "same"), x) for one in histograms])


def odd_negatives(places: FloatArray, n_events: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which tubes' negatives lie elsewhere than those of most tubes of the batch.

    Parameters
    ----------
    places : of `negative_places`.
    n_events : of each tube; small ones are not judged.
    """
    places = np.where(n_events >= _ENOUGH, places, np.nan)
    known = places[np.isfinite(places)]
    if known.size < 3:
        return np.zeros(places.size, dtype=np.bool_)
    centre = float(np.median(known))
    spread = MAD_TO_SD * float(np.median(np.abs(known - centre)))
    far = np.abs(places - centre) > max(_NEAR, _MADS * spread)
    return np.asarray(far & np.isfinite(places), dtype=np.bool_)


def _lowest(smooth: FloatArray, x: FloatArray) -> float:
    total = float(smooth.sum())
    if total < MIN_EVENTS:
        return float("nan")
    peaks = np.flatnonzero((smooth[1:-1] > smooth[:-2]) & (smooth[1:-1] >= smooth[2:])) + 1
    begin = 0
    for peak, following in zip(peaks, [*peaks[1:], None], strict=True):
        if following is None:
            break
        saddle = int(peak + np.argmin(smooth[peak : following + 1]))
        lobe = smooth[begin : saddle + 1]
        over = float(np.sum(np.maximum(lobe - smooth[saddle], 0)))
        if over >= _SHARE * total and over >= _Z * np.sqrt(float(lobe.sum()) + 1):
            return float(x[peak])
        if smooth[peak] <= smooth[following]:
            continue  # a shoulder of the next one
        return float(x[peak])
    return float(x[peaks[-1]]) if peaks.size else float(x[int(np.argmax(smooth))])
