"""Implausible numbers are flagged in words and kept."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from itc_analysis.measurements.plausibility import flag_implausible


def test_implausible_share_is_flagged_and_kept(study: Any) -> None:
    study.change("counts", {"source_id": "H1-a", "population": "inkt"}, n_events=480)
    row = study.row("H1-a", "inkt", "share_of_t")
    assert row["status"] == "ok"
    assert row["value"] == pytest.approx(0.048)
    assert "above 4 % of T: check the gate" in row["reason"]
    assert pd.isna(study.row("H1-a", "mait", "share_of_t")["reason"])


def test_implausible_t_count_is_flagged(study: Any) -> None:
    study.change("counts", {"source_id": "H1-a", "population": "beads"}, n_events=20_000)
    assert "outside 400 to 3000" in study.row("H1-a", "t_cells", "cells_per_ul")["reason"]


def test_odd_cd4_to_cd8_ratio_is_flagged_on_both() -> None:
    rows = pd.DataFrame(
        {
            "source_id": ["A", "A", "B", "B"],
            "population": ["cd4_t_cells", "cd8_t_cells"] * 2,
            "measure": "share_of_t",
            "value": [0.70, 0.10, 0.50, 0.30],
            "status": "ok",
            "reason": pd.Series(["seen", None, None, None], dtype="string"),
        }
    )
    found = flag_implausible(rows)["reason"]
    assert found[0] == "seen; CD4:CD8 outside 0.3 to 6: check the gates"
    assert found[1] == "CD4:CD8 outside 0.3 to 6: check the gates"
    assert found[2:].isna().all()


def test_number_that_is_not_ok_is_not_judged() -> None:
    rows = pd.DataFrame(
        {
            "source_id": ["A"],
            "population": ["inkt"],
            "measure": ["share_of_t"],
            "value": [float("nan")],
            "status": ["below_lod"],
            "reason": pd.Series(["4 cells"], dtype="string"),
        }
    )
    assert list(flag_implausible(rows)["reason"]) == ["4 cells"]


@pytest.mark.parametrize(
    ("t_cells", "lymphocytes", "is_odd"),
    [(9.2, 1800.0, True), (9200, 1800, True), (1200, 1800, False), (1200, 1.8, True), (500, None, False)],  # noqa: E501
)  # fmt: skip
def test_counts_beside_the_haematology_by_a_thousand_are_flagged_and_kept(
    t_cells: float, lymphocytes: float | None, is_odd: object
) -> None:
    rows = pd.DataFrame(
        {
            "source_id": ["A"], "sample_id": ["S1"], "population": ["t_cells"],
            "measure": ["cells_per_ul"], "value": [t_cells], "status": ["ok"],
            "reason": pd.Series([None], dtype="string"),
        }
    )  # fmt: skip
    found = flag_implausible(rows, {} if lymphocytes is None else {"S1": lymphocytes})
    told = found["reason"].fillna("")[0]
    assert ("check beads_per_tube, blood_volume_ul and their units" in told) is is_odd
    assert found["value"][0] == t_cells
