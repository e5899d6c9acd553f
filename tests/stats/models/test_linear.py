from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from itc_analysis.stats.models.cluster_robust import fit_clustered
from itc_analysis.stats.models.linear import (
    NotEstimable,
    contrast,
    fit_least_squares,
)


def cell_means(group: pd.Series, levels: list[str]) -> np.ndarray:
    return np.column_stack([(group == level).to_numpy(dtype=float) for level in levels])


@pytest.fixture(scope="module")
def scleroderma(root):
    folder = root / "tests/reference/ols_hc3"
    data = pd.read_csv(folder / "data.csv")
    X = np.column_stack(
        [
            cell_means(data["group"], ["SSc", "SLE", "pSS", "RA", "IIM", "healthy"]),
            data["age"],
            data["male"],
        ]
    )
    return data["y"].to_numpy(), X, pd.read_csv(folder / "results.csv").set_index("contrast")


WEIGHTS = {
    "SSc vs healthy": [1, 0, 0, 0, 0, -1, 0, 0],
    "SSc vs CTD": [1, -0.25, -0.25, -0.25, -0.25, 0, 0, 0],
    "SSc vs IIM": [1, 0, 0, 0, -1, 0, 0, 0],
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_hc3_contrasts_equal_those_of_r(scleroderma, name):
    y, X, expected = scleroderma
    fit = fit_least_squares(y, X)
    found = contrast(fit, WEIGHTS[name], confidence=0.95)
    row = expected.loc[name]
    # two exact algorithms: only rounding differs
    assert found.estimate == pytest.approx(row["estimate"], rel=1e-9)
    assert found.standard_error == pytest.approx(row["se"], rel=1e-9)
    assert found.p_value == pytest.approx(row["p"], rel=1e-7)
    assert fit.df == row["df"]
    assert fit.residual_sd == pytest.approx(row["residual_sd"], rel=1e-9)


def test_hc3_equals_statsmodels_and_the_jackknife(scleroderma):
    y, X, _ = scleroderma
    covariance = fit_least_squares(y, X).covariance
    np.testing.assert_allclose(covariance, sm.OLS(y, X).fit(cov_type="HC3").cov_params(), rtol=1e-8)
    # slow and obvious: leave each participant out and see how far the coefficients move
    whole = np.linalg.lstsq(X, y, rcond=None)[0]
    influence = np.array(
        [
            np.linalg.lstsq(np.delete(X, i, 0), np.delete(y, i), rcond=None)[0] - whole
            for i in range(len(y))
        ]
    )
    np.testing.assert_allclose(covariance, influence.T @ influence, rtol=1e-8)


def test_a_comparison_that_hangs_on_one_participant_is_refused():
    # the only participant of the second group: fitted exactly, no error to be seen
    X = np.column_stack([[1.0, 1, 1, 1, 0], [0.0, 0, 0, 0, 1]])
    fit = fit_least_squares(np.array([1.0, 2, 3, 5, 9]), X)
    with pytest.raises(NotEstimable, match="single participant"):
        contrast(fit, [1, -1], confidence=0.95)


@pytest.mark.parametrize("first", [1.0, 3.3, -0.1, 1e7 / 3])
@pytest.mark.parametrize("step", [0.0, 1.0])
@pytest.mark.parametrize(
    "fit",
    [
        fit_least_squares,
        lambda y, X: fit_clustered(y, X, list(range(len(y)))),
    ],
)
def test_values_without_any_spread_are_refused(fit, first, step):
    """Whatever rounding leaves of them; the third group, which varies, does not vouch for them."""
    X = np.repeat(np.eye(3), 7, axis=0)
    age = np.random.default_rng(1).uniform(20, 80, 21)
    for design in (X, np.column_stack([X, age])):
        y = np.repeat([first, first + step, first], 7)
        with pytest.raises(NotEstimable, match="do not vary"):
            contrast(fit(y, design), [1, -1, 0, *np.zeros(design.shape[1] - 3)], confidence=0.95)
    y[14:] += np.random.default_rng(2).normal(size=7)
    with pytest.raises(NotEstimable, match="do not vary"):
        contrast(fit(y, X), [1, -1, 0], confidence=0.95)


def test_more_parameters_than_participants_are_refused():
    with pytest.raises(NotEstimable, match="3 participants are too few for 3 parameters"):
        fit_least_squares(np.ones(3), np.eye(3))


def test_statsmodels_robust_covariance_of_a_glm_is_not_what_its_name_says():
    """A trap that keeps GLM out of this room: cov_type HC3 on a GLM gives HC0, without a word.

    When this fails, statsmodels has mended it (statsmodels#7798).
    """
    rng = np.random.default_rng(7)
    X = sm.add_constant(rng.normal(size=(30, 2)))
    y = rng.normal(size=30)
    glm = {kind: sm.GLM(y, X).fit(cov_type=kind).bse for kind in ("HC0", "HC3")}
    np.testing.assert_allclose(glm["HC3"], glm["HC0"])
    assert np.all(sm.OLS(y, X).fit(cov_type="HC3").bse > glm["HC3"] * 1.01)
