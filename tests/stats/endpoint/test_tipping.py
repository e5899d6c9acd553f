from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.stats.endpoint.tipping import Side, sides_of, tipping_point
from itc_analysis.stats.models.linear import Estimate, contrast, fit_least_squares

NOBODY = Side(0.0, 0.0, 0, 0)


def test_a_study_filled_in_at_the_tipping_point_has_a_limit_at_no_difference():
    rng = np.random.default_rng(2)
    groups = np.array([[1.0, 0.0]] * 30 + [[0.0, 1.0]] * 40)
    y = rng.normal(size=70) + 1.0 * groups[:, 0]
    fit = fit_least_squares(y, groups)
    weights = np.array([1.0, -1.0])
    found = contrast(fit, weights, confidence=0.95)
    sides = sides_of(weights, np.array([36.0, 44.0]), np.array([30.0, 40.0]), np.zeros(2))
    tips = tipping_point(found, fit.residual_sd, *sides, is_ratio=False)
    delta = tips.missing * fit.residual_sd
    assert found.lower > 0
    # six of the index group filled in delta lower, four of the reference delta higher
    means = [y[:30].mean(), y[30:].mean()]
    filled = np.concatenate([y, np.full(6, means[0] - delta), np.full(4, means[1] + delta)])
    X = np.vstack([groups, [[1.0, 0.0]] * 6, [[0.0, 1.0]] * 4])
    again = fit_least_squares(filled, X).coefficients @ weights
    half = found.estimate - found.lower
    assert again - half == pytest.approx(0, abs=1e-9)
    assert "would no longer show a difference if the 10 participants without a number" in tips.words


def test_a_difference_that_is_not_shown_tips_to_the_nearer_side():
    found = Estimate(0.5, 0.5, -0.2, 1.2, 0.1, 50)
    side = Side(0.1, 0.0, 5, 0)
    tips = tipping_point(found, 1.0, side, NOBODY, is_ratio=True)
    assert tips.missing == pytest.approx(0.2 / 0.1)
    assert "would show a difference if the 5 participants" in tips.words
    assert "2 SD (7.39-fold) higher in the index group (5)" in tips.words
    assert np.isnan(tips.low)


def test_the_low_can_only_lie_lower():
    low = Side(0.0, 0.5, 0, 20)
    higher, lower = Estimate(1, 0.3, 0.4, 1.6, 0.01, 50), Estimate(-1, 0.3, -1.6, -0.4, 0.01, 50)
    # a higher index group loses its difference when its low ones are lower still
    assert tipping_point(higher, 1.0, low, NOBODY, is_ratio=True).low == pytest.approx(0.8)
    assert np.isnan(tipping_point(lower, 1.0, low, NOBODY, is_ratio=True).low)
    tips = tipping_point(lower, 1.0, NOBODY, low, is_ratio=True)
    assert tips.low == pytest.approx(0.8)
    assert "20 participants of the reference below the limit of detection were" in tips.words


def test_nobody_missing_or_low_has_no_tipping_point():
    tips = tipping_point(Estimate(1, 0.3, 0.4, 1.6, 0.01, 50), 1.0, NOBODY, NOBODY, is_ratio=True)
    assert np.isnan([tips.missing, tips.low]).all()
    assert tips.words == ""


def test_a_pooled_reference_counts_its_groups_by_their_weights():
    weights = np.array([1.0, -0.5, -0.5])
    enrolled, present = np.array([20.0, 10.0, 40.0]), np.array([20.0, 5.0, 40.0])
    index, reference = sides_of(weights, enrolled, present, np.array([4.0, 0.0, 20.0]))
    assert (index.missing, index.low, index.n_low) == (0.0, 0.2, 4)
    assert (reference.missing, reference.n_missing) == (0.25, 5)
    assert reference.low == pytest.approx(0.25)
