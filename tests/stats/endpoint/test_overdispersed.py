from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import linalg, stats

from itc_analysis.statistics.beta_binomial import beta_binomial
from itc_analysis.stats.endpoint.overdispersed import (
    fit_beta_binomial,
    fit_negative_binomial,
    negative_binomial,
    second_model,
)
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.design import build_design
from itc_analysis.stats.people.responses import respond
from stats.made_up_study import COHORT, make_measurements, make_participants, make_plan


@pytest.fixture(scope="module")
def reference(root):
    folder = root / "tests/reference/count_models"
    data = pd.read_csv(folder / "data.csv")
    groups = ["SSc", "SLE", "healthy"]
    X = np.column_stack(
        [*((data["group"] == g).to_numpy(dtype=float) for g in groups), data["age"]]
    )
    fits = pd.read_csv(folder / "fits.csv", index_col=["population", "family"])
    coefficients = pd.read_csv(folder / "coefficients.csv", index_col=["population", "family"])
    return data, X, fits, coefficients, folder


def in_our_order(coefficients, column):
    """GlmmTMB's terms in the order of our columns."""
    by_term = coefficients.set_index("term")[column]
    return by_term[["groupSSc", "groupSLE", "grouphealthy", "age"]].to_numpy()


def likelihood_ratio(fit, X):
    c = np.array([1.0, 0, -1, 0])
    full, reduced = fit(X), fit(X @ linalg.null_space(c[None, :]))
    return 2 * (full.log_likelihood - reduced.log_likelihood)


@pytest.mark.parametrize("population", ["common", "rare"])
def test_beta_binomial_equals_glmmtmb(reference, population):
    data, X, fits, coefficients, _ = reference
    k, n = data[population].to_numpy(float), data["total"].to_numpy(float)
    expected = fits.loc[(population, "betabinomial")]
    found = fit_beta_binomial(k, n, X)
    # 1e-5: both stop at a small gradient
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-5)
    assert np.exp(found.log_dispersion) == pytest.approx(expected["dispersion"], rel=1e-4)
    mine = coefficients.loc[(population, "betabinomial")]
    np.testing.assert_allclose(found.coefficients, in_our_order(mine, "estimate"), atol=1e-5)
    ratio = likelihood_ratio(lambda Z: fit_beta_binomial(k, n, Z), X)
    assert stats.chi2.sf(ratio, 1) == pytest.approx(expected["p"], abs=1e-4)


@pytest.mark.parametrize("population", ["common", "rare"])
def test_negative_binomial_equals_glmmtmb(reference, population):
    data, X, fits, coefficients, _ = reference
    k, offset = data[population].to_numpy(float), np.log(data["total"].to_numpy(float))
    expected = fits.loc[(population, "nbinom2")]
    found = fit_negative_binomial(k, X, offset=offset)
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-5)
    # their variance is mu + mu^2 / theta, ours mu + alpha mu^2
    assert np.exp(-found.log_dispersion) == pytest.approx(expected["dispersion"], rel=1e-4)
    mine = coefficients.loc[(population, "nbinom2")]
    np.testing.assert_allclose(found.coefficients, in_our_order(mine, "estimate"), atol=1e-5)
    ratio = likelihood_ratio(lambda Z: fit_negative_binomial(k, Z, offset=offset), X)
    assert stats.chi2.sf(ratio, 1) == pytest.approx(expected["p"], abs=1e-4)


@pytest.mark.parametrize(("n", "dispersion"), [(1, 3.0), (1, 8.0), (None, -2.0), (None, -15.0)])
def test_the_gradient_equals_differences_of_the_likelihood(n, dispersion):
    """Of the beta-binomial, and of the negative binomial (no `n`) as far as its Poisson limit."""
    rng = np.random.default_rng(1)
    of = rng.integers(50, 5000, 12).astype(float)
    k = rng.binomial(of.astype(int), 0.02).astype(float)
    k[0] = 0
    eta, step = rng.normal(-4, 1, 12), 1e-5

    def likelihood(eta, dispersion):
        if n is None:
            return negative_binomial(k, eta + np.log(of), dispersion)
        return beta_binomial(k, of, eta, dispersion)

    _, by_eta, by_dispersion = likelihood(eta, dispersion)
    up, down = (likelihood(eta + s, dispersion)[0] for s in (step, -step))
    np.testing.assert_allclose(by_eta, (up - down) / (2 * step), rtol=1e-4, atol=1e-5)
    up, down = (likelihood(eta, dispersion + s)[0] for s in (step, -step))
    # differences of log Gamma lose digits where alpha is small
    np.testing.assert_allclose(by_dispersion, (up - down) / (2 * step), rtol=1e-4, atol=2e-3)


def test_negative_binomial_likelihood_is_scipys_and_ends_at_poissons():
    rng = np.random.default_rng(2)
    mu = np.exp(rng.normal(3, 2, 30))
    k = rng.poisson(mu).astype(float)
    for alpha in (0.1, 2.0):
        slow = stats.nbinom.logpmf(k, 1 / alpha, 1 / (1 + alpha * mu))
        np.testing.assert_allclose(negative_binomial(k, np.log(mu), np.log(alpha))[0], slow)
    least = negative_binomial(k, np.log(mu), -18.0)[
        0
    ]  # 3,000 cells differ by half of alpha times 3,000
    np.testing.assert_allclose(least, stats.poisson.logpmf(k, mu), atol=5e-5)


