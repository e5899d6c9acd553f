"""Was the instrument steady? Flow rate and signals along the acquisition, and what to leave out.

PeacoQC's method (Emmaneel 2022, doi:10.1002/cyto.a.24501): windows of equal numbers of events that
overlap by half, the density peaks of every channel in each, an isolation tree and median absolute
deviations to find windows whose peaks lie elsewhere. Three things are added: the flow rate is
judged too, a deviation must also exceed what counting explains, and the edges of an unsteady
stretch are placed between events rather than between windows, so that few steady events go with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.flow.quality.isolation_tree import find_isolated
from itc_analysis.flow.quality.signal_peaks import track_peaks
from itc_analysis.flow.quality.stretch_edges import place_edges
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD, robust_sd

#: PeacoQC: windows of at least 150 events, here made of two steps, and at most 500 windows.
EVENTS_PER_STEP = 75
_MAX_STEPS = 501
#: Fewer steps do not show what is usual in a tube.
MIN_STEPS = 20
#: Events of a step that are looked at; more of them place a peak no better than is needed.
_LOOKED_AT = 500
#: PeacoQC: fewer windows are too few for the isolation tree.
_WINDOWS_FOR_TREE = 150
#: PeacoQC: steady stretches shorter than this between unsteady ones go with them.
_SHORTEST_STEADY = 5
#: Standard deviation, in windows, of the Gaussian that smooths a peak along time (PeacoQC: a
#: spline).
_SMOOTHING = 1.5
#: Windows of the running median before it: a flip of two windows, which share events, goes.
_MEDIAN_OF = 5
#: This quantile of a normal distribution's absolute values, in standard deviations.
_TAIL, _TAIL_TO_SD = 0.95, 1.96
#: A duration of fewer ticks of the clock is too coarse to judge.
_TICKS_PER_GROUP = 20
#: PeacoQC: a channel drifts when its smoothed signal sets a new record in 3/4 of the windows.
_DRIFT_RECORDS = 0.75
#: PeacoQC's limit of the isolation tree (IT_limit).
_TREE_GAIN = 0.6
_TENTHS = 10


@dataclass(frozen=True)
class Acquisition:
    """The acquisition of one tube in steps of equal numbers of events.

    Parameters
    ----------
    unsteady : numpy.ndarray
        shape (n_events,); true for events to leave out.
    edges : numpy.ndarray
        first event of each step and the end of the last, shape (n_steps + 1,).
    start : FloatArray
        time of the first event of each step, in the clock's unit, shape (n_steps,).
    rate : FloatArray
        events per unit of time in each step, shape (n_steps,).
    deviation : FloatArray
        of the signals in each step, in robust standard deviations; shape (n_steps,).
    channel : numpy.ndarray
        the channel that deviates most in each step, its index; shape (n_steps,).
    drifting : tuple of int
        channels whose signal rises or falls throughout, their indices.
    """

    unsteady: BoolArray
    edges: npt.NDArray[np.int64]
    start: FloatArray
    rate: FloatArray
    deviation: FloatArray
    channel: npt.NDArray[np.int64]
    drifting: tuple[int, ...]


def steps_of(n_events: int) -> npt.NDArray[np.int64]:
    """Return the edges of the steps of a tube, shape (n_steps + 1,)."""
    n_steps = min(_MAX_STEPS, n_events // EVENTS_PER_STEP)
    return np.linspace(0, n_events, max(n_steps, 1) + 1).astype(np.int64)


def looked_at(edges: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return which events are enough to judge the steps: every k-th, in the order of
    acquisition.
    """
    largest = int(np.diff(edges).max())
    return np.arange(0, edges[-1], max(1, -(-largest // _LOOKED_AT)), dtype=np.int64)


def judge_acquisition(
    signals: npt.NDArray[np.float32],
    clock: npt.NDArray[np.float32],
    *,
    outlier_mads: float,
) -> Acquisition:
    """Find the unsteady stretches of an acquisition.

    Parameters
    ----------
    signals : numpy.ndarray
        channels on their scale (compensated when there is a matrix), finite, shape (n_channels,
        n_looked_at): the events that ``looked_at(steps_of(n_events))`` names.
    clock : numpy.ndarray
        Time of all events, not decreasing but for single jumps, shape (n_events,).
    outlier_mads : float
        a peak, or the flow rate, this many robust standard deviations from the tube's median is
        unsteady.

    Raises
    ------
    ValueError
        fewer than `MIN_STEPS` steps.
    """
    edges = steps_of(len(clock))
    n_steps = len(edges) - 1
    if n_steps < MIN_STEPS:
        msg = f"{n_steps} steps do not show what is usual, {MIN_STEPS} are needed"
        raise ValueError(msg)
    index = looked_at(edges)
    step = np.searchsorted(edges, index, side="right") - 1
    tracks, owner = _all_tracks(signals, step, n_steps)
    drifting = _drifting(tracks, owner)
    # A slow drift has no steady part to go back to: it is said, and other channels decide.
    score = np.where(np.isin(owner, drifting), 0, _deviations(tracks))
    bad = np.any(score > outlier_mads, axis=1)
    if len(bad) >= _WINDOWS_FOR_TREE:
        others = ~np.isin(owner, drifting)
        bad |= find_isolated(_smoothed(_filled(tracks[:, others])), gain_limit=_TREE_GAIN)
    bad = _without_short_gaps(bad)

    unsteady = np.zeros(len(clock), dtype=np.bool_)
    for first, last in runs(bad):
        begin, end = place_edges(signals, step, ~_covered(bad), first=first, last=last + 1)
        # Disturbances fade: a step more on either side goes, as overlapping windows do in PeacoQC.
        after = index[end] if end < len(index) else len(clock)
        guard = len(clock) // n_steps
        unsteady[max(int(index[begin]) - guard, 0) : after + guard] = True
    duration, tick = _durations(clock, edges)
    odd_rate = _odd_rates(duration, tick, np.diff(edges), outlier_mads)
    for first, last in runs(odd_rate):
        # The neighbours may hold the rest of the same disturbance.
        unsteady[edges[max(first - 1, 0)] : edges[min(last + 2, n_steps)]] = True

    highest = np.maximum(np.vstack([score[:1], score]), np.vstack([score, score[-1:]]))
    worst = np.argmax(highest, axis=1)
    return Acquisition(
        unsteady=unsteady,
        edges=edges,
        start=clock[edges[:-1]].astype(np.float64),
        rate=np.diff(edges) / np.maximum(duration, tick),
        deviation=highest[np.arange(n_steps), worst],
        channel=owner[worst],
        drifting=drifting,
    )


def timeline_table(acquisition: Acquisition, names: list[str]) -> pd.DataFrame:
    """Return the acquisition as a table, one row per step, for `plot_quality_over_time`.

    Parameters
    ----------
    acquisition : Acquisition
        of one tube.
    names : list of str
        of the channels that were judged, in their order.

    Returns
    -------
    pandas.DataFrame
        Columns step, start (time), n_events, events_per_second, share_removed (0..1), deviation
        (robust standard deviations of the most deviating peak) and channel (where it lies).
    """
    removed = np.add.reduceat(acquisition.unsteady.astype(np.int64), acquisition.edges[:-1])
    n_events = np.diff(acquisition.edges)
    return pd.DataFrame(
        {
            "step": np.arange(len(n_events)),
            "start": acquisition.start,
            "n_events": n_events,
            "events_per_second": acquisition.rate,
            "share_removed": removed / n_events,
            "deviation": acquisition.deviation,
            "channel": pd.array([names[i] for i in acquisition.channel], dtype="string"),
        }
    )


def _all_tracks(
    signals: npt.NDArray[np.float32], step: npt.NDArray[np.int64], n_steps: int
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return the peaks of all channels side by side, and the channel of each."""
    per_channel = [track_peaks(values, step, n_steps) for values in signals]
    owner = np.repeat(np.arange(len(signals)), [tracks.shape[1] for tracks in per_channel])
    if owner.size == 0:  # no channel varies: the flow rate alone is judged
        return np.zeros((n_steps - 1, 1)), np.zeros(1, dtype=np.int64)
    return np.concatenate(per_channel, axis=1), owner


def _filled(tracks: FloatArray) -> FloatArray:
    """Put the median where a window lacks a peak, as in PeacoQC: it cannot be an outlier there."""
    return np.where(np.isfinite(tracks), tracks, _medians(tracks))


def _medians(tracks: FloatArray) -> FloatArray:
    """Return the median of each peak; 0 for one that no window shows."""
    shown = np.where(np.isfinite(tracks).any(axis=0), tracks, 0.0)
    return np.asarray(np.nanmedian(shown, axis=0))


def _smoothed(tracks: FloatArray) -> FloatArray:
    """Smooth each peak along time: a running median, then a Gaussian."""
    # Where two maxima of a broad peak are equally high, single windows flip between them.
    half = _MEDIAN_OF // 2
    padded = np.pad(tracks, ((half, half), (0, 0)), mode="reflect")
    tracks = np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_OF, axis=0), axis=2)
    reach = int(np.ceil(3 * _SMOOTHING))
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTHING) ** 2)
    padded = np.pad(tracks, ((reach, reach), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(weight), axis=0)
    return np.asarray(windows @ (weight / weight.sum()))


def _deviations(tracks: FloatArray) -> FloatArray:
    """Return how far each smoothed peak lies from its median, in robust standard deviations."""
    smooth = _smoothed(_filled(tracks))
    distance = np.abs(smooth - np.median(smooth, axis=0))
    spread = MAD_TO_SD * np.median(distance, axis=0)
    # Never stricter than counting allows: windows two apart share no event, so their difference
    # shows the noise of a peak whatever the instrument does. Smoothing leaves so much of it:
    left_over = np.sqrt(2 / (2 * np.sqrt(np.pi) * _SMOOTHING))
    noise = _noise(tracks) * left_over
    return np.asarray(distance / np.maximum(np.maximum(spread, noise), np.finfo(np.float32).eps))


def _noise(tracks: FloatArray) -> FloatArray:
    """Return the standard deviation of each peak in a single window, whatever the trend.

    From the differences of windows that share no event: by their median, or by their tail where
    some windows differ much from the next all along the acquisition.
    """
    change = np.abs(tracks[2:] - tracks[:-2])
    change[:, ~np.isfinite(change).any(axis=0)] = 0  # seen in too few windows to tell
    median, tail = np.nanquantile(change, [0.5, _TAIL], axis=0)
    return np.asarray(np.maximum(MAD_TO_SD * median, tail / _TAIL_TO_SD) / np.sqrt(2))


def _without_short_gaps(bad: BoolArray) -> BoolArray:
    """Return the unsteady windows with the short steady stretches between them."""
    closed = bad.copy()
    for first, last in runs(~bad):
        inside = first > 0 and last < len(bad) - 1
        if inside and last - first + 1 < _SHORTEST_STEADY:
            closed[first : last + 1] = True
    return closed


def _covered(bad: BoolArray) -> BoolArray:
    """Return the steps that lie in an unsteady window."""
    return np.asarray(np.append(bad, False) | np.append(False, bad))


def runs(mask: BoolArray) -> list[tuple[int, int]]:
    """Return first and last index of each run of true values."""
    change = np.diff(np.concatenate([[0], mask.astype(np.int8), [0]]))
    first, after = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return [(int(a), int(b) - 1) for a, b in zip(first, after, strict=True)]


def _odd_rates(
    duration: FloatArray, tick: float, n_events: npt.NDArray[np.int64], mads: float
) -> BoolArray:
    """Return the steps that took much longer or shorter than the others.

    Steps are judged by themselves, and in groups where the clock is too coarse for single steps.
    """
    n_steps = len(duration)
    usual = float(np.median(duration))
    group = int(
        np.clip(np.ceil(_TICKS_PER_GROUP * tick / max(usual, tick)), 1, n_steps // MIN_STEPS)
    )
    odd = np.zeros(n_steps, dtype=np.bool_)
    for size in sorted({1, group}):
        first = np.arange(0, n_steps, size)
        time, n = np.add.reduceat(duration, first), np.add.reduceat(n_events, first)
        log_rate = np.log(n / np.maximum(time, tick / 2))
        # By counting; what lasts less than a tick of the clock only says so.
        error = np.sqrt(1 / n + (tick / np.maximum(time, tick)) ** 2)
        distance = np.abs(log_rate - np.median(log_rate))
        spread = robust_sd(log_rate)
        found = distance > mads * np.maximum(spread, error)
        for low, high in runs(np.repeat(found, size)[:n_steps]):
            low, high = _rate_edges(duration, n_events, low, high, tick=tick, reach=size)
            odd[low : high + 1] = True
    return odd


def _rate_edges(
    duration: FloatArray,
    n_events: npt.NDArray[np.int64],
    low: int,
    high: int,
    *,
    tick: float,
    reach: int,
) -> tuple[int, int]:
    """Return the first and the last step of an odd flow rate, by the likelihood of its events."""
    inside = float(n_events[low : high + 1].sum() / max(duration[low : high + 1].sum(), tick))
    usual = float(np.median(n_events) / max(np.median(duration), tick))
    if inside == usual:
        return low, high
    # Poisson: how much likelier the events of a step are at the odd rate than at the usual one.
    score = n_events * np.log(inside / usual) - (inside - usual) * duration
    middle = (low + high + 1) // 2
    first, last = max(low - reach, 0), min(high + reach, len(duration) - 1)
    before = np.cumsum(score[first:middle])
    after = np.cumsum(score[middle : last + 1])
    begin = first + int(np.argmax(np.concatenate([[0.0], -before])))
    return begin, max(middle - 1 + int(np.argmax(np.concatenate([[0.0], after]))), begin)


def _durations(
    clock: npt.NDArray[np.float32], edges: npt.NDArray[np.int64]
) -> tuple[FloatArray, float]:
    """Return how long each step lasts, and the tick of the clock."""
    start = clock[edges[:-1]].astype(np.float64)
    # The last step has no successor: its own events, stretched by the interval that is missing.
    n_last = int(edges[-1] - edges[-2])
    last = float(clock[-1]) - start[-1]
    duration = np.append(np.diff(start), last * n_last / max(n_last - 1, 1))
    ticks = np.diff(clock)
    tick = float(ticks[ticks > 0].min(initial=np.inf))
    # A clock that jumps back says nothing about the step it jumps in: taken for usual.
    usual = float(np.median(duration[duration > 0])) if np.any(duration > 0) else 1.0
    return np.where(duration < 0, usual, duration), tick if np.isfinite(tick) else usual


def _drifting(tracks: FloatArray, owner: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Return the channels with a peak that rises or falls throughout (PeacoQC's records).

    The rise must also exceed the noise of single windows, for the smooth curve through pure noise
    may rise throughout as well.
    """
    filled = _filled(tracks)
    # Means of tenths of the acquisition: what is left is the trend.
    coarse = np.stack([part.mean(axis=0) for part in np.array_split(filled, _TENTHS)])
    rising = np.diff(coarse, axis=0) > 0
    records = np.maximum(rising.mean(axis=0), 1 - rising.mean(axis=0))
    # Not the first and the last tenth: an unstable start is no drift.
    total = np.abs(coarse[-2] - coarse[1])
    drifts = (records > _DRIFT_RECORDS) & (total > _noise(tracks))
    return tuple(int(i) for i in np.unique(owner[drifts]))
