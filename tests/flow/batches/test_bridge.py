"""Runs of the bridge control are judged by the others; confounded batches are not corrected."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from itc_analysis.errors import ItcError
from itc_analysis.flow.batches.bridge import (
    chart_bridge,
    plot_levey_jennings,
    refuse_confounded,
)


def measurements(bridge: list[float], *, people: list[float] | None = None) -> pd.DataFrame:
    """Return one share, bridge runs first and a person per batch after."""
    values = bridge + (people or [])
    batches = [f"b{i}" for i in range(len(bridge))] + [f"b{i}" for i in range(len(people or []))]
    persons = [pd.NA] * len(bridge) + [f"P{i}" for i in range(len(people or []))]
    return pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(len(values))],
            "participant_id": pd.array(persons, dtype="string"),
            "source_id": [f"t{i}" for i in range(len(values))],
            "batch": batches,
            "assay": "flow",
            "population": "mait",
            "measure": "share_of_t",
            "feature": "-",
            "value": values,
            "standard_error": 0.01,
            "status": "ok",
        }
    )


def test_a_run_is_judged_by_mean_and_sd_of_the_other_runs() -> None:
    values = [0.030, 0.031, 0.029, 0.030, 0.032, 0.060]
    chart = chart_bridge(measurements(values)).set_index("batch")
    assert chart["verdict"].to_dict()["b5"] == "out"
    assert set(chart["verdict"].drop("b5")) == {"in"}
    # the slow way: logit, five other runs, prediction of a sixth
    logit = np.log(np.array(values) / (1 - np.array(values)))
    others = logit[:5]
    expected = (logit[5] - others.mean()) / (others.std(ddof=1) * np.sqrt(1 + 1 / 5))
    assert chart.loc["b5", "z"] == pytest.approx(expected)
    assert chart.loc["b5", "lower"] < 0.030 < chart.loc["b5", "upper"] < 0.060


def test_what_counting_explains_is_not_out_of_control() -> None:
    table = measurements([0.030, 0.030, 0.030, 0.030, 0.033])
    assert chart_bridge(table)["verdict"].iloc[-1] == "out"
    table["standard_error"] = 0.2  # 25 cells
    assert set(chart_bridge(table)["verdict"]) == {"in"}


def test_few_cells_are_judged_by_what_counting_allows() -> None:
    # 2 of 22 cells against 0 of 15, 22, 20 and 11: by Fisher's exact test p is 0.06
    n = np.array([22, 15, 22, 20, 11])
    k = np.array([2, 0, 0, 0, 0])
    table = measurements(list(k / n)).assign(
        measure="share_positive",
        n_denominator=pd.array(n, dtype="Int64"),
        standard_error=np.sqrt(1 / (k + 0.5) + 1 / (n - k + 0.5)),
    )
    chart = chart_bridge(table)
    assert set(chart["verdict"]) == {"in"}
    assert (chart["lower"] == 0).all()
    assert chart["upper"].between(0.1, 1).all()
    # the same shares of a hundred times as many cells do not agree
    many = 100 * n
    table = table.assign(
        n_denominator=pd.array(many, dtype="Int64"),
        standard_error=np.sqrt(1 / (100 * k + 0.5) + 1 / (many - 100 * k + 0.5)),
    )
    assert chart_bridge(table)["verdict"].iloc[0] == "out"


def test_the_mean_of_others_is_known_only_as_well_as_they_were_counted() -> None:
    table = measurements([0.030, 0.030, 0.030, 0.030, 0.060]).assign(standard_error=0.2)
    table.loc[4, "standard_error"] = 0.01
    chart = chart_bridge(table)
    assert chart["sd"].iloc[-1] == pytest.approx(np.hypot(0.01, 0.2 / 2))


@pytest.mark.parametrize(
    ("measure", "unit", "values"),
    [
        ("score", "instrument units", [0.0, 900.0, 20.0, 10.0, 30.0]),
        ("score", "instrument units", [5.0, 900.0, 20.0, 10.0, 30.0]),
        ("score", "share", [0.0, 0.9, 0.02, 0.01, 0.03]),
        ("median_intensity", "instrument units", [5.0, 900.0, 20.0, 10.0, 30.0]),
        ("cells_per_ul", "cells/uL", [0.0, 900.0, 20.0, 10.0, 30.0]),
        ("share_of_t", "share", [0.0, 0.9, 0.02, 0.01, 0.03]),
    ],
)
def test_limits_are_possible_numbers(measure: str, unit: str, values: list[float]) -> None:
    chart = chart_bridge(measurements(values).assign(measure=measure, unit=unit))
    assert (chart["lower"] >= 0).all()
    assert (chart["lower"] < chart["upper"]).all()
    if unit == "share":
        assert (chart["upper"] <= 1).all()


def test_a_score_may_lie_below_zero() -> None:
    values = [-1.0, 0.5, 0.2, -0.3, 0.1]
    chart = chart_bridge(measurements(values).assign(measure="score", unit="SD of healthy"))
    assert (chart["lower"] < 0).all()


def test_few_runs_give_no_limits_and_people_are_no_runs() -> None:
    chart = chart_bridge(measurements([0.03, 0.05, 0.04], people=[0.1, 0.2]))
    assert len(chart) == 3
    assert set(chart["verdict"]) == {"too_few"}
    assert chart["lower"].isna().all()
    assert chart_bridge(measurements([]).iloc[:0]).empty


def test_a_batch_of_one_group_is_not_corrected() -> None:
    counts = pd.DataFrame({"SSc": [10, 0], "healthy": [0, 10]}, index=["b0", "b1"])
    with pytest.raises(ItcError) as caught:
        refuse_confounded(counts, source="panel_a")
    told = str(caught.value)
    assert "batch 'b0', it holds only the group 'SSc'" in told
    assert "Cramér's V 1.00" in told
    refuse_confounded(pd.DataFrame({"SSc": [5, 6], "healthy": [5, 4]}, index=["b0", "b1"]))


def test_the_chart_shows_every_run() -> None:
    chart = chart_bridge(measurements([0.030, 0.031, 0.029, 0.030, 0.060]))
    axes = plot_levey_jennings(chart, population="mait", measure="share_of_t")
    assert sum(len(points.get_offsets()) for points in axes.collections) == 5
    assert "out (n = 1)" in [text.get_text() for text in axes.get_legend().get_texts()]
    plt.close(axes.figure)
