"""Libraries of a study are counted at one depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.measurements.common_depth import (
    Retention,
    choose_depth,
    count_at_one_depth,
    retention,
)
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Counts
from itc_analysis.tables.singlecell import ThinnedCounts

GRID = (4000.0, 2828.0, 2000.0, 1414.0, 1000.0, 707.0)


def library(name: str, own: float, called: dict[float, int]) -> list[dict[str, Any]]:
    """Return the rows of one library: cells called at its own depth and at those of the grid."""
    return [
        {
            "library_id": name,
            "sample_id": f"s{name}",
            "population": "gd_t_cells",
            "depth": depth,
            "is_own": depth == own,
            "n_called": n,
            "detection": "quantified",
            "n_expected": n + 1.0,
            "expected_se": 1.0,
        }
        for depth, n in called.items()
    ]


def thinned(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return contract.make(rows, ThinnedCounts)


def counts(called: dict[str, int]) -> pd.DataFrame:
    rows = [
        {
            "source_id": name,
            "sample_id": f"s{name}",
            "population": population,
            "parent": parent,
            "n_events": n,
            "n_parent": 1000,
            "n_total": 1000,
            "n_lower": 0.0,
            "n_upper": 100.0,
            "detection": "quantified",
            "is_measured": population != "t_cells",
            "status": "ok",
        }
        for name, own in called.items()
        for population, parent, n in (
            ("gd_t_cells", "t_cells", own),
            ("mait", "t_cells", 30),
            ("t_cells", "cells", 1000),
        )
    ]
    return contract.make(rows, Counts)


def by_library(table: pd.DataFrame, population: str = "gd_t_cells") -> pd.DataFrame:
    return table[table["population"] == population].set_index("source_id")


def study(n_deep: int = 6, n_shallow: int = 6) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Half of the libraries have half of the depth and so half of the cells."""
    rows, own, groups = [], {}, {}
    for i in range(n_deep):
        rows += library(f"d{i}", 3000.0, {3000.0: 60, 2000.0: 40, 1414.0: 28, 1000.0: 20})
        own[f"d{i}"], groups[f"sd{i}"] = 60, "healthy"
    for i in range(n_shallow):
        rows += library(f"h{i}", 1500.0, {1500.0: 30, 1414.0: 28, 1000.0: 20})
        own[f"h{i}"], groups[f"sh{i}"] = 30, "SSc"
    return counts(own), thinned(rows), groups


def test_a_group_of_half_the_depth_no_longer_looks_depleted() -> None:
    own, rows, groups = study()
    told = by_library(count_at_one_depth(own, rows, groups))
    assert set(told["n_events"]) == {28}
    assert set(told["counted_at"]) == {1414.0}
    assert told["capture"].isna().all()
    assert (told["n_expected"] == 29).all()
    # the exact limits of 28 in 1 000
    assert told["n_upper"].to_numpy() == pytest.approx(np.full(12, 40.2), abs=0.1)
    assert "counted as at 1,414 molecules per T cell" in told["reason"]["d0"]


def test_what_receptors_prove_is_left_alone() -> None:
    own, rows, groups = study()
    told = count_at_one_depth(own, rows, groups)
    pd.testing.assert_frame_equal(
        by_library(told, "mait")[own.columns.drop("source_id")],
        by_library(own, "mait")[own.columns.drop("source_id")],
    )
    assert by_library(told, "mait")["counted_at"].isna().all()


def test_without_thinned_counts_nothing_changes() -> None:
    own, rows, groups = study()
    pd.testing.assert_frame_equal(count_at_one_depth(own, rows.iloc[:0], groups), own)


def test_one_poor_library_is_corrected_and_does_not_decide_for_the_study() -> None:
    own, rows, groups = study()
    poor = library("p", 1000.0, {1000.0: 20, 707.0: 14})
    rows = thinned(rows.to_dict("records") + poor)
    own = pd.concat([own, counts({"p": 20})], ignore_index=True)
    told = by_library(count_at_one_depth(own, rows, groups | {"sp": "SSc"}))
    assert set(told["counted_at"]) == {1414.0}
    assert told.loc["p", "n_events"] == 20
    # 12 libraries keep 240 of 336 cells
    assert told.loc["p", "capture"] == pytest.approx(20 / 28)
    assert told.loc["p", "capture_se_log"] == pytest.approx(np.sqrt((1 - 20 / 28) / 240))
    assert "corrected for the 29% that such libraries miss" in told.loc["p", "reason"]


def test_a_library_far_deeper_than_the_study_has_no_number() -> None:
    own, rows, groups = study()
    deep = library("x", 40_000.0, {40_000.0: 90, 4000.0: 70})
    rows = thinned(rows.to_dict("records") + deep)
    own = pd.concat([own, counts({"x": 90})], ignore_index=True)
    told = by_library(count_at_one_depth(own, rows, groups | {"sx": "healthy"}))
    assert told.loc["x", "status"] == "not_estimable"
    assert "more than ten times the 1,414" in told.loc["x", "reason"]
    assert (told.drop("x")["status"] == "ok").all()


def test_a_library_below_all_that_is_known_has_no_number() -> None:
    own, rows, groups = study()
    rows = thinned(rows.to_dict("records") + library("p", 300.0, {300.0: 1}))
    own = pd.concat([own, counts({"p": 1})], ignore_index=True)
    told = by_library(count_at_one_depth(own, rows, groups | {"sp": "SSc"}))
    assert told.loc["p", "status"] == "not_estimable"
    assert told.loc["p", "reason"].startswith(
        "300 molecules per T cell, where the study is counted"
    )


def test_the_depth_is_that_which_all_but_a_tenth_of_every_group_reach() -> None:
    own = pd.Series([900.0, *[3000.0] * 19, 500.0, *[1500.0] * 5, 100.0])
    group = pd.Series(["healthy"] * 20 + ["SSc"] * 6 + [None], dtype=object)
    assert choose_depth(own, group) == 1500.0
    # one of three may stay below, and groups of fewer do not decide
    assert choose_depth(own.iloc[[20, 21, 22]], group.iloc[[20, 21, 22]]) == 1500.0
    assert choose_depth(own.iloc[[0, 1, 2, 20, 21]], group.iloc[[0, 1, 2, 20, 21]]) == 3000.0
    assert choose_depth(own.iloc[[20, 21]], group.iloc[[20, 21]]) == 500.0
    assert choose_depth(own.iloc[-1:], group.iloc[-1:]) == 100.0


def test_retention_between_two_depths_lies_on_a_straight_line_of_logarithms() -> None:
    _, rows, _ = study()
    found = retention(rows, 1414.0)
    np.testing.assert_allclose(found.share, [1, 20 / 28])
    share, error = found.at(np.sqrt(1414.0 * 1000.0))
    assert share == pytest.approx(np.sqrt(20 / 28))
    assert 0 < error < found.error_log[1]
    assert found.at(999.0) == (0.0, np.inf)


def test_retention_is_unknown_below_the_last_cell() -> None:
    rows = thinned(library("a", 1500.0, {1500.0: 5, 1414.0: 4, 1000.0: 0, 707.0: 0}))
    found = retention(rows, 1414.0)
    assert isinstance(found, Retention)
    assert len(found.depth) == 1
    assert found.at(1000.0)[1] == np.inf
