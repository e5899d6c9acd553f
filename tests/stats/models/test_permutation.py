from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from itc_analysis.config.sections import Stats
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.models.permutation import freedman_lane, studentised
from itc_analysis.stats.questions.compare import compare_groups
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)


@pytest.fixture
def data():
    rng = np.random.default_rng(8)
    group = np.repeat([0, 1, 2], 12)
    X = np.column_stack([(group == k).astype(float) for k in range(3)] + [rng.normal(size=36)])
    y = X @ np.array([0.9, 0, 0.2, 0.5]) + rng.normal(size=36) * (1 + (group == 0))
    return y, X, np.array([1, -0.5, -0.5, 0])


def test_permutation_p_equals_the_slow_way(data):
    y, X, c = data
    n_permutations = 199

    def t(values: np.ndarray) -> float:
        fit = sm.OLS(values, X).fit(cov_type="HC3")
        return (fit.params @ c) / np.sqrt(c @ fit.cov_params() @ c)

    # reduced model written out: the constraint b0 = (b1 + b2) / 2 put into the columns
    reduced = np.column_stack([X[:, 1] + X[:, 0] / 2, X[:, 2] + X[:, 0] / 2, X[:, 3]])
    assert np.allclose(np.linalg.lstsq(X, reduced, rcond=None)[0].T @ c, 0)
    base = sm.OLS(y, reduced).fit()
    order = np.random.default_rng(4).permuted(np.tile(np.arange(36), (n_permutations, 1)), axis=1)
    drawn = [abs(t(base.fittedvalues + base.resid[o])) for o in order]
    slow = (1 + np.sum(np.array(drawn) >= abs(t(y)))) / (n_permutations + 1)
    fast = freedman_lane(y, X, c, n_permutations=n_permutations, seed=4)
    assert fast == pytest.approx(slow)


def test_statistic_is_the_hc3_t_of_each_column(data):
    y, X, c = data
    fits = [sm.OLS(v, X).fit(cov_type="HC3") for v in (y, -2 * y, y**2)]
    slow = [(f.params @ c) / np.sqrt(c @ f.cov_params() @ c) for f in fits]
    np.testing.assert_allclose(studentised(np.column_stack([y, -2 * y, y**2]), X, c), slow)


def test_p_does_not_depend_on_unit_sign_or_covariate_shift(data):
    y, X, c = data
    p = freedman_lane(y, X, c, n_permutations=99, seed=1)
    assert freedman_lane(-3 * y, X, c, n_permutations=99, seed=1) == p
    assert freedman_lane(y + 7 * X[:, 3], X, c, n_permutations=99, seed=1) == p


def test_values_that_do_not_vary_have_no_permutation_p(data):
    _, X, c = data
    with pytest.raises(NotEstimable, match="do not vary"):
        freedman_lane(np.zeros(36), X, c, n_permutations=99, seed=1)


def test_a_permutation_without_an_error_counts_as_large():
    """All that varies drawn into the third group: nothing is left to judge the first two by."""
    X = np.repeat(np.eye(3), [3, 3, 8], axis=0)
    y = np.array([0.0, 0, 1, 0, 0, -1, 5, -5, 0, 0, 0, 0, 0, 0])
    orders = np.random.default_rng(1).permuted(np.tile(np.arange(14), (199, 1)), axis=1)

    def statistic(values):  # HC3 of two means of three
        a, b = values[:3], values[3:6]
        error = np.sqrt((np.sum((a - a.mean()) ** 2) + np.sum((b - b.mean()) ** 2)) / 4)
        return abs(a.mean() - b.mean()) / error if error > 0 else np.nan

    drawn = np.array([statistic(y[order]) for order in orders])  # the means of the fit are 0
    assert np.isnan(drawn).any()
    n_as_large = np.sum(np.isnan(drawn) | (drawn >= statistic(y) - 1e-9))
    found = freedman_lane(y, X, [1, -1, 0], n_permutations=199, seed=1)
    assert found == (1 + n_as_large) / 200


def test_p_is_never_zero_and_the_seed_decides(data):
    y, X, c = data
    far = y + 50 * X[:, 0]
    assert freedman_lane(far, X, c, n_permutations=99, seed=1) == 0.01
    assert freedman_lane(y, X, c, n_permutations=99, seed=(1, 2)) == freedman_lane(
        y, X, c, n_permutations=99, seed=(1, 2)
    )


def test_every_permutation_is_drawn_and_studentised(data, monkeypatch):
    """The statistic is computed for the observed values and for each of the permutations, with
    HC3.
    """
    y, X, c = data
    counted = []

    def counting(values, *rest):
        counted.append(values.shape[1])
        return studentised(values, *rest)

    monkeypatch.setattr("itc_analysis.stats.models.permutation.studentised", counting)
    p = freedman_lane(y, X, c, n_permutations=2_000, seed=3)
    assert counted == [1, 2_000]
    # p is a whole number of permutations and the observed one among 2,001
    assert p * 2_001 == pytest.approx(round(p * 2_001), abs=1e-9)


def test_the_primary_family_is_permuted_as_often_as_the_settings_say():
    people = make_participants({"SSc": 15, "healthy": 15})
    rows = make_measurements(people, inverse_logit(-4 - 9.0 * (people["group"] == "SSc")))
    plan = make_plan(contrasts=("healthy",))
    rows["value"] *= np.random.default_rng(2).uniform(0.5, 2, 30)
    for n_permutations in (49, 499):
        settings = Stats(n_permutations=n_permutations)
        found = compare_groups(rows, people, plan=plan, cohort=COHORT, settings=settings)
        # no permutation comes near: the least p there is
        assert found["p_permutation"].tolist() == [1 / (n_permutations + 1)]
