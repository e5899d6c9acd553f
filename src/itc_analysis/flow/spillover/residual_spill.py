"""Is spill left in a compensated tube, or too much taken off? Pair by pair, and null where no event
can tell.

The events without a detector's marker must stay in their place where another fluorochrome is
bright. No cell emits negative light, so events that lie below zero there show over-compensation.
Events that lie higher there show spill only when they are otherwise the same cells: in a stained
sample the bright cells may as well be another kind, with more of the marker or more glow of their
own. That is for a person to judge.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD

#: Cofactor of the scale on which the place of the negative events is looked for.
_COFACTOR = 150.0
_PEAK_BINS = 200
#: Bins and bell by which a mode is found in instrument units, in widths of the negatives.
_BIN_OF_WIDTH, _BELL_OF_WIDTH, _MOST_BINS = 0.1, 0.5, 4000
#: Smoothing by 8 of 200 bins: bumps of counting go.
_BELL = np.exp(-0.5 * (np.arange(-24, 25) / 8.0) ** 2)
#: Dim events of a source lie below this quantile.
_DIM = 0.3
#: Bright ones lie beyond the middle between the dim ones and this quantile, on the asinh scale.
_BRIGHTEST = 0.995
#: Events of a source count as bright this far above its dim ones, instrument units.
_LEAST_STEP = 10 * _COFACTOR
#: An event as bright in so many colours, and in most of them, is a bead: no cell carries every
#: antibody.
_FEWEST_COLOURS_OF_A_BEAD = 3
#: Fewer events give no peak worth having, on either side.
MIN_EVENTS = 200
#: A smaller share of events without the detector's marker may be debris or dead cells.
_FEWEST_NEGATIVE = 0.2
#: The negative events of a detector end so many of their standard deviations above their peak.
_REACH = 3.0
#: A smaller slope has no reading.
_LEAST_SLOPE = 0.02
#: A slope within so many standard errors of zero is noise.
_CLEAR = 3.0
#: Standard error of a mode over that of a mean, about.
_MODE_ERROR = 2.0

OVER, UNDER = "over-compensated", "under-compensated, or occurring together"
COLUMNS = ("source", "detector", "slope", "standard_error", "reading", "reason")


def residual_spill(events: npt.NDArray[np.float32], names: list[str]) -> pd.DataFrame:
    """Return what every pair of channels of one compensated tube tells about spill.

    Parameters
    ----------
    events : numpy.ndarray
        compensated, instrument units, shape (n_channels, n_events).
    names : list of str
        of the channels.

    Returns
    -------
    pandas.DataFrame
        One row per source and detector: slope (units in the detector per unit of the source; null
        where it cannot be told), standard_error (by counting), reading (null where nothing is left)
        and reason (why null). Events that are bright in most channels at once (counting beads) are
        passed over.
    """
    scaled = np.arcsinh(np.asarray(events, dtype=np.float64) / _COFACTOR)
    n_bright = np.sum(scaled > np.arcsinh(_LEAST_STEP / _COFACTOR), axis=0)
    is_bead = (2 * n_bright > len(names)) & (n_bright >= _FEWEST_COLOURS_OF_A_BEAD)
    scaled = scaled[:, ~is_bead]
    # every detector is sorted once: of any events of it, in order, medians and quantiles are there
    orders = np.argsort(scaled, axis=1, kind="stable")
    in_order = np.take_along_axis(scaled, orders, axis=1)
    rows = []
    for i, source in enumerate(names):
        masks = _dim_and_bright(scaled[i])
        step = _step(scaled[i], *masks)
        for j, detector in enumerate(names):
            if i == j:
                continue
            row: dict[str, object] = {"source": source, "detector": detector}
            if step is None:
                row["reason"] = "no bright events of the source"
            else:
                dim, bright = (in_order[j][mask[orders[j]]] for mask in masks)
                row |= _told(dim, bright, step)
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _dim_and_bright(scaled: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Return the dim and the bright events of a source."""
    if scaled.size == 0:
        nobody = np.zeros(0, dtype=np.bool_)
        return nobody, nobody
    low, high = np.quantile(scaled, [_DIM, _BRIGHTEST])
    dim = scaled <= low
    return dim, scaled > (np.median(scaled[dim]) + high) / 2


