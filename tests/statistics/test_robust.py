from __future__ import annotations

import warnings

import numpy as np
import pytest

from itc_analysis.statistics.robust import middle, quantile_beside_limits, quantiles


@pytest.mark.parametrize("shape", [(5,), (6,), (7, 3, 4), (8, 2), (1, 3), (0, 3)])
@pytest.mark.parametrize("unknown", [0.0, 0.3, 0.9])
def test_the_middle_is_the_median_of_what_is_known(shape: tuple[int, ...], unknown: float) -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(shape) < unknown, np.nan, rng.normal(size=shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert middle(values) == pytest.approx(np.nanmedian(values, axis=0), abs=0, nan_ok=True)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (2,), (1001,), (5, 400)])
def test_quantiles_are_those_of_numpy(kind: type, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(4).normal(size=shape).astype(kind)
    shares = [0.0, 0.0123, 0.25, 0.25, 0.5, 0.9987, 1.0]
    found = quantiles(values, shares)
    expected = np.quantile(values, shares, axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 8])
@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_a_quantile_beside_limits_is_that_of_numpy_where_no_value_is_a_limit(
    n: int, q: float
) -> None:
    values = np.random.default_rng(n).normal(size=n)
    assert quantile_beside_limits(values, q) == pytest.approx(np.quantile(values, q), rel=1e-12)


def test_values_below_the_limit_are_the_lowest_and_have_no_number() -> None:
    values = [3.0, -np.inf, 5.0, 4.0, -np.inf]
    assert quantile_beside_limits(values, 0.5) == 3.0
    assert quantile_beside_limits(values, 0.75) == 4.0
    assert np.isnan(quantile_beside_limits(values, 0.25))
    assert np.isnan(quantile_beside_limits(values, 0.4))  # between a limit and a value
    assert np.isnan(quantile_beside_limits([1.0, 2.0, np.inf], 1.0))
    assert np.isnan(quantile_beside_limits([], 0.5))
