"""Which events of a tube can be trusted: detector margins and the time of acquisition.

Margins as PeacoQC removes them, except counting beads, which may saturate detectors and are counted
nevertheless; then unsteady stretches of the acquisition (see `acquisition`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.fcs.data_segment import Channel
from itc_analysis.flow.quality.acquisition import (
    EVENTS_PER_STEP,
    MIN_STEPS,
    Acquisition,
    judge_acquisition,
    looked_at,
    steps_of,
)
from itc_analysis.flow.quality.restart import MAX_STEPS_BACK, Restart, find_restart, parts_apart
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.spillover.compensation import compensate, rows_of
from itc_analysis.flow.spillover.matrix_text import Spillover
from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import BoolArray

METHODS_TEXT = (
    "Events at the margins of the detectors were removed, except counting beads, and so were "
    "stretches of the acquisition in which the flow rate or the density peaks of any channel left "
    "the tube's usual range, by the method of PeacoQC, where the file's clock allowed; tubes that "
    "lost too many events were marked and not analysed."
)
CITATIONS = ("emmaneel2022",)


#: A detector saturates in few events. Where more of a tube lie at its top or are no numbers, a
#: population is lost, or the file says a wrong top.
_MANY = 0.01
#: An event that reads more than this share of the range, two decades below its top, in most colours
#: at once is a bead: no cell carries every antibody.
_BEAD_SHARE_OF_RANGE = 0.01
_FEWEST_COLOURS_OF_A_BEAD = 3


@dataclass(frozen=True)
class CleanEvents:
    """Result of the check.

    Parameters
    ----------
    keep : numpy.ndarray
        shape (n_events,); true for events to analyse.
    removed : dict of str to int
        events removed for each reason; an event counts for the first that applies.
    remarks : tuple of str
        checks that could not be made, and what else was seen.
    by_time : numpy.ndarray
        shape (n_events,); true for events inside the margins that lie in unsteady stretches.
    acquisition : Acquisition or None
        the tube along its acquisition; None when that could not be judged.
    restart : Restart or None
        where the clock starts again.
    """

    keep: BoolArray
    removed: dict[str, int]
    remarks: tuple[str, ...]
    by_time: BoolArray
    acquisition: Acquisition | None
    restart: Restart | None = None


def find_clean_events(
    events: npt.NDArray[np.float32],
    channels: Sequence[Channel],
    *,
    scatter: Sequence[int],
    fluorescence: Sequence[int],
    time: int | None,
    time_outlier_mads: float,
    spillover: Spillover | None = None,
) -> CleanEvents:
    """Find events inside the detectors' range and in steady stretches of the acquisition.

    Parameters
    ----------
    events : numpy.ndarray
        raw (not compensated) instrument units, shape (n_channels, n_events).
    channels : sequence of Channel
        how each row is stored; gives the upper end of its detector.
    scatter, fluorescence : sequence of int
        rows to check; scatter at both ends, fluorescence at the upper end only because small
        signals scatter around 0.
    time : int or None
        row of the clock; null when there is none.
    time_outlier_mads : float
        a stretch this many robust standard deviations away from the tube's median is removed.
    spillover : Spillover, optional
        the matrix that will be applied, so that peaks are looked for in compensated signals.

    Notes
    -----
    Keeps every event in question when a check cannot be made, and says so in `remarks`. An event
    that is bright in most colours at once is a counting bead and stays although it saturates a
    detector.
    """
    keep, removed, remarks = inside_margins(events, channels, scatter, fluorescence)
    by_time = np.zeros_like(keep)
    chosen = np.flatnonzero(keep)
    problem = _no_time_check(events, time, chosen, remarks)
    acquisition = None
    restart = None if time is None else find_restart(events[time])
    if problem is not None:
        remarks.append(f"no time check: {problem}")
    else:
        assert time is not None  # _no_time_check says so
        seen = chosen[looked_at(steps_of(len(chosen)))]
        signals = _signals(events, seen, channels, fluorescence, spillover)
        if restart is not None:
            judged = [channels[row].name for row in fluorescence]
            restart = parts_apart(restart, signals, seen < restart.n_before, judged)
        acquisition = judge_acquisition(
            signals,
            events[time][chosen],
            outlier_mads=time_outlier_mads,
        )
        by_time[chosen[acquisition.unsteady]] = True
        removed["time"] = int(np.count_nonzero(by_time))
        keep &= ~by_time
        if acquisition.drifting:
            names = ", ".join(channels[fluorescence[i]].name for i in acquisition.drifting)
            remarks.append(f"the signal drifts throughout the acquisition: {names}")
    if restart is not None:
        remarks.append(restart.told())
    return CleanEvents(keep, removed, tuple(remarks), by_time, acquisition, restart)


def inside_margins(
    events: npt.NDArray[np.float32],
    channels: Sequence[Channel],
    scatter: Sequence[int],
    fluorescence: Sequence[int],
) -> tuple[BoolArray, dict[str, int], list[str]]:
    """Return the events inside the detectors' range, how many were dropped for each reason, and
    which channels lose many.
    """
    keep = np.ones(events.shape[1], dtype=np.bool_)
    removed: dict[str, int] = {}
    remarks: list[str] = []

    def say(row: int, bad: npt.NDArray[np.int64], what: str) -> None:
        if bad.size > _MANY * keep.size:
            share = f"{bad.size:,} of {keep.size:,} events"
            remarks.append(f"{channels[row].name}: {share} {what}")

    def drop(bad: npt.NDArray[np.int64], reason: str) -> None:
        removed[reason] = removed.get(reason, 0) + int(np.count_nonzero(keep[bad]))
        keep[bad] = False

    # What does not lie below the top is saturated or not a number.
    tops = {
        row: _not_below(events[row], np.float32(channels[row].highest_value))
        for row in (*scatter, *fluorescence)
    }
    for row, at_top in tops.items():
        no_numbers = at_top[~np.isfinite(events[row][at_top])]
        drop(no_numbers, "not a number")
        say(row, no_numbers, "are no numbers")
        tops[row] = np.setdiff1d(at_top, no_numbers, assume_unique=True)
        if row in fluorescence:
            drop(_not_above(events[row], np.float32(-np.inf)), "not a number")
    for margin, rows in (("scatter margin", scatter), ("fluorescence margin", fluorescence)):
        for row in rows:
            if row in scatter:
                below = _not_above(events[row], np.float32(0))
                drop(below, margin)
                numbers = below[np.isfinite(events[row][below])]
                say(row, numbers, "are not above 0 and left out")
            above = not_beads(events, channels, fluorescence, tops[row])
            drop(above, margin)
            top = channels[row].scaled_range
            say(row, above, f"reach the top of its range ({top:g}) and are left out: saturated, or "
                "$PnR is wrong")  # fmt: skip
    return keep, removed, remarks


def _not_below(values: npt.NDArray[np.float32], limit: np.float32) -> npt.NDArray[np.int64]:
    """Return the events that are at or above a limit or not a number."""
    # Most channels have none, which their maximum tells soonest; that of a NaN is NaN.
    if values.max() < limit:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(~(values < limit))


def _not_above(values: npt.NDArray[np.float32], limit: np.float32) -> npt.NDArray[np.int64]:
    """Return the events that are at or below a limit or not a number."""
    if values.min() > limit:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(~(values > limit))


def not_beads(
    events: npt.NDArray[np.float32],
    channels: Sequence[Channel],
    fluorescence: Sequence[int],
    index: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Return those of the events that are not bright in most colours at once."""
    if index.size == 0 or len(fluorescence) < _FEWEST_COLOURS_OF_A_BEAD:
        return index
    bright = np.zeros(index.size, dtype=np.int64)
    for row in fluorescence:
        bright += events[row][index] > _BEAD_SHARE_OF_RANGE * channels[row].scaled_range
    return index[2 * bright <= len(fluorescence)]


