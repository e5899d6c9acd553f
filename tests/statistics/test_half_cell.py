"""Logarithms of counts with half a cell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from itc_analysis.statistics.half_cell import log_rate, log_ratio, log_ratio_variance


def test_the_ratio_of_a_part_to_the_rest_is_the_logit_of_its_share() -> None:
    k, n = np.array([0.0, 3.0, 20.0]), np.array([20.0, 20.0, 20.0])
    np.testing.assert_allclose(log_ratio(k, n - k), special.logit((k + 0.5) / (n + 1)))


def test_nothing_of_few_is_more_than_nothing_of_many_and_less_sure() -> None:
    assert log_ratio(0, 20) > log_ratio(0, 20_000)
    assert log_rate(0, 20) > log_rate(0, 20_000)
    assert log_ratio_variance(0, 20) == pytest.approx(2 + 1 / 20.5)
    assert np.isnan(log_ratio(np.nan, 3))


def test_the_variance_is_that_of_drawn_counts() -> None:
    k = np.random.default_rng(1).binomial(2_000, 0.1, size=20_000)
    # 20,000 draws give a variance within 3 %
    expected = float(np.mean(log_ratio_variance(k, 2_000 - k)))
    assert np.var(log_ratio(k, 2_000 - k)) == pytest.approx(expected, rel=0.03)
