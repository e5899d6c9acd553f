"""Several log ratios at once: the slow way by leaving people out, Welch's degrees of freedom,
calibration, invariance.
"""

from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.stats.models.hotelling import effective_df, hotelling, permute_jointly
from itc_analysis.stats.models.linear import NotEstimable, fit_least_squares
from itc_analysis.stats.models.permutation import freedman_lane

#: Three groups and one covariate; the first against the last.
WEIGHTS = np.array([1.0, 0, -1, 0])


def drawn(seed, sizes=(12, 9, 14), m=3, spread=1.0):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    X = np.column_stack([np.eye(len(sizes))[group], rng.normal(size=len(group))])
    mix = np.linalg.cholesky(0.5 * np.eye(m) + 0.5)
    Y = rng.normal(size=(len(group), m)) @ mix.T
    return Y * np.where(group == 0, spread, 1)[:, None], X


def joint_test(Y, X):
    fits = [fit_least_squares(column, X) for column in Y.T]
    estimates = np.array([WEIGHTS @ fit.coefficients for fit in fits])
    influence = np.column_stack([fit.influence @ WEIGHTS for fit in fits])
    return hotelling(estimates, influence, effective_df(X, WEIGHTS))


def test_statistic_equals_leaving_every_participant_out_in_turn():
    Y, X = drawn(1)
    whole = np.linalg.lstsq(X, Y, rcond=None)[0]
    covariance = np.zeros((3, 3))
    for i in range(len(Y)):
        keep = np.arange(len(Y)) != i
        moved = WEIGHTS @ (np.linalg.lstsq(X[keep], Y[keep], rcond=None)[0] - whole)
        covariance += np.outer(moved, moved)
    d = WEIGHTS @ whole
    t2 = d @ np.linalg.inv(covariance) @ d
    df = effective_df(X, WEIGHTS)
    found = joint_test(Y, X)
    assert found.f_value == pytest.approx(t2 * (df - 2) / (df * 3), rel=1e-9)
    assert (found.df_parts, found.df_residual) == (3, pytest.approx(df - 2))


def test_degrees_of_freedom_of_two_groups_are_welchs():
    """Without covariates, for equal spread: (a + b)^2 / (a^2 / (n1 - 1) + b^2 / (n2 - 1)), a and b
    the HC3 variances.
    """
    for n1, n2 in ((10, 10), (5, 20)):
        X = np.repeat(np.eye(2), [n1, n2], axis=0)
        a, b = 1 / (n1 - 1), 1 / (n2 - 1)
        welch = (a + b) ** 2 / (a**2 / (n1 - 1) + b**2 / (n2 - 1))
        assert effective_df(X, [1, -1]) == pytest.approx(welch)
    third = np.repeat(np.eye(3), [10, 10, 50], axis=0)
    assert effective_df(third, [1, -1, 0]) == pytest.approx(18)  # others in the model add nothing


def test_one_ratio_is_the_permutation_of_one_contrast():
    """Below one block of permutations the very same orders are drawn."""
    Y, X = drawn(2, m=1)
    single = freedman_lane(Y[:, 0], X, WEIGHTS, n_permutations=199, seed=5)
    assert permute_jointly(Y, X, WEIGHTS, n_permutations=199, seed=5) == single


def test_mixing_the_ratios_changes_nothing():
    """Another order of parts, or another reference part, is an invertible mixture of the
    columns.
    """
    Y, X = drawn(3)
    Y[:12] += 0.8
    first = joint_test(Y, X)
    for mixture in (np.eye(3)[[2, 0, 1]], np.array([[1.0, 0, -1], [0, 1, -1], [0, 0, -1]])):
        assert joint_test(Y @ mixture.T, X).f_value == pytest.approx(first.f_value, rel=1e-8)
        assert permute_jointly(Y @ mixture.T, X, WEIGHTS, n_permutations=99, seed=1) == (
            permute_jointly(Y, X, WEIGHTS, n_permutations=99, seed=1)
        )


def test_a_ratio_said_twice_is_refused():
    Y, X = drawn(4)
    Y[:, 2] = Y[:, 0] - Y[:, 1]
    with pytest.raises(NotEstimable, match="combinations of one another"):
        joint_test(Y, X)
    with pytest.raises(NotEstimable, match="combinations of one another"):
        permute_jointly(Y, X, WEIGHTS, n_permutations=9, seed=1)


def test_more_ratios_than_participants_are_refused():
    Y, X = drawn(5, sizes=(3, 3, 3), m=6)
    with pytest.raises(NotEstimable, match="degrees of freedom are too few to test 6 ratios"):
        joint_test(Y, X)


@pytest.mark.parametrize(("spread", "most"), [(1.0, 0.068), (1.7, 0.075)])
def test_a_true_null_is_claimed_in_five_of_a_hundred_at_most(spread, most):
    """Groups of 15, five ratios, 800 tables: 0.05 and 2.3 binomial standard errors; 1.7 times as
    variable a little more.

    With n - p degrees of freedom the rates were 0.07 and 0.09.
    """
    rates = []
    for seed in range(800):
        Y, X = drawn(1000 + seed, sizes=(15, 15, 15), m=5, spread=spread)
        rates.append(joint_test(Y, X).p_value <= 0.05)
    assert np.mean(rates) <= most