def _no_time_check(
    events: npt.NDArray[np.float32],
    time: int | None,
    chosen: npt.NDArray[np.int64],
    remarks: list[str],
) -> str | None:
    """Return why the acquisition cannot be judged, or None; adds to `remarks` what it saw."""
    if time is None:
        return "the file has no Time channel"
    clock = events[time]
    if not np.isfinite(clock).all():
        return "Time holds values that are no numbers"
    back = int(np.count_nonzero(clock[1:] < clock[:-1]))
    if back > max(1, MAX_STEPS_BACK * len(clock)):
        return "Time does not increase from event to event (shuffled or joined files)"
    if len(chosen) < MIN_STEPS * EVENTS_PER_STEP:
        return f"fewer than {MIN_STEPS * EVENTS_PER_STEP} events"
    if clock[chosen].min() == clock[chosen].max():
        return "Time stands still"
    if back and find_restart(clock) is None:
        remarks.append(f"Time jumps back {plural(back, 'time')}")
    return None


def _signals(
    events: npt.NDArray[np.float32],
    seen: npt.NDArray[np.int64],
    channels: Sequence[Channel],
    fluorescence: Sequence[int],
    spillover: Spillover | None,
) -> npt.NDArray[np.float32]:
    """Return the channels to judge on their logicle scale, shape (n_channels, n_values).

    Parameters
    ----------
    seen : numpy.ndarray
        the events to look at.
    """
    names = tuple(channel.name for channel in channels)
    rows = list(fluorescence)
    if spillover is not None:  # may take light from channels that the panel does not name
        rows += [row for row in rows_of(spillover, names, "quality") if row not in rows]
    signals = np.empty((len(rows), len(seen)), dtype=np.float32)
    for values, row in zip(signals, rows, strict=True):
        events[row].take(seen, out=values, mode="clip")  # without a copy for the case of an error
    if spillover is not None:
        own = tuple(names[row] for row in rows)
        compensate(signals, own, spillover, source="quality", out=signals)
    signals = signals[: len(fluorescence)]
    for values, row in zip(signals, fluorescence, strict=True):
        Transform("logicle", t=channels[row].scaled_range).apply(values, out=values)
    if not np.isfinite(signals).all():  # compensation of values near the float32 limit
        np.nan_to_num(signals, copy=False, posinf=1.0, neginf=0.0)
    return signals
