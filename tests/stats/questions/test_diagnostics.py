from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.report.language.phrases import speaking
from itc_analysis.report.language.recorded import recorded
from itc_analysis.stats.questions.compare import compare_groups
from itc_analysis.stats.questions.diagnostics import diagnose, e_value
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 14, "SLE": 8, "pSS": 8, "RA": 8, "IIM": 8, "healthy": 12}
HOW = {"cohort": COHORT, "settings": Stats(n_permutations=0)}
PLAN = make_plan(covariates="age_years + sex + cmv_igg")


@pytest.fixture(scope="module")
def people():
    return make_participants(SIZES, seed=4)


@pytest.fixture(scope="module")
def shares(people):
    rng = np.random.default_rng(5)
    y = -4 - 0.8 * (people["group"] == "SSc") - 0.02 * people["age_years"]
    return make_measurements(people, inverse_logit(y + rng.normal(size=len(people))))


def test_the_range_with_one_left_out_is_that_of_refitting_without_each(people, shares):
    few = people.groupby("group", sort=False).head(6)
    people, shares = few, shares[shares["participant_id"].isin(few["participant_id"])]
    row = diagnose(shares, people, plan=PLAN, **HOW).iloc[0]
    estimates = {}
    for person in people["participant_id"]:
        rest = people[people["participant_id"] != person]
        rows = shares[shares["participant_id"] != person]
        found = compare_groups(rows, rest, plan=PLAN, **HOW).iloc[0]
        estimates[person] = (found["estimate"], found["p_value"])
    slow = pd.DataFrame(estimates, index=["estimate", "p"]).T
    assert row["one_out_lowest"] == pytest.approx(slow["estimate"].min(), rel=1e-8)
    assert row["one_out_highest"] == pytest.approx(slow["estimate"].max(), rel=1e-8)
    moved = np.log(slow["estimate"] / row["estimate_full"]).abs()
    assert row["most_influential"] == moved.idxmax()
    assert row["p_without_most_influential"] == pytest.approx(slow.loc[moved.idxmax(), "p"])


def test_censored_range_is_that_of_refitting(people, shares):
    low = shares["value"] < 0.004
    rows = shares.assign(
        status=shares["status"].mask(low, "below_lod"),
        value=shares["value"].mask(low),
        upper=shares["upper"].mask(low, 0.004),
    )
    plan = make_plan(covariates=None, contrasts=("healthy",))
    row = diagnose(rows, people, plan=plan, **HOW).iloc[0]
    estimates = []
    for person in people["participant_id"]:
        found = compare_groups(
            rows[rows["participant_id"] != person],
            people[people["participant_id"] != person],
            plan=plan,
            **HOW,
        )
        estimates.append(found["estimate"].iloc[0])
    # the most influential are found by one Newton step, the ten to either side fitted again
    assert row["one_out_lowest"] == pytest.approx(min(estimates), rel=1e-3)
    assert row["one_out_highest"] == pytest.approx(max(estimates), rel=1e-3)


def test_one_participant_who_carries_a_difference_is_named(people):
    rng = np.random.default_rng(1)
    noise = 0.3 * rng.normal(size=len(people))
    plan, carried = make_plan(contrasts=("healthy",)), []
    for shift in np.linspace(0, 0.3, 4):
        y = -4 + noise - shift * (people["group"] == "SSc").to_numpy()
        y[3] -= 1.2
        rows = make_measurements(people, inverse_logit(y))
        row = diagnose(rows, people, plan=plan, **HOW).iloc[0]
        p = compare_groups(rows, people, plan=plan, **HOW)["p_value"].iloc[0]
        assert row["most_influential"] == "P003"
        assert row["is_carried_by_one"] == (p <= 0.05 < row["p_without_most_influential"])
        carried.append(bool(row["is_carried_by_one"]))
    assert not carried[-1]


def test_change_in_estimate_shows_unadjusted_core_and_full(people, shares):
    row = diagnose(shares, people, plan=PLAN, **HOW).iloc[0]
    for column, formula in (
        ("estimate_unadjusted", None),
        ("estimate_core", "age_years + sex"),
        ("estimate_full", PLAN.covariates),
    ):
        plan = make_plan(covariates=formula)
        expected = compare_groups(shares, people, plan=plan, **HOW).iloc[0]["estimate"]
        assert row[column] == pytest.approx(expected, rel=1e-8)


def test_e_value_of_the_published_example():
    """VanderWeele and Ding 2017: a risk ratio of 3.9 has an E-value of 7.26."""
    assert e_value(np.log(3.9) / 0.91) == pytest.approx(7.26, abs=0.005)
    assert e_value(0.0) == 1.0
    assert e_value(-0.5) == e_value(0.5)


def test_an_interval_with_one_in_it_needs_no_confounder(people, shares):
    found = diagnose(shares, people, plan=PLAN, **HOW)
    compared = compare_groups(shares, people, plan=PLAN, **HOW)
    holds = (compared["lower"] < 1) & (compared["upper"] > 1)
    assert ((found["e_value_limit"] == 1) == holds).all()


