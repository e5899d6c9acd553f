"""Positive cells where positives and negatives overlap, against the truth that was drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from itc_analysis.flow.counting.positives import WrongSides, part_beyond, wrong_sides

NEGATIVE, SPREAD = 0.25, 0.03


def plain(values: Any) -> Any:
    """Return values on a scale whose units are those of the instrument."""
    return np.asarray(values, dtype=np.float32)


def sides(values: Any, threshold: float, error: float, beyond: float) -> WrongSides:
    """Return what is on the wrong sides of a threshold."""
    return wrong_sides(np.sort(values), threshold, error, beyond, plain)


def draw(n: int, share: float, *, away: float, seed: int) -> tuple[Any, int, float]:
    """Return values, the number of positives, and a threshold that negatives pass at 1 %."""
    rng = np.random.default_rng(seed)
    values = rng.normal(NEGATIVE, SPREAD, n)
    n_positive = int(rng.binomial(n, share))
    values[:n_positive] = rng.normal(NEGATIVE + away * SPREAD, 1.4 * SPREAD, n_positive)
    return values.astype(np.float32), n_positive, NEGATIVE + 2.326 * SPREAD


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.4])
@pytest.mark.parametrize("away", [4.5, 6.0])
def test_negatives_above_and_positives_below_the_threshold_are_those_that_were_drawn(
    share: float, away: float
) -> None:
    for seed in range(3):
        values, n_positive, threshold = draw(20_000, share, away=away, seed=seed)
        found = sides(values, threshold, 0.005, part_beyond(np.sort(values), threshold, 0.005))
        is_above = values >= threshold
        above = int(is_above[n_positive:].sum())
        below = int((~is_above[:n_positive]).sum())
        assert found.n_background == pytest.approx(above, abs=3 * found.background_se)
        net = is_above.sum() - found.n_background + found.n_missed
        error = float(np.hypot(found.background_se, found.missed_se))
        assert net == pytest.approx(n_positive, abs=3 * error + 0.2 * below + 10)


def test_two_clear_populations_are_the_same_wherever_the_threshold_stands() -> None:
    values, n_positive, threshold = draw(20_000, 0.2, away=7.0, seed=5)
    found = sides(values, threshold, 0.01, 0.01)
    assert found.net_low == pytest.approx(n_positive, rel=0.03)
    assert found.net_high == pytest.approx(n_positive, rel=0.03)


def test_a_continuum_depends_on_the_threshold_and_says_so() -> None:
    rng = np.random.default_rng(6)
    values = (NEGATIVE + rng.normal(0, SPREAD, 20_000) + rng.exponential(0.08, 20_000)).astype(
        np.float32
    )
    found = sides(values, 0.40, 0.02, 0.01)
    assert found.net_high > 1.2 * found.net_low


def test_few_cells_have_the_background_that_all_have_with_an_error_as_large() -> None:
    values = np.array([0.2] * 30 + [0.6] * 10, dtype=np.float32)
    found = sides(values, 0.4, 0.01, 0.02)
    assert found.n_background == pytest.approx(0.02 * 30)
    assert found.background_se == pytest.approx(0.02 * 30)
    assert (found.net_low, found.net_high) == pytest.approx((9.4, 9.4))
    nobody = sides(np.empty(0, dtype=np.float32), 0.4, 0.01, 0.02)
    assert (nobody.n_background, nobody.net_high) == (0, 0)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_the_slope_of_a_shoulder_is_not_taken_for_the_end_of_the_negatives(share: float) -> None:
    rng = np.random.default_rng(7)
    n, n_positive = 20_000, round(20_000 * share)
    values = rng.normal(NEGATIVE, SPREAD, n)
    values[:n_positive] += rng.uniform(0.0, 0.15, n_positive)
    threshold = NEGATIVE + 2.576 * SPREAD
    found = sides(values.astype(np.float32), threshold, 0.005, 0.005)
    assert found.n_background < 0.011 * n
    net = int((values >= threshold).sum()) - found.n_background + found.n_missed
    assert net < n_positive
    assert 0 < found.n_hidden < 1.5 * (n_positive - net)


def test_what_the_negatives_mirror_image_holds_is_not_hidden() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(NEGATIVE, SPREAD, 20_000).astype(np.float32)
    found = sides(values, NEGATIVE + 2.576 * SPREAD, 0.005, 0.005)
    assert found.n_missed == 0
    assert found.n_hidden < 0.1 * values.size
