from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from itc_analysis.statistics.backgrounds import background_points
from itc_analysis.statistics.effect_shape import FARTHEST, NORMAL, TABLE_STEP
from itc_analysis.statistics.person_integrals import (
    curvature,
    has_moved,
    height_of_sample,
    integrate,
)


def test_a_normal_likelihood_and_a_normal_effect_have_the_sum_of_their_variances():
    mean, own, sd, gate = 0.3, 0.4, 0.6, 0.2
    s = np.hypot(sd, gate)
    total = own**2 + s**2
    centre = (mean * s**2 + 0.1 * own**2) / total
    scale = own * s / np.sqrt(total)
    points = (centre + scale * np.linspace(-7, 7, 29))[None, :]
    kept = stats.norm.logpdf(points, mean, own)
    found = np.full((8, 1), np.nan)
    one = np.ones(1)
    place = (0.1 * one, sd * one, s * one)
    step = scale * 0.5 * one
    table = (*NORMAL.table, FARTHEST, TABLE_STEP)
    integrate(points, kept, *place, step, np.array([0]), found, *table)
    density, by_mean, _, mean_twice, _, _, middle, variance = found[:, 0]
    assert density == pytest.approx(stats.norm.logpdf(mean, 0.1, np.sqrt(total)))
    assert by_mean == pytest.approx((mean - 0.1) / total)
    assert mean_twice == pytest.approx(-1 / total)
    assert (middle, variance) == pytest.approx((centre, scale**2))
    found = curvature(points, kept, place[0], place[2], *table)
    assert found == pytest.approx(-1 / total)


def test_points_are_set_again_where_the_posterior_moved_or_changed_its_width():
    middle, variance = np.array([0.0, 0.6, 0.0, 0.0]), np.array([1.0, 1.0, 2.25, 0.25])
    moved = has_moved(middle, variance, np.zeros(4), np.ones(4), 0.5, 1.4)
    assert moved.tolist() == [False, True, True, True]


@pytest.mark.parametrize(("k", "n"), [(5, 300), (60, 300), (5, np.nan), (60, np.nan)])
def test_a_count_is_averaged_over_its_uncertain_background(k, n):
    expected, error = 4.0, 1.5
    signal = np.array([0.5, 3.0, 40.0]) if k == 5 else np.array([35.0, 50.0, 70.0])
    background = background_points(float(k), expected, error)
    is_poisson = bool(np.isnan(n))
    size = 1.0 if is_poisson else float(n)
    theta = np.log(signal) if is_poisson else special.logit(signal / n)
    found = [height_of_sample(float(k), size, is_poisson, 1.0, *background, at) for at in theta]
    # the slow way: a fine grid of the gamma
    grid = np.linspace(1e-4, 25, 200_001)
    prior = stats.gamma.pdf(grid, (expected / error) ** 2, scale=error**2 / expected)
    total = signal[:, None] + grid
    if np.isnan(n):
        height = k * np.log(total) - total
    else:
        height = k * np.log(total / n) + (n - k) * np.log1p(-total / n)
    slow = np.log(np.trapezoid(prior * np.exp(height), grid, axis=1))
    np.testing.assert_allclose(found, slow, atol=2e-4)
