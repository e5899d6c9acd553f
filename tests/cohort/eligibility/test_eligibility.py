"""Who may take part, written from the words of the trial record (NCT04995588), not from the
code.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort.cohort_examples import EXCLUSION_ITEMS, participant_table, spotless
from itc_analysis.cohort.eligibility.criteria import RULES, Verdict
from itc_analysis.cohort.eligibility.eligibility import decide, judge_participants
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import DecisionSheet, ParticipantSheet

COHORT = Cohort()
NO_DECISIONS = contract.empty(DecisionSheet)


def outcome(rule: str, **items: Any) -> str:
    """Return what one rule says of an otherwise spotless person."""
    table = judge_participants(participant_table(spotless(**items)), cohort=COHORT)
    return str(table.set_index("rule").loc[rule, "outcome"])


def judged(*people: dict[str, Any], cohort: Cohort = COHORT) -> pd.DataFrame:
    table = participant_table(*people)
    eligibility = judge_participants(table, cohort=cohort)
    decided = decide(table, eligibility, NO_DECISIONS, analyse_queried=cohort.analyse_queried)
    return decided.set_index("participant_id")


#: rule, items that pass, items that fail, items that leave it open
PER_RULE: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("age", {"age_years": 18.0}, {"age_years": 17.9}, {"age_years": None}),
    (
        "classification",
        {"classification_met": True},
        {"classification_met": False},
        {"classification_met": None},
    ),
    (
        "no_autoimmune_disease",
        {"group": "healthy", "autoimmune_disease_known": False},
        {"group": "healthy", "autoimmune_disease_known": True},
        {"group": "healthy", "autoimmune_disease_known": None},
    ),
    (
        "overlap_syndrome",
        {"overlap_syndrome": False},
        {"overlap_syndrome": True},
        {"overlap_syndrome": None},
    ),
    ("weight", {"weight_kg": 55.0}, {"weight_kg": 54.9}, {"weight_kg": None}),
    (
        "immunodeficiency",
        {"primary_cellular_immunodeficiency": False},
        {"primary_cellular_immunodeficiency": True},
        {"primary_cellular_immunodeficiency": None},
    ),
    (
        "stem_cell_transplantation",
        {"stem_cell_transplantation": False},
        {"stem_cell_transplantation": True},
        {"stem_cell_transplantation": None},
    ),
    (
        "malignancy",
        {"malignancy_ever": True, "malignancy_remission_months": 12.0},
        {"malignancy_ever": True, "malignancy_remission_months": 11.9},
        {"malignancy_ever": True, "malignancy_remission_months": None},
    ),
    (
        "chemotherapy_or_checkpoint",
        {"chemotherapy_or_checkpoint_12_months": False},
        {"chemotherapy_or_checkpoint_12_months": True},
        {"chemotherapy_or_checkpoint_12_months": None},
    ),
    (
        "retinoids",
        {"systemic_retinoids": False},
        {"systemic_retinoids": True},
        {"systemic_retinoids": None},
    ),
    (
        "infection_or_antibiotics",
        {"infection_or_antibiotics_2_weeks": False},
        {"infection_or_antibiotics_2_weeks": True},
        {"infection_or_antibiotics_2_weeks": None},
    ),
    (
        "chronic_infection",
        {"chronic_infection": False},
        {"chronic_infection": True},
        {"chronic_infection": None},
    ),
    (
        "vaccination",
        {"vaccination_4_weeks": False},
        {"vaccination_4_weeks": True},
        {"vaccination_4_weeks": None},
    ),
    (
        "genetic_analysis",
        {"refuses_genetic_analysis": False},
        {"refuses_genetic_analysis": True},
        {"refuses_genetic_analysis": None},
    ),
    (
        "pregnancy",
        {"pregnant_or_breastfeeding": False},
        {"pregnant_or_breastfeeding": True},
        {"pregnant_or_breastfeeding": None},
    ),
    (
        "immunosuppressant",
        {
            "protocol_version": "initial",
            "immunosuppressant_3_months": False,
            "hydroxychloroquine": True,
            "glucocorticoid_mg_per_day": 7.5,
        },
        {"protocol_version": "initial", "immunosuppressant_3_months": True},
        {"protocol_version": "initial", "immunosuppressant_3_months": None},
    ),
    (
        "biologic",
        {"protocol_version": "initial", "biologic_6_months": False},
        {"protocol_version": "initial", "biologic_6_months": True},
        {"protocol_version": "initial", "biologic_6_months": None},
    ),
]


def test_every_rule_has_its_cases() -> None:
    assert [case[0] for case in PER_RULE] == [rule.name for rule in RULES]


@pytest.mark.parametrize(
    ("rule", "passing", "failing", "open_"), PER_RULE, ids=[c[0] for c in PER_RULE]
)
def test_each_rule_passes_fails_and_stays_open(
    rule: str, passing: dict[str, Any], failing: dict[str, Any], open_: dict[str, Any]
) -> None:
    assert outcome(rule, **passing) == "passes"
    assert outcome(rule, **failing) == "fails"
    assert outcome(rule, **open_) == "missing"


@pytest.mark.parametrize(
    ("ever", "months", "expected"),
    [
        (False, None, "passes"),
        (True, 0.0, "fails"),  # 0 while it is active
        (None, None, "missing"),
        (None, 24.0, "passes"),  # the months say that there was one, and long ago
        (None, 6.0, "fails"),
        (False, 24.0, "missing"),  # remission of what never was: somebody must ask
    ],
)
def test_malignancy_is_told_by_both_items(
    ever: Verdict, months: float | None, expected: str
) -> None:
    items = {"malignancy_ever": ever, "malignancy_remission_months": months}
    assert outcome("malignancy", **items) == expected


@pytest.mark.parametrize(
    ("sex", "pregnant", "expected"),
    [
        ("M", None, "not_applicable"),
        ("M", False, "not_applicable"),
        ("M", True, "missing"),  # a typing error, not an exclusion
        (None, None, "missing"),
        (None, False, "passes"),
        (None, True, "fails"),
    ],
)
def test_pregnancy_is_not_asked_of_men(sex: str | None, pregnant: Verdict, expected: str) -> None:
    assert outcome("pregnancy", sex=sex, pregnant_or_breastfeeding=pregnant) == expected


@pytest.mark.parametrize(
    ("drug", "dose", "expected"),
    [
        (False, 7.6, "fails"),
        (None, 10.0, "fails"),
        (None, 5.0, "missing"),
        (False, None, "passes"),  # the item's wording covers glucocorticoids above 7.5 mg/d
        (True, 0.0, "fails"),
    ],
)
def test_glucocorticoids_above_7_5_mg_excluded_in_the_initial_protocol(
    drug: Verdict, dose: float | None, expected: str
) -> None:
    items = {"immunosuppressant_3_months": drug, "glucocorticoid_mg_per_day": dose}
    assert outcome("immunosuppressant", protocol_version="initial", **items) == expected
    assert outcome("immunosuppressant", protocol_version="current", **items) == "not_applicable"


def test_patients_and_healthy_people_are_asked_their_own_questions() -> None:
    assert outcome("classification", group="healthy", classification_met=None) == "not_applicable"
    assert outcome("no_autoimmune_disease", group="SLE") == "not_applicable"
    assert outcome("overlap_syndrome", group="healthy", overlap_syndrome=None) == "not_applicable"
    assert outcome("overlap_syndrome", group="healthy", overlap_syndrome=True) == "fails"


def test_reasons_show_the_items_with_their_units() -> None:
    decided = judged(
        spotless(age_years=17.0, malignancy_ever=True, malignancy_remission_months=3.0)
    )
    assert decided.loc["P001", "reasons"] == (
        "age (age_years = 17 years); "
        "malignancy (malignancy_ever = yes; malignancy_remission_months = 3 months)"
    )


def test_the_setting_names_the_version_of_those_whose_row_names_none() -> None:
    person = spotless(biologic_6_months=True)
    initial = Cohort(protocol_version="initial")
    assert judged(person, cohort=initial).loc["P001", "decision"] == "excluded"
    assert judged(person).loc["P001", "decision"] == "eligible"
    of_the_sheet = spotless(biologic_6_months=True, protocol_version="current")
    assert judged(of_the_sheet, cohort=initial).loc["P001", "decision"] == "eligible"


def test_people_with_queries_are_analysed_only_when_the_settings_say_so() -> None:
    person = spotless(weight_kg=None)
    assert not judged(person).loc["P001", "is_analysed"]
    asked = judged(person, cohort=Cohort(analyse_queried=True))
    assert asked.loc["P001", "is_analysed"]
    assert asked.loc["P001", "decision"] == "query"


def test_a_decision_by_hand_replaces_the_result_and_keeps_what_the_rules_said() -> None:
    people = participant_table(spotless("P1", weight_kg=54.0), spotless("P2"), spotless("P3"))
    decisions = contract.make(
        [
            {
                "participant_id": "P1",
                "decision": "eligible",
                "decided_by": "investigator",
                "why": "waiver",
            },
            {
                "participant_id": "P2",
                "decision": "excluded",
                "decided_by": "sponsor",
                "why": "withdrew",
            },
        ],
        DecisionSheet,
    )
    eligibility = judge_participants(people, cohort=COHORT)
    decided = decide(people, eligibility, decisions, analyse_queried=False)
    assert decided["decision"].tolist() == ["eligible", "excluded", "eligible"]
    assert decided["decided_by"].tolist() == ["investigator", "sponsor", "rules"]
    assert decided["is_analysed"].tolist() == [True, False, True]
    assert decided["reasons"].tolist()[:2] == [
        "waiver (the rules: excluded, weight (weight_kg = 54 kg))",
        "withdrew (the rules: eligible)",
    ]
    fails = eligibility[eligibility["outcome"] == "fails"]
    assert fails[["participant_id", "rule"]].to_numpy().tolist() == [["P1", "weight"]]


def test_everybody_has_a_row_for_every_rule() -> None:
    people = participant_table(spotless("P1"), spotless("P2", "healthy"), spotless("P3", sex="M"))
    eligibility = judge_participants(people, cohort=COHORT)
    assert len(eligibility) == 3 * len(RULES)


def test_nobody_at_all_gives_empty_tables() -> None:
    nobody = contract.empty(ParticipantSheet)
    eligibility = judge_participants(nobody, cohort=COHORT)
    assert len(eligibility) == 0
    assert len(decide(nobody, eligibility, NO_DECISIONS, analyse_queried=False)) == 0


@settings(max_examples=20)
@given(
    missing=st.sets(st.sampled_from([*EXCLUSION_ITEMS, "age_years", "weight_kg"])),
    failing=st.sampled_from([None, *EXCLUSION_ITEMS]),
    group=st.sampled_from(COHORT.groups),
)
def test_emptying_cells_never_makes_anybody_eligible_or_excluded(
    missing: set[str], failing: str | None, group: str
) -> None:
    known = {} if failing is None else {failing: True}
    whole = judged(spotless(group=group, **known)).loc["P001", "decision"]
    emptied = known | dict.fromkeys(missing)
    decision = judged(spotless(group=group, **emptied)).loc["P001", "decision"]
    assert decision in (whole, "query")
