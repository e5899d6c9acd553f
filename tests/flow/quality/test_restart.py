"""A clock that starts again is found, a shuffled one is not, and the two parts are compared."""

from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.flow.quality.restart import Restart, find_restart, parts_apart

N = 20_000


def clock(*, seed: int = 1) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).uniform(0, 900, N)).astype(np.float32)


@pytest.mark.parametrize("n_before", [1_000, 9_000, 19_000])
def test_a_clock_that_starts_again_is_found(n_before: int) -> None:
    time = clock()
    time[n_before:] -= time[n_before]
    found = find_restart(time)
    assert found is not None
    assert found.n_before == n_before
    assert found.n_events == N
    told = found.told()
    assert told.startswith(f"Time starts again after {n_before:,} of 20,000 events")


def test_clocks_that_run_on_jump_a_little_or_are_shuffled_do_not_start_again() -> None:
    assert find_restart(clock()) is None
    jumping = clock()
    jumping[9_000:] -= 20
    assert find_restart(jumping) is None
    stale = clock()
    stale[:5] = 800  # the first events carry the time of the tube before
    assert find_restart(stale) is None
    assert find_restart(np.random.default_rng(2).permutation(clock())) is None
    assert find_restart(np.full(N, np.nan, dtype=np.float32)) is None


@pytest.mark.parametrize(("moved", "told"), [
    (0.0, "alike"), (0.1, "a drift, or two tubes?"), (0.4, "two tubes, or other settings?"),
])  # fmt: skip
def test_the_parts_are_compared(moved: float, told: str) -> None:
    rng = np.random.default_rng(3)
    signals = rng.normal(0.3, 0.3, (4, N)).astype(np.float32)
    is_before = np.arange(N) < 8_000
    # of so many events the signal is another one
    signals[2, ~is_before & (rng.random(N) < moved)] += 2
    found = parts_apart(Restart(8_000, N), signals, is_before, ["A", "B", "C", "D"])
    assert told in found.told()
    assert found.is_other is (moved > 0.2)
    if moved:
        assert found.channel == "C"
        assert found.apart == pytest.approx(moved, abs=0.03)


def test_a_part_of_few_events_is_not_compared() -> None:
    signals = np.zeros((2, N), dtype=np.float32)
    found = parts_apart(Restart(100, N), signals, np.arange(N) < 100, ["A", "B"])
    assert found == Restart(100, N)
