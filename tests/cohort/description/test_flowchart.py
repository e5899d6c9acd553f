"""The numbers of the flow chart add up at every node."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.cohort_examples import EXCLUSION_ITEMS, participant_table, spotless
from itc_analysis.cohort.description.flowchart import BY_HAND, count_flow
from itc_analysis.cohort.description.flowchart_svg import describe_flow, draw_flowchart
from itc_analysis.cohort.eligibility.eligibility import decide, judge_participants
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import DecisionSheet
from itc_analysis.tables.measured import Measurements
from itc_analysis.tables.quantities import STATUSES

COHORT = Cohort()


def flow(
    people: list[dict[str, Any]],
    statuses: list[tuple[str, str, list[str]]] | None = None,
    *,
    analyse_queried: bool = False,
    by_hand: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Count people; `statuses` are (participant, assay, status of each of its rows)."""
    table = participant_table(*people)
    eligibility = judge_participants(table, cohort=COHORT)
    hand = [
        {"participant_id": name, "decision": "excluded", "decided_by": "sponsor", "why": "withdrew"}
        for name in by_hand
    ]
    decisions = contract.make(hand, DecisionSheet) if hand else contract.empty(DecisionSheet)
    decided = decide(table, eligibility, decisions, analyse_queried=analyse_queried)
    measured = None
    if statuses is not None:
        rows = [
            {
                "sample_id": f"S{name}",
                "participant_id": name,
                "group": "SSc",
                "assay": assay,
                "source_id": f"{name}_{assay}",
                "batch": "b1",
                "population": f"population_{number}",
                "measure": "share_of_t",
                "feature": "-",
                "value": 0.1 if status == "ok" else None,
                "upper": 0.2,
                "unit": "share",
                "status": status,
            }
            for name, assay, each in statuses
            for number, status in enumerate(each)
        ]
        measured = contract.make(rows, Measurements) if rows else contract.empty(Measurements)
    return count_flow(decided, eligibility, measured, groups=COHORT.groups)


def number(table: pd.DataFrame, stage: str, reason: str = "", group: str = "all") -> int:
    row = table[(table["stage"] == stage) & (table["reason"] == reason) & (table["group"] == group)]
    return int(row["n"].item())


def assert_adds_up(table: pd.DataFrame) -> None:
    nodes = table[table["reason"] == ""].set_index(["group", "stage"])["n"].to_dict()
    for group in (*COHORT.groups, "all"):
        left = sum(nodes[group, stage] for stage in ("excluded", "to_be_queried", "analysed"))
        assert nodes[group, "enrolled"] == left
        for assay in ("flow", "singlecell"):
            if (group, f"with_{assay}") in nodes:
                reached = nodes[group, f"with_{assay}"] + nodes[group, f"without_{assay}"]
                assert nodes[group, "analysed"] == reached
    reasons = table[table["reason"] != ""]
    explained = reasons.groupby(["group", "stage"])["n"].sum().to_dict()
    for (group, stage), n in nodes.items():
        if stage in ("excluded", "to_be_queried", "without_flow", "without_singlecell"):
            assert explained.get((group, stage), 0) == n
    assert (table["n_any"] >= table["n"]).all()
    each = table[table["group"] != "all"].groupby(["stage", "reason"])["n"].sum()
    whole = table[table["group"] == "all"].set_index(["stage", "reason"])["n"]
    pd.testing.assert_series_equal(each.sort_index(), whole.sort_index())


PERSON = st.fixed_dictionaries(
    {"group": st.sampled_from(COHORT.groups)},
    optional=dict.fromkeys(EXCLUSION_ITEMS, st.sampled_from([None, True]))
    | {
        "weight_kg": st.sampled_from([None, 40.0]),
        "classification_met": st.sampled_from([None, False]),
    },
)


@settings(max_examples=20)
@given(
    people=st.lists(PERSON, min_size=1, max_size=12),
    each=st.lists(st.lists(st.sampled_from(STATUSES), max_size=3), min_size=12, max_size=12),
    analyse_queried=st.booleans(),
    by_hand=st.sets(st.integers(0, 11)),
)
def test_the_numbers_add_up_at_every_node(
    *,
    people: list[dict[str, Any]],
    each: list[list[str]],
    analyse_queried: bool,
    by_hand: set[int],
) -> None:
    enrolled = [
        spotless(f"P{place}", **{"group": "SSc", **items}) for place, items in enumerate(people)
    ]
    statuses = [
        (f"P{place}", assay, rows)
        for place, rows in enumerate(each[: len(people)])
        for assay in ("flow", "singlecell")
        if rows
    ]
    hand = tuple(f"P{place}" for place in sorted(by_hand) if place < len(people))
    table = flow(enrolled, statuses, analyse_queried=analyse_queried, by_hand=hand)
    assert_adds_up(table)
    assert number(table, "enrolled") == len(people)


