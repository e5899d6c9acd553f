"""Tubes and numbers that look wrong are held: a named row without a number, until confirmed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import Tubes
from itc_analysis.tables.flow.tubes import TubeIdentity
from itc_analysis.tables.held import held_tubes
from itc_analysis.tables.measured import Counts

WHY = "stains CD4 and CD8 seem swapped: each looks like the other"


def identity(*held: str, other: str = "H2-a") -> pd.DataFrame:
    known = {"panel": "panel_a", "batch": "B1"}
    rows = [
        {**known, "file_id": name, "finding": "swapped", "is_held": True, "reason": WHY}
        for name in held
    ]
    rows.append({**known, "file_id": other, "finding": "ok", "is_held": False})
    return contract.make(rows, TubeIdentity)


def test_a_held_tube_has_named_rows_without_a_number(study: Any) -> None:
    study.put(identity=identity("H1-a"))
    table = study.measure()
    rows = table[table["source_id"] == "H1-a"]
    assert len(rows)
    assert set(rows["status"]) == {"held"}
    assert set(rows["reason"]) == {f"held until confirmed: {WHY}"}
    numbers = ["value", "standard_error", "lower", "upper", "n_events", "volume_ul"]
    assert rows[numbers].isna().all(axis=None)
    assert "held" not in set(table.loc[table["source_id"] != "H1-a", "status"])


def test_a_held_counting_tube_lends_no_count(study: Any) -> None:
    study.put(identity=identity("H1-a"))
    row = study.row("H1-b", "innate_cd8", "cells_per_ul")
    assert row["status"] == "no_count"
    assert study.row("H1-b", "innate_cd8", "share_of_t")["status"] == "ok"


def test_a_confirmed_tube_is_not_held(study: Any) -> None:
    before = study.measure()
    study.put(identity=identity("H1-a"))
    study.put(tubes=study.tables.tubes.assign(confirmed=study.tables.tubes["file_id"] == "H1-a"))
    pd.testing.assert_frame_equal(study.measure(), before)


def test_who_is_held_without_a_sheet_of_tubes() -> None:
    assert held_tubes(identity("A"), None) == {"A": f"held until confirmed: {WHY}"}
    empty = contract.empty(Tubes)
    assert held_tubes(identity("A"), empty) == held_tubes(identity("A"), None)
    assert held_tubes(contract.empty(TubeIdentity), None) == {}


def test_a_number_that_cannot_be_true_is_held_with_its_cause(study: Any) -> None:
    study.change("counts", {"source_id": "H1-a", "population": "inkt"}, n_events=1_045)
    table = study.measure()
    own = table[table["source_id"] == "H1-a"]
    inkt = own[own["population"] == "inkt"]
    assert set(inkt.loc[inkt["measure"].isin(["share_of_t", "cells_per_ul"]), "status"]) == {"held"}
    reason = inkt["reason"].iloc[0]
    assert "10.4 % of T, beyond 5 % (0.007 to 3.8 % in healthy people)" in reason
    assert "swapped" in reason
    assert inkt["value"].isna().all()
    assert "held" not in set(own.loc[own["population"] != "inkt", "status"])


@pytest.mark.parametrize(("population", "n_events"), [("mait", 4_500), ("inkt", 480)])
def test_a_rare_person_is_not_held(study: Any, population: str, n_events: int) -> None:
    study.change("counts", {"source_id": "H1-a", "population": population}, n_events=n_events)
    row = study.row("H1-a", population, "share_of_t")
    assert row["status"] == "ok"
    assert "check the gate" in row["reason"]


def test_a_confirmed_number_is_given_and_flagged(study: Any) -> None:
    study.change("counts", {"source_id": "H1-a", "population": "inkt"}, n_events=1_045)
    study.put(tubes=study.tables.tubes.assign(confirmed=study.tables.tubes["file_id"] == "H1-a"))
    row = study.row("H1-a", "inkt", "share_of_t")
    assert row["status"] == "ok"
    assert row["value"] == pytest.approx(0.1045)


def test_tubes_of_two_people_under_one_sample_are_held_with_the_likely_exchange(study: Any) -> None:
    shares = {"H1": 0.45, "H2": 0.30, "H3": 0.38, "H4": 0.34, "H5": 0.41, "P1": 0.26, "BR": 0.36}

    def rows(*, exchanged: bool) -> list[dict[str, Any]]:
        other = {"H1": "H2", "H2": "H1"} if exchanged else {}
        return [
            study.count(f"{name}-{panel}", f"S-{name}", "cd8_t_cells", parent="t_cells",
                        n_parent=n, n_events=round(n * shares[person]))
            for panel, n in (("a", 10_000), ("b", 8_000))
            for name in shares
            for person in [other.get(name, name) if panel == "a" else name]
        ]  # fmt: skip

    before = study.tables.counts
    study.append(counts=contract.make(rows(exchanged=False), Counts))
    assert "held" not in set(study.measure()["status"])
    study.put(counts=before).append(counts=contract.make(rows(exchanged=True), Counts))
    table = study.measure()
    held = table[table["status"] == "held"]
    assert set(held["source_id"]) == {"H1-a", "H1-b", "H2-a", "H2-b"}
    reason = str(held.loc[held["source_id"] == "H1-a", "reason"].iloc[0])
    assert "cd8_t_cells are 30.0 % of their parent in panel_a and 45.0 % in panel_b" in reason
    assert "fit those of sample S-H2, were they exchanged?" in reason
