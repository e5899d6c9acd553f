"""A matrix that was applied too strongly or too weakly is named; right ones are not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from itc_analysis.flow.spillover.batch_agreement import SpillLeft, find_odd_batches, find_odd_tubes

N = 8
CHANNELS = tuple(f"M{i}" for i in range(N))


def matrix(seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.eye(N) + np.where(rng.random((N, N)) < 0.4, rng.uniform(0.02, 0.2, (N, N)), 0) * (
        1 - np.eye(N)
    )


def tubes(
    factors: dict[str, float], *, n: int = 7, seed: int = 5, noise: float = 0.005
) -> dict[str, SpillLeft]:
    """Return tubes whose cells go together as people's do; some with a matrix times a factor."""
    rng = np.random.default_rng(seed)
    true = matrix()
    together = rng.uniform(-0.02, 0.3, (N, N)) * (rng.random((N, N)) < 0.3)
    found = {}
    for number in range(n):
        name = f"T{number}"
        factor = factors.get(name, 1.0)
        left = together + (1 - factor) * (true - np.eye(N)) + rng.normal(0, noise, (N, N))
        np.fill_diagonal(left, np.nan)
        found[name] = SpillLeft(CHANNELS, left, np.eye(N) + factor * (true - np.eye(N)))
    return found


@pytest.mark.parametrize("factor", [1.2, 1.35, 1.8])
def test_a_matrix_that_is_too_strong_is_named(factor: float) -> None:
    found = find_odd_tubes(tubes({"T2": factor}))
    assert list(found) == ["T2"]
    told = re.search(r"over-compensated: about (\d+)%", found["T2"])
    assert told is not None
    assert int(told[1]) == pytest.approx(100 * (factor - 1), abs=6)
    assert "with another matrix" in found["T2"]


@pytest.mark.parametrize("factor", [0.0, 0.6, 0.8])
def test_a_matrix_that_is_too_weak_is_named(factor: float) -> None:
    found = find_odd_tubes(tubes({"T4": factor}))
    assert list(found) == ["T4"]
    assert "under-compensated" in found["T4"]


@pytest.mark.parametrize("seed", range(20))
def test_right_matrices_are_quiet(seed: int) -> None:
    assert find_odd_tubes(tubes({}, seed=seed)) == {}


@pytest.mark.parametrize("n_sources", [2, 5])
def test_bright_events_of_two_sources_that_are_bright_everywhere_are_no_wrong_matrix(
    n_sources: int,
) -> None:
    # where few cells carry a marker its brightest events are sticky or dead
    made = tubes({})
    left = made["T3"].left.copy()
    left[:n_sources] += 0.15
    found = find_odd_tubes(made | {"T3": SpillLeft(CHANNELS, left, made["T3"].matrix)})
    assert list(found) == ([] if n_sources == 2 else ["T3"])


def test_batches_with_matrices_of_their_own_are_quiet() -> None:
    first, second = tubes({}, seed=3), tubes(dict.fromkeys((f"T{i}" for i in range(7)), 1.3))
    both = {f"a{n}": t for n, t in first.items()} | {f"b{n}": t for n, t in second.items()}
    assert find_odd_tubes(both, {name: name[0] for name in both}) == {}


def test_a_batch_whose_matrix_is_of_other_voltages_is_named() -> None:
    right, again, stale = tubes({}, seed=3), tubes({}, seed=4), tubes({}, seed=6)
    gain = np.exp(np.random.default_rng(8).normal(0, 0.35, N))
    off = matrix() * (gain[None, :] / gain[:, None] - 1)  # what the stale matrix leaves
    every = {
        **{f"a{name}": one for name, one in right.items()},
        **{f"b{name}": one for name, one in again.items()},
        **{f"c{n}": SpillLeft(CHANNELS, one.left + off, one.matrix) for n, one in stale.items()},
    }
    batches = {name: name[0] for name in every}
    found = find_odd_batches(every, batches)
    assert list(found) == ["c"]
    assert found["c"].startswith("the matrix of batch c takes off too much in ")
    assert found["c"].endswith(" most): is it of other detector voltages?")
    assert find_odd_tubes(every, batches) == {}
    # what one tube alone tells is not said of its batch
    lone = every["cT0"]
    unknown = {n: SpillLeft(CHANNELS, np.full((N, N), np.nan), one.matrix)
               for n, one in every.items() if n[0] == "c"}  # fmt: skip
    assert find_odd_batches(every | unknown | {"cT0": lone}, batches) == {}
    # of a batch alone nothing is said, and nothing where all are right
    only = {name: one for name, one in every.items() if name[0] == "c"}
    assert find_odd_batches(only, batches) == {}
    rest = {name: one for name, one in every.items() if name[0] != "c"}
    assert find_odd_batches(rest, batches) == {}


def test_too_few_tubes_are_not_judged() -> None:
    assert find_odd_tubes(tubes({"T1": 1.8}, n=3)) == {}