def test_a_person_with_two_reasons_is_counted_once_and_named_under_both() -> None:
    table = flow([spotless("P1", age_years=17.0, weight_kg=50.0), spotless("P2", weight_kg=50.0)])
    excluded = table[(table["stage"] == "excluded") & (table["group"] == "all")]
    assert excluded[["reason", "n", "n_any"]].to_numpy().tolist() == [
        ["", 2, 2],
        ["age", 1, 1],
        ["weight", 1, 2],
    ]


def test_decisions_by_hand_have_their_own_reason() -> None:
    table = flow([spotless("P1"), spotless("P2", weight_kg=50.0)], by_hand=("P1", "P2"))
    assert number(table, "excluded", BY_HAND) == 2
    assert_adds_up(table)


def test_below_the_limit_of_detection_is_a_result_and_a_bad_tube_a_loss() -> None:
    people = [spotless(f"P{number}") for number in range(4)]
    statuses = [
        ("P0", "flow", ["ok", "below_lod"]),
        ("P1", "flow", ["below_lod", "failed_quality"]),
        ("P2", "flow", ["unreadable", "unreadable", "excluded"]),
    ]
    table = flow(people, statuses)
    assert number(table, "with_flow") == 2
    assert number(table, "without_flow") == 2
    assert number(table, "without_flow", "unreadable") == 1
    assert number(table, "without_flow", "not measured") == 1
    assert not table["stage"].str.contains("singlecell").any()


def test_an_excluded_person_with_results_is_not_among_the_measured() -> None:
    table = flow([spotless("P0", weight_kg=50.0), spotless("P1")], [("P0", "flow", ["ok"])])
    assert number(table, "with_flow") == 0
    assert number(table, "without_flow") == 1


@pytest.fixture
def drawn() -> tuple[pd.DataFrame, ET.Element]:
    people = [spotless(f"P{number}", group) for number, group in enumerate(COHORT.groups)]
    people += [spotless("X1", weight_kg=50.0), spotless("X2", "SLE", age_years=None)]
    statuses = [
        ("P0", "flow", ["ok"]),
        ("P1", "flow", ["unreadable"]),
        ("P0", "singlecell", ["ok"]),
    ]
    table = flow(people, statuses)
    return table, ET.fromstring(draw_flowchart(table))


def texts(svg: ET.Element) -> str:
    found = [e.text or "" for e in svg.iter("{http://www.w3.org/2000/svg}text")]
    return "\n".join(found).replace("\u00a0", " ")


def test_the_drawing_says_the_numbers_of_the_table(
    drawn: tuple[pd.DataFrame, ET.Element],
) -> None:
    table, svg = drawn
    shown = texts(svg)
    for title, stage in (
        ("Enrolled", "enrolled"),
        ("Excluded", "excluded"),
        ("To be queried", "to_be_queried"),
        ("Analysed", "analysed"),
        ("With flow cytometry", "with_flow"),
        ("Without single-cell data", "without_singlecell"),
    ):
        assert f"{title}: n = {number(table, stage)}\n" in shown + "\n"
    assert "weight below 55 kg (1)" in shown
    assert "SSc 2, SLE 2, pSS 1, RA 1, IIM 1, healthy 1" in shown


def test_the_drawing_can_be_read_aloud(drawn: tuple[pd.DataFrame, ET.Element]) -> None:
    table, svg = drawn
    space = "{http://www.w3.org/2000/svg}"
    title, desc = svg.find(f"{space}title"), svg.find(f"{space}desc")
    assert title is not None
    assert desc is not None
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
    assert desc.text == describe_flow(table)
    assert "Excluded: 1 (weight below 55 kg (1))." in describe_flow(table)


def test_nothing_is_drawn_outside_the_picture_or_over_another_box(
    drawn: tuple[pd.DataFrame, ET.Element],
) -> None:
    _, svg = drawn
    width, height = (float(svg.get(side) or 0) for side in ("width", "height"))
    boxes = [
        tuple(float(box.get(side) or 0) for side in ("x", "y", "width", "height"))
        for box in svg.iter("{http://www.w3.org/2000/svg}rect")
    ]
    for x, y, w, h in boxes:
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
    for place, (x, y, w, h) in enumerate(boxes):
        for other_x, other_y, other_w, other_h in boxes[place + 1 :]:
            apart = (
                x + w <= other_x
                or other_x + other_w <= x
                or y + h <= other_y
                or other_y + other_h <= y
            )
            assert apart


def test_words_of_a_study_cannot_break_the_page() -> None:
    cohort_group = "SSc"
    table = flow([spotless("P1", cohort_group)]).replace({"SSc": "<SSc & co>"})
    ET.fromstring(draw_flowchart(table))
    assert "&lt;SSc" in draw_flowchart(table)
