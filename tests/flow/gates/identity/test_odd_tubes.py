"""Functional stains swapped, a dump or a dye left out, and tubes that were acquired oddly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, make_tube
from itc_analysis.flow.gates.fit import walk_template
from itc_analysis.flow.gates.identity.acquired import find_odd_acquisitions
from itc_analysis.flow.gates.identity.evidence import (
    Evidence,
    collect_evidence,
    evidence_row,
    granular_share,
    plain,
    read_evidence,
)
from itc_analysis.flow.gates.identity.judge import identify
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.quality.restart import Restart
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits, TubeEvidence

N_EVENTS, N_TUBES = 6_000, 10
Columns = dict[str, np.ndarray]
#: Where the positives of the functional stains lie, their SD, and the log odds of being positive.
FUNCTIONAL = {
    "PD-1": (0.48, 0.05, -1.2),
    "TIM-3": (0.56, 0.06, -1.8),
    "CD38": (0.52, 0.05, -0.8),
}


def template() -> Template:
    steps: list[dict[str, Any]] = [
        {"name": "live", "parent": "all", "markers": ["Viability"], "side": "below",
         "method": "density_minimum", "arguments": {"only_peak": "negative"}},
        {"name": "cd3", "parent": "live", "markers": ["CD3"], "side": "above",
         "method": "density_minimum"},
        {"name": "t_cells", "parent": "cd3", "markers": ["Dump"], "side": "below",
         "method": "density_minimum", "arguments": {"only_peak": "negative"}, "measured": True},
    ]  # fmt: skip
    stains = [{"marker": marker, "role": "other"} for marker in FUNCTIONAL]
    content = {"panel": "made", "denominator": "t_cells", "populations": steps}
    return check_template(content | {"positivity": stains}, "made.yaml")


def person(seed: int, *, raised: float = 0.0, brighter: float = 0.0) -> Columns:
    """Return one tube; `raised` log odds and a place of PD-1 and CD38 as in a person who is ill."""
    rng = np.random.default_rng([seed, 173])
    kind = rng.random(N_EVENTS)
    is_b, is_dead = kind < 0.2, rng.random(N_EVENTS) < rng.uniform(0.05, 0.1)
    carried = {"CD3": kind > 0.35, "Dump": is_b, "Viability": is_dead}
    columns: Columns = {}
    # what is dead or sticky is a little above the negatives in every channel
    sticky = np.where(is_dead, rng.normal(0.12, 0.03, N_EVENTS), 0)
    for marker, is_positive in carried.items():
        negative = rng.normal(0.2, 0.04, N_EVENTS) + sticky
        columns[marker] = np.where(is_positive, rng.normal(0.75, 0.03, N_EVENTS), negative)
    for marker, (place, sd, odds) in FUNCTIONAL.items():
        is_ill = marker != "TIM-3"
        share = 1 / (1 + np.exp(-(odds + rng.normal(0, 0.3) + raised * is_ill)))
        at = place + rng.normal(0, 0.004) + brighter * is_ill
        bright = rng.normal(at, sd, N_EVENTS)
        negative = rng.normal(0.2, 0.04, N_EVENTS)
        columns[marker] = np.where(rng.random(N_EVENTS) < share, bright, negative)
    return columns


def judged(tubes: list[Columns], **given: Any) -> pd.DataFrame:
    """Return `TubeIdentity` of tubes T0, T1, ... by file id; `given` of the last one."""
    rows, fits = [], []
    for number, columns in enumerate(tubes):
        name = f"T{number}"
        own = given if number == len(tubes) - 1 else {}
        tube = make_tube(columns, file_id=name, **own)
        membership, _ = walk_template(tube, template(), n_bootstrap=2)
        fits += fit_tube(tube, template(), n_bootstrap=2)
        known = {"file_id": name, "panel": "made", "batch": "b1"}
        rows.append(evidence_row(known, "file", plain(collect_evidence(membership, template()))))
    table = identify(contract.make(rows, TubeEvidence), contract.make(fits, GateFits), template())
    return table.set_index("file_id")


def study(last: Columns | None = None) -> list[Columns]:
    """Return a batch of people, half of them ill, and a last tube."""
    tubes = [person(i, raised=1.0 * (i % 2), brighter=0.01 * (i % 2)) for i in range(N_TUBES - 1)]
    return [*tubes, person(N_TUBES) if last is None else last]


LAST = f"T{N_TUBES - 1}"


def without(marker: str) -> Columns:
    """Return a tube without a stain: dead cells glow a little there, as in every channel."""
    columns = person(N_TUBES)
    rng = np.random.default_rng(5)
    glow = np.where(columns["Viability"] > 0.5, rng.normal(0.12, 0.03, N_EVENTS), 0)
    return columns | {marker: rng.normal(0.2, 0.04, N_EVENTS) + glow}


def test_people_of_whom_half_are_ill_are_as_the_sheet_says() -> None:
    found = judged(study())
    assert set(found["finding"]) == {"ok"}


@pytest.mark.parametrize(("one", "two"), [("PD-1", "TIM-3"), ("TIM-3", "CD38")])
def test_swapped_functional_stains_are_named(one: str, two: str) -> None:
    last = person(N_TUBES)
    found = judged(study(last | {one: last[two], two: last[one]}))
    assert list(found.index[found["finding"] != "ok"]) == [LAST]
    assert one in found.loc[LAST, "reason"]
    assert two in found.loc[LAST, "reason"]
    assert "swapped" in found.loc[LAST, "reason"]


@pytest.mark.parametrize(("raised", "brighter"), [(2.5, 0.02), (-1.5, -0.02)])
def test_a_person_with_more_or_fewer_positive_cells_is_not_held(
    raised: float, brighter: float
) -> None:
    found = judged(study(person(N_TUBES, raised=raised, brighter=brighter)))
    assert not found["is_held"].any()


def test_functional_stains_are_compared_within_a_batch_of_five_tubes_or_more() -> None:
    last = person(N_TUBES)
    few = study(last | {"PD-1": last["TIM-3"], "TIM-3": last["PD-1"]})[-4:]
    assert set(judged(few)["finding"]) == {"not_judged"}


@pytest.mark.parametrize("marker", ["Dump", "Viability"])
def test_a_dump_or_a_dye_that_was_left_out_is_held(marker: str) -> None:
    found = judged(study(without(marker)))
    assert list(found.index[found["is_held"]]) == [LAST]
    assert found.loc[LAST, "finding"] == "stain_missing"
    assert f"{marker}: " in found.loc[LAST, "reason"]


def test_a_tube_that_ended_early_is_said_with_its_numbers_and_not_held() -> None:
    found = judged([{m: v[:400] if i == N_TUBES - 1 else v for m, v in one.items()}
                    for i, one in enumerate(study())])  # fmt: skip
    assert not found["is_held"].any()
    assert list(found.index[found["finding"] != "ok"]) == [LAST]
    reason = found.loc[LAST, "reason"]
    assert "400 events where the other tubes have 6,000 (median)" in reason
    assert "higher limits of detection" in reason


def test_a_clock_that_starts_again_is_said_and_held_only_where_the_parts_differ() -> None:
    alike = Restart(3_000, N_EVENTS, "CD38-channel", 0.02, 0.05)
    said = judged(study(), restart=alike)
    assert not said["is_held"].any()
    assert said.loc[LAST, "finding"] == "cannot_be_told"
    assert "Time starts again after 3,000 of 6,000 events" in said.loc[LAST, "reason"]
    assert "alike" in said.loc[LAST, "reason"]
    other = Restart(3_000, N_EVENTS, "CD38-channel", 0.34, 0.05)
    held = judged(study(), restart=other)
    assert list(held.index[held["is_held"]]) == [LAST]
    assert held.loc[LAST, "finding"] == "joined"
    assert "CD38 of 34% of the events differs" in held.loc[LAST, "reason"]


def acquired(granular: list[float], n_events: list[float]) -> dict[str, str]:
    """Return what is said of tubes of one batch."""
    tubes = {
        f"T{i}": Evidence((), {}, None, {}, n_events=n, granular=share)
        for i, (share, n) in enumerate(zip(granular, n_events, strict=True))
    }
    return find_odd_acquisitions(tubes, dict.fromkeys(tubes, "b1"))


SEPARATED, BLOOD = [0.02, 0.05, 0.03, 0.04, 0.06, 0.02], [0.5, 0.6, 0.55, 0.45, 0.65, 0.4]
EVENTS = [30_000.0, 90_000, 50_000, 60_000, 40_000, 70_000, 50_000]


def test_whole_blood_among_separated_cells_is_said_and_the_other_way_round() -> None:
    found = acquired([*SEPARATED, 0.55], EVENTS)
    assert set(found) == {"T6"}
    assert found["T6"].startswith("granulocytes are 55% of its cells and 4% of those of the other")
    assert "whole blood among separated cells?" in found["T6"]
    found = acquired([*BLOOD, 0.03], EVENTS)
    assert set(found) == {"T6"}
    assert "separated cells among whole blood?" in found["T6"]


@pytest.mark.parametrize("share", [0.0, 0.12, 0.2])
def test_a_poor_separation_is_ordinary(share: float) -> None:
    assert acquired([*SEPARATED, share], EVENTS) == {}


def test_batches_that_differ_in_kind_are_each_compared_with_themselves() -> None:
    tubes = {
        f"{b}{i}": Evidence((), {}, None, {}, n_events=5e4, granular=share)
        for b, shares in (("a", SEPARATED), ("b", BLOOD))
        for i, share in enumerate(shares)
    }
    assert find_odd_acquisitions(tubes, {name: name[0] for name in tubes}) == {}


@pytest.mark.parametrize("n", [2_000, 9_000])
def test_far_fewer_events_than_the_median_and_the_least_are_said(n: float) -> None:
    assert list(acquired([0.02] * 7, [*EVENTS[:6], n])) == ["T6"]


def test_half_of_the_least_of_the_others_is_ordinary() -> None:
    assert acquired([0.02] * 7, [*EVENTS[:6], 16_000]) == {}


def test_tubes_without_scatter_or_numbers_say_nothing() -> None:
    assert acquired([np.nan] * 7, [np.nan] * 7) == {}


def test_granulocytes_are_told_by_size_and_side_scatter() -> None:
    columns = person(1)
    rng = np.random.default_rng(2)
    is_t = columns["CD3"] > 0.5
    kind = np.where(is_t, 0, rng.choice([1, 2, 3], N_EVENTS))  # monocytes, granulocytes, debris
    forward, side = np.array([0.3, 0.5, 0.45, 0.06])[kind], np.array([0.1, 0.28, 0.6, 0.5])[kind]
    noise = np.exp(0.08 * rng.standard_normal((2, N_EVENTS)))
    scatter = {"FSC-A": forward * noise[0], "SSC-A": side * noise[1]}
    membership, _ = walk_template(make_tube(scatter | columns), template(), n_bootstrap=2)
    share = granular_share(membership, template())
    assert share == pytest.approx(np.mean(kind[kind < 3] == 2), abs=0.01)
    found = read_evidence(plain(collect_evidence(membership, template())))
    assert found.granular == pytest.approx(share, abs=1e-4)
    assert found.n_events == N_EVENTS
    assert found.restart is None
