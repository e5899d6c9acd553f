"""Positivity and medians: numbers by hand, and every reason for not having one."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy import stats


def test_share_positive_by_hand(study: Any) -> None:
    row = study.row("H1-a", "mait", "share_positive", "PD-1")
    exact = stats.binomtest(60, 300).proportion_ci(confidence_level=0.95, method="exact")
    assert row["value"] == pytest.approx(0.2)
    assert row["lower"] == pytest.approx(exact.low, abs=1e-9)
    assert row["upper"] == pytest.approx(exact.high, abs=1e-9)
    assert row["standard_error"] == pytest.approx(math.sqrt(1 / 60.5 + 1 / 240.5))
    assert (row["n_cells"], row["n_denominator"]) == (60, 300)


def test_a_median_has_the_interval_of_its_tube_and_the_error_of_its_logarithm(study: Any) -> None:
    row = study.row("H1-a", "mait", "median_intensity", "PD-1")
    assert (row["value"], row["unit"]) == (1_000.0, "instrument units")
    assert (row["lower"], row["upper"]) == (900.0, 1_200.0)
    assert row["standard_error"] == pytest.approx(math.log(1_200 / 900) / (2 * 1.959964))
    # a level that may be zero has no error of its logarithm
    here = {"source_id": "H1-a", "population": "mait", "marker": "PD-1"}
    study.change("intensity", here, median_lower=-5.0)
    row = study.row("H1-a", "mait", "median_intensity", "PD-1")
    assert row["lower"] == -5.0
    assert pd.isna(row["standard_error"])


@pytest.mark.parametrize(
    ("n", "low", "high", "status"),
    [
        # a change of 2.7 % is less than 3/10 of a tenth, 3.3 % is more
        (100, 86, 113, "ok"),
        (100, 84, 117, "no_control"),
        # 2 % may always be, more than 5 % never
        (10, 0, 20, "ok"),
        (10, 0, 21, "no_control"),
        (900, 880, 929, "ok"),
        (900, 870, 930, "no_control"),
    ],
)
def test_a_threshold_without_control_may_change_a_share_by_so_much(
    study: Any, n: int, low: int, high: int, status: str
) -> None:
    here = {"source_id": "H1-a", "population": "mait", "marker": "PD-1"}
    read = {"n_positive": n, "n_positive_low": low, "n_positive_high": high}
    study.change(
        "intensity", here, n_events=1_000, threshold_source="negative_population",
        threshold_state="ok", **read
    )  # fmt: skip
    row = study.row("H1-a", "mait", "share_positive", "PD-1")
    assert row["status"] == status


def test_small_population_has_no_median(study: Any) -> None:
    row = study.row("H1-a", "inkt", "median_intensity", "PD-1")
    assert row["status"] == "few_cells"
    assert row["reason"] == "30 events, 50 needed"
    assert pd.isna(row["value"])


def test_positivity_counts_every_event_with_its_interval(study: Any) -> None:
    study.change(
        "intensity",
        {"source_id": "H1-a", "population": "inkt", "marker": "PD-1"},
        n_events=30,
        n_positive=3,
    )
    row = study.row("H1-a", "inkt", "share_positive", "PD-1")
    exact = stats.binomtest(3, 30).proportion_ci(confidence_level=0.95, method="exact")
    assert (row["status"], row["value"]) == ("ok", pytest.approx(0.1))
    assert row["upper"] == pytest.approx(exact.high, abs=1e-9)


@pytest.mark.parametrize(("n_events", "status"), [(49, "few_cells"), (50, "ok")])
def test_a_median_needs_as_many_events_as_the_setting_and_a_share_has_its_error(
    study: Any, n_events: int, status: str
) -> None:
    here = {"source_id": "H1-a", "population": "mait", "marker": "PD-1"}
    study.change("intensity", here, n_events=n_events, n_positive=20)
    assert study.row("H1-a", "mait", "median_intensity", "PD-1")["status"] == status
    assert study.row("H1-a", "mait", "share_positive", "PD-1")["status"] == "ok"


def test_marker_without_threshold_has_no_positivity_but_a_median(study: Any) -> None:
    here = {"source_id": "H1-a", "population": "mait", "marker": "PD-1"}
    study.change(
        "intensity", here, n_positive=None, threshold=None, threshold_source="none", reason="no FMO"
    )
    row = study.row("H1-a", "mait", "share_positive", "PD-1")
    assert (row["status"], row["reason"]) == ("no_control", "no FMO")
    assert study.row("H1-a", "mait", "median_intensity", "PD-1")["status"] == "ok"


@pytest.mark.parametrize("with_row", [True, False])
def test_marker_without_a_channel_is_a_named_row(study: Any, *, with_row: bool) -> None:
    study.change("tube_quality", {"file_id": "H1-a"}, missing_markers="PD-1, TIGIT")
    if with_row:
        here = {"source_id": "H1-a", "marker": "PD-1"}
        study.change("intensity", here, n_positive=None, median=None, median_transformed=None)
    else:
        table = study.tables.intensity
        lost = (table["source_id"] == "H1-a") & (table["marker"] == "PD-1")
        study.put(intensity=table[~lost].reset_index(drop=True))
    row = study.row("H1-a", "mait", "share_positive", "PD-1")
    assert (row["status"], row["reason"]) == ("no_panel", "PD-1 has no channel in this tube")


def test_population_that_was_not_counted_gives_its_reason_to_its_markers(study: Any) -> None:
    mait = {"source_id": "H1-a", "population": "mait"}
    study.change(
        "counts", mait, n_events=None, detection=None, status="not_estimable", reason="one peak"
    )
    study.change("intensity", mait, n_events=None, n_positive=None, median=None)
    row = study.row("H1-a", "mait", "share_positive", "PD-1")
    assert (row["status"], row["reason"]) == ("not_estimable", "one peak")


def test_marker_read_in_other_tubes_of_the_panel_is_expected(study: Any) -> None:
    study.drop("intensity", "source_id", "H1-a")
    row = study.row("H1-a", "mait", "share_positive", "PD-1")
    assert row["status"] == "not_estimable"
    assert "was not read" in row["reason"]
