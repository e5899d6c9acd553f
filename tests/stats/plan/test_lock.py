"""The lock of a plan: what was changed since, and which results follow from it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from itc_analysis.errors import SettingsError
from itc_analysis.flow.gating.template import load_template
from itc_analysis.stats.plan.lock import (
    NOTHING,
    Touched,
    canonical_digest,
    changes_since,
    holds_by_hand,
    lock_path,
    make_lock,
    read_lock,
    touched_by,
    write_lock,
)
from itc_analysis.stats.plan.plan import read_plan

RESOURCES = Path(__file__).parents[3] / "src" / "itc_analysis" / "resources"


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return {
        "plan": read_plan(RESOURCES / "analysis_plan.yaml").model_dump(mode="json"),
        "gating": {
            panel: load_template(RESOURCES / "gating" / f"{panel}.yaml").model_dump(mode="json")
            for panel in ("panel_a", "panel_b")
        },
        "signatures": {"flow exhaustion": {"PD-1": 1.0, "TIM-3": 1.0}},
        "settings": {"flow": {"lod_events": 20}, "stats": {"min_per_group": 3}, "function": {
            "min_viability": 0.7}, "scores": {"subsets": {"gd_t_cells": ["vd2_gd", "vd2neg_gd"]}}},
    }  # fmt: skip


def population(content: dict[str, Any], panel: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        p for p in content["gating"][panel]["populations"] if p["name"] == name
    )
    return found


def test_order_of_keys_and_populations_is_no_change(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    again = copy.deepcopy(content)
    again["plan"] = dict(reversed(again["plan"].items()))
    again["plan"]["families"] = list(reversed(again["plan"]["families"]))
    assert changes_since(lock, again) == []
    assert touched_by(lock, again) == touched_by(lock, content)


def test_a_decision_by_hand_is_listed_and_touches_nothing(content: dict[str, Any]) -> None:
    nothing = {"decisions": {}, "reviews": {}, "drawn": {}, "confirmed": {}}
    lock = make_lock(content | {"by_hand": nothing}, date="2026-11-29", software="1")
    now = content | {"by_hand": nothing | {"decisions": {"P014": "excluded (0a)"}}}
    (change,) = changes_since(lock, now)
    assert (change.part, change.where) == ("by_hand", "decisions.P014")
    assert (change.locked, change.now) == (NOTHING, '"excluded (0a)"')
    assert touched_by(lock, now) == Touched()


def test_a_lock_of_an_older_version_goes_on_to_work(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = content | {"by_hand": {"decisions": {"P014": "excluded (0a)"}}}
    assert changes_since(lock, now) == []
    assert not holds_by_hand(lock, now)


def test_a_changed_adjustment_touches_its_family_alone(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = copy.deepcopy(content)
    now["plan"]["families"][0]["adjustment"] = "bh"
    (change,) = changes_since(lock, now)
    assert (change.part, change.where) == ("plan", "families.primary.adjustment")
    assert (change.locked, change.now) == ('"holm"', '"bh"')
    touched = touched_by(lock, now)
    assert touched.has(table="comparisons", family="primary", assay="flow")
    assert not touched.has(table="comparisons", family="each disease", assay="flow")


def test_changed_covariates_touch_everything(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = copy.deepcopy(content)
    now["plan"]["covariates"] = "age_years"
    assert touched_by(lock, now).has(table="genes", family="genes", assay="singlecell")


def test_a_margin_touches_verdicts_alone(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = copy.deepcopy(content)
    now["plan"]["equivalence_ratio"] = 2.0
    touched = touched_by(lock, now)
    assert touched.tables == {"verdicts"}
    assert not touched.has(table="comparisons", family="primary", assay="flow")


def test_a_gate_touches_what_is_gated_from_it_and_nothing_else(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = copy.deepcopy(content)
    population(now, "panel_a", "vd2_gd")["min_parent"] += 1
    touched = touched_by(lock, now)
    assert "vd2_gd" in touched.populations
    assert "mait" not in touched.populations
    # a score of all gamma-delta T cells is standardised to these subsets
    assert touched.has(
        table="comparisons", family="x", assay="flow", populations=["gd_t_cells"], measure="score"
    )
    assert not touched.has(
        table="comparisons", family="x", assay="flow", populations=["gd_t_cells"],
        measure="share_of_t",
    )  # fmt: skip
    assert not touched.has(
        table="comparisons", family="x", assay="singlecell", populations=["vd2_gd"]
    )


def test_the_gate_of_the_denominator_touches_all_of_its_panel(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = copy.deepcopy(content)
    denominator = now["gating"]["panel_a"]["denominator"]
    parent = population(now, "panel_a", denominator)["parent"]
    population(now, "panel_a", parent)["min_parent"] += 1
    touched = touched_by(lock, now)
    assert {p["name"] for p in now["gating"]["panel_a"]["populations"]} == touched.populations


def test_a_signature_touches_its_score_in_its_assay(content: dict[str, Any]) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = copy.deepcopy(content)
    now["signatures"]["flow exhaustion"]["PD-1"] = 2.0
    touched = touched_by(lock, now)
    result: dict[str, Any] = {"table": "comparisons", "family": "x", "measure": "score"}
    assert touched.has(**result, assay="flow", feature="exhaustion")
    assert not touched.has(**result, assay="singlecell", feature="exhaustion")
    assert not touched.has(**result, assay="flow", feature="activation")


@pytest.mark.parametrize(
    ("section", "setting", "assay", "is_touched"),
    [
        ("flow", "lod_events", "flow", True),
        ("flow", "lod_events", "singlecell", False),
        ("function", "min_viability", "flow", True),
        ("function", "min_viability", "singlecell", False),
        ("stats", "min_per_group", "singlecell", True),
    ],
)
def test_a_setting_touches_what_reads_it(
    content: dict[str, Any], section: str, setting: str, assay: str, *, is_touched: bool
) -> None:
    lock = make_lock(content, date="2026-11-29", software="1")
    now = copy.deepcopy(content)
    now["settings"][section][setting] += 1
    assert touched_by(lock, now).has(table="comparisons", family="x", assay=assay) is is_touched


def test_a_lock_is_read_as_it_was_written_and_an_edited_one_is_refused(
    content: dict[str, Any], tmp_path: Path
) -> None:
    path = lock_path(tmp_path / "plan.yaml")
    assert path.name == "plan.lock.json"
    lock = make_lock(content, date="2026-11-29", software="1")
    write_lock(lock, path)
    assert read_lock(path) == lock
    assert lock.digest == canonical_digest(lock.content)
    stored = json.loads(path.read_text())
    stored["content"]["plan"]["equivalence_ratio"] = 3
    path.write_text(json.dumps(stored))
    with pytest.raises(SettingsError, match="it was edited"):
        read_lock(path)


@pytest.mark.parametrize("date", ["2026-1-3", "yesterday", "2026-13-01", "20261129", ""])
def test_a_date_that_is_none_is_refused(content: dict[str, Any], date: str) -> None:
    with pytest.raises(SettingsError, match="is no date; write it as 2026-11-29"):
        make_lock(content, date=date, software="1")


def test_an_amendment_keeps_the_earlier_lock_and_needs_a_reason(content: dict[str, Any]) -> None:
    first = make_lock(content, date="2026-11-29", software="1")
    with pytest.raises(SettingsError, match="needs its reason"):
        make_lock(content, date="2026-12-05", software="1", replaces=first, reason=" ")
    with pytest.raises(SettingsError, match="before 2026-11-29"):
        make_lock(content, date="2026-11-28", software="1", replaces=first, reason="a typo")
    second = make_lock(content, date="2026-12-05", software="1", replaces=first, reason="a typo")
    assert second.amended == ({"date": "2026-11-29", "digest": first.digest, "reason": "a typo"},)
