from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from itc_analysis.stats.endpoint.weighted_shares import measurement_errors, weigh_shares
from itc_analysis.stats.models.linear import contrast, fit_least_squares
from itc_analysis.stats.people.design import build_design, group_weights
from itc_analysis.stats.people.responses import respond
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 30, "SLE": 15, "healthy": 30}


def design_of(values, *, errors, n=100_000, **columns):
    people = make_participants(SIZES, seed=1)
    rows = make_measurements(people, values, standard_error=errors, n_denominator=n, **columns)
    responses = respond(rows, people, "share_of_t")
    return build_design(responses, plan=make_plan(), groups=COHORT.groups, min_per_group=3)


def against_healthy(design):
    return group_weights(design, "SSc", ["healthy"], pooled_weights="equal")


def stated_error(share, gate, n=100_000):
    """As `measurements.shares` states it, without background."""
    return np.sqrt(1 / (n * share + 0.5) + 1 / (n * (1 - share) + 0.5) + gate**2)


def test_gate_error_is_what_counting_leaves_of_the_stated_error():
    rng = np.random.default_rng(2)
    share = inverse_logit(rng.normal(-4, 0.5, 75))
    gate = rng.uniform(0.05, 1.5, 75)
    design = design_of(share, errors=stated_error(share, gate))
    average = inverse_logit(np.mean(design.y))
    expected = stated_error(average, gate)  # its own gate, the counting error of the average share
    np.testing.assert_allclose(measurement_errors(design), expected, rtol=1e-6)


def test_weights_do_not_follow_the_value():
    """Equal gates and tubes weigh the same, whether the share is 0.1 % or 10 %: the answer is least
    squares'.
    """
    share = np.geomspace(0.001, 0.1, 75)
    design = design_of(share, errors=stated_error(share, 0.2))
    weights = against_healthy(design)
    found = weigh_shares(design, weights, confidence=0.95)
    plain = contrast(fit_least_squares(design.y, design.matrix), weights, confidence=0.95)
    assert found.estimate == pytest.approx(plain.estimate, rel=1e-6)
    assert found.p_value == pytest.approx(plain.p_value, rel=1e-5)


def test_blurred_gates_count_less():
    """Half of the gates are blurred by 1.5 logits: weighting takes most of their noise out, over
    100 draws.
    """
    rng = np.random.default_rng(3)
    start = design_of(np.full(75, 0.02), errors=0.1)
    weights, X = against_healthy(start), start.matrix
    weighted, plain = [], []
    for _ in range(100):
        gate = rng.choice([0.02, 1.5], 75)
        y = -4 + 0.4 * rng.normal(size=75) + gate * rng.normal(size=75)
        drawn = {"y": y, "n_found": 100_000 * inverse_logit(y)}
        error = stated_error(inverse_logit(y), gate)
        people = start.people.assign(**drawn, standard_error=error)
        design = replace(start, people=people)
        weighted.append(weigh_shares(design, weights, confidence=0.95).estimate)
        plain.append(contrast(fit_least_squares(y, X), weights, confidence=0.95).estimate)
    # expected ratio of the SDs: sqrt(.16 * 2) / sqrt(.16 + 1.125) = 0.5; 100 draws tell it to 0.05
    assert np.std(weighted) / np.std(plain) == pytest.approx(0.5, abs=0.15)


def test_unknown_errors_and_low_participants_have_no_weights():
    share = np.full(75, 0.02) * np.linspace(0.5, 2, 75)
    unknown = design_of(share, errors=None)
    assert weigh_shares(unknown, against_healthy(unknown), confidence=0.95) is None
    low = design_of(share, errors=0.1, limit=0.015)
    assert weigh_shares(low, against_healthy(low), confidence=0.95) is None
