"""Tubes of a release keep their gates, whatever comes after them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.flow.gates.frozen import keep_frozen, keep_rows, moved_gates
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import Gates, TubeIdentity
from itc_analysis.tables.quantities import POSITIVE_OF


def gate(file_id: str, cut: float, population: str = "mait", **more: Any) -> dict[str, Any]:
    return {
        "file_id": file_id, "panel": "p", "batch": "b1", "population": population,
        "parent": "t_cells", "method": "density_minimum", "n_parent": 100, "state": "ok",
        "geometry": f'{{"cut": {cut}}}', "cut": cut, "cut_se": 0.01, "cut_tube": cut, **more,
    }  # fmt: skip


def gates(*rows: dict[str, Any]) -> pd.DataFrame:
    return contract.make(rows, Gates)


FROZEN = gates(
    gate("old", 0.40), gate("older", 0.50), gate("old", 0.30, f"{POSITIVE_OF}PD-1"),
    gate("gone", 0.60),
)  # fmt: skip
FRESH = gates(
    gate("old", 0.45), gate("older", 0.505), gate("old", 0.33, f"{POSITIVE_OF}PD-1"),
    gate("new", 0.47), gate("new", 0.33, f"{POSITIVE_OF}PD-1", cut_tube=0.36),
)  # fmt: skip


def test_older_tubes_stay_and_a_new_one_takes_the_batchs_threshold() -> None:
    kept = keep_frozen(FRESH, FROZEN, ["new"]).set_index(["file_id", "population"])
    assert kept.loc[("old", "mait"), "cut"] == 0.40
    assert kept.loc[("older", "mait"), "cut"] == 0.50
    assert kept.loc[("new", "mait"), "cut"] == 0.47
    # one threshold of positivity per batch: stimulated and resting tubes are read at the same one
    threshold = kept.loc[("new", f"{POSITIVE_OF}PD-1")]
    assert threshold["cut"] == 0.30
    assert threshold["geometry"] == '{"cut": 0.3}'
    assert threshold["cut_tube"] == 0.36
    assert "gone" not in kept.index.get_level_values("file_id")
    assert len(kept) == len(FRESH)


def test_a_tube_that_holds_other_events_now_is_gated_again() -> None:
    kept = keep_frozen(FRESH, FROZEN, ["new", "old"]).set_index(["file_id", "population"])
    assert kept.loc[("old", "mait"), "cut"] == 0.45
    assert kept.loc[("older", "mait"), "cut"] == 0.50


def test_what_would_have_moved_is_counted_by_the_gates_own_error() -> None:
    kept = keep_frozen(FRESH, FROZEN, ["new"])
    moved = moved_gates(FRESH, kept, ["new"]).set_index("population")
    # 0.40 to 0.45 is further than 0.01, 0.50 to 0.505 is not
    assert moved.loc["mait", ["n_tubes", "n_moved"]].tolist() == [2, 1]
    assert moved.loc["mait", "file_id"] == "old"
    assert abs(moved.loc["mait", "largest_shift"] - 0.05) < 1e-12
    assert moved.loc[f"{POSITIVE_OF}PD-1", "n_moved"] == 1


def test_nothing_moves_when_nothing_came_later() -> None:
    kept = keep_frozen(FROZEN, FROZEN, [])
    pd.testing.assert_frame_equal(
        kept.sort_values(["file_id", "population"], ignore_index=True),
        FROZEN.sort_values(["file_id", "population"], ignore_index=True),
    )
    assert moved_gates(FROZEN, kept, [])["n_moved"].sum() == 0


def test_identities_of_older_tubes_stay() -> None:
    def identity(*rows: tuple[str, bool]) -> pd.DataFrame:
        return contract.make(
            [
                {"file_id": f, "panel": "p", "batch": "b1", "finding": "copy" if held else "ok",
                 "is_held": held, "reason": "x" if held else None}
                for f, held in rows
            ],
            TubeIdentity,
        )  # fmt: skip

    kept = keep_rows(
        identity(("new", True), ("old", True)), identity(("old", False), ("gone", False)), ["new"]
    )
    assert dict(zip(kept["file_id"], kept["is_held"], strict=True)) == {"new": True, "old": False}
