from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.stats.models.censored import (
    _log_likelihood,
    _scores_and_hessians,
    crossing,
    fit_censored,
    profile_contrast,
)
from itc_analysis.stats.models.linear import NotEstimable, fit_least_squares


@pytest.fixture(scope="module")
def reference(root):
    folder = root / "tests/reference/censored_regression"
    data = pd.read_csv(folder / "data.csv")
    X = np.column_stack(
        [(data["group"] == g).to_numpy(dtype=float) for g in ("SSc", "CTD", "healthy")]
        + [data["age"].to_numpy(dtype=float)]
    )
    results = pd.read_csv(folder / "results.csv")
    profile = pd.read_csv(folder / "profile.csv")
    return data["y"].to_numpy(), data["low"].to_numpy(dtype=bool), X, results, profile


def two_sds(X: np.ndarray) -> np.ndarray:
    """One column for SSc, one for the others: R's strata."""
    return np.column_stack([1 - X[:, 0], X[:, 0]])


@pytest.mark.parametrize("model", ["one_sd", "two_sds"])
def test_estimates_and_likelihood_equal_those_of_survreg(reference, model):
    y, low, X, results, _ = reference
    expected = results[results["model"] == model]
    found = fit_censored(y, low, X, spread=two_sds(X) if model == "two_sds" else None)
    theta = np.concatenate([found.fit.coefficients, found.log_sd])
    # both maximise the same function; survreg was run to 1e-12 in the likelihood, so 1e-6 in its
    # arguments
    np.testing.assert_allclose(theta, expected["estimate"], atol=2e-6)
    assert found.log_likelihood == pytest.approx(expected["loglik"].iloc[0], abs=1e-8)


@pytest.mark.parametrize("model", ["one_sd", "two_sds"])
def test_derivatives_give_the_standard_errors_of_survreg(reference, model):
    y, low, X, results, _ = reference
    expected = results[results["model"] == model]
    Z = two_sds(X) if model == "two_sds" else np.ones((len(y), 1))
    found = fit_censored(y, low, X, spread=Z)
    scores, hessians = _scores_and_hessians(
        y, low, X, Z, np.r_[found.fit.coefficients, found.log_sd]
    )
    inverse = np.linalg.inv(-hessians.sum(axis=0))
    np.testing.assert_allclose(np.sqrt(np.diag(inverse)), expected["se"], rtol=1e-5)
    if model == "one_sd":  # the plain sandwich, to which this room adds the deletions
        sandwich = inverse @ scores.T @ scores @ inverse
        np.testing.assert_allclose(np.sqrt(np.diag(sandwich)), expected["robust_se"], rtol=1e-5)


@pytest.mark.parametrize("shape", [None, -0.3, 0.6])
def test_derivatives_equal_differences(reference, shape):
    y, low, X, _, _ = reference
    Z = two_sds(X)
    theta = np.array([-7.0, -6.5, -6.2, -0.01, 0.1, 0.4] + ([] if shape is None else [shape]))
    scores, hessians = _scores_and_hessians(y, low, X, Z, theta)
    # derivatives by the shape are differences themselves, over a hundredth
    step, rel = (1e-5, 1e-5) if shape is None else (1e-2, 2e-3)
    for i in range(len(theta)):
        e = np.zeros(len(theta))
        e[i] = step if i == 6 else 1e-5
        up, down = (_log_likelihood(y, low, X, Z, theta + s * e) for s in (1, -1))
        found = scores.sum(axis=0)[i]
        assert (up - down) / (2 * e[i]) == pytest.approx(found, rel=rel, abs=1e-4)
        slopes = [_scores_and_hessians(y, low, X, Z, theta + s * e)[0].sum(0) for s in (1, -1)]
        np.testing.assert_allclose(
            (slopes[0] - slopes[1]) / (2 * e[i]),
            hessians.sum(axis=0)[i],
            rtol=10 * rel,
            atol=1e-3 if shape else 1e-4,
        )


def test_without_censoring_it_is_least_squares_with_hc3(reference):
    y, _, X, _, _ = reference
    found = fit_censored(y, np.zeros(len(y), dtype=bool), X).fit
    expected = fit_least_squares(y, X)
    np.testing.assert_allclose(found.coefficients, expected.coefficients, atol=1e-6)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-5)