def test_counts_that_vary_no_more_than_poisson_ones_have_a_negative_binomial():
    """Its maximum is at no over-dispersion, which was "no maximum"."""
    X = np.repeat(np.eye(2), 10, axis=0)
    k = np.r_[np.tile([24, 25], 5), np.tile([44, 46], 5)].astype(float)
    found = fit_negative_binomial(k, X, offset=np.zeros(20))
    poisson = sm.GLM(k, X, family=sm.families.Poisson()).fit()
    np.testing.assert_allclose(found.coefficients, poisson.params, atol=1e-6)
    assert found.log_likelihood == pytest.approx(poisson.llf, abs=1e-4)


@pytest.mark.parametrize("cells", [20, 50_000])
def test_a_group_without_a_cell_has_neither_model(cells):
    k, X = np.r_[np.zeros(10), np.arange(10.0)], np.repeat(np.eye(2), 10, axis=0)
    with pytest.raises(NotEstimable, match="without a cell"):
        fit_beta_binomial(k, np.full(20, float(cells)), X)
    with pytest.raises(NotEstimable, match="without a cell"):
        fit_negative_binomial(k, X, offset=np.log(np.full(20, float(cells))))


def test_what_is_not_climbed_to_its_end_or_is_not_a_number_is_no_maximum(reference, monkeypatch):
    data, X, _, _, _ = reference
    k, n = data["common"].to_numpy(float), data["total"].to_numpy(float)
    with pytest.raises(NotEstimable, match="no maximum"), np.errstate(invalid="ignore"):
        fit_negative_binomial(np.r_[np.nan, k[1:]], X, offset=np.log(n))
    monkeypatch.setattr("itc_analysis.stats.endpoint.overdispersed.MAX_STEPS", 1)
    with pytest.raises(NotEstimable, match="no maximum"):
        fit_beta_binomial(k, n, X)


def test_likelihood_equals_scipys_beta_binomial(reference):
    data, X, _, _, _ = reference
    k, n = data["rare"].to_numpy(float), data["total"].to_numpy(float)
    found = fit_beta_binomial(k, n, X)
    mu, phi = 1 / (1 + np.exp(-X @ found.coefficients)), np.exp(found.log_dispersion)
    slow = stats.betabinom.logpmf(k, n, mu * phi, (1 - mu) * phi).sum()
    assert found.log_likelihood == pytest.approx(slow, abs=1e-6)


def test_statsmodels_quasibinomial_of_two_columns_forgets_the_cells(reference):
    """The trap for which no quasi-binomial is offered: R's dispersion needs shares with weights."""
    data, X, _, _, folder = reference
    expected = pd.read_csv(folder / "quasibinomial.csv")
    k, n = data["common"].to_numpy(float), data["total"].to_numpy(float)
    right = sm.GLM(k / n, X, family=sm.families.Binomial(), var_weights=n).fit(scale="X2")
    assert right.scale == pytest.approx(expected["dispersion"][0], rel=1e-5)
    np.testing.assert_allclose(right.bse, in_our_order(expected, "se"), rtol=1e-5)
    two_columns = np.column_stack([k, n - k])
    wrong = sm.GLM(two_columns, X, family=sm.families.Binomial()).fit(scale="X2")
    assert wrong.scale < 0.1 * right.scale


def test_statsmodels_hc3_of_a_glm_is_hc0(reference):
    """The trap for which no GLM's robust covariance is used."""
    data, X, _, _, _ = reference
    k, n = data["common"].to_numpy(float), data["total"].to_numpy(float)
    model = sm.GLM(k / n, X, family=sm.families.Binomial(), var_weights=n)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # whatever statsmodels says of it, the numbers are the point
        errors = {kind: model.fit(cov_type=kind).bse for kind in ("HC0", "HC3")}
    np.testing.assert_allclose(errors["HC0"], errors["HC3"])


def count_design(values, n_cells, *, limit=None):
    people = make_participants({"SSc": 14, "healthy": 14}, seed=3)
    rows = make_measurements(people, values, measure="cells_per_ul", limit=limit)
    rows = rows.assign(n_cells=pd.array(n_cells, dtype="Int64"))
    responses = respond(rows, people, "cells_per_ul")
    return build_design(responses, plan=make_plan(), groups=COHORT.groups, min_per_group=3)


def test_a_count_has_a_negative_binomial_beside_it():
    """Cells among the microlitres they were found in; without covariates the ratio is that of the
    totals.
    """
    rng = np.random.default_rng(4)
    microlitres = np.repeat([40.0, 60.0], 14)
    n_cells = rng.negative_binomial(3, 0.02, 28)
    design = count_design(n_cells / microlitres, n_cells)
    np.testing.assert_allclose(design.people["n_total"], microlitres)
    weights = np.array([1.0, -1.0])
    found = second_model(design, weights, measure="cells_per_ul")
    assert found.words == "negative binomial, likelihood ratio"
    ratio = (n_cells[:14].sum() / n_cells[14:].sum()) * 60 / 40
    assert found.estimate == pytest.approx(np.log(ratio), abs=1e-4)  # its gradient stops at 1e-4
    slow = sm.NegativeBinomial(n_cells, np.ones(28), offset=np.log(microlitres)).fit(disp=0)
    full = sm.NegativeBinomial(n_cells, design.matrix, offset=np.log(microlitres)).fit(disp=0)
    expected = stats.chi2.sf(2 * (full.llf - slow.llf), 1)
    assert found.p_value == pytest.approx(expected, abs=1e-5)


def test_counts_below_the_limit_have_no_negative_binomial_and_say_so():
    n_cells = np.arange(5, 33)
    design = count_design(n_cells / 50, n_cells, limit=0.2)
    found = second_model(design, np.array([1.0, -1.0]), measure="cells_per_ul")
    assert np.isnan(found.p_value)
    assert found.remark.startswith("no negative binomial for comparison: it is not made where")
