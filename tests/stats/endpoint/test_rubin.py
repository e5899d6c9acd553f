from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.stats.endpoint.rubin import pool, pool_models
from itc_analysis.stats.models.linear import from_t
from itc_analysis.stats.plan.plan import expand
from itc_analysis.stats.questions.compare import compare_groups, fit_endpoints
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SETTINGS = Stats(n_permutations=0)


@pytest.mark.parametrize("m", [2, 5, 10])
@pytest.mark.parametrize("name", ["SSc - healthy", "SSc - SLE", "age"])
def test_pooled_answers_equal_those_of_r(root, m, name):
    folder = root / "tests/reference/rubin_pooling"
    single = pd.read_csv(folder / "single.csv")
    mine = single[(single["contrast"] == name) & (single["imputation"] <= m)]
    expected = pd.read_csv(folder / "results.csv").set_index(["m", "contrast"]).loc[(m, name)]
    estimate, error, df = pool(mine["estimate"], mine["se"], mine["df"])
    # the same formulas: only rounding differs
    assert estimate == pytest.approx(expected["estimate"], rel=1e-12)
    assert error == pytest.approx(expected["se"], rel=1e-10)
    assert df == pytest.approx(expected["df"], rel=1e-9)
    result = from_t(estimate, error, df, confidence=0.95)
    assert result.p_value == pytest.approx(expected["p"], rel=1e-9)
    assert result.lower == pytest.approx(expected["lower"], rel=1e-9)


def test_imputations_that_agree_leave_the_standard_error_and_nearly_the_degrees_of_freedom():
    estimate, error, df = pool([0.5] * 20, [0.2] * 20, [100.0] * 20)
    assert (estimate, error) == (0.5, pytest.approx(0.2))
    assert df == pytest.approx(101 / 103 * 100)  # what Barnard and Rubin leave of 100


@pytest.fixture
def fitted():
    """An endpoint of which a tenth lacks CMV, with the models of its imputations."""
    people = make_participants(
        {"SSc": 24, "SLE": 12, "pSS": 12, "RA": 12, "IIM": 12, "healthy": 20}, seed=2
    )
    rng = np.random.default_rng(3)
    y = -4 - 0.8 * (people["group"] == "SSc") - 0.9 * people["cmv_igg"].astype(float)
    rows = make_measurements(people, inverse_logit(y.to_numpy() + rng.normal(size=len(people))))
    people.loc[::10, "cmv_igg"] = pd.NA
    return people, rows


def compare(people, rows, **plan):
    settled = make_plan(covariates="age_years + cmv_igg", **plan)
    return compare_groups(rows, people, plan=settled, cohort=COHORT, settings=SETTINGS)


def test_nobody_who_lacks_a_covariate_vanishes(fitted):
    people, rows = fitted
    imputed = compare(people, rows).iloc[0]
    complete = compare(people, rows, missing_covariates="complete_cases").iloc[0]
    assert (imputed["n_index"], imputed["n_reference"]) == (24, 20)
    assert complete["n_index"] + complete["n_reference"] < 44
    assert "20 imputations" in imputed["model"]
    assert "missing covariates are imputed (cmv_igg of 10)" in imputed["reason"]
    assert "left out, cmv_igg missing" in complete["reason"]
    assert "left out, cmv_igg missing" not in imputed["reason"]
    # more people, the same question: a somewhat surer answer, close to the other
    assert imputed["standard_error"] < 1.05 * complete["standard_error"]
    assert abs(np.log(imputed["estimate"] / complete["estimate"])) < complete["standard_error"]


def test_imputed_results_are_the_same_again_and_whatever_the_order(fitted):
    people, rows = fitted
    expected = compare(people, rows)
    mixed = compare(people.sample(frac=1, random_state=1), rows.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(mixed, expected)


def test_without_missing_covariates_nothing_is_imputed(fitted):
    people, rows = fitted
    whole = people.assign(cmv_igg=people["cmv_igg"].fillna(value=False))
    both = [compare(whole, rows, missing_covariates=way) for way in ("imputed", "complete_cases")]
    columns = ["estimate", "standard_error", "p_value", "model", "reason"]
    pd.testing.assert_frame_equal(both[0][columns], both[1][columns])


def test_pooling_copies_of_one_model_gives_its_joint_distribution(fitted):
    people, rows = fitted
    plan = make_plan(covariates="age_years", contrasts=("healthy", "pooled"))
    ((endpoint, items),) = fit_endpoints(
        rows, people, expand(plan, COHORT), plan=plan, cohort=COHORT, settings=SETTINGS
    )
    model = endpoint.adjusted
    pooled = pool_models([model] * 3, model)
    weights = np.stack([endpoint.weights(item) for item in items])
    np.testing.assert_allclose(pooled.covary(weights)[0], model.covary(weights)[0])
    np.testing.assert_allclose(pooled.move(weights[0]), model.move(weights[0]))
    assert pooled.estimate(weights[0]) == pytest.approx(model.estimate(weights[0]))
    assert pooled.residual_sd == pytest.approx(model.residual_sd)


def test_an_interval_without_standard_error_is_that_of_complete_cases(fitted):
    people, rows = fitted
    plan = make_plan(covariates="age_years", contrasts=("healthy",))
    ((endpoint, (item,)),) = fit_endpoints(
        rows, people, expand(plan, COHORT), plan=plan, cohort=COHORT, settings=SETTINGS
    )
    model, weights = endpoint.adjusted, endpoint.weights(item)
    answer = model.compare(weights, 0.95)
    lopsided = replace(
        model,
        compare=lambda *_: replace(answer, result=replace(answer.result, standard_error=np.nan)),
    )
    found = pool_models([lopsided, lopsided], model).compare(weights, 0.95)
    assert found.result == answer.result
    assert "left out" in found.remark
