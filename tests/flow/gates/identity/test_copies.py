"""Tubes that stand against their batch are named: here, one file under two names."""

from __future__ import annotations

import pandas as pd

from itc_analysis.flow.gates.identity.copies import copies


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
