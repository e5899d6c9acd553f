"""Tubes that are not what the sheet says are held; untouched and depleted ones never."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, make_tube
from itc_analysis.flow.gates.fit import walk_template
from itc_analysis.flow.gates.identity.evidence import (
    collect_evidence,
    evidence_row,
    plain,
    read_evidence,
)
from itc_analysis.flow.gates.identity.judge import identify, suspects
from itc_analysis.flow.gates.identity.voltages import voltages_of
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits, TubeEvidence

N_EVENTS, N_TUBES = 6_000, 8
#: Where positives lie: no two stains are as bright.
BRIGHT = {"CD3": 0.72, "CD4": 0.66, "CD8": 0.78, "TCRgd": 0.62, "Vd2": 0.7}


def template() -> Template:
    steps: list[dict[str, Any]] = [
        {"name": "t_cells", "parent": "all", "markers": ["CD3"], "side": "above",
         "method": "density_minimum", "measured": True},
        {"name": "gd_t_cells", "parent": "t_cells", "markers": ["TCRgd"], "side": "above",
         "method": "density_minimum", "arguments": {"only_peak": "negative"}, "measured": True},
        {"name": "vd2", "parent": "gd_t_cells", "markers": ["Vd2"], "side": "above",
         "method": "density_minimum", "measured": True},
        {"name": "cd8", "parent": "t_cells", "markers": ["CD8"], "side": "above",
         "method": "density_minimum", "measured": True},
        {"name": "cd4", "parent": "cd8", "markers": ["CD4"], "side": "below",
         "method": "density_minimum", "measured": True},
    ]  # fmt: skip
    return check_template(
        {"panel": "made", "denominator": "t_cells", "populations": steps}, "made.yaml"
    )


def person(seed: int, *, n_gd: int | None = None) -> dict[str, np.ndarray]:
    """Return the markers of one tube; n_gd gamma-delta cells, or 2 to 6 % of the T cells."""
    rng = np.random.default_rng([seed, 71])
    kind = rng.random(N_EVENTS)
    is_t = kind < rng.uniform(0.6, 0.75)
    t_cells = np.flatnonzero(is_t)
    n_gd = round(t_cells.size * rng.uniform(0.02, 0.06)) if n_gd is None else n_gd
    gd = rng.choice(t_cells, n_gd, replace=False)
    is_gd = np.isin(np.arange(N_EVENTS), gd)
    is_cd4 = is_t & ~is_gd & (rng.random(N_EVENTS) < rng.uniform(0.5, 0.75))
    carried = {
        "CD3": is_t,
        "CD4": is_cd4,
        "CD8": is_t & ~is_cd4 & ~is_gd,
        "TCRgd": is_gd,
        "Vd2": is_gd & (rng.random(N_EVENTS) < rng.uniform(0.4, 0.8)),
    }
    return {
        marker: np.where(
            is_positive,
            rng.normal(BRIGHT[marker] + rng.normal(0, 0.004), 0.03, N_EVENTS),
            rng.normal(0.2 + rng.normal(0, 0.004), 0.04, N_EVENTS),
        )
        for marker, is_positive in carried.items()
    }


def judged(
    people: list[dict[str, np.ndarray]],
    states: dict[str, str] | None = None,
    volts: dict[str, dict[str, float]] | None = None,
    sketches: dict[str, tuple[int, ...]] | None = None,
) -> pd.DataFrame:
    """Return `TubeIdentity` of tubes T0, T1, ..., by file id."""
    rows, fits = [], []
    for number, columns in enumerate(people):
        name = f"T{number}"
        sketch = (sketches or {}).get(name, ())
        tube: Tube = make_tube(columns, file_id=name, sketch=sketch)
        membership, _ = walk_template(tube, template(), n_bootstrap=2)
        fits += fit_tube(tube, template(), n_bootstrap=2)
        found = collect_evidence(membership, template())
        shown = plain(found | {"voltages": (volts or {}).get(name, {})})
        known = {"file_id": name, "panel": "made", "batch": "b1"}
        rows.append(evidence_row(known, (states or {}).get(name, "file"), shown))
    table = identify(contract.make(rows, TubeEvidence), contract.make(fits, GateFits), template())
    return table.set_index("file_id")


def people(**changed: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return a batch of tubes; some of them as given, by name."""
    return [changed.get(f"T{seed}", person(seed)) for seed in range(N_TUBES)]


def test_untouched_tubes_are_as_the_sheet_says() -> None:
    found = judged(people())
    assert set(found["finding"]) == {"ok"}
    assert not found["is_held"].any()
    assert found["reason"].isna().all()


@pytest.mark.parametrize(("one", "two"), [("CD4", "CD8"), ("CD3", "Vd2"), ("CD8", "TCRgd")])
def test_swapped_stains_are_named_and_held(one: str, two: str) -> None:
    swapped = person(3)
    swapped[one], swapped[two] = swapped[two], swapped[one]
    found = judged(people(T3=swapped))
    assert list(found.index[found["is_held"]]) == ["T3"]
    assert found.loc["T3", "finding"] == "swapped"
    assert one in found.loc["T3", "reason"]
    assert two in found.loc["T3", "reason"]
    assert list(suspects(found.reset_index())) == ["T3"]