def _step(scaled: FloatArray, dim: BoolArray, bright: BoolArray) -> float | None:
    """Return how much brighter the bright events are, instrument units; None when not by enough."""
    if np.count_nonzero(bright) < MIN_EVENTS or np.count_nonzero(dim) < MIN_EVENTS:
        return None
    step = _COFACTOR * float(np.sinh(np.median(scaled[bright])) - np.sinh(np.median(scaled[dim])))
    return step if step >= _LEAST_STEP else None


def _told(dim: FloatArray, bright: FloatArray, step: float) -> dict[str, object]:
    """Return slope, standard error and reading of a pair, or the reason why there is none.

    `dim` and `bright` are the detector's values where the source is dim and where it is bright, in
    ascending order, as are all arrays below.
    """
    mode = _mode(dim)
    reach = _REACH * _width(dim, mode)
    if mode - reach > 0:
        return {"reason": "no events without the detector's marker where the source is dim"}
    places, errors = [], []
    for events, where in ((dim, "dim"), (bright, "bright")):
        near = events[: np.searchsorted(events, mode + reach)]
        if near.size < max(MIN_EVENTS, _FEWEST_NEGATIVE * events.size):
            return {
                "reason": f"no events without the detector's marker where the source is {where}"
            }
        units = _COFACTOR * np.sinh(near)
        place = _centre(units)
        places.append(place)
        errors.append(_MODE_ERROR * _width(units, place) / np.sqrt(near.size))
    slope, error = (places[1] - places[0]) / step, float(np.hypot(*errors)) / step
    least = max(_LEAST_SLOPE, _CLEAR * error)
    reading = None
    if slope > least:
        reading = UNDER
    elif slope < -least and places[1] / step < -least:
        reading = OVER
    return {"slope": slope, "standard_error": error, "reading": reading}


def _centre(units: FloatArray) -> float:
    """Return the mode of negatives in instrument units.

    Where a bright dye widens them around zero, the asinh scale shows two peaks, and the lower one
    would pass for over-compensation.
    """
    median = _median(units)
    width = _width(units, median)
    low, high = _quantile(units, 0.005), _quantile(units, 0.995)
    if width <= 0 or low == high:
        return median
    n_bins = int(np.clip((high - low) / (_BIN_OF_WIDTH * width), 10, _MOST_BINS))
    counts, edges = _histogram(units, n_bins, low, high)
    sd = _BELL_OF_WIDTH * width / (edges[1] - edges[0])
    reach = int(3 * sd + 1)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sd) ** 2)
    # padded, for "same" keeps the longer of the two
    smooth = np.convolve(np.pad(counts, reach), bell, mode="valid")
    peak = int(np.argmax(smooth))
    return float((edges[peak] + edges[peak + 1]) / 2)


def _width(scaled: FloatArray, mode: float) -> float:
    """Return the standard deviation of a peak from the half below it, which holds no dim
    positives.
    """
    return MAD_TO_SD * (mode - _median(scaled[: np.searchsorted(scaled, mode, side="right")]))


def _mode(scaled: FloatArray) -> float:
    """Return the place of the lowest clear peak of a histogram."""
    low, high = _quantile(scaled, 0.005), _quantile(scaled, 0.995)
    if low == high:
        return low
    counts, edges = _histogram(scaled, _PEAK_BINS, low, high)
    smooth = np.convolve(counts, _BELL, mode="same")
    is_peak = (smooth[1:-1] >= smooth[:-2]) & (smooth[1:-1] > smooth[2:])
    is_clear = smooth[1:-1] > smooth.max() / 3  # as PeacoQC counts peaks
    found = np.flatnonzero(is_peak & is_clear)
    peak = int(found[0]) + 1 if found.size else int(np.argmax(smooth))
    return float((edges[peak] + edges[peak + 1]) / 2)


def _median(ascending: FloatArray) -> float:
    return _quantile(ascending, 0.5)


def _quantile(ascending: FloatArray, share: float) -> float:
    """Return a quantile between the two nearest values, as numpy's; NaN of nothing."""
    if ascending.size == 0:
        return float("nan")
    place = share * (ascending.size - 1)
    first = int(place)
    below, above = ascending[first], ascending[min(first + 1, ascending.size - 1)]
    return float(below + (above - below) * (place - first))


def _histogram(
    ascending: FloatArray, n_bins: int, low: float, high: float
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return counts and edges of equal bins, as numpy's."""
    edges = np.linspace(low, high, n_bins + 1)
    below = np.searchsorted(ascending, edges)
    below[-1] = np.searchsorted(ascending, high, side="right")
    return np.diff(below), edges