def test_profile_equals_survreg_with_an_offset(reference):
    y, low, X, _, profile = reference
    c = np.array([1.0, 0, -1, 0])
    fitted = fit_censored(y, low, X)
    found = profile_contrast(
        y,
        low,
        X,
        c,
        confidence=0.95,
        df=fitted.fit.df,
        log_likelihood=fitted.log_likelihood,
        start=float(c @ fitted.fit.coefficients),
        is_bounded=True,
    )
    # the limits lie where R's profile has lost half a squared t quantile; a cubic through R's grid
    # of 0.5 reads to .01
    threshold = stats.t.ppf(0.975, fitted.fit.df) ** 2 / 2
    from scipy.interpolate import CubicSpline

    curve = CubicSpline(profile["held"], profile["loglik"])
    for limit in (found.lower, found.upper):
        assert fitted.log_likelihood - curve(limit) == pytest.approx(threshold, abs=0.01)
    lost = 2 * (fitted.log_likelihood - profile.set_index("held").loc[0.0, "loglik"])
    assert found.p_value == pytest.approx(2 * stats.t.sf(np.sqrt(lost), fitted.fit.df), rel=1e-5)


def wholly_low() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    X = np.column_stack([np.repeat([1.0, 0], [10, 25]), np.repeat([0, 1.0], [10, 25])])
    y = np.concatenate([np.full(10, -1.0), rng.normal(0, 1, 25)])
    return y, np.repeat([True, False], [10, 25]), X


def test_a_group_wholly_below_its_limit_has_an_upper_limit_and_nothing_else():
    y, low, X = wholly_low()
    with pytest.raises(NotEstimable, match="wholly below the limit"):
        fit_censored(y, low, X)
    others = fit_censored(y[10:], low[10:], X[10:, 1:])
    found = profile_contrast(
        y,
        low,
        X,
        np.array([1.0, -1]),
        confidence=0.95,
        df=33,
        log_likelihood=others.log_likelihood,
        start=-1.0,
        is_bounded=False,
    )
    assert np.isnan(found.estimate)
    assert np.isnan(found.lower)
    assert found.p_value < 0.001
    # slow and obvious: the mean of the first group, held, costs what the best SD and second mean
    # leave
    from scipy.optimize import minimize

    def lost(difference: float) -> float:
        def minus(theta: np.ndarray) -> float:
            sd = np.exp(theta[1])
            return -(
                stats.norm.logpdf(y[10:], theta[0], sd).sum()
                + 10 * stats.norm.logcdf((-1 - theta[0] - difference) / sd)
            )

        best = minimize(
            minus, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10}
        )
        return 2 * (others.log_likelihood + best.fun)

    assert lost(found.upper) == pytest.approx(stats.t.ppf(0.975, 33) ** 2, abs=1e-4)


def test_too_few_quantified_participants_are_refused_in_words():
    y, low, X = wholly_low()
    low = low.copy()
    low[12:] = True
    with pytest.raises(NotEstimable, match="only 2 participants lie above the limit"):
        fit_censored(y, low, X)


def test_one_more_low_participant_never_raises_a_group():
    rng = np.random.default_rng(10)
    for _ in range(30):
        X = np.column_stack([np.repeat([1.0, 0], 20), np.repeat([0, 1.0], 20)])
        truth = rng.normal(size=40)
        limit = float(rng.normal(-0.5, 0.3))
        y, low = np.maximum(truth, limit), truth < limit
        before = fit_censored(y, low, X).fit.coefficients[0]
        after = fit_censored(
            np.append(y, limit), np.append(low, True), np.vstack([X, [1, 0]])
        ).fit.coefficients[0]
        assert after < before


def test_a_profile_whose_last_digits_depend_on_the_way_is_followed():
    """Climbing goes on from where it was: asked again, it lies a little lower."""
    asked: list[float] = []

    def drop(value: float) -> float:
        asked.append(value)
        return value**2 - 1e-3 * asked.count(value)

    # 2.0 lies beyond the threshold the first time it is asked for, and inside the second time
    found = crossing(drop, 4.0 - 1.5e-3, 0.0, 0.5)
    assert found == pytest.approx(2.0, abs=1e-3)


def test_a_profile_that_is_no_number_is_refused():
    with pytest.raises(NotEstimable, match="could not be followed"):
        crossing(lambda value: np.nan if value > 1 else value**2, 4.0, 0.0, 0.5)
