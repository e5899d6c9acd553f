"""Does the analysis keep its promises: on simulated endpoints, through `compare_groups` itself.

Every population of the made-up study is one simulation. Seeds are fixed, so a run either passes or fails for good.
With 120 independent tests a true 5 % shows between 1 % and 9 % (two standard errors). Larger runs
belong to a validation outside the tests.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config import Stats
from itc_analysis.stats.compare import compare_groups
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

N = 120
ERROR = 2 * np.sqrt(0.05 * 0.95 / N)
SIZES = {"SSc": 30, "SLE": 12, "pSS": 12, "RA": 12, "IIM": 12, "healthy": 20}
PEOPLE = make_participants(SIZES, seed=11)
SETTINGS = Stats(n_permutations=0)


def is_ssc(people=PEOPLE):
    return (people["group"] == "SSc").to_numpy()


def analyse(values, *, people=PEOPLE, covariates="age_years + sex", n=20_000, **columns):
    """Compare SSc with healthy in many endpoints; `values` has shape (n_simulations, n_people)."""
    names = [f"simulated{i}" for i in range(len(values))]
    flat = {
        name: np.ravel(column) if np.ndim(column) == 2 else column
        for name, column in columns.items()
    }
    rows = make_measurements(
        pd.concat([people] * len(values), ignore_index=True),
        np.ravel(values),
        population=np.repeat(names, len(people)),
        batch="b1",
        n_denominator=n,
        **flat,
    )
    plan = make_plan(
        covariates=covariates,
        contrasts=("healthy",),
        adjustment="none",
        populations=tuple(names),
        measures=(columns.get("measure", "share_of_t"),),
        features=(columns.get("feature", "-"),),
    )
    return compare_groups(rows, people, plan=plan, cohort=COHORT, settings=SETTINGS)


def counted(rng, share, n=20_000):
    """Binomial counts from each person's own share."""
    return rng.binomial(n, share) / n


def logit_normal(rng, spread=1.0):
    age = (PEOPLE["age_years"].to_numpy() - 50) / 50
    return inverse_logit(-4 - age + spread * rng.normal(size=(N, len(PEOPLE))))


def gamma(rng):
    """Shares by a gamma law: on the logit scale skewed to the left, not normal."""
    return np.minimum(rng.gamma(1.2, 0.02 / 1.2, (N, len(PEOPLE))), 0.9)


def more_variable(rng):
    """SSc 1.7 times as variable as the others."""
    return logit_normal(rng, np.where(is_ssc(), 1.7, 1.0))


@pytest.mark.parametrize("draw", [logit_normal, gamma, more_variable])
def test_no_effect_is_found_as_often_as_promised(draw):
    rng = np.random.default_rng(12)
    found = analyse(counted(rng, draw(rng)))
    assert np.mean(found["p_value"] < 0.05) == pytest.approx(0.05, abs=ERROR)


def test_age_is_not_taken_for_a_disease():
    """SSc is 15 years older, shares fall by a factor 0.6 in 15 years, the disease does nothing."""
    rng = np.random.default_rng(14)
    age = np.clip(rng.normal(np.where(is_ssc(), 60, 45), 11), 18, 90)
    people = PEOPLE.assign(age_years=age)
    y = -4 + np.log(0.6) * (age - 45) / 15 + 0.7 * rng.normal(size=(N, len(age)))
    values = counted(rng, inverse_logit(y))
    adjusted = analyse(values, people=people)["p_value"]
    unadjusted = analyse(values, people=people, covariates=None)["p_value"]
    assert np.mean(adjusted < 0.05) <= 0.05 + ERROR
    assert np.mean(unadjusted < 0.05) >= 0.4


@pytest.mark.parametrize("spread", [1.0, 1.7], ids=["equal spread", "SSc varies more"])
def test_half_below_the_limit_biases_neither_estimate_nor_interval(spread):
    """True log odds ratio -0.8; tolerance of the bias 0.05 and two standard errors of the simulations."""
    rng = np.random.default_rng(15)
    effect, n = -0.8, 100_000
    people = make_participants({group: 2 * size for group, size in SIZES.items()}, seed=16)
    sd = np.where(is_ssc(people), spread, 1.0)
    y = -7.4 + effect * is_ssc(people) + sd * rng.normal(size=(N, len(people)))
    limit = rng.choice([40, 60, 80], y.shape) / n
    values = counted(rng, inverse_logit(y), n)
    assert 0.4 < np.mean(values < limit) < 0.6
    found = analyse(values, people=people, covariates=None, n=n, limit=limit)
    estimate = np.log(found["estimate"])
    assert abs(estimate.mean() - effect) < 0.05 + 2 * estimate.std() / np.sqrt(N)
    covered = (np.log(found["lower"]) < effect) & (effect < np.log(found["upper"]))
    assert covered.mean() == pytest.approx(0.95, abs=ERROR)


def test_leaving_out_those_below_the_limit_would_halve_the_effect():
    """What the censored model is for."""
    rng = np.random.default_rng(17)
    y = -7.4 - 1.0 * is_ssc() + rng.normal(size=(20, len(PEOPLE)))
    values, limit = inverse_logit(y), 6e-4
    whole = analyse(values, covariates=None, n=10**6, limit=limit)["estimate"]
    status = np.where(values < limit, "failed_quality", "ok")
    dropped = analyse(values, covariates=None, n=10**6, status=status)["estimate"]
    assert np.log(whole).mean() == pytest.approx(-1, abs=0.2)
    assert np.log(dropped).mean() > -0.5


@pytest.mark.parametrize(("tau", "ratio"), [(0.15, 1.0), (0.6, 1.0), (0.4, 1.7)])
def test_weighted_scores_keep_their_level(tau, ratio):
    rng = np.random.default_rng(18)
    error = 1 / np.sqrt(rng.geometric(0.15, (N, len(PEOPLE))))  # a handful of cells each
    between = tau * np.where(is_ssc(), ratio, 1.0) * rng.normal(size=error.shape)
    value = between + error * rng.normal(size=error.shape)
    found = analyse(value, measure="score", feature="exhaustion", standard_error=error)
    assert np.mean(found["p_value"] < 0.05) == pytest.approx(0.05, abs=ERROR)
