from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.stats.models.linear import fit_least_squares
from itc_analysis.stats.multiplicity.simultaneous import dunnett_critical, dunnett_p

GROUPS = ["SSc", "SLE", "pSS", "RA", "IIM", "healthy"]


@pytest.fixture(scope="module")
def scleroderma(root):
    """T, correlation and df of SSc against each other group, from our own fit; and what multcomp
    says.
    """
    data = pd.read_csv(root / "tests/reference/ols_hc3/data.csv")
    X = np.column_stack(
        [*((data["group"] == g).to_numpy(dtype=float) for g in GROUPS), data["age"], data["male"]]
    )
    fit = fit_least_squares(data["y"].to_numpy(), X)
    K = np.column_stack([np.ones(5), -np.eye(5), np.zeros((5, 2))])
    covariance = K @ fit.covariance @ K.T
    errors = np.sqrt(np.diag(covariance))
    estimates = K @ fit.coefficients
    expected = pd.read_csv(root / "tests/reference/dunnett/results.csv")
    return estimates, errors, covariance / np.outer(errors, errors), fit.df, expected


def test_adjusted_p_equals_that_of_multcomp(scleroderma):
    estimates, errors, correlation, df, expected = scleroderma
    t = estimates / errors
    np.testing.assert_allclose(t, expected["t"], rtol=1e-9)
    # 5e-4 was asked for; both integrations are good to about 1e-4
    np.testing.assert_allclose(dunnett_p(t, correlation, df), expected["p"], atol=2e-4)


def test_simultaneous_intervals_equal_those_of_multcomp(scleroderma):
    estimates, errors, correlation, df, expected = scleroderma
    critical = dunnett_critical(correlation, df, alpha=0.05)
    # multcomp's own critical value moves by 1e-3 between runs
    assert critical == pytest.approx(expected["critical"][0], abs=2e-3)
    np.testing.assert_allclose(estimates - critical * errors, expected["lower"], atol=2e-3)


def test_equal_correlation_of_one_half_equals_scipys_dunnett():
    rng = np.random.default_rng(1)
    control, *others = (rng.normal(size=12) for _ in range(4))
    pooled = np.sqrt(np.mean([np.var(x, ddof=1) for x in (control, *others)]))
    t = [(x.mean() - control.mean()) / (pooled * np.sqrt(2 / 12)) for x in others]
    correlation = np.full((3, 3), 0.5) + 0.5 * np.eye(3)
    expected = stats.dunnett(*others, control=control, rng=np.random.default_rng(2)).pvalue
    np.testing.assert_allclose(dunnett_p(t, correlation, 44), expected, atol=1e-3)


def test_plain_simulation_gives_the_same_probability_even_where_one_contrast_is_the_mean_of_others():  # noqa: E501
    """The slow obvious way; tolerance three standard errors of 200,000 draws."""
    rng = np.random.default_rng(3)
    A = np.array([[1.0, -1, 0, 0], [1, 0, -1, 0], [1, 0, 0, -1], [1, -1 / 3, -1 / 3, -1 / 3]])
    covariance = A @ np.diag([1.0, 0.4, 0.7, 0.2]) @ A.T
    errors = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(errors, errors)
    z = rng.normal(size=(200_000, 4)) * np.sqrt([1.0, 0.4, 0.7, 0.2]) @ A.T / errors
    largest = np.abs(z).max(axis=1) / np.sqrt(rng.chisquare(20, 200_000) / 20)
    for t in (1.5, 2.2, 3.0):
        slow = np.mean(largest > t)
        error = np.sqrt(slow * (1 - slow) / 200_000)
        assert dunnett_p([t] * 4, correlation, 20)[0] == pytest.approx(slow, abs=3 * error + 1e-4)


def test_adjusted_p_lies_between_p_and_bonferroni_and_agrees_with_the_critical_value():
    correlation = np.array([[1, 0.6, 0.3], [0.6, 1, 0.5], [0.3, 0.5, 1]])
    critical = dunnett_critical(correlation, 30, alpha=0.05)
    for t in (0.1, critical - 0.01, critical + 0.01, 5.0, 12.0):
        p = 2 * stats.t.sf(t, 30)
        adjusted = dunnett_p([t, 0.0, 1.0], correlation, 30)[0]
        assert p <= adjusted <= min(3 * p, 1)
        assert (adjusted < 0.05) == (t > critical)


def test_one_contrast_is_its_own_family():
    assert dunnett_p([2.0], np.eye(1), 17)[0] == pytest.approx(2 * stats.t.sf(2, 17), abs=1e-4)
    assert dunnett_critical(np.eye(1), 17, alpha=0.05) == pytest.approx(stats.t.isf(0.025, 17))
