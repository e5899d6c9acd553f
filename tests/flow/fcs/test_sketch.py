"""Files that share events are known by their sketches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.fcs.sketch import SKETCH, refuse_repeats, sketch_of
from itc_analysis.simulate.instrument.fcs import write_fcs

CHANNELS = ["FSC-A", "PE-A", "APC-A", "Time"]


def made(n: int, *, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 9e4, (n, 4)).astype(np.float32)


def sketched(path: Path, events: np.ndarray, order: tuple[int, ...] = (0, 1, 2, 3)) -> set[int]:
    names = [CHANNELS[i] for i in order]
    write_fcs(path, events[:, order], channels=names, labels=names, ranges=[1e5] * 4,
              spillover=np.eye(1), spillover_channels=["PE-A"], keywords={})  # fmt: skip
    return set(sketch_of(read_fcs(path)))


def test_the_part_of_the_events_is_the_part_of_the_hashes(tmp_path: Path) -> None:
    events = made(20_000)
    whole = sketched(tmp_path / "a.fcs", events)
    assert len(whole) == SKETCH
    part = sketched(tmp_path / "b.fcs", events[:10_000])
    assert abs(len(whole & part) - SKETCH / 2) < 4 * np.sqrt(SKETCH / 4)
    assert not whole & sketched(tmp_path / "c.fcs", made(20_000, seed=2))


def test_neither_time_nor_the_order_of_channels_or_events_matters(tmp_path: Path) -> None:
    events = made(5_000)
    whole = sketched(tmp_path / "a.fcs", events)
    again = events[::-1].copy()
    again[:, 3] = np.arange(5_000)
    assert sketched(tmp_path / "b.fcs", again, order=(2, 0, 3, 1)) == whole


def test_a_small_file_keeps_every_event_once(tmp_path: Path) -> None:
    events = made(30)
    assert len(sketched(tmp_path / "a.fcs", np.concatenate([events, events[:9]]))) == 30


def test_a_file_that_was_joined_with_itself_is_refused(tmp_path: Path) -> None:
    events = made(5_000)

    def judge(values: np.ndarray) -> None:
        refuse_repeats(tuple(sketched(tmp_path / "a.fcs", values)), len(values), "tube")

    judge(events)
    judge(np.concatenate([events, events[:100]]))
    joined = np.concatenate([events, np.add(events, (0, 0, 0, 9e4))]).astype(np.float32)
    with pytest.raises(UnreadableFile, match="about 50% of the events stand in the file more than"):
        judge(joined)
