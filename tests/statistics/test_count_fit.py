"""Counts with a person effect, against lme4, nlme, quad and themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from itc_analysis.statistics import count_fit
from itc_analysis.statistics.climb import LEAST_LOG_SD, set_points
from itc_analysis.statistics.count_fit import fit_counts
from itc_analysis.statistics.count_likelihood import Counted, log_likelihood
from itc_analysis.statistics.person_likelihood import NoMaximum, PersonLikelihood

FOLDER = Path(__file__).parent.parent / "reference" / "count_mixed_models"
DATA = pd.read_csv(FOLDER / "data.csv")
RESULTS = pd.read_csv(FOLDER / "results.csv").set_index(["model", "name"])
IS_SSC = (DATA["group"] == "SSc").to_numpy(dtype=float)
GROUPS = np.column_stack([IS_SSC, 1 - IS_SSC])
X = np.column_stack([GROUPS, DATA["age"].to_numpy(dtype=float) - 50])


def column(name):
    return DATA[name].to_numpy(dtype=float)


BINOMIAL = Counted(column("k"), column("total"))
POISSON = Counted(column("cells"), column("volume"), "poisson")


@pytest.mark.parametrize(
    ("model", "counted", "design"), [("binomial", BINOMIAL, X), ("poisson", POISSON, GROUPS)]
)
def test_estimates_are_those_of_glmer_with_quadrature(model, counted, design):
    found = fit_counts(counted, design, is_restricted=False)
    expected = RESULTS.loc[model]
    assert found.coefficients == pytest.approx(expected["estimate"].to_numpy()[:-1], abs=2e-5)
    assert np.exp(found.log_sd[0]) == pytest.approx(expected["estimate"].iloc[-1], rel=2e-4)
    p = design.shape[1]
    errors = np.sqrt(np.diag(found.covariance)[:p])
    assert errors == pytest.approx(expected["se"].to_numpy()[:-1], rel=2e-3)


def test_with_countless_cells_the_restricted_likelihood_is_that_of_reml():
    """10^9 cells a person: the logit is known to 1e-4."""
    total = np.full(len(DATA), 4e9)
    counted = Counted(total * special.expit(column("y")), total)
    found = fit_counts(counted, X, spread=GROUPS)
    expected = RESULTS.loc["reml"]
    assert found.coefficients == pytest.approx(expected["estimate"].to_numpy()[:3], abs=2e-5)
    sds = expected["estimate"][["sd_SSc", "sd_healthy"]].to_numpy()
    assert np.exp(found.log_sd) == pytest.approx(sds, rel=5e-4)
    # gls takes the SDs as known, ours does not: differences are of higher order
    assert np.sqrt(np.diag(found.covariance)[:3]) == pytest.approx(
        expected["se"].to_numpy()[:3], rel=5e-3
    )


def skewed(rng, n_persons):
    """Exponential effects of mean 0 and SD 1."""
    return rng.exponential(size=n_persons) - 1


def test_with_countless_cells_the_mean_is_that_of_reml_whatever_the_distribution():
    """A learned distribution would draw the mean to its densest place, and seem too certain."""
    rng = np.random.default_rng(6)
    y = X @ np.array([-1.5, -1.5, 0.0]) + 0.5 * skewed(rng, len(X))
    total = np.full(len(X), 4e9)
    counted = Counted(np.round(total * special.expit(y)), total)
    normal = fit_counts(counted, X, spread=GROUPS)
    learned = fit_counts(counted, X, spread=GROUPS, is_normal=False)
    assert learned.coefficients == pytest.approx(normal.coefficients, abs=1e-4)
    assert learned.covariance == pytest.approx(normal.covariance, rel=1e-2, abs=1e-6)


def test_few_cells_are_read_by_the_distribution_that_many_cells_show():
    """20 cells of each person on one side, 500 on the other; people differ exponentially."""
    found = {True: [], False: []}
    mine = np.repeat([True, False], 200)
    sides = np.column_stack([mine, ~mine]).astype(float)
    cells = np.where(mine, 20.0, 500.0)
    for seed in range(8):
        rng = np.random.default_rng([seed, 2])
        share = special.expit(special.logit(0.05) + 1.0 * skewed(rng, len(mine)))
        counted = Counted(rng.binomial(cells.astype(int), share).astype(float), cells)
        for is_normal, estimates in found.items():
            fit = fit_counts(counted, sides, is_normal=is_normal)
            estimates.append(fit.coefficients[0] - fit.coefficients[1])
    # the true difference is 0; the normal distribution is off by a tenth
    assert np.mean(found[True]) < np.mean(found[False]) - 0.05
    assert abs(np.mean(found[False])) < abs(np.mean(found[True]))


def test_two_kinds_of_people_do_not_make_a_mean_seem_more_certain_than_it_is():
    """Three in ten lie lower, and one side has few cells: the scatter of scores shows it."""
    mine = np.repeat([True, False], 60)
    sides = np.column_stack([mine, ~mine]).astype(float)
    contrast, spread = np.array([[1.0, -1.0]]), np.column_stack([np.ones(120), mine])
    found, by_information, by_both = [], [], []
    for seed in range(80):
        rng = np.random.default_rng([seed, 9])
        low, high = np.where(mine, 50, 500), np.where(mine, 150, 3000)
        cells = np.exp(rng.uniform(np.log(low), np.log(high))).round()
        effect = 0.6 * 0.6 * rng.normal(size=len(mine)) - 2.0 * ((rng.random(120) < 0.3) - 0.3)
        share = special.expit(special.logit(0.1) + effect)
        counted = Counted(rng.binomial(cells.astype(int), share).astype(float), cells)
        fit = fit_counts(counted, sides, spread=spread, is_normal=False)
        found.append(float(contrast[0] @ fit.coefficients))
        by_information.append(float(contrast[0] @ fit.covariance[:2, :2] @ contrast[0]))
        by_both.append(float(fit.covary(contrast)[0, 0]))
    assert np.mean(by_both) > 1.04 * np.mean(by_information)
    assert np.mean(by_both) == pytest.approx(np.var(found), rel=0.35)


def test_a_small_group_of_normal_people_is_no_less_certain_for_its_size():
    """Scatter and information agree on average with four groups of twelve and covariates."""
    groups = np.kron(np.eye(4), np.ones((12, 1)))
    spread = np.column_stack([np.ones(48), groups])
    precision = np.append(0.0, np.full(4, 4.0))
    ratios, wider = [], []
    for seed in range(60):
        rng = np.random.default_rng([seed, 12])
        sides = np.column_stack([groups, rng.normal(size=(48, 4))])
        cells = np.full(48, 800.0)
        share = special.expit(special.logit(0.1) + 0.6 * rng.normal(size=48))
        counted = Counted(rng.binomial(800, share).astype(float), cells)
        how = {"spread": spread, "spread_precision": precision, "is_normal": False}
        fit = fit_counts(counted, sides, **how)
        contrast = np.array([[1.0, -1.0, 0, 0, 0, 0, 0, 0]])
        information = float(contrast[0] @ fit.covariance[:8, :8] @ contrast[0])
        ratios.append(float(contrast[0] @ fit.scattered @ contrast[0]) / information)
        wider.append(float(fit.covary(contrast)[0, 0]) / information)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.08)
    assert min(wider) >= 1 - 1e-12
    assert np.mean(wider) < 1.12


def test_where_a_learned_distribution_leaves_no_maximum_the_normal_one_is_taken(monkeypatch):
    how = {"spread": GROUPS}
    normal = fit_counts(BINOMIAL, X, **how)
    learned = fit_counts(BINOMIAL, X, **how, is_normal=False)
    assert learned.coefficients != pytest.approx(normal.coefficients, abs=1e-6)

    def fail(*_):
        msg = "none"
        raise NoMaximum(msg)

    monkeypatch.setattr(PersonLikelihood, "learn_shape", fail)
    found = fit_counts(BINOMIAL, X, **how, is_normal=False)
    assert found.coefficients == pytest.approx(normal.coefficients)


def slow_posterior(counted, i, mean, sd, error):
    """Integral over one person, posterior mean and variance, by quad."""
    one = Counted(counted.k[[i]], counted.n[[i]], counted.kind)
    rough = float(counted.rough()[0][i])
    top = float(log_likelihood(one, np.array([[rough]]))[0, 0])
    total_sd = float(np.hypot(sd, error))

    def height(theta, power=0):
        value = float(log_likelihood(one, np.array([[theta]]))[0, 0])
        return theta**power * np.exp(value - top) * stats.norm.pdf(theta, mean, total_sd)

    limits = (min(mean, rough) - 10 * total_sd, max(mean, rough) + 10 * total_sd)
    how = {"epsabs": 0, "epsrel": 1e-10, "limit": 400, "points": [rough, mean]}
    whole, first, second = (
        integrate.quad(height, *limits, args=(power,), **how)[0] for power in range(3)
    )
    middle = first / whole
    return np.log(whole) + top, middle, second / whole - middle**2


@pytest.mark.parametrize("counted", [BINOMIAL, POISSON], ids=["binomial", "poisson"])
def test_integrals_over_persons_are_those_of_quad(counted):
    """Persons without a cell among them."""
    error = np.where(np.arange(len(DATA)) % 2 == 0, 0.4, 0.0)
    counted = replace(counted, log_error=error)
    found = fit_counts(counted, GROUPS, spread=GROUPS)
    mean, sd = GROUPS @ found.coefficients, np.exp(GROUPS @ found.log_sd)
    slow = np.array(
        [slow_posterior(counted, i, mean[i], sd[i], error[i]) for i in range(len(DATA))]
    )
    assert (counted.k == 0).any()
    assert found.log_likelihood == pytest.approx(slow[:, 0].sum(), abs=1e-4)
    share = sd**2 / (sd**2 + error**2)  # of the deviation that is the person's own
    assert found.posterior_mean == pytest.approx(mean + share * (slow[:, 1] - mean), abs=1e-4)
    variance = share**2 * slow[:, 2] + sd**2 * (1 - share)
    assert found.posterior_variance == pytest.approx(variance, rel=1e-3)


def test_integrals_are_found_wherever_their_points_lay_before():
    """A posterior beyond the points shows as a spike on the last one: they must not creep to it."""
    likelihood = PersonLikelihood(BINOMIAL, X, GROUPS)
    theta = np.array([-3.8, -4.3, 0.01, -0.4, -0.7])
    likelihood.start()
    near = likelihood.moments(theta)
    for away, width in [(-40.0, 1e-3), (15.0, 0.02), (0.0, 1e3), (3.0, 1e-6)]:
        likelihood.places.centre[:] = away
        likelihood.places.scale[:] = width
        everybody = np.ones(len(X), dtype=bool)
        set_points(everybody, likelihood.people, likelihood.places, likelihood.table)
        found = likelihood.moments(theta)
        assert found.log_density == pytest.approx(near.log_density, abs=1e-6)
        assert found.middle == pytest.approx(near.middle, abs=1e-5)


@pytest.mark.parametrize("is_learned", [False, True])
def test_derivatives_are_those_of_differences(is_learned):
    counted = replace(BINOMIAL, log_error=np.full(len(DATA), 0.3))
    likelihood = PersonLikelihood(counted, X, GROUPS)
    theta = np.array([-3.8, -4.3, 0.01, -0.4, -0.7])
    likelihood.start()
    state = likelihood.moments(theta)
    if is_learned:
        likelihood.learn_shape(theta, state)
        assert 0 < likelihood.known.min() < likelihood.known.max() < 1
        theta = theta + 0.02
        state = likelihood.moments(theta)
    scores, hessians = likelihood.derivatives(state)
    step = 1e-5
    for j in range(len(theta)):
        moved = theta + step * np.eye(len(theta))[j], theta - step * np.eye(len(theta))[j]
        high, low = (likelihood.moments(at) for at in moved)
        slope = (high.log_density - low.log_density) / (2 * step)
        assert scores[:, j] == pytest.approx(slope, abs=1e-5 if is_learned else 1e-6)
        curve = (likelihood.derivatives(high)[0] - likelihood.derivatives(low)[0]) / (2 * step)
        # the learned density is a table of parabolas, with small steps in its curvature
        rough = {"rel": 1e-2, "abs": 1e-2} if is_learned else {"abs": 1e-5}
        assert hessians[:, j] == pytest.approx(curve, **rough)
    gradient, hessian = likelihood.summed(state)
    assert gradient == pytest.approx(scores.sum(axis=0))
    assert hessian == pytest.approx(hessians.sum(axis=0))


def test_the_order_of_persons_does_not_matter():
    order = np.random.default_rng(1).permutation(len(DATA))
    mixed = fit_counts(
        Counted(BINOMIAL.k[order], BINOMIAL.n[order]), X[order], spread=GROUPS[order]
    )
    found = fit_counts(BINOMIAL, X, spread=GROUPS)
    assert mixed.coefficients == pytest.approx(found.coefficients, abs=1e-5)
    assert mixed.posterior_mean == pytest.approx(found.posterior_mean[order], abs=1e-5)


def test_two_tubes_of_a_person_are_as_good_as_one_with_their_cells():
    k, n = BINOMIAL.k, BINOMIAL.n
    half = np.floor(k / 2)
    part = np.round(n / 3)
    persons = np.arange(len(k))
    split = Counted(
        np.concatenate([half, k - half]),
        np.concatenate([part, n - part]),
        person=np.concatenate([persons, persons]),
    )
    whole = fit_counts(BINOMIAL, X)
    assert fit_counts(split, X).coefficients == pytest.approx(whole.coefficients, abs=1e-6)


def test_people_who_do_not_differ_have_the_least_sd():
    """Counts closer together than chance would have them."""
    n = np.full(40, 500.0)
    k = np.full(40, 25.0)
    groups = np.repeat(np.eye(2), 20, axis=0)
    found = fit_counts(Counted(k, n), groups)
    assert found.log_sd == pytest.approx([LEAST_LOG_SD])
    assert found.coefficients == pytest.approx(np.full(2, special.logit(0.05)), abs=1e-3)


def test_a_group_without_a_cell_has_no_maximum():
    k = np.where(IS_SSC == 1, 0.0, column("k"))
    with pytest.raises(NoMaximum, match="no maximum"):
        fit_counts(Counted(k, column("total")), X)


@pytest.mark.parametrize("is_restricted", [True, False])
def test_fewer_cells_in_one_group_do_not_shift_the_difference(is_restricted):
    """1 % positive, SSc with 50 to 150 cells: adding half a cell before the logit would shift by
    +0.3 and more."""
    rng = np.random.default_rng(5)
    estimates, halves = [], []
    for _ in range(60):
        is_ssc = np.repeat([1.0, 0.0], [60, 120])
        total = np.where(is_ssc == 1, rng.integers(50, 150, 180), rng.integers(500, 3000, 180))
        k = rng.binomial(total, special.expit(special.logit(0.01) + 0.6 * rng.normal(size=180)))
        groups = np.column_stack([is_ssc, 1 - is_ssc])
        spread = np.column_stack([np.ones(180), is_ssc])
        found = fit_counts(
            Counted(k.astype(float), total.astype(float)), groups, spread=spread,
            spread_precision=np.array([0.0, 8.0]), is_restricted=is_restricted,
        )  # fmt: skip
        estimates.append(found.coefficients @ [1, -1])
        logit = np.log((k + 0.5) / (total - k + 0.5))
        halves.append(logit[is_ssc == 1].mean() - logit[is_ssc == 0].mean())
    error = np.std(estimates) / np.sqrt(60)
    assert abs(np.mean(estimates)) < 0.02 + 2 * error
    assert np.mean(halves) > 0.2


@pytest.mark.parametrize("n", [6, 20])
def test_the_restricted_likelihood_is_climbed_to_its_end(monkeypatch, n):
    """One more step stays where it is. Of these 40 fits with 50 cells 7 (6 and 6 people) and 3 (20
    and 20) used to end on the way.
    """
    left = []

    def watched(likelihood, theta, found, prior, *rest):
        theta, found = restrict(likelihood, theta, found, prior, *rest)
        slope = count_fit._determinant_slope(likelihood, theta, found)
        once_more, _ = likelihood.climb(theta, prior._replace(slope=slope), count_fit.ENOUGH)
        left.append(np.max(np.abs(likelihood.Z @ (once_more - theta)[likelihood.p :])))
        return theta, likelihood.moments(theta)

    restrict = count_fit._restrict
    monkeypatch.setattr(count_fit, "_restrict", watched)
    groups = np.repeat(np.eye(2), n, axis=0)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        share = special.expit(special.logit(0.03) + 0.6 * rng.normal(size=2 * n))
        k = rng.binomial(50, share).astype(float)
        fit_counts(Counted(k, np.full(2 * n, 50.0)), groups, is_normal=False)
    assert len(left) == 40
    assert np.max(left) < 0.01  # the integrals of a learned shape are a little rough


def test_one_cell_in_a_group_of_people_who_hardly_differ_is_a_maximum():
    """Its information was held against an SD between people that is none."""
    groups = np.repeat(np.eye(2), 12, axis=0)
    k = np.r_[np.zeros(11), 1, np.tile([1, 0, 2, 1], 3)]
    fit = fit_counts(Counted(k, np.repeat([20.0, 150.0], 12)), groups, is_normal=True)
    assert fit.log_sd == pytest.approx([LEAST_LOG_SD])
    rate = np.log(k.reshape(2, 12).sum(axis=1) / [239, 1788])  # all people as one
    assert fit.coefficients == pytest.approx(rate, abs=0.01)
