"""Tubes that stand against their batch are named: here, one file under two names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.flow.gates.identity.copies import copies, partial_copies


def fits(**tubes: list[int]) -> pd.DataFrame:
    """Return the columns of `GateFits` that tell tubes apart, one row per population."""
    return pd.DataFrame(
        [
            {"file_id": name, "population": f"p{i}", "tube": "stained", "n_parent": n}
            for name, numbers in tubes.items()
            for i, n in enumerate(numbers)
        ]
    )


def test_one_file_under_two_names_is_named_in_both() -> None:
    same = [12000, 9000, 4000, 2100, 700]
    found = copies(fits(A=same, B=[12000, 9000, 4001, 2100, 700], C=same))
    assert set(found) == {"A", "C"}
    assert found["A"] == "its events are those of C: one file under two names"


def test_tubes_that_agree_in_a_few_round_numbers_are_no_copies() -> None:
    assert copies(fits(A=[10000, 10000, 10000], B=[10000, 10000, 10000])) == {}


def test_controls_are_not_compared() -> None:
    table = fits(A=[12000, 9000, 4000, 2100, 700], B=[12000, 9000, 4000, 2100, 700])
    assert copies(table.assign(tube="fmo")) == {}


def sketch(hashes: np.ndarray) -> list[int]:
    return np.sort(hashes)[:256].tolist()


def drawn(n: int, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << 64, n, dtype=np.uint64)


def test_a_part_of_another_tubes_events_is_named_in_both() -> None:
    whole, other = drawn(50_000, seed=1), drawn(30_000, seed=2)
    found = partial_copies({"A": sketch(whole), "B": sketch(whole[:40_000]), "C": sketch(other)})
    assert set(found) == {"A", "B"}
    assert found["B"] == "about 100% of its events are those of A; one file under two names"
    share = int(found["A"].split("%")[0].removeprefix("about "))
    assert abs(share - 80) < 8  # three standard errors of 256 hashes


def test_two_tubes_written_into_one_file_are_named() -> None:
    one, two = drawn(20_000, seed=3), drawn(30_000, seed=4)
    both = np.concatenate([one, two])
    found = partial_copies({"A": sketch(one), "B": sketch(two), "AB": sketch(both)})
    assert set(found) == {"A", "B", "AB"}
    assert "are those of A; about" in found["AB"]


def test_a_few_equal_events_and_tubes_without_a_sketch_are_no_copies() -> None:
    one, two = sketch(drawn(9_000, seed=5)), sketch(drawn(9_000, seed=6))
    assert partial_copies({"A": [0, 1, *one], "B": [0, 1, *two], "C": [], "D": []}) == {}
