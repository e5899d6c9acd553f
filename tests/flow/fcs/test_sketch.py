"""Files that share events are known by their sketches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.fcs.sketch import SKETCH, sketch_of
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