@pytest.mark.parametrize("marker", ["CD4", "CD8", "TCRgd"])
def test_a_stain_that_was_left_out_is_named_and_held(marker: str) -> None:
    without = person(5)
    without[marker] = np.random.default_rng(9).normal(0.2, 0.04, N_EVENTS)
    found = judged(people(T5=without))
    assert list(found.index[found["is_held"]]) == ["T5"]
    assert found.loc["T5", "finding"] == "stain_missing"
    assert marker in found.loc["T5", "reason"]


@pytest.mark.parametrize("n_gd", [0, 3, 15])
def test_a_depleted_person_is_never_held(n_gd: int) -> None:
    found = judged(people(T2=person(2, n_gd=n_gd)))
    assert not found["is_held"].any()
    assert found.loc["T2", "finding"] in ("ok", "cannot_be_told")


def test_a_tube_compensated_as_no_other_is_held() -> None:
    found = judged(people(), {"T1": "none"})
    assert list(found.index[found["is_held"]]) == ["T1"]
    assert "is not compensated, unlike 7 other tubes" in found.loc["T1", "reason"]


def test_other_voltages_are_the_cause_where_the_files_tell_them() -> None:
    volts = {f"T{i}": {"CD3": 500.0, "CD4": 450.0} for i in range(N_TUBES)}
    moved = {marker: values + 0.15 for marker, values in person(4).items()}
    odd = people(T4=moved)
    unnamed = judged(odd, volts=volts).loc["T4"]
    named = judged(odd, volts={**volts, "T4": {"CD3": 580.0, "CD4": 452.0}})
    assert unnamed["is_held"]
    assert "voltages than" not in unnamed["reason"]
    assert list(named.index[named["is_held"]]) == ["T4"]
    assert named.loc["T4", "finding"] == "elsewhere"
    assert "CD3 580 instead of 500 V" in named.loc["T4", "reason"]
    assert "CD4" not in str(named.loc["T4", "reason"]).split(";")[0]
    # the same cells under other words: said, and nothing is held
    said = judged(people(), volts={**volts, "T2": {"CD3": 600.0, "CD4": 450.0}})
    assert not said["is_held"].any()
    assert said.loc["T2", "finding"] == "cannot_be_told"


def test_voltages_are_read_from_what_files_tell() -> None:
    told = '{"CD3": {"voltage": "512,5"}, "CD4": {"voltage": "NA"}, "CD8": {"filter": "780/60"}}'
    assert voltages_of(told) == {"CD3": 512.5}
    assert voltages_of(None) == {}


def test_a_copy_is_held_under_both_names() -> None:
    found = judged(people(T6=person(1)))
    assert set(found.index[found["finding"] == "copy"]) == {"T1", "T6"}
    assert found.loc["T6", "reason"] == "its events are those of T1: one file under two names"


def test_a_part_of_another_tube_is_held_under_both_names() -> None:
    hashes = tuple(range(100))
    found = judged(people(), sketches={"T1": hashes, "T6": hashes[:60]})
    assert set(found.index[found["is_held"]]) == {"T1", "T6"}
    assert found.loc["T1", "finding"] == found.loc["T6", "finding"] == "copy"
    assert found.loc["T1", "reason"] == (
        "about 60% of its events are those of T6; one file under two names"
    )


def test_few_tubes_and_unusable_ones_are_not_judged_and_not_held() -> None:
    swapped = person(3)
    swapped["CD4"], swapped["CD8"] = swapped["CD8"], swapped["CD4"]
    found = judged([person(0), person(1), swapped])
    assert set(found["finding"]) == {"not_judged"}
    assert not found["is_held"].any()
    unusable = evidence_row({"file_id": "X", "panel": "made", "batch": "b1"}, None, None)
    table = contract.make([unusable], TubeEvidence)
    row = identify(table, contract.empty(GateFits), template()).iloc[0]
    assert (row["finding"], row["is_held"]) == ("not_judged", False)


def test_evidence_is_what_the_events_show() -> None:
    columns = person(4)
    tube = make_tube(columns)
    membership, _ = walk_template(tube, template(), n_bootstrap=2)
    found = read_evidence(plain(collect_evidence(membership, template())))
    assert found.markers == tuple(columns)
    cells = found.shown["cells"]
    values = np.stack([columns[marker] for marker in found.markers]).astype(np.float32)
    assert (cells.histograms.sum(axis=1) == N_EVENTS).all()
    np.testing.assert_allclose(cells.correlation, np.corrcoef(values), atol=1e-4)
    n_both = np.sum((columns["TCRgd"] > 0.4) & (columns["Vd2"] > 0.4))
    row, column = found.markers.index("TCRgd"), found.markers.index("Vd2")
    assert cells.positive[row, column] == pytest.approx(n_both, abs=3)
