"""The picture of robustness draws what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.plots.robustness import MARKS, legend_marks, plot_robustness

KEY = {"assay": "flow", "population": "mait", "measure": "share_of_t", "feature": "-"}


def tables(**changes: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    row = KEY | {"comparison": "SSc vs healthy", "label": "MAIT, healthy", "estimate": 0.4}
    row |= {"estimate_kind": "odds_ratio", "lower": 0.2, "upper": 0.8} | changes
    beside = KEY | {"comparison": "SSc vs healthy", "one_out_lowest": 0.35, "one_out_highest": 0.5}
    beside |= {"estimate_unadjusted": 0.3, "estimate_core": 0.35, "estimate_full": 0.4}
    beside |= {"second_estimate": 0.45, "value_estimate": 0.5}
    return pd.DataFrame([row]), pd.DataFrame([beside])


def test_interval_band_and_every_estimate_stand_where_the_tables_say() -> None:
    axes = plot_robustness(*tables())
    drawn = [tuple(np.atleast_1d(line.get_xdata()).astype(float)) for line in axes.lines]
    assert (0.2, 0.8) in drawn
    assert (0.35, 0.5) in drawn
    assert {(0.3,), (0.35,), (0.4,), (0.45,), (0.5,)} <= set(drawn)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["MAIT, healthy"]


def test_a_side_without_a_limit_is_an_arrow() -> None:
    axes = plot_robustness(*tables(lower=np.nan, estimate=np.nan))
    assert [line.get_marker() for line in axes.lines if line.get_marker() in "<>"] == ["<"]


def test_a_comparison_without_numbers_keeps_its_line_and_says_so() -> None:
    axes = plot_robustness(*tables(lower=np.nan, upper=np.nan, estimate=np.nan))
    assert [text.get_text().strip() for text in axes.texts] == ["not estimable"]


def test_a_comparison_without_diagnostics_has_its_interval() -> None:
    rows, beside = tables()
    axes = plot_robustness(rows, beside.iloc[:0])
    assert (0.2, 0.8) in [tuple(line.get_xdata()) for line in axes.lines]


def test_ratios_and_differences_have_no_common_axis() -> None:
    rows, beside = tables()
    with pytest.raises(ValueError, match="all ratios or all differences"):
        plot_robustness(pd.concat([rows, rows.assign(estimate_kind="difference")]), beside)
    with pytest.raises(ValueError, match="needs rows"):
        plot_robustness(rows.iloc[:0], beside)


def test_the_legend_names_every_mark() -> None:
    labels = [str(mark.get_label()) for mark in legend_marks()]  # type: ignore[attr-defined]
    assert labels[: len(MARKS)] == [words for *_, words in MARKS]
    assert labels[len(MARKS) :] == ["interval", "one person left out"]
