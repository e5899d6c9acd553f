"""Mean and variance of a counted logit."""

from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.statistics.counting_noise import logit_moments, logit_variance


def drawn(n: float, logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    k = rng.binomial(int(n), 1 / (1 + np.exp(-logits)))
    return np.log((k + 0.5) / (n - k + 0.5))


@pytest.mark.parametrize("n", [20.0, 50.0, 150.0, 500.0, 3_000.0])
@pytest.mark.parametrize("logit", [-4.0, -2.0, 0.0, 1.5])
def test_moments_are_those_of_many_draws(n: float, logit: float) -> None:
    rng = np.random.default_rng(3)
    found = drawn(n, np.full(100_000, logit), rng)
    mean, variance = logit_moments(np.array([n]), np.array([logit]))
    # at 30 cells the variance of a large count is 3 % too small
    assert mean[0] == pytest.approx(found.mean(), abs=5 * found.std() / 300)
    assert variance[0] == pytest.approx(found.var(), rel=0.05)
    sd = 0.7
    found = drawn(n, logit + sd * rng.normal(size=100_000), rng)
    whole = logit_variance(np.array([n]), np.array([logit]), sd)
    assert whole[0] == pytest.approx(found.var(), rel=0.04)
