"""What the study nurse is asked."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cohort.cohort_examples import no_findings, participant_table, spotless
from itc_analysis.cohort.classification.run import classify
from itc_analysis.cohort.eligibility.consistency import CHECKS, find_contradictions
from itc_analysis.cohort.eligibility.eligibility import decide, judge_participants
from itc_analysis.cohort.queries import make_queries, write_query_sheet
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.sheets import DecisionSheet, ParticipantSheet

COHORT = Cohort()


def asked(
    person: dict[str, Any], items: dict[str, Any] | None = None, decided_by: str | None = None
) -> pd.DataFrame:
    people = participant_table(person)
    sheet = contract.empty(ClassificationSheet)
    if items is not None:
        sheet = contract.make([items], ClassificationSheet)
    decisions = contract.empty(DecisionSheet)
    if decided_by is not None:
        row = {"participant_id": "P001", "decision": "eligible", "decided_by": decided_by}
        decisions = contract.make([row | {"why": "seen"}], DecisionSheet)
    classification = classify(people, sheet, cohort=COHORT)
    eligibility = judge_participants(people, classification, cohort=COHORT)
    decided = decide(people, eligibility, decisions, analyse_queried=False)
    return make_queries(decided, eligibility, classification, sheet, cohort=COHORT)


def only(queries: pd.DataFrame) -> dict[str, Any]:
    assert len(queries) == 1, queries
    return dict(queries.iloc[0])


def test_nothing_is_asked_about_a_spotless_person() -> None:
    assert len(asked(spotless())) == 0
    assert len(asked(spotless("P001", "healthy"), no_findings())) == 0


def test_a_missing_item_is_asked_for_in_the_words_of_the_sheet() -> None:
    query = only(asked(spotless(weight_kg=None)))
    assert query["kind"] == "missing"
    assert query["item"] == "weight_kg"
    assert query["what_to_do"] == "ask and fill in: Body weight [kg]"
    assert query["blocks"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"malignancy_ever": True}, "malignancy_remission_months"),
        ({"malignancy_ever": None}, "malignancy_ever"),
        ({"pregnant_or_breastfeeding": None}, "pregnant_or_breastfeeding"),
        (
            {
                "protocol_version": "initial",
                "immunosuppressant_3_months": None,
                "glucocorticoid_mg_per_day": None,
            },
            "immunosuppressant_3_months",
        ),
    ],
)
def test_only_the_item_that_decides_is_asked_for(items: dict[str, Any], expected: str) -> None:
    assert only(asked(spotless(**items)))["item"] == expected


def test_items_that_a_rule_finds_contradictory_are_named_together() -> None:
    query = only(asked(spotless(malignancy_remission_months=24.0)))
    assert query["kind"] == "contradictory"
    assert query["item"] == "malignancy_ever, malignancy_remission_months"
    assert query["blocks"]


def test_a_second_set_of_criteria_is_an_overlap_query() -> None:
    items = no_findings(sle_joints=True, sle_leukopenia=True, sle_low_c3=True)
    query = only(asked(spotless(ana_titre=320.0), items | {"ssc_skin_proximal_to_mcp": True}))
    assert query["kind"] == "overlap"
    assert query["what"] == (
        "the criteria of another disease are fulfilled: sle_2019 fulfils (12, cut-off 10)"
    )


def test_a_healthy_person_who_fulfils_criteria_is_queried() -> None:
    person = spotless("P001", "healthy")
    query = only(asked(person, no_findings(ssc_skin_proximal_to_mcp=True)))
    assert (query["kind"], query["item"]) == ("overlap", "autoimmune_disease_known")


def test_undecided_criteria_ask_for_the_items_that_matter_or_a_declaration() -> None:
    people = spotless(classification_met=None, anticentromere=True, antitopoisomerase=False)
    items = no_findings(ssc_raynaud="reported", ssc_telangiectasia=True)
    query = only(asked(people, items))
    assert query["item"] == "classification_met"
    assert "ssc_2013 not assessable (8 to 10, cut-off 9)" in query["what"]
    assert query["what_to_do"] == "state classification_met, or assess: pah"


def test_a_declaration_against_the_items_is_contradictory() -> None:
    query = only(asked(spotless(ana_titre=0.0, pah=False, anti_rnap3=False), no_findings()))
    assert query["kind"] == "contradictory"
    assert query["what"].startswith(
        "the criteria are declared fulfilled, but by the items: ssc_2013"
    )


def test_a_fulfilled_set_with_a_remark_is_to_be_looked_at_and_blocks_nobody() -> None:
    items = no_findings(iim_onset_age_years=30.0, iim_anti_jo1=True, iim_dysphagia=True)
    query = only(asked(spotless("P001", "IIM"), items))
    assert (query["kind"], query["blocks"]) == ("check", False)
    assert "no rash and no biopsy" in query["what"]


def test_covariates_are_asked_for_but_keep_nobody_out() -> None:
    query = only(asked(spotless(cmv_igg=None)))
    assert (query["item"], query["blocks"]) == ("cmv_igg", False)


def test_nothing_is_asked_about_the_excluded_and_those_decided_by_hand() -> None:
    assert len(asked(spotless(age_years=17.0, weight_kg=None))) == 0
    assert len(asked(spotless(weight_kg=None), decided_by="investigator")) == 0


#: For each check, items that contradict and the change that mends them.
CONTRADICTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"age_years": 40.0, "disease_duration_years": 41.0}, {"disease_duration_years": 40.0}),
    ({"age_years": 40.0, "raynaud_duration_years": 41.0}, {"raynaud_duration_years": 40.0}),
    ({"age_years": 40.0, "iim_onset_age_years": 41.0}, {"iim_onset_age_years": 40.0}),
    ({"sex": "M", "menopause": True}, {"sex": "F"}),
    ({"anticentromere": True, "antitopoisomerase": True}, {"anticentromere": False}),
    ({"digital_ulcers_current": 2.0, "digital_ulcers_ever": False}, {"digital_ulcers_ever": True}),
    ({"pah": True, "mpap_mmhg": 20.0}, {"mpap_mmhg": 21.0}),
    ({"ild": False, "ild_extent_percent": 5.0}, {"ild": True}),
    ({"capillaroscopy": "late", "ssc_abnormal_capillaries": False}, {"capillaroscopy": "normal"}),
    ({"ssc_subset": "lcSSc", "ssc_proximal_skin": True}, {"ssc_subset": "dcSSc"}),
    (
        {"ssc_skin_proximal_to_mcp": True, "ssc_fingers_spared": True},
        {"ssc_fingers_spared": False},
    ),
    (
        {"hydroxychloroquine": True, "group": "healthy", "healthy_group": "healthy"},
        {"group": "SLE"},
    ),
    ({"ssc_subset": "sine", "group": "SLE", "is_ssc_group": False}, {"is_ssc_group": True}),
]


@pytest.mark.parametrize(
    ("place", "items", "mended"),
    [(place, *case) for place, case in enumerate(CONTRADICTIONS)],
    ids=[check.what for check in CHECKS],
)
def test_each_contradiction_is_found_and_silent_when_mended_or_open(
    place: int, items: dict[str, Any], mended: dict[str, Any]
) -> None:
    check = CHECKS[place]
    assert check in find_contradictions(items)
    assert check not in find_contradictions(items | mended)
    for item in check.items:
        assert check not in find_contradictions(items | {item: None})


def test_every_check_reads_columns_of_the_sheets() -> None:
    columns = {*contract.columns_of(ParticipantSheet), *contract.columns_of(ClassificationSheet)}
    assert {item for check in CHECKS for item in check.items} <= columns


def test_the_sheet_opens_in_a_spreadsheet_with_a_column_for_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "queries.tsv"
    write_query_sheet(asked(spotless(cmv_igg=None, weight_kg=None)), path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [(row["item"], row["blocks"], row["answer"]) for row in rows] == [
        ("weight_kg", "yes", ""),
        ("cmv_igg", "no", ""),
    ]
