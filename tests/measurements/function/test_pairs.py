"""Pairs of tubes: the right control, and a named reason where there is none."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from itc_analysis.config.sections import Function
from itc_analysis.measurements.function.pairs import pair_tubes
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import Tubes
from itc_analysis.tables.flow.tubes import TubeQuality

SETTINGS = Function(controls={"il12": "unstimulated", "pma": "unstimulated"})


def tubes(*rows: dict[str, Any]) -> pd.DataFrame:
    usual = {"panel": "f", "batch": "b1", "tube": "stained"}
    return contract.make([usual | row for row in rows], Tubes)


def quality(sheet: pd.DataFrame, **changed: dict[str, Any]) -> pd.DataFrame:
    names = ["file_id", "sample_id", "panel", "batch", "tube"]
    rows = [
        row | {"status": "ok", "n_events": 9_000, "n_clean": 9_000, "share_dead": 0.1}
        | changed.get(str(row["file_id"]), {})
        for row in sheet[names].to_dict("records")
    ]  # fmt: skip
    return contract.make(rows, TubeQuality)


def tube(file_id: str, sample: str, condition: str | None, **more: Any) -> dict[str, Any]:
    return {"file_id": file_id, "sample_id": sample, "condition": condition, **more}


USUAL = tubes(
    tube("r", "S1", None), tube("u", "S1", "unstimulated"), tube("i", "S1", "il12"),
    tube("p", "S1", "pma"), tube("i2", "S2", "il12"),
)  # fmt: skip


def test_each_stimulated_tube_has_its_control_or_says_that_it_has_none() -> None:
    found = pair_tubes(USUAL, quality(USUAL), SETTINGS).set_index("source_id")
    assert set(found.index) == {"i", "p", "i2"}
    assert list(found.loc[["i", "p"], "control_id"]) == ["u", "u"]
    assert found.loc["i2", "status"] == "no_control"
    assert "no tube of condition 'unstimulated'" in found.loc["i2", "reason"]


def test_a_control_of_another_batch_or_panel_is_none() -> None:
    sheet = tubes(
        tube("i", "S1", "il12"), tube("u", "S1", "unstimulated", batch="b2"),
        tube("v", "S1", "unstimulated", panel="g"),
    )  # fmt: skip
    assert set(pair_tubes(sheet, quality(sheet), SETTINGS)["status"]) == {"no_control"}


def test_fmo_tubes_are_no_controls() -> None:
    sheet = tubes(
        tube("i", "S1", "il12"),
        tube("u", "S1", "unstimulated", tube="fmo", fmo_markers="TNF"),
    )
    assert list(pair_tubes(sheet, quality(sheet), SETTINGS)["status"]) == ["no_control"]


@pytest.mark.parametrize("bad", ["i", "u"])
def test_dead_cells_in_either_tube_end_as_a_named_row(bad: str) -> None:
    judged = quality(USUAL, **{bad: {"share_dead": 0.5}})
    row = pair_tubes(USUAL, judged, SETTINGS).set_index("source_id").loc["i"]
    assert row["status"] == "failed_quality"
    assert f"50 % of the cells of {bad} live, 70 % needed" in row["reason"]
    assert row["viability"] == pytest.approx(0.5)


def test_lost_cells_end_as_a_named_row_and_an_empty_recovery_is_not_judged() -> None:
    sheet = USUAL.assign(recovered_share=[None, 0.9, 0.3, None, None])
    found = pair_tubes(sheet, quality(sheet), SETTINGS).set_index("source_id")
    assert found.loc["i", "status"] == "failed_quality"
    assert "30 % of the cells of i were recovered after culture, 50 % needed" in found.loc[
        "i", "reason"
    ]  # fmt: skip
    assert found.loc["p", "status"] == "ok"


def test_unequal_time_in_culture_is_said() -> None:
    sheet = USUAL.assign(culture_hours=[None, 6, 20, 6, 20])
    found = pair_tubes(sheet, quality(sheet), SETTINGS).set_index("source_id")
    assert found.loc["i", "reason"] == "20 h in culture, its control 6 h"
    assert pd.isna(found.loc["p", "reason"])


def test_an_unreadable_control_gives_its_reason() -> None:
    judged = quality(USUAL, u={"status": "unreadable", "reason": "cut short"})
    row = pair_tubes(USUAL, judged, SETTINGS).set_index("source_id").loc["i"]
    assert (row["status"], row["reason"]) == ("unreadable", "its control u: cut short")
