"""Held tubes have no score and are in no reference."""

from __future__ import annotations

import pandas as pd

from itc_analysis.scores.samples.profiles import judge_tube, with_held


def test_a_held_tube_is_judged_as_held_whatever_it_counted() -> None:
    counts = pd.DataFrame(
        {
            "source_id": ["A", "B", "C"],
            "population": "mait",
            "status": ["ok", "ok", "unreadable"],
            "reason": pd.array([None, None, "the file is empty"], dtype="string"),
            "detection": ["quantified", "quantified", None],
            "n_lower": [90.0, 90.0, None],
        }
    )
    found = with_held(counts, {"A": "held until confirmed: a copy", "C": "a copy"})
    own = found.set_index("source_id")
    assert judge_tube("A", 100, own, 1) == ("held", "held until confirmed: a copy")
    assert judge_tube("B", 100, own, 1) == ("ok", None)
    assert judge_tube("C", 100, own, 1) == ("unreadable", "the file is empty")
    assert list(counts["status"]) == ["ok", "ok", "unreadable"]
