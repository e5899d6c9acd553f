"""Where exactly an unsteady stretch begins and ends, once it is known which steps it lies in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Steps beyond a found edge in which the true one may lie: as far as the smoothing of peaks
#: reaches.
_REACH = 10
#: Disturbances often fade in and out: an event belongs to one from this part of its shift on.
_LEAST_SHIFT = 0.25
#: Directions in which channels hardly vary by themselves would get weights from rounding errors.
_SINGULAR = 1e-6


def place_edges(
    signals: npt.NDArray[np.float32],
    step: npt.NDArray[np.int64],
    steady: npt.NDArray[np.bool_],
    *,
    first: int,
    last: int,
) -> tuple[int, int]:
    """Return the first value of an unsteady stretch and the one after its last.

    Values are weighed by Fisher's linear discriminant between the middle of the stretch and the
    steady rest of the tube; an edge is where the running sum of the weights turns, which is the
    most likely place for normal signals of equal variance.

    Parameters
    ----------
    signals : numpy.ndarray
        shape (n_channels, n_values), in the order of acquisition.
    step : numpy.ndarray
        the step of each value, ascending.
    steady : numpy.ndarray
        shape (n_steps,); true for steps that lie in no unsteady stretch.
    first, last : int
        the steps in which the stretch was found, both included.
    """
    n_steps = len(steady)
    core = slice(
        *np.searchsorted(step, [first + 1, last])
        if last - first > 1
        else np.searchsorted(step, [first, last + 1])
    )
    rest = signals[:, steady[step]]
    if rest.shape[1] == 0:
        return _span(step, first, last)
    inside = signals[:, core].mean(axis=1, dtype=np.float64)
    outside = rest.mean(axis=1, dtype=np.float64)
    weight = np.linalg.lstsq(np.atleast_2d(np.cov(rest)), inside - outside, rcond=_SINGULAR)[0]
    limit = float(weight @ (outside + _LEAST_SHIFT * (inside - outside)))

    half = (first + last + 1) // 2
    reach = max(_REACH, (last - first) // 4)
    before, after = max(first - reach, 0), min(last + reach, n_steps - 1)
    # Neighbouring stretches keep what is theirs: the zone ends where another one begins.
    left, right = _span(step, before, half - 1)
    running = np.cumsum(weight @ signals[:, left:right] - limit)
    begin = left + _turn(-running)
    left, right = _span(step, half, after)
    running = np.cumsum(weight @ signals[:, left:right] - limit)
    return begin, left + _turn(running)


def _turn(running: npt.NDArray[np.float64]) -> int:
    """Return how many values lie before the highest point of a sum that starts at 0."""
    return int(np.argmax(np.concatenate([[0.0], running])))


def _span(step: npt.NDArray[np.int64], first: int, last: int) -> tuple[int, int]:
    """Return the first value of a step and the one after the last of another."""
    begin, end = np.searchsorted(step, [first, last + 1])
    return int(begin), int(end)
