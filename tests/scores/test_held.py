"""Held tubes have no score and are in no reference."""

from __future__ import annotations

import pandas as pd

from itc_analysis.scores.samples.profiles import FlowTables, judge_tube, with_held


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
    nothing = pd.DataFrame()
    own = FlowTables(nothing, found.assign(n_events=100), nothing, nothing).counted["mait"]
    assert judge_tube(100, own["A"]) == ("held", "held until confirmed: a copy")
    assert judge_tube(100, own["B"]) == ("ok", None)
    assert judge_tube(100, own["C"]) == ("unreadable", "the file is empty")
    assert list(counts["status"]) == ["ok", "ok", "unreadable"]
