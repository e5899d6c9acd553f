"""Margins and time: little is taken from steady tubes, what is planted is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from itc_analysis.flow.fcs import read_fcs
from itc_analysis.flow.fcs_data import Channel
from itc_analysis.flow.quality import CleanEvents, find_clean_events

CHANNELS = tuple(
    Channel(name, "", 32, 262144, 0, 1, 1)
    for name in ("FSC-A", "SSC-A", "Time", "B525-A", "V450-A")
)


def check(events: np.ndarray, *, time: int | None = 2) -> CleanEvents:
    return find_clean_events(
        events, CHANNELS, scatter=[0, 1], fluorescence=[3, 4], time=time, time_outlier_mads=6
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_steady_tube_loses_less_than_half_a_per_cent(
    clean_events: Callable[..., np.ndarray], seed: int
) -> None:
    # not a multiple of the stretches: some events are left over
    clean = check(clean_events(20_011, seed=seed))
    assert clean.remarks == ()
    assert clean.keep.mean() > 0.995


def test_margins_are_removed_at_both_ends_of_scatter_and_at_the_top_of_fluorescence(
    clean_events: Callable[..., np.ndarray],
) -> None:
    events = clean_events()
    events[0, 10], events[1, 11] = 262143, 0
    events[3, 12], events[4, 13] = 262143, -400
    clean = check(events)
    assert clean.keep[[10, 11, 12, 13]].tolist() == [False, False, False, True]
    assert (clean.removed["scatter margin"], clean.removed["fluorescence margin"]) == (2, 1)


def test_an_event_that_is_not_a_number_is_removed(
    clean_events: Callable[..., np.ndarray],
) -> None:
    events = clean_events()
    events[3, 5] = np.nan
    clean = check(events)
    assert not clean.keep[5]
    assert clean.removed["not a number"] == 1


def test_a_clog_is_found_and_little_else(clean_events: Callable[..., np.ndarray]) -> None:
    events = clean_events()
    clogged = slice(8_000, 9_500)
    events[3:, clogged] *= 0.3
    keep = check(events).keep
    assert keep[clogged].mean() < 0.2  # up to one stretch of 150 events at each edge
    assert np.delete(keep, np.arange(8_000, 9_500)).mean() > 0.98


def test_a_pause_of_the_flow_is_found(clean_events: Callable[..., np.ndarray]) -> None:
    events = clean_events()
    events[2, 10_000:] += 30  # seconds; the whole tube takes 20
    clean = check(events)
    # the pause falls into one stretch of 150 events
    assert 100 <= clean.removed["time"] <= 450
    assert not clean.keep[9_900:10_000].all() or not clean.keep[10_000:10_100].all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda time: time[::-1].copy(), "does not increase"),
        (lambda time: np.zeros_like(time), "stands still"),
    ],
)
def test_time_that_tells_nothing_is_said_and_removes_nothing(
    clean_events: Callable[..., np.ndarray],
    change: Callable[[np.ndarray], np.ndarray],
    words: str,
) -> None:
    events = clean_events()
    events[2] = change(events[2])
    clean = check(events)
    assert clean.keep.all()
    assert words in clean.remarks[0]


def test_few_events_or_no_clock_mean_no_time_check(
    clean_events: Callable[..., np.ndarray],
) -> None:
    assert "fewer than 3000 events" in check(clean_events(2_000)).remarks[0]
    assert "no Time channel" in check(clean_events(), time=None).remarks[0]


def test_every_removed_event_has_one_reason(clean_events: Callable[..., np.ndarray]) -> None:
    events = clean_events()
    events[:, 100] = 262144
    events[2, 100] = events[2, 99]
    clean = check(events)
    assert sum(clean.removed.values()) == int((~clean.keep).sum())


@pytest.mark.real_data
def test_the_anomaly_that_peacoqc_found_is_mostly_found(real_data: Path) -> None:
    """PeacoQC kept 8,342 of 10,000 events of this tube (111_QC.fcs of its package)."""
    file = read_fcs(real_data / "flow" / "acquisition_anomaly" / "111.fcs")
    names = file.channel_names
    clean = find_clean_events(
        file.events,
        file.channels,
        scatter=[i for i, name in enumerate(names) if name[:3] in ("FSC", "SSC")],
        fluorescence=[i for i, name in enumerate(names) if name[0] in "BGRV"],
        time=names.index("Time"),
        time_outlier_mads=6,
    )
    # A simpler method finds less than PeacoQC's 1,658, but more than half.
    assert 829 <= int((~clean.keep).sum()) <= 1_990
