"""Time windows of the record as numbers: the boundaries, and what decides when both are given."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from cohort.cohort_examples import participant_table, spotless
from itc_analysis.cohort.eligibility.criteria import RULES
from itc_analysis.cohort.eligibility.eligibility import judge_participants
from itc_analysis.cohort.eligibility.windows import WINDOWS, answer_by_numbers, count_answers
from itc_analysis.config.sections import Cohort

COHORT = Cohort()
#: rule, yes/no item, number, just inside the window, just outside; from the words of the record.
BOUNDARIES = [
    (
        "chemotherapy_or_checkpoint",
        "chemotherapy_or_checkpoint_12_months",
        "chemotherapy_or_checkpoint_months_ago",
        11.9,
        12.0,
    ),
    (
        "infection_or_antibiotics",
        "infection_or_antibiotics_2_weeks",
        "infection_or_antibiotics_days_ago",
        13.0,
        14.0,
    ),
    ("vaccination", "vaccination_4_weeks", "vaccination_days_ago", 27.0, 28.0),
    ("immunosuppressant", "immunosuppressant_3_months", "immunosuppressant_months_ago", 2.9, 3.0),
    ("biologic", "biologic_6_months", "biologic_months_ago", 5.9, 6.0),
]
CASES = pytest.mark.parametrize(("rule", "asked", "dated", "inside", "outside"), BOUNDARIES)


def verdict(rule: str, **items: Any) -> tuple[str, str]:
    """Return outcome and evidence of one rule for an otherwise spotless person."""
    person = spotless(protocol_version="initial", **items)
    table = judge_participants(participant_table(person), cohort=COHORT).set_index("rule")
    return str(table.loc[rule, "outcome"]), str(table.loc[rule, "evidence"])


@CASES
def test_the_number_decides_at_the_boundary(
    rule: str, asked: str, dated: str, inside: float, outside: float
) -> None:
    assert verdict(rule, **{asked: None, dated: inside})[0] == "fails"
    assert verdict(rule, **{asked: None, dated: outside})[0] == "passes"
    assert verdict(rule, **{asked: True, dated: 0.0})[0] == "fails"


@CASES
def test_a_bare_yes_or_no_is_accepted_and_marked(
    rule: str, asked: str, dated: str, inside: float, outside: float
) -> None:
    del inside, outside
    outcome, evidence = verdict(rule, **{asked: False, dated: None})
    assert outcome == "passes"
    assert f"{asked} = no (answered yes/no, not dated)" in evidence
    assert verdict(rule, **{asked: True, dated: None})[0] == "fails"
    assert verdict(rule, **{asked: None, dated: None})[0] == "missing"


@CASES
def test_a_number_against_its_yes_or_no_is_a_query(
    rule: str, asked: str, dated: str, inside: float, outside: float
) -> None:
    assert verdict(rule, **{asked: False, dated: inside})[0] == "missing"
    outcome, evidence = verdict(rule, **{asked: True, dated: outside})
    assert outcome == "missing"
    assert f"{asked} = yes; {dated} = {outside:g}" in evidence


def test_evidence_states_the_number_and_the_limit() -> None:
    _, evidence = verdict("vaccination", vaccination_4_weeks=None, vaccination_days_ago=27.0)
    assert evidence == "vaccination_days_ago = 27 days (fewer than 28)"


def test_malignancy_in_remission_for_11_9_months_fails_and_for_12_passes() -> None:
    for months, expected in ((11.9, "fails"), (12.0, "passes")):
        items = {"malignancy_ever": True, "malignancy_remission_months": months}
        assert verdict("malignancy", **items)[0] == expected


def test_every_window_belongs_to_one_rule() -> None:
    assert [rule.window for rule in RULES if rule.window] == list(WINDOWS)


def test_numbers_answer_what_is_not_answered_and_nothing_else() -> None:
    table = participant_table(
        spotless("P1", biologic_6_months=None, biologic_months_ago=5.0),
        spotless("P2", biologic_6_months=None, biologic_months_ago=6.0),
        spotless("P3", biologic_6_months=None),
        spotless("P4", biologic_6_months=False, biologic_months_ago=1.0),
    )
    answered = answer_by_numbers(table)["biologic_6_months"]
    assert answered.tolist()[:2] == [True, False]
    assert pd.isna(answered[2])
    assert not answered[3]
    dated, bare = count_answers(table)
    assert dated == 3
    assert bare == 4 * (len(WINDOWS) - 1)
