"""What the study nurse is asked."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cohort.cohort_examples import no_findings, participant_table, spotless
from itc_analysis.cohort.classification.run import classify, people_with_items
from itc_analysis.cohort.eligibility.consistency import (
    CHECKS,
    doubted_items,
    find_contradictions,
    with_groups,
)
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
    items |= {"ssc_skin_proximal_to_mcp": True, "ssc_distal_skin": True}
    query = only(asked(spotless(ana_titre=320.0), items))
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
    items = no_findings(ssc_raynaud="reported", ssc_telangiectasia=True, ssc_antibody_titre=320.0)
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
    ({"age_years": 40.0, "weight_kg": 24.2, "bmi": 58.1}, {"weight_kg": 58.1, "bmi": 24.2}),
    ({"age_years": 40.0, "malignancy_remission_months": 1100.0}, {"age_years": 95.0}),
    ({"age_years": 40.0, "chemotherapy_or_checkpoint_months_ago": 600.0}, {"age_years": 50.0}),
    ({"age_years": 40.0, "immunosuppressant_months_ago": 493.0}, {"age_years": 41.0}),
    ({"age_years": 40.0, "biologic_months_ago": 493.0}, {"biologic_months_ago": 492.0}),
    (
        {"age_years": 40.0, "infection_or_antibiotics_days_ago": 20_000.0},
        {"infection_or_antibiotics_days_ago": 15_000.0},
    ),
    ({"age_years": 40.0, "vaccination_days_ago": 20_000.0}, {"vaccination_days_ago": 20.0}),
    ({"sex": "M", "menopause": True}, {"sex": "F"}),
    ({"anticentromere": True, "antitopoisomerase": True}, {"anticentromere": False}),
    ({"digital_ulcers_current": 2.0, "digital_ulcers_ever": False}, {"digital_ulcers_ever": True}),
    ({"pah": True, "mpap_mmhg": 20.0}, {"mpap_mmhg": 21.0}),
    ({"ild": False, "ild_extent_percent": 5.0}, {"ild": True}),
    ({"ild": True, "ssc_lung": False}, {"ssc_lung": True}),
    (
        {"digital_ulcers_ever": True, "ssc_digital_tip_ulcers": False},
        {"digital_ulcers_ever": False},
    ),
    (
        {"digital_ulcers_current": 1.0, "ssc_digital_tip_ulcers": False},
        {"digital_ulcers_current": 0.0},
    ),
    ({"raynaud_duration_years": 3.0, "ssc_raynaud": "none"}, {"ssc_raynaud": "reported"}),
    ({"mrss": 4.0, "ssc_distal_skin": False, "ssc_proximal_skin": False}, {"mrss": 0.0}),
    ({"ssc_subset": "sine", "ssc_skin_proximal_to_mcp": True}, {"ssc_subset": "lcSSc"}),
    ({"ssc_skin_proximal_to_mcp": True, "ssc_distal_skin": False}, {"ssc_distal_skin": True}),
    ({"ssc_sclerodactyly": True, "ssc_distal_skin": False}, {"ssc_sclerodactyly": False}),
    ({"anticentromere": True, "ssc_antibody_titre": 0.0}, {"ssc_antibody_titre": 320.0}),
    ({"antitopoisomerase": True, "ssc_antibody_titre": 0.0}, {"antitopoisomerase": False}),
    ({"anti_rnap3": True, "ssc_antibody_titre": 0.0}, {"anti_rnap3": False}),
    ({"anti_pmscl": True, "ssc_antibody_titre": 0.0}, {"anti_pmscl": False}),
    ({"pah": True, "pawp_mmhg": 16.0}, {"pawp_mmhg": 15.0}),
    ({"pah": True, "pvr_wu": 2.0}, {"pvr_wu": 2.1}),
    (
        {"pah": True, "mpap_mmhg": 24.0, "pah_definition_year": 2015.0},
        {"pah_definition_year": 2022.0},
    ),
    ({"ck_u_per_l": 2000.0, "iim_enzymes": False}, {"ck_u_per_l": 180.0}),
    ({"crp_mg_per_l": 45.0, "ra_crp_abnormal": False}, {"ra_crp_abnormal": True}),
    ({"esr_mm_per_h": 80.0, "ra_esr_abnormal": False}, {"esr_mm_per_h": 20.0}),
    ({"synovitis": True, "ra_synovitis": False}, {"synovitis": False}),
    (
        {
            "ra_synovitis": True,
            "ra_large_joints": 0.0,
            "ra_small_joints": 0.0,
            "ra_other_joints": 0.0,
        },
        {"ra_small_joints": 1.0},
    ),
    (
        {"disease_duration_years": 4.0, "ra_duration_weeks": 3.0, "is_ra_group": True},
        {"ra_duration_weeks": 208.0},
    ),
    (
        {
            "age_years": 60.0,
            "disease_duration_years": 5.0,
            "iim_onset_age_years": 40.0,
            "is_iim_group": True,
        },
        {"iim_onset_age_years": 54.0},
    ),
    ({"iim_biopsy": False, "iim_biopsy_endomysial": True}, {"iim_biopsy": True}),
    ({"iim_biopsy": False, "iim_biopsy_perimysial": True}, {"iim_biopsy": True}),
    ({"iim_biopsy": False, "iim_biopsy_perifascicular": True}, {"iim_biopsy": True}),
    ({"iim_biopsy": False, "iim_biopsy_rimmed_vacuoles": True}, {"iim_biopsy": True}),
    ({"essdai": 6.0, "pss_essdai": False}, {"essdai": 0.0}),
    ({"chronic_infection": False, "pss_hepatitis_c": True}, {"chronic_infection": True}),
    ({"chronic_infection": False, "pss_aids": True}, {"pss_aids": False}),
    ({"stem_cell_transplantation": False, "pss_gvhd": True}, {"stem_cell_transplantation": True}),
    ({"pregnant_or_breastfeeding": True, "menopause": True}, {"menopause": False}),
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


def test_a_weight_that_the_body_mass_index_denies_excludes_nobody() -> None:
    assert doubted_items({"age_years": 40.0, "weight_kg": 24.2, "bmi": 58.1}) == {"weight_kg"}
    assert doubted_items({"age_years": 4.0, "weight_kg": 14.2, "bmi": 15.1}) == frozenset()


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


#: Raynaud 3 and sclerodactyly 4: 7 points, to which the lung adds 2.
SEVEN_POINTS = {
    "ssc_raynaud": "measured", "ssc_sclerodactyly": True, "ssc_skin_proximal_to_mcp": False,
    "ssc_puffy_fingers": False, "ssc_digital_tip_ulcers": False, "ssc_pitting_scars": False,
    "ssc_telangiectasia": False, "ssc_abnormal_capillaries": False, "ssc_fingers_spared": False,
    "ssc_like_disorder": False, "ssc_lung": False,
}  # fmt: skip


def judged(items: dict[str, Any], **person: Any) -> tuple[str, pd.DataFrame]:
    """Return the decision on one SSc patient and the queries, by both sheets."""
    cohort = Cohort(classification_criteria={"SSc": ("ssc_2013",)})
    people = participant_table(spotless(**person))
    sheet = contract.make([{"participant_id": "P001", **items}], ClassificationSheet)
    ((_, known),) = people_with_items(people, sheet)
    doubts = {"P001": doubted_items(with_groups(known, cohort))}
    table = classify(people, sheet, cohort=cohort, doubts=doubts)
    eligibility = judge_participants(people, table, cohort=cohort, doubts=doubts)
    decisions = contract.empty(DecisionSheet)
    decided = decide(people, eligibility, decisions, analyse_queried=False)
    queries = make_queries(decided, eligibility, table, sheet, cohort=cohort)
    return str(decided["decision"][0]), queries


@pytest.mark.parametrize("declared", [True, False, None])
def test_a_score_that_turns_on_sheets_that_contradict_each_other_decides_nothing(
    declared: bool | None,  # noqa: FBT001
) -> None:
    items = dict(SEVEN_POINTS)
    facts = {"classification_met": declared, "ild": True, "pah": False, "anticentromere": False,
             "antitopoisomerase": False, "anti_rnap3": False}  # fmt: skip
    _, queries = judged(items | {"ssc_telangiectasia": True}, **facts)  # 9 by themselves
    assert len(queries[queries["blocks"]]) == (declared is False)
    decision, queries = judged(items, **facts)
    assert decision == "query"
    (asked_for,) = queries[queries["blocks"]].to_dict("records")
    assert asked_for["kind"] == "contradictory"
    assert asked_for["item"] == "ild, ssc_lung"
    assert "turn on items that contradict one another" in asked_for["what"]
    assert "ssc_2013 not assessable (7 to 9, cut-off 9)" in asked_for["what"]
    mended, queries = judged(items | {"ssc_lung": True}, **facts)
    assert mended == ("query" if declared is False else "eligible")


def test_an_exclusion_that_the_other_sheet_denies_is_a_query() -> None:
    facts = {"classification_met": True, "ild": False}
    decision, queries = judged({"pss_aids": True, "ssc_lung": False}, **facts)
    assert decision == "query"
    blocking = queries[queries["blocks"]]
    assert "chronic_infection" in set(blocking["item"])
    assert "the items contradict one another" in blocking["what"].iloc[0]
