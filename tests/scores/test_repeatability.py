"""The bridge control's repeatability: by hand, and against simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.scores.repeatability import bridge_repeatability, intraclass_correlation


def tables(runs: list[float], people: dict[str, list[float]]) -> tuple[pd.DataFrame, ...]:
    """Scores of a bridge control, and of people by group."""
    named = {
        f"{group}{i}": (group, v) for group, values in people.items() for i, v in enumerate(values)
    }
    samples = [
        {"sample_id": f"B{i}", "participant_id": None, "sample_type": "bridge_control"}
        for i in range(len(runs))
    ]
    samples += [
        {"sample_id": f"S{n}", "participant_id": n, "sample_type": "participant"} for n in named
    ]
    values = {f"B{i}": v for i, v in enumerate(runs)} | {f"S{n}": v for n, (_, v) in named.items()}
    scores = pd.DataFrame(
        [
            {"assay": "flow", "population": "mait", "signature": "exhaustion", "method": "m",
             "sample_id": name, "value": value, "status": "ok"}
            for name, value in values.items()
        ]
    )  # fmt: skip
    participants = pd.DataFrame(
        [{"participant_id": n, "group": g, "is_analysed": True} for n, (g, _) in named.items()]
    )
    return scores, pd.DataFrame(samples), participants


def test_repeatability_by_hand() -> None:
    found = bridge_repeatability(*tables([0, 1, 2], {"a": [0, 4, 8], "b": [100, 104, 108]})).iloc[0]
    # runs vary by 1; people by 16 within their groups, however far the groups lie apart
    assert (found["n_runs"], found["n_people"]) == (3, 6)
    assert found["icc"] == pytest.approx(1 - 1 / 16)
    assert found["upper"] == pytest.approx(1 - 1 / 16 / stats.f.ppf(0.975, 2, 4))
    assert found["lower"] == pytest.approx(max(1 - 1 / 16 / stats.f.ppf(0.025, 2, 4), 0))


def test_two_runs_say_too_little() -> None:
    found = bridge_repeatability(*tables([0, 1], {"a": [0, 4, 8, 9]})).iloc[0]
    assert np.isnan(found["icc"])
    assert found["reason"] == "2 runs and 4 people are too few"


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    truth, held = 0.75, 0
    for _ in range(600):
        runs = rng.normal(0, np.sqrt(1 - truth), 8)
        people = rng.normal(0, 1, 40)
        _, lower, upper = intraclass_correlation(
            np.var(runs, ddof=1), 7, np.var(people, ddof=1), 39
        )
        held += lower <= truth <= upper
    # 600 draws: 95 % give or take 1.8 %
    assert 0.93 <= held / 600 <= 0.97