def test_shares_have_a_beta_binomial_beside_them(people, shares):
    found = diagnose(shares, people, plan=PLAN, **HOW)
    assert (found["second_model"] == "beta-binomial, likelihood ratio").all()
    compared = compare_groups(shares, people, plan=PLAN, **HOW)
    # the same question by another model: within a factor of 1.6 of one another
    ratio = np.log(found["second_estimate"] / compared["estimate"]).abs()
    assert (ratio < np.log(1.6)).all()


def test_the_other_way_with_missing_covariates_stands_beside(people, shares):
    holes = people.assign(cmv_igg=people["cmv_igg"].mask(people.index % 8 == 0))
    n_incomplete = int(holes["cmv_igg"].isna().sum())
    ways = ("imputed", "complete_cases")
    for way, other in (ways, ways[::-1]):
        plan, reverse = (
            make_plan(covariates=PLAN.covariates, contrasts=("healthy",), missing_covariates=w)
            for w in (way, other)
        )
        row = diagnose(shares, holes, plan=plan, **HOW).iloc[0]
        expected = compare_groups(shares, holes, plan=reverse, **HOW).iloc[0]
        assert row["missing_covariates"] == other
        assert row["n_incomplete"] == n_incomplete
        for column in ("estimate", "lower", "upper", "p_value"):
            assert row[f"beside_{column}"] == pytest.approx(expected[column], rel=1e-9)
        assert row["one_out_lowest"] < row["estimate_full"] < row["one_out_highest"]
        assert row["second_p_value"] > 0
    whole = diagnose(shares, people, plan=PLAN, **HOW)
    assert whole["missing_covariates"].isna().all()


def test_what_cannot_be_compared_keeps_its_row_and_reason(people, shares):
    plan = make_plan(populations=("mait", "inkt"))
    found = diagnose(shares, people, plan=plan, **HOW).set_index("population")
    assert found.loc["inkt", "reason"].str.contains("no flow cytometry measurement").all()
    assert found.loc["inkt", "estimate_full"].isna().all()


def test_a_group_that_only_imputation_would_keep_moves_no_contrast():
    """Two of four people with RA lack CMV: complete cases hold no such group, and every number is
    of the same groups.
    """
    people = make_participants({"SSc": 20, "RA": 4, "healthy": 20}, seed=1)
    rng = np.random.default_rng(1)
    people["cmv_igg"] = pd.array(rng.random(len(people)) < 0.5, dtype="boolean")
    people.loc[people.index[people["group"] == "RA"][:2], "cmv_igg"] = pd.NA
    shares = rng.uniform(0.01, 0.05, len(people))
    rows = make_measurements(people, shares, population="mait", n_denominator=5000)
    plan = make_plan(covariates="age_years + cmv_igg")
    how = {"plan": plan, "cohort": COHORT, "settings": Stats(n_permutations=99)}
    healthy, pooled = compare_groups(rows, people, **how).itertuples()
    # nothing differs: neither the model nor what stands beside it may find anything
    assert healthy.p_value > 0.2
    assert healthy.p_permutation > 0.2
    assert pooled.status == "not_estimable"
    beside = diagnose(rows, people, **how).iloc[0]
    assert beside["second_p_value"] > 0.2
    assert 0.7 < beside["second_estimate"] < 1.4
    assert pd.isna(beside["missing_covariates"])  # nobody in a group that is compared lacks any
    missing = people.assign(cmv_igg=people["cmv_igg"].mask(people.index == 0))
    (healthy, _) = compare_groups(rows, missing, **how).itertuples()
    assert "missing covariates are imputed" in healthy.reason
    assert "RA left out: fewer than 3 of them have every covariate" in healthy.reason
    assert healthy.n_index == 20


@pytest.mark.parametrize("n_ssc", [8, 20])
def test_one_person_who_holds_every_cell_of_a_group_carries_it(n_ssc):
    """Without them the group has no cell and the comparison no estimate, which was a move of 0; of
    20 people the Newton step did not even count them among those who move it.
    """
    people = make_participants({"SSc": n_ssc, "healthy": 12}, seed=4)
    k = np.where(people["group"] == "SSc", 0, np.random.default_rng(1).poisson(2, n_ssc + 12))
    k[2] = 40
    rows = make_measurements(people, k / 50_000).assign(n_events=pd.array(k, dtype="Int64"))
    row = diagnose(rows, people, plan=make_plan(contrasts=("healthy",)), **HOW).iloc[0]
    assert np.isfinite(row["estimate_full"])
    assert row["most_influential"] == "P002"
    assert row["is_carried_by_one"]
    assert row[["one_out_lowest", "one_out_highest", "influence"]].isna().all()
    assert row["reason"].startswith("leaving out P002: no cell was counted in SSc")
    with speaking("fr"):
        assert recorded(row["reason"]).startswith("en écartant P002 : aucune cellule n’a été")


def test_the_only_person_above_the_limit_of_a_group_carries_it(people, shares):
    is_low = (people["group"] == "SSc").to_numpy() & (np.arange(len(people)) != 5)
    rows = shares.assign(
        status=shares["status"].mask(is_low, "below_lod"),
        value=shares["value"].mask(is_low),
        upper=shares["upper"].mask(is_low, 0.004),
    )
    row = diagnose(rows, people, plan=make_plan(contrasts=("healthy",)), **HOW).iloc[0]
    assert row["most_influential"] == "P005"
    assert row["is_carried_by_one"]
    assert pd.isna(row["one_out_lowest"])
