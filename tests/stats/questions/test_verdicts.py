from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from itc_analysis.config.sections import Stats
from itc_analysis.stats.questions.compare import compare_groups
from itc_analysis.stats.questions.verdicts import (
    Side,
    _p_shared,
    judge_endpoints,
    p_equivalent,
)
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 40, "SLE": 30, "pSS": 30, "RA": 30, "IIM": 30, "healthy": 40}
PEOPLE = make_participants(SIZES, seed=4)


def judge(effects, *, spread=0.5, people=PEOPLE, limit=None, index_spread=1.0):
    """Verdict on one endpoint whose level in each group is `effects` (0 where not named)."""
    rng = np.random.default_rng(8)
    level = people["group"].map(effects).astype(float).fillna(0).to_numpy()
    sd = np.where(people["group"] == "SSc", spread * index_spread, spread)
    y = -4 + level + sd * rng.normal(size=len(people))
    rows = make_measurements(people, inverse_logit(y), limit=limit)
    plan = make_plan(covariates="age_years")
    found = judge_endpoints(rows, people, plan=plan, cohort=COHORT, settings=Stats())
    return found.iloc[0], rows, plan


def test_lower_than_everybody_is_specific_with_the_largest_p():
    row, rows, plan = judge({"SSc": -1.0})
    assert row["verdict"] == "specific"
    assert row["direction"] == "lower"
    assert row["words"] == "SSc-specific: lower than in each of 5 other groups"
    each = make_plan(covariates="age_years", contrasts=("healthy", "each_disease"))
    assert each.covariates == plan.covariates
    compared = compare_groups(
        rows, PEOPLE, plan=each, cohort=COHORT, settings=Stats(n_permutations=0)
    )
    assert row["p_specific"] == pytest.approx(compared["p_value"].max())


def test_lower_than_healthy_and_like_lupus_is_shared():
    row, _, _ = judge({"SSc": -1.0, "SLE": -1.0, "RA": 0.5}, spread=0.35)
    assert row["verdict"] == "shared"
    assert row["equivalent_to"] == "SLE"
    assert row["words"] == "shared: lower than in healthy, and equivalent to SLE"
    assert row["p_shared"] <= 0.05


def test_no_difference_is_inconclusive_not_equal():
    row, _, _ = judge({}, spread=1.5)
    assert row["verdict"] == "inconclusive"
    assert row["p_shared"] > 0.05


def test_between_the_groups_is_never_specific():
    row, _, _ = judge({"healthy": 2.0, "SLE": -2.0, "pSS": -2.0, "RA": 2.0, "IIM": 2.0})
    assert row["verdict"] == "inconclusive"
    assert np.isnan(row["p_specific"])


def test_a_group_that_is_missing_forbids_specific():
    people = PEOPLE[PEOPLE["group"] != "IIM"].reset_index(drop=True)
    row, _, _ = judge({"SSc": -1.0}, people=people)
    assert row["verdict"] != "specific"
    assert "not compared with IIM" in row["reason"]


@pytest.mark.parametrize(
    ("control", "cohort"),
    [
        ("healthy", COHORT.model_copy(update={"disease_groups": ()})),
        ("SLE", COHORT.model_copy(update={"disease_groups": ("SLE",), "healthy_group": None})),
    ],
)
def test_a_study_of_one_control_group_can_be_specific_and_never_shared(control, cohort):
    """With healthy alone there is no disease to share with, with a disease alone nobody to differ
    from.
    """
    people = make_participants({"SSc": 30, control: 30}, seed=4)
    y = -4 - 1.0 * (people["group"] == "SSc") + 0.5 * np.random.default_rng(8).normal(size=60)
    rows = make_measurements(people, inverse_logit(y.to_numpy()))
    plan = make_plan(covariates="age_years", contrasts=(control,))
    row = judge_endpoints(rows, people, plan=plan, cohort=cohort, settings=Stats()).iloc[0]
    compared = compare_groups(
        rows, people, plan=plan, cohort=cohort, settings=Stats(n_permutations=0)
    ).iloc[0]
    assert row["verdict"] == "specific"
    assert row["n_controls"] == 1
    assert row["p_specific"] == pytest.approx(compared["p_value"])
    assert np.isnan(row["p_shared"])
    same = make_measurements(people, inverse_logit((y + (people["group"] == "SSc")).to_numpy()))
    row = judge_endpoints(same, people, plan=plan, cohort=cohort, settings=Stats()).iloc[0]
    assert row["verdict"] == "inconclusive"
    assert np.isnan(row["p_shared"])


def test_nothing_measured_is_not_estimable_with_its_reason():
    _, rows, plan = judge({})
    row = judge_endpoints(rows.iloc[:0], PEOPLE, plan=plan, cohort=COHORT, settings=Stats()).iloc[0]
    assert row["verdict"] == "not_estimable"
    assert "no flow cytometry measurements" in row["reason"]


def test_equivalence_equals_the_interval_of_twice_the_level():
    """Two one-sided tests at 5 % claim exactly when the 90 % interval lies within the margin."""
    for estimate in np.linspace(-0.5, 0.5, 11):
        half = stats.t.isf(0.05, 30) * 0.1
        inside = estimate - half > -0.4 and estimate + half < 0.4
        assert (p_equivalent(estimate, 0.1, 30, 0.4) < 0.05) == inside
    assert np.isnan(p_equivalent(0.0, np.nan, 30, 0.4))


def test_twice_as_variable_is_a_result_of_its_own():
    row, _, _ = judge({}, index_spread=2.0)
    assert row["spread_lower"] < 2.0 < row["spread_upper"]
    assert row["spread_p_value"] < 0.01


def test_spread_is_not_compared_below_the_limit():
    row, _, _ = judge({}, limit=inverse_logit(np.array(-4.2)))
    assert np.isnan(row["spread_ratio"])
    assert "spread is not compared" in row["reason"]


def test_equivalence_with_any_disease_is_paid_for_by_all_that_were_planned():
    """Bonferroni over the diseases of the plan, also those that could not be compared."""
    healthy = Side("healthy", is_lower=True, p_value=0.001, p_equivalent=0.9)
    sides = [Side(name, True, 0.5, p) for name, p in (("SLE", 0.01), ("RA", 0.2))]
    assert _p_shared(healthy, sides, 4) == pytest.approx(0.04)
    assert _p_shared(healthy, sides[1:], 6) == 1.0
    assert _p_shared(replace(healthy, p_value=0.3), sides, 4) == 0.3
