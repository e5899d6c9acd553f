"""Counts: exact limits against scipy, background against the truth, detection states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flow.made_tubes import NEGATIVE, SPREAD, two_populations
from itc_analysis.flow.counting import background as backgrounds
from itc_analysis.flow.counting import counts as counting
from itc_analysis.flow.counting.background import NO_BACKGROUND, Background
from itc_analysis.flow.gating.geometry import Threshold
from itc_analysis.flow.gating.methods import rare_positive


@pytest.mark.parametrize(("n", "total"), [(0, 1000), (3, 1000), (50, 12345), (1000, 1000), (0, 0)])
def test_limits_are_scipys_exact_ones(n: int, total: int) -> None:
    found = counting.net_interval(n, total, NO_BACKGROUND)
    if total == 0:
        assert found == (0.0, 0.0)
        return
    exact = stats.binomtest(n, total).proportion_ci(method="exact")
    assert found == pytest.approx((exact.low * total, exact.high * total))


def test_rare_counts_have_poissons_limits() -> None:
    low, high = counting.net_interval(20, 10_000_000, NO_BACKGROUND)
    garwood = stats.chi2.ppf(0.025, 40) / 2, stats.chi2.ppf(0.975, 42) / 2
    assert (low, high) == pytest.approx(garwood, rel=1e-4)


def test_nobody_among_many_may_be_three_point_seven() -> None:
    assert counting.net_interval(0, 100_000, NO_BACKGROUND)[1] == pytest.approx(3.689, abs=0.001)


@given(st.integers(0, 400), st.integers(1, 400), st.floats(0, 500), st.floats(0, 100))
def test_interval_lies_within_the_parent(n: int, more: int, expected: float, error: float) -> None:
    parent = n + more
    low, high = counting.net_interval(n, parent, Background(expected, error, "fmo"))
    assert 0 <= low <= high <= parent


@given(st.integers(0, 300), st.floats(0, 50), st.floats(0, 20))
def test_one_more_event_never_lowers_the_limits(n: int, expected: float, error: float) -> None:
    background = Background(expected, error, "fmo")
    one = counting.net_interval(n, 10_000, background)
    more = counting.net_interval(n + 1, 10_000, background)
    # the lower limit is a smooth curve that is flat where the background is large
    assert more[0] >= one[0] - 1e-6
    assert more[1] >= one[1] - 1e-6


def test_a_background_subtracted_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    truth, expected, covered = 40.0, 15.0, 0
    for _ in range(2000):
        n = rng.poisson(truth + expected)
        control = rng.poisson(expected * 2)  # a control of twice the parent's size
        background = Background(control / 2, np.sqrt(control + 1) / 2, "fmo")
        low, high = counting.net_interval(n, 50_000, background)
        covered += low <= truth <= high
    assert 0.94 <= covered / 2000 <= 0.985  # exact limits err on the safe side


def test_control_background_is_scaled_to_the_parent() -> None:
    control = np.array([0.1] * 990 + [0.9] * 10, dtype=np.float32)
    values = np.full(5000, 0.1, dtype=np.float32)
    found = backgrounds.control_background(control, values, 0.5)
    assert found.n_events == pytest.approx(50)
    assert found.standard_error == pytest.approx(5 * np.sqrt(11))
    assert found.source == "fmo"
    assert backgrounds.control_background([], values, 0.5) == NO_BACKGROUND


def test_a_control_that_drifted_is_moved_back() -> None:
    rng = np.random.default_rng(8)
    cut, drift, off, unmoved, covered = NEGATIVE + 3 * SPREAD, 0.008, [], [], 0
    expected = 50_000 * stats.norm.sf((cut - NEGATIVE - drift) / SPREAD)
    for _ in range(60):
        control = rng.normal(NEGATIVE, SPREAD, 50_000).astype(np.float32)
        values = rng.normal(NEGATIVE + drift, SPREAD, 50_000).astype(np.float32)
        values[:40] = 0.65  # positives do not pass for drift
        found = backgrounds.control_background(control, values, cut)
        assert found.n_events is not None
        assert found.standard_error is not None
        off.append(found.n_events / expected - 1)
        unmoved.append(np.count_nonzero(control >= np.float32(cut)) / expected - 1)
        n = np.count_nonzero(values >= np.float32(cut)) - 40
        error = np.hypot(found.standard_error, np.sqrt(expected))
        covered += abs(n - found.n_events) < 1.96 * error
    # 60 controls give the mean within 2 %, and cutting off the same tail hides a little of the
    # drift; without the move two fifths of the background are lost
    assert abs(np.mean(off)) < 0.1
    assert np.mean(unmoved) < -0.3
    assert covered >= 54  # of 60; fewer than 54 would happen once in 100


def test_a_control_of_another_brightness_is_not_moved_at_will() -> None:
    control = np.random.default_rng(9).normal(NEGATIVE, SPREAD, 20_000).astype(np.float32)
    cut = NEGATIVE + 4 * SPREAD
    found = backgrounds.control_background(control, control + np.float32(0.08), cut)
    moved = float(np.count_nonzero(control >= np.float32(cut - backgrounds.MOST_DRIFT)))
    assert found.n_events == moved
    unmoved = np.count_nonzero(control >= np.float32(cut))
    assert found.standard_error == pytest.approx(
        np.hypot(np.sqrt(moved + 1), (moved - unmoved) / 2)
    )


def test_what_the_tail_may_hide_raises_upper_limits_only() -> None:
    values, is_positive = two_populations(50_000, 0.002, seed=9, at=NEGATIVE + 3.5 * SPREAD)
    cut = NEGATIVE + 6 * SPREAD
    plain = backgrounds.tail_background(values, cut)
    hidden = backgrounds.with_hidden(plain, values, cut)
    # the positives below the cut are among what may be hidden, and not much more is
    assert is_positive.sum() < hidden.n_hidden < 5 * is_positive.sum()
    n = int(np.count_nonzero(values >= np.float32(cut)))
    low, high = counting.net_interval(n, values.size, plain)
    low_hidden, high_hidden = counting.net_interval(n, values.size, hidden)
    assert low_hidden == low
    assert high_hidden == pytest.approx(high + hidden.n_hidden)
    assert high < is_positive.sum() < high_hidden
    for which, more in ((0, 0.0), (1, hidden.n_hidden)):  # limit of blank, limit of detection
        limits = [counting.detection_limits(background)[which] for background in (plain, hidden)]
        assert limits[1] == pytest.approx(limits[0] + more)


def test_nothing_is_hidden_where_no_negatives_are() -> None:
    values, _ = two_populations(500, 1, seed=4)
    assert backgrounds.with_hidden(NO_BACKGROUND, values, 0.3) == NO_BACKGROUND


def test_tail_background_is_what_lies_beyond_the_cut() -> None:
    expected = 30_000 * stats.norm.sf(3)
    found = []
    for seed in range(20):
        values, _ = two_populations(30_000, 0, seed=seed)
        background = backgrounds.tail_background(values, NEGATIVE + 3 * SPREAD)
        assert background.source == "negative_tail"
        found.append(background.n_events)
    # a single tail is continued to within a factor of two, on average it must be right
    assert np.median(found) == pytest.approx(expected, rel=0.3)


def test_positives_are_not_taken_for_background() -> None:
    for share in (0.3, 0.03):
        values, _ = two_populations(20_000, share, seed=3)
        background = backgrounds.tail_background(values, 0.42)
        assert background.n_events is not None
        assert background.n_events < 0.002 * share * 20_000


def test_no_negatives_have_no_tail() -> None:
    values, _ = two_populations(1000, 1, seed=4)
    assert backgrounds.tail_background(values, 0.3) == NO_BACKGROUND
    assert backgrounds.tail_background(np.array([]), 0.3) == NO_BACKGROUND


def test_background_of_any_of_several_gates_is_added() -> None:
    joined = backgrounds.joined_background([Background(3, 1, "fmo"), Background(4, 2, "fmo")])
    assert joined == Background(7, pytest.approx(np.sqrt(5)), "fmo")
    assert backgrounds.joined_background([Background(3, 1, "fmo"), NO_BACKGROUND]) == NO_BACKGROUND


@pytest.mark.parametrize(
    ("n", "background", "lower", "state"),
    [
        (60, 0.0, 45.0, "quantified"),
        (60, 15.0, 30.0, "detected"),
        (50, 0.0, 37.0, "quantified"),
        (146, 69.0, 17.8, "detected"),
        (20, 0.0, 12.0, "detected"),
        (19, 0.0, 11.0, "below_lod"),
        (300, 200.0, 0.0, "below_lod"),
    ],
)
def test_detection_is_that_of_the_net_count(
    n: int, background: float, lower: float, state: str
) -> None:
    given = Background(background, 1.0, "fmo")
    assert counting.detect(n, given, lower, lod_events=20, loq_events=50) == state


@pytest.mark.parametrize("tail", ["normal", "heavy", "skewed"])
def test_empty_populations_are_hardly_ever_detected(tail: str) -> None:
    rng = np.random.default_rng(5)
    draw = {
        "normal": lambda: rng.normal(0, 1, 30_000),
        "heavy": lambda: 0.9 * rng.standard_t(8, 30_000),
        "skewed": lambda: rng.gamma(9, 1 / 3, 30_000) - 3,
    }[tail]
    detected = 0
    for seed in range(40):
        values = (NEGATIVE + SPREAD * draw()).astype(np.float32)
        fitted = rare_positive.fit(values[None], markers=("x",), n_bootstrap=10, seed=seed)
        assert isinstance(fitted.geometry, Threshold)
        n = int(fitted.geometry.contains(values[None]).sum())
        background = backgrounds.tail_background(values, fitted.geometry.cut)
        lower, _ = counting.net_interval(n, values.size, background)
        state = counting.detect(n, background, lower, lod_events=20, loq_events=50)
        detected += state != "below_lod"
    assert detected <= 1


@pytest.mark.parametrize("share", [0.01, 0.001])
def test_intervals_of_rare_populations_cover_the_truth(share: float) -> None:
    covered = 0
    rng = np.random.default_rng(6)
    for seed in range(60):
        n = int(rng.poisson(share * 30_000))
        values, _ = two_populations(30_000, n / 30_000, seed=seed)
        fitted = rare_positive.fit(values[None], markers=("x",), n_bootstrap=10, seed=seed)
        counted = int((values >= np.float32(fitted.cut or 0)).sum())
        background = backgrounds.tail_background(values, fitted.cut or 0)
        low, high = counting.net_interval(counted, values.size, background)
        covered += low <= share * 30_000 <= high
    assert covered >= 53  # 95 % of 60 is 57; fewer than 53 would happen once in 50


def test_without_background_the_limits_are_those_of_counting() -> None:
    blank, limit = counting.detection_limits(Background(0.0, 0.0, "negative_tail"))
    assert blank == 0
    # 95 % of tubes with 3.0 cells expected show at least one: -ln 0.05
    assert limit == pytest.approx(-np.log(0.05))
    assert counting.detection_limits(backgrounds.NO_BACKGROUND) == (None, None)


@pytest.mark.parametrize(("expected", "error"), [(5.0, 0.0), (5.0, 3.0), (0.0, 1.0), (40.0, 10.0)])
def test_limits_keep_their_promise_in_drawn_tubes(expected: float, error: float) -> None:
    rng = np.random.default_rng(5)
    n = 200_000
    rate = np.full(n, expected)
    if error > 0:
        shape = (expected / error) ** 2 if expected > 0 else 0.5
        rate = rng.gamma(shape, error**2 / expected if expected > 0 else error, n)
    blank, limit = counting.detection_limits(Background(expected, error, "fmo"))
    assert blank is not None
    assert limit is not None
    above = np.mean(rng.poisson(rate) > blank)
    assert above <= 0.05 + 0.002
    # one event less would break the promise
    assert np.mean(rng.poisson(rate) > blank - 1) > 0.05 - 0.002
    assert np.mean(rng.poisson(expected + limit, n) > blank) == pytest.approx(0.95, abs=0.003)


def test_a_count_below_the_tubes_own_limit_is_not_detected() -> None:
    background = Background(60.0, 20.0, "fmo")
    _, limit = counting.detection_limits(background)
    assert limit is not None
    assert limit > 35
    known = {"lod_events": 20, "loq_events": 50}
    assert counting.detect(90, background, 1.0, **known) == "below_lod"
    assert counting.detect(60 + int(limit) + 60, background, 30.0, **known) == "quantified"


def test_events_missed_below_the_cut_are_added_with_their_error() -> None:
    without = Background(20.0, 4.0, "negative_tail")
    with_missed = Background(20.0, 4.0, "negative_tail", n_missed=30.0, missed_se=10.0)
    low, high = counting.net_interval(1000, 50_000, without)
    low_added, high_added = counting.net_interval(1000, 50_000, with_missed)
    assert low < low_added < low + 30
    assert high_added > high + 30


def test_in_a_shallow_valley_a_background_does_not_hang_on_a_hair_of_the_cut() -> None:
    rng = np.random.default_rng(17)
    values = np.concatenate(
        [
            rng.normal(0.0, 0.01, 8_000),
            rng.uniform(0.0, 0.19, 3_200),
            rng.normal(0.23, 0.025, 1_000),
        ]
    ).astype(np.float32)
    found = [
        backgrounds.tail_background(values, cut, 0.015) for cut in np.arange(0.165, 0.18, 0.0015)
    ]
    n = np.array([one.n_events for one in found], dtype=float)
    error = np.array([one.standard_error for one in found], dtype=float)
    for one, other, own, next_own in zip(n, n[1:], error, error[1:], strict=False):
        assert abs(other - one) < max(own, next_own)
    assert np.all(error > 0.4 * n)


def test_cells_that_the_parent_missed_are_missed_in_its_parts_too() -> None:
    own = Background(10.0, 2.0, "negative_tail", n_missed=5.0, missed_se=2.0)
    parent = Background(100.0, 10.0, "negative_tail", n_missed=90.0, missed_se=45.0)
    found = backgrounds.with_missed_by_parent(own, 200, parent, 1_000)
    # a tenth of what the parent holds is missed, with half of that as error
    assert found.n_missed == pytest.approx(5 + 0.1 * 195)
    assert found.missed_se == pytest.approx(np.hypot(1.1 * 2, 0.05 * 195))
    assert (found.n_events, found.standard_error) == (10.0, 2.0)
    assert backgrounds.with_missed_by_parent(NO_BACKGROUND, 200, parent, 1_000) is NO_BACKGROUND
    assert backgrounds.with_missed_by_parent(own, 200, NO_BACKGROUND, 1_000) is own


def test_the_rest_holds_what_the_parents_cut_lets_in_and_lacks_what_it_misses() -> None:
    rng = np.random.default_rng(4)
    negatives, positives = rng.normal(0.3, 0.04, 30_000), rng.normal(0.5, 0.05, 2_000)
    cut = 0.41
    found = backgrounds.background_of_rest(np.concatenate([negatives, positives]), cut)
    assert found.n_events == pytest.approx((negatives >= cut).sum(), rel=0.35)
    assert found.n_missed == pytest.approx((positives < cut).sum(), rel=0.35)
    assert backgrounds.background_of_rest(negatives, 0.6) is NO_BACKGROUND
    assert backgrounds.background_of_rest([], cut) is NO_BACKGROUND
