"""Which events of a tube can be trusted: detector margins and the time of acquisition.

First cut: margins as PeacoQC removes them, and stretches of time whose flow rate or signals leave
the tube's usual range (a simpler test than PeacoQC's, Emmaneel 2022, doi:10.1002/cyto.a.24501).
A slow drift over the whole acquisition widens the usual range and is not removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.fcs_data import Channel
from itc_analysis.flow.transform import Transform

Mask = npt.NDArray[np.bool_]

#: PeacoQC's bins: at least 150 events, at most 500 bins.
_MIN_EVENTS_PER_BIN = 150
_MAX_BINS = 500
#: Fewer bins do not show what is usual in a tube.
_MIN_BINS = 20
#: The mean of fewer values is not close to normal.
_MIN_EVENTS_PER_MEAN = 20
#: Values that give the spread of a channel to a few per cent.
_ENOUGH_FOR_SPREAD = 20_000
#: 1 / 0.6745: a MAD in standard deviations of a normal distribution.
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class CleanEvents:
    """Result of the check.

    Parameters
    ----------
    keep : shape (n_events,); true for events to analyse.
    removed : events removed for each reason; an event counts for the first that applies.
    remarks : checks that could not be made.
    """

    keep: Mask
    removed: dict[str, int]
    remarks: tuple[str, ...]


def find_clean_events(
    events: npt.NDArray[np.float32],
    channels: Sequence[Channel],
    *,
    scatter: Sequence[int],
    fluorescence: Sequence[int],
    time: int | None,
    time_outlier_mads: float,
) -> CleanEvents:
    """Find events inside the detectors' range and in steady stretches of the acquisition.

    Parameters
    ----------
    events : raw (not compensated) instrument units, shape (n_channels, n_events).
    channels : how each row is stored; gives the upper end of its detector.
    scatter, fluorescence : rows to check; scatter at both ends, fluorescence at the upper end only
        because small signals scatter around 0.
    time : row of the clock; null when there is none.
    time_outlier_mads : a stretch this many robust standard deviations away from the tube's median
        is removed.

    Notes
    -----
    Keeps every event in question when a check cannot be made, and says so in `remarks`. Counting
    beads so bright that they saturate a detector are removed with the other saturated events.
    """
    keep = np.ones(events.shape[1], dtype=np.bool_)
    removed: dict[str, int] = {}

    def drop(bad: Mask, reason: str) -> None:
        removed[reason] = removed.get(reason, 0) + int(np.count_nonzero(bad & keep))
        keep[bad] = False

    for row in (*scatter, *fluorescence):
        drop(~np.isfinite(events[row]), "not a number")
    for row in scatter:
        at_margin = (events[row] >= channels[row].highest_value) | (events[row] <= 0)
        drop(at_margin, "scatter margin")
    for row in fluorescence:
        drop(events[row] >= channels[row].highest_value, "fluorescence margin")
    remarks = []
    if time is None:
        remarks.append("no time check: the file has no Time channel")
    else:
        unsteady = find_unsteady_events(
            events, channels, keep, rows=fluorescence, time=time, outlier_mads=time_outlier_mads
        )
        if isinstance(unsteady, str):
            remarks.append(f"no time check: {unsteady}")
        else:
            drop(unsteady, "time")
    return CleanEvents(keep, removed, tuple(remarks))


def find_unsteady_events(
    events: npt.NDArray[np.float32],
    channels: Sequence[Channel],
    keep: Mask,
    *,
    rows: Sequence[int],
    time: int,
    outlier_mads: float,
) -> Mask | str:
    """Return the events of unsteady stretches, shape (n_events,), or why it cannot be told.

    The tube is cut into stretches of equal numbers of events. A stretch is unsteady when its
    duration, or the mean signal of its dim or its bright cells in one of `rows`, on the logicle
    scale, is an outlier among them. Dim and bright are looked at apart so that the number of
    positive cells, which varies by chance, does not hide a shift.
    """
    clock = events[time]
    if not np.isfinite(clock).all() or bool(np.any(np.diff(clock) < 0)):
        return "Time does not increase from event to event"
    chosen = np.flatnonzero(keep)
    n_bins = min(_MAX_BINS, len(chosen) // _MIN_EVENTS_PER_BIN)
    if n_bins < _MIN_BINS:
        return f"fewer than {_MIN_BINS * _MIN_EVENTS_PER_BIN} events"
    if clock[chosen[0]] == clock[chosen[-1]]:
        return "Time stands still"
    per_bin = len(chosen) // n_bins
    binned = chosen[: n_bins * per_bin].reshape(n_bins, per_bin)
    end = float(clock[chosen[min(binned.size, len(chosen) - 1)]])  # the event after the last
    bad = _outliers(*_log_durations(clock[binned], end), outlier_mads)
    for row in rows:
        scale = Transform("logicle", t=channels[row].scaled_range)
        for means, error in _side_means(scale.apply(events[row][binned])):
            bad |= _outliers(means, error, outlier_mads)
    unsteady = np.zeros(len(keep), dtype=np.bool_)
    unsteady[binned[bad]] = True
    if bad[-1]:  # the few events that did not fill another stretch
        unsteady[chosen[binned.size :]] = True
    return unsteady


def _side_means(
    values: npt.NDArray[np.float32],
) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Yield the mean of the bright and of the dim values per stretch, with standard errors.

    A stretch with too few of them takes the overall mean: it cannot be an outlier.
    """
    bright = values > values.mean(dtype=np.float64)
    weight = bright.astype(np.float32)
    n_bright = np.count_nonzero(bright, axis=1)
    sum_bright = np.einsum("ij,ij->i", values, weight).astype(np.float64)
    sum_all = values.sum(axis=1, dtype=np.float64)
    # The spread on a side is needed to a few per cent only.
    sample = values.ravel()[:: max(1, values.size // _ENOUGH_FOR_SPREAD)]
    middle = sample.mean(dtype=np.float64)
    for counts, sums, side in (
        (n_bright, sum_bright, sample[sample > middle]),
        (values.shape[1] - n_bright, sum_all - sum_bright, sample[sample <= middle]),
    ):
        enough = counts >= _MIN_EVENTS_PER_MEAN
        overall = float(sums.sum() / max(int(counts.sum()), 1))
        means = np.where(enough, sums / np.maximum(counts, 1), overall)
        spread = float(side.std(dtype=np.float64)) if len(side) else 0.0
        yield means, spread / np.sqrt(np.maximum(counts, 1))


def _log_durations(
    clock: npt.NDArray[np.float32], end: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the log duration of each stretch, and its standard error by counting.

    Parameters
    ----------
    clock : Time of the events, shape (n_bins, events per bin).
    end : Time of the event after the last stretch.
    """
    durations = np.diff(clock[:, 0].astype(np.float64), append=end)
    # Clocks tick: a stretch shorter than a tick lasts 0, which only says "less than one tick".
    ticks = np.diff(clock, axis=1)
    tick = float(ticks[ticks > 0].min(initial=np.inf))
    if not np.isfinite(tick):  # every stretch within one tick: nothing to compare
        return np.zeros(len(clock)), np.ones(len(clock))
    error = np.sqrt(1 / clock.shape[1] + (tick / np.maximum(durations, tick)) ** 2)
    return np.log(np.maximum(durations, tick / 2)), error


def _outliers(values: npt.NDArray[np.float64], error: npt.NDArray[np.float64], mads: float) -> Mask:
    centre = np.median(values)
    spread = _MAD_TO_SD * np.median(np.abs(values - centre))
    # Never stricter than counting noise allows: with few, equal stretches the MAD may be tiny.
    outliers: Mask = np.abs(values - centre) > mads * np.maximum(spread, error)
    return outliers
