from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from itc_analysis.stats.models.distributions import by_shape, log_density, mean

W = np.linspace(-5, 4, 19)
NOBODY, EVERYBODY = np.zeros(19, dtype=bool), np.ones(19, dtype=bool)


@pytest.mark.parametrize("shape", [0.15, 0.25, 0.5, 1.0, 1.6])
def test_above_zero_it_is_scipys_log_gamma_law(shape):
    """The logarithm of a gamma variate of shape 1/shape^2 and mean 1, in units of `shape`."""
    q = shape**-2
    distribution = stats.loggamma(q, loc=-np.log(q) / shape, scale=1 / shape)
    np.testing.assert_allclose(log_density(W, NOBODY, shape)[0], distribution.logpdf(W), atol=1e-9)
    np.testing.assert_allclose(
        log_density(W, EVERYBODY, shape)[0], distribution.logcdf(W), rtol=1e-7, atol=1e-12
    )
    assert mean(shape) == pytest.approx(distribution.mean(), abs=1e-9)


@pytest.mark.parametrize("shape", [-0.5, -1.0])
def test_below_zero_it_is_its_mirror_image(shape):
    distribution = stats.loggamma(shape**-2, loc=-np.log(shape**-2) / -shape, scale=1 / -shape)
    np.testing.assert_allclose(log_density(W, NOBODY, shape)[0], distribution.logpdf(-W), atol=1e-9)
    # far out scipy's survival function is 0 and has no logarithm
    np.testing.assert_allclose(
        log_density(W[6:], EVERYBODY[6:], shape)[0], distribution.logsf(-W[6:]), rtol=1e-7
    )
    assert mean(shape) == pytest.approx(-distribution.mean(), abs=1e-9)


def test_at_zero_it_is_normal_and_around_zero_without_a_step():
    np.testing.assert_allclose(log_density(W, NOBODY, 0.0)[0], stats.norm.logpdf(W), rtol=1e-12)
    np.testing.assert_allclose(log_density(W, EVERYBODY, 0.0)[0], stats.norm.logcdf(W), rtol=1e-12)
    for people in (NOBODY, EVERYBODY):
        shapes = np.linspace(-0.02, 0.02, 41)
        values = np.array([log_density(W, people, s)[0] for s in shapes])
        second = np.diff(values, 2, axis=0) / (shapes[1] - shapes[0]) ** 2
        # the curvature by the shape changes by its own third derivative only
        assert np.max(np.abs(np.diff(second, axis=0))) < 0.05 * (1 + np.abs(second).max())


@pytest.mark.parametrize("shape", [-0.7, -0.004, 0.0, 0.003, 0.4, 1.2])
def test_probability_is_the_integral_of_the_density(shape):
    one = np.zeros(1, dtype=bool)

    def density(w: float) -> float:
        return float(np.exp(log_density(np.array([w]), one, shape)[0][0]))

    for upper in (-1.0, 0.5):
        whole = integrate.quad(density, -60, upper, limit=500)[0]
        found = float(np.exp(log_density(np.array([upper]), ~one, shape)[0][0]))
        assert found == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("shape", [-0.6, 0.0, 0.5])
@pytest.mark.parametrize("people", [NOBODY, EVERYBODY], ids=["quantified", "censored"])
def test_derivatives_equal_differences(shape, people):
    step = 1e-5
    high, low = (log_density(W + sign * step, people, shape) for sign in (1, -1))
    _, first, second = log_density(W, people, shape)
    np.testing.assert_allclose((high[0] - low[0]) / (2 * step), first, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose((high[1] - low[1]) / (2 * step), second, rtol=1e-4, atol=1e-6)
    # central differences of a step four times as long: the error grows sixteenfold and stays small
    long = 0.04
    high, low = (log_density(W, people, shape + sign * long)[0] for sign in (1, -1))
    found = by_shape(W, people, shape)[0]
    np.testing.assert_allclose((high - low) / (2 * long), found, rtol=0.05, atol=0.05)


def test_far_below_everything_stays_finite():
    far = np.array([-40.0, -15.0])
    for shape in (-1.0, 0.0, 0.5):
        for values in log_density(far, np.ones(2, dtype=bool), shape):
            assert np.isfinite(values).all()
