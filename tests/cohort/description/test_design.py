"""Confounding of batch and group, and balance of covariates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cohort.cohort_examples import participant_table, spotless
from itc_analysis.cohort.description.design import (
    balance,
    batch_by_group,
    find_confounded_batches,
)
from itc_analysis.cohort.eligibility.eligibility import decide, judge_participants
from itc_analysis.config.sections import Cohort
from itc_analysis.statistics.contingency import cramers_v
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import DecisionSheet, Libraries, SampleSheet, Tubes


def decided(*people: dict[str, object]) -> pd.DataFrame:
    table = participant_table(*people)
    eligibility = judge_participants(table, cohort=Cohort())
    return decide(table, eligibility, contract.empty(DecisionSheet), analyse_queried=False)


def cohort_in_batches(
    where: dict[tuple[str, str], int],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the four tables of a cohort with so many people per (batch, group)."""
    people, samples, tubes = [], [], []
    for (batch, group), n in where.items():
        for _ in range(n):
            name = f"P{len(people)}"
            people.append(spotless(name, group))
            samples.append(
                {"sample_id": f"S{name}", "participant_id": name, "sample_type": "participant"}
            )
            tube = {"sample_id": f"S{name}", "panel": "panel_a", "batch": batch}
            for kind in ("stained", "fmo"):  # control tubes must not count as people
                file_id = f"{name}_{kind}"
                tubes.append(tube | {"file_id": file_id, "tube": kind})
    return (
        decided(*people),
        contract.make(samples, SampleSheet),
        contract.make(tubes, Tubes),
        contract.empty(Libraries),
    )


def test_people_are_counted_per_batch_and_group_not_tubes() -> None:
    tables = cohort_in_batches({("b1", "SSc"): 3, ("b1", "healthy"): 2, ("b2", "SSc"): 1})
    counts = batch_by_group(*tables)
    assert list(counts) == ["panel_a"]
    assert counts["panel_a"].to_dict() == {"SSc": {"b1": 3, "b2": 1}, "healthy": {"b1": 2, "b2": 0}}


def test_people_who_are_not_analysed_are_not_counted() -> None:
    participants, *rest = cohort_in_batches({("b1", "SSc"): 2, ("b1", "healthy"): 2})
    participants.loc[0, "is_analysed"] = False
    assert batch_by_group(participants, *rest)["panel_a"].loc["b1", "SSc"] == 1


def test_cramers_v_agrees_with_bergsmas_formula_by_hand() -> None:
    # phi2 = (40*40 - 10*10)^2 / (50^4) = 0.36; corrected 0.36 - 1/99 over 2 - 1/99 - 1
    counts = pd.DataFrame([[40, 10], [10, 40]])
    expected = np.sqrt((0.36 - 1 / 99) / (1 - 1 / 99))
    assert cramers_v(counts) == pytest.approx(expected, rel=1e-12)


def test_cramers_v_of_independence_is_0_and_of_identity_near_1() -> None:
    assert cramers_v(pd.DataFrame([[10, 20], [5, 10], [30, 60]])) == 0
    assert cramers_v(pd.DataFrame(np.diag([30, 30, 30]))) == pytest.approx(1, abs=1e-12)


def test_cramers_v_of_a_single_batch_or_group_is_not_defined() -> None:
    assert np.isnan(cramers_v(pd.DataFrame([[10, 20]])))
    assert np.isnan(cramers_v(pd.DataFrame([[10], [20]])))
    assert np.isnan(cramers_v(pd.DataFrame([[10, 0], [20, 0]])))
    assert np.isnan(cramers_v(pd.DataFrame([[1, 0], [0, 1]])))


def test_cramers_v_is_small_when_groups_are_shuffled_over_many_small_batches() -> None:
    # The uncorrected V of such tables is about 0.4 by chance: the reason for the correction.
    rng = np.random.default_rng(1)
    found = []
    for _ in range(50):
        batch, group = np.repeat(np.arange(10), 6), np.arange(60) % 6
        found.append(cramers_v(pd.crosstab(batch, rng.permutation(group))))
    # 0.1: about a third of the bound above which a problem is told
    assert np.mean(found) < 0.1


def test_balanced_batches_are_no_problem() -> None:
    where = {(batch, group): 4 for batch in ("b1", "b2") for group in ("SSc", "healthy")}
    assert find_confounded_batches(*cohort_in_batches(where)) == []


def test_batches_of_one_group_are_named_with_their_group() -> None:
    tables = cohort_in_batches({("b1", "SSc"): 4, ("b2", "healthy"): 4, ("b3", "SSc"): 2})
    alone, associated = find_confounded_batches(*tables)
    assert alone["item"] == "panel panel_a"
    assert alone["what"] == (
        "3 of 3 batches hold one group only: b1 (SSc, n=4), b2 (healthy, n=4), b3 (SSc, n=2)"
    )
    # phi2 = 1; (1 - 2/9) / (2 - 1/9 - 1) = 0.875, and V its root
    assert associated["what"] == "batch and group are associated: Cramér's V 0.94, n=10"


def test_a_study_of_one_group_is_not_confounded() -> None:
    assert find_confounded_batches(*cohort_in_batches({("b1", "SSc"): 3, ("b2", "SSc"): 3})) == []


def test_standardised_differences_agree_with_the_formula_by_hand() -> None:
    index = [spotless(f"A{n}", "SSc", age_years=age) for n, age in enumerate((50.0, 60.0, 70.0))]
    other = [spotless(f"B{n}", "RA", age_years=age) for n, age in enumerate((40.0, 50.0, 60.0))]
    other[0]["sex"] = "M"
    index[0]["cmv_igg"] = None
    table = balance(decided(*index, *other), index_group="SSc").set_index("variable")
    assert table.loc["age_years", "standardised_difference"] == pytest.approx(1)  # 10 / SD of 10
    # proportions 1 and 2/3: (1 - 2/3) / sqrt((0 + 2/9) / 2) = 1
    assert table.loc["sex", "standardised_difference"] == pytest.approx(1)
    assert np.isnan(table.loc["cmv_igg", "standardised_difference"])  # nobody is positive
    assert table.loc["cmv_igg", ["n_index", "n_group", "n_missing"]].tolist() == [2, 3, 1]
    assert table.loc["bmi", "n_missing"] == 6


def test_excluded_people_do_not_enter_the_balance() -> None:
    people = [spotless("A1"), spotless("A2", age_years=17.0), spotless("B1", "RA")]
    table = balance(decided(*people), index_group="SSc").set_index("variable")
    assert table.loc["age_years", "n_index"] == 1
