"""The usual difference of two methods: REML where all is known, the likelihood written out where
limits are.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.models.method_bias import (
    Differences,
    fit_offset,
    p_of_agreement,
    predicted_error,
)


def drawn(seed, n=40, spread=0.3, mean=-0.4, share_low=0.0):
    rng = np.random.default_rng(seed)
    error = rng.uniform(0.1, 0.4, n)
    value = mean + np.hypot(spread, error) * rng.normal(size=n)
    side = np.zeros(n, dtype=np.int64)
    n_low = int(share_low * n)
    side[:n_low] = rng.choice([-1, 1], n_low)
    # a limit on the far side of the truth
    value[:n_low] -= side[:n_low] * rng.uniform(0, 0.5, n_low)
    return Differences(value, error, side)


def test_exact_differences_give_reml():
    """Slow and obvious: the written-out restricted likelihood on a fine grid."""
    d = drawn(1)
    found = fit_offset(d)

    def restricted(spread):
        variance = spread**2 + d.error**2
        mean = np.sum(d.value / variance) / np.sum(1 / variance)
        lost = np.sum(np.log(variance)) + np.log(np.sum(1 / variance))
        return -0.5 * (lost + np.sum((d.value - mean) ** 2 / variance))

    grid = np.arange(0, 1, 1e-4)
    spread = grid[np.argmax([restricted(one) for one in grid])]
    variance = spread**2 + d.error**2
    mean = np.sum(d.value / variance) / np.sum(1 / variance)
    assert found.mean == pytest.approx(mean, abs=1e-4)
    assert found.spread == pytest.approx(spread, abs=1e-3)
    assert found.error == pytest.approx(np.sum(1 / variance) ** -0.5, rel=1e-3)
    assert found.df == 39


def test_no_more_spread_than_sampling_is_none():
    d = drawn(2, spread=0.0)
    d = Differences(d.value * 0.5 - 0.2, d.error, d.side)
    assert fit_offset(d).spread == 0


def test_with_limits_the_mean_maximises_the_likelihood_written_out():
    d = drawn(3, share_low=0.4)
    found = fit_offset(d)
    sd = np.hypot(d.error, found.spread)

    def lost(mean):
        z = (d.value - mean) / sd
        exact = stats.norm.logpdf(z) - np.log(sd)
        return -np.sum(
            np.where(
                d.side == 0, exact, np.where(d.side < 0, stats.norm.logcdf(z), stats.norm.logsf(z))
            )
        )

    slow = optimize.minimize_scalar(lost, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert found.mean == pytest.approx(slow.x, abs=1e-4)


def test_the_mean_is_unbiased_and_its_interval_holds_with_a_third_below_the_limit():
    """Differences above a limit that does not depend on them; 400 samples, three standard
    errors.
    """
    rng = np.random.default_rng(4)
    held, means = 0, []
    for _ in range(400):
        error = rng.uniform(0.1, 0.4, 50)
        value = -0.4 + np.hypot(0.3, error) * rng.normal(size=50)
        limit = rng.normal(-0.6, 0.3, 50)
        is_low = value < limit
        d = Differences(np.where(is_low, limit, value), error, np.where(is_low, -1, 0))
        found = fit_offset(d)
        means.append(found.mean)
        held += abs(found.mean + 0.4) <= stats.t.ppf(0.975, found.df) * found.error
    assert np.mean(means) == pytest.approx(-0.4, abs=0.015)
    assert held / 400 == pytest.approx(0.95, abs=0.033)


def test_many_limits_on_one_side_do_not_throw_the_mean_away():
    value = np.concatenate([[0.0, 0.1, -0.1], np.full(200, 4.0)])
    side = np.concatenate([[0, 0, 0], np.full(200, 1)]).astype(np.int64)
    found = fit_offset(Differences(value, np.full(203, 0.2), side))
    assert 0 < found.mean < 6
    assert np.isfinite(found.error)


def test_agreement_is_a_t_test_of_one_more_difference():
    d = drawn(5)
    others = fit_offset(d)
    error = predicted_error(0.2, others)
    assert error == pytest.approx(np.sqrt(0.2**2 + others.spread**2 + others.error**2))
    p = p_of_agreement(others.mean + 2 * error, 0.2, 0, others)
    assert p == pytest.approx(2 * stats.t.sf(2, 39))
    assert p_of_agreement(others.mean - 2 * error, 0.2, 0, others) == pytest.approx(p)


def test_a_limit_disagrees_on_one_side_only():
    others = fit_offset(drawn(6))
    error = predicted_error(0.2, others)
    above, below = others.mean + 3 * error, others.mean - 3 * error
    assert p_of_agreement(above, 0.2, -1, others) == 1  # at most: the others lie below it
    assert p_of_agreement(below, 0.2, -1, others) < 0.01
    assert p_of_agreement(below, 0.2, 1, others) == 1
    assert p_of_agreement(above, 0.2, 1, others) < 0.01


def test_five_in_a_hundred_who_agree_are_doubted():
    """2,000 people in 50 studies, each against the others; three binomial standard errors."""
    doubted = []
    for seed in range(50):
        d = drawn(100 + seed)
        doubted += [
            p_of_agreement(d.value[i], d.error[i], 0, fit_offset(d.without(i))) <= 0.05
            for i in range(40)
        ]
    assert np.mean(doubted) == pytest.approx(0.05, abs=0.015)


def test_two_exact_differences_are_too_few():
    d = drawn(7, n=10, share_low=0.8)
    with pytest.raises(NotEstimable, match="quantified by both methods: 2, needed 3"):
        fit_offset(d)


def test_a_mean_that_is_not_found_is_refused(monkeypatch):
    monkeypatch.setattr("itc_analysis.stats.models.method_bias.MAX_STEPS", 1)
    with pytest.raises(NotEstimable, match="no maximum that could be found"):
        fit_offset(drawn(6, share_low=0.5))
