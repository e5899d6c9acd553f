"""People written from the words of the trial record, one per rule and combination, end to end.

crafted_participants.tsv holds who they are, the words of the record that they try, the decision and
the rules that are its reasons. Both sheets are written as text and read back, as a person's would
be.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from cohort.cohort_examples import crafted, write_sheet
from itc_analysis.cohort.classification.run import classify
from itc_analysis.cohort.eligibility.criteria import RULES
from itc_analysis.cohort.eligibility.eligibility import decide, judge_participants
from itc_analysis.cohort.queries import make_queries
from itc_analysis.cohort.sheets.read import read_sheet
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.sheets import DecisionSheet, ParticipantSheet

COHORT = Cohort()
CASES_FILE = Path(__file__).with_name("crafted_participants.tsv")


def read_cases() -> list[dict[str, str]]:
    with CASES_FILE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("crafted")
    rows = [crafted(case) for case in read_cases()]
    write_sheet(folder / "participants.tsv", [person for person, _ in rows])
    write_sheet(folder / "classification.tsv", [items for _, items in rows if items])
    people = read_sheet(folder / "participants.tsv", ParticipantSheet)
    items = read_sheet(folder / "classification.tsv", ClassificationSheet)
    classification = classify(people, items, cohort=COHORT)
    eligibility = judge_participants(people, classification, cohort=COHORT)
    decided = decide(people, eligibility, contract.empty(DecisionSheet), analyse_queried=False)
    queries = make_queries(decided, eligibility, classification, items, cohort=COHORT)
    return {"decided": decided, "eligibility": eligibility, "queries": queries}


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: f"{case['case']}-{case['record']}")
def test_each_gets_exactly_the_expected_decision_and_reasons(
    case: dict[str, str], tables: dict[str, pd.DataFrame]
) -> None:
    person = tables["decided"].set_index("participant_id").loc[case["case"]]
    assert person["decision"] == case["decision"]
    outcome = {"excluded": "fails", "query": "missing", "eligible": "fails"}[case["decision"]]
    judged = tables["eligibility"]
    own = judged[(judged["participant_id"] == case["case"]) & (judged["outcome"] == outcome)]
    assert "; ".join(own["rule"]) == case["rules"]
    reasons = "" if pd.isna(person["reasons"]) else person["reasons"]
    told = zip(own["rule"], own["evidence"], strict=True)
    assert reasons == "; ".join(f"{rule} ({evidence})" for rule, evidence in told)
    assert person["is_analysed"] == (case["decision"] == "eligible")


def test_there_are_sixty_at_least_and_every_rule_is_tried_both_ways() -> None:
    cases = read_cases()
    assert len(cases) >= 60
    for rule in RULES:
        decisions = {c["decision"] for c in cases if rule.name in c["rules"].split("; ")}
        assert decisions == {"excluded", "query"}, rule.name


def test_everybody_to_be_queried_has_a_question_that_blocks_and_nobody_else(
    tables: dict[str, pd.DataFrame],
) -> None:
    decided, queries = tables["decided"], tables["queries"]
    queried = set(decided.loc[decided["decision"] == "query", "participant_id"])
    assert set(queries.loc[queries["blocks"], "participant_id"]) == queried
    excluded = set(decided.loc[decided["decision"] == "excluded", "participant_id"])
    assert not excluded & set(queries["participant_id"])
