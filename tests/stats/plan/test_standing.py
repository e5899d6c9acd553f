"""Results are marked by the lock of their plan."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis import provenance
from itc_analysis.stats.plan.lock import make_lock
from itc_analysis.stats.plan.standing import (
    describe_standing,
    mark_comparisons,
    mark_verdicts,
    parameters_of,
    read_standing,
    stand,
)
from itc_analysis.tables import contract
from itc_analysis.tables.stats.plan_changes import PlanChanges

FAMILY = {"role": "primary", "adjustment": "holm"}
LOCKED = {"plan": {"families": [{"name": "primary", **FAMILY}, {"name": "other", **FAMILY}]}}
NOW = {
    "plan": {
        "families": [
            {"name": "primary", **FAMILY},
            {"name": "other", **FAMILY, "adjustment": "bh"},
        ]
    }
}
ROWS = pd.DataFrame(
    {
        "family": ["primary", "other", "later"],
        "role": ["primary", "secondary", "post_hoc"],
        "assay": "flow",
        "population": ["mait", "inkt", "mait"],
        "measure": "share_of_t",
        "feature": "-",
    }
)


def test_rows_are_as_locked_post_hoc_or_not_locked() -> None:
    lock = make_lock(LOCKED, date="2026-11-29", software="1")
    marked = mark_comparisons(ROWS, stand(lock, NOW))
    assert list(marked["lock"]) == ["as_locked", "post_hoc", "post_hoc"]
    assert list(mark_comparisons(ROWS, stand(None, NOW))["lock"]) == [
        "not_locked", "not_locked", "post_hoc",
    ]  # fmt: skip
    assert "lock" not in ROWS


def test_a_verdict_is_post_hoc_when_one_of_its_comparisons_is() -> None:
    standing = stand(make_lock(LOCKED, date="2026-11-29", software="1"), NOW)
    marked = mark_comparisons(ROWS, standing)
    keys = ["assay", "population", "measure", "feature"]
    verdicts = ROWS.loc[[0, 1], keys]
    assert list(mark_verdicts(verdicts, marked, standing)["lock"]) == ["as_locked", "post_hoc"]


def test_the_table_of_changes_is_read_with_its_lock(tmp_path: Path) -> None:
    standing = stand(make_lock(LOCKED, date="2026-11-29", software="1"), NOW)
    path = tmp_path / "plan_changes.parquet"
    described = provenance.describe("itc plan-changes", parameters=parameters_of(standing))
    contract.write(standing.changes, path, PlanChanges, provenance=described)
    again = read_standing(path)
    assert (again.lock, again.touched) == (standing.lock, standing.touched)
    assert list(again.changes["where"]) == ["families.other.adjustment"]


def test_the_methods_say_when_what_and_whether() -> None:
    lock = make_lock(LOCKED, date="2026-11-29", software="1")
    assert describe_standing(stand(None, NOW)).startswith("The plan was not locked")
    assert "locked on 2026-11-29" in describe_standing(stand(lock, LOCKED))
    assert "nothing of it was changed since" in describe_standing(stand(lock, LOCKED))
    assert "does not hold manual decisions" in describe_standing(stand(lock, LOCKED))
    assert "1 field was changed since" in describe_standing(stand(lock, NOW))
    amended = make_lock(NOW, date="2026-12-05", software="1", replaces=lock, reason="a slip.")
    assert "in place of the lock of 2026-11-29 (a slip)" in describe_standing(stand(amended, NOW))


def test_decisions_by_hand_are_counted_and_leave_results_as_locked() -> None:
    lock = make_lock(LOCKED | {"by_hand": {"decisions": {}}}, date="2026-11-29", software="1")
    standing = stand(lock, LOCKED | {"by_hand": {"decisions": {"P1": "excluded (0a)"}}})
    assert list(mark_comparisons(ROWS, standing)["lock"]) == ["as_locked", "as_locked", "post_hoc"]
    said = describe_standing(standing)
    assert (
        "nothing of it was changed since. After the lock, added, changed or removed by hand: "
        in said
    )
    assert said.endswith("1 manual decision on a participant.")
