"""Shares: formulas by hand, exact limits against scipy, and what must hold for any counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from itc_analysis.flow.counting.background import Background
from itc_analysis.flow.counting.counts import net_interval
from itc_analysis.measurements import share_interval


@pytest.mark.parametrize(("n", "total"), [(0, 50), (1, 50), (20, 10_000), (137, 9_000), (50, 50)])
def test_limits_are_those_of_clopper_and_pearson(n: int, total: int) -> None:
    exact = stats.binomtest(n, total).proportion_ci(confidence_level=0.95, method="exact")
    found = share_interval(n, total)
    assert found.value[0] == n / total
    # scipy finds the same limits by root search, to 1e-12
    assert found.lower[0] == pytest.approx(exact.low, abs=1e-9)
    assert found.upper[0] == pytest.approx(exact.high, abs=1e-9)


def test_standard_error_without_background_is_haldanes() -> None:
    found = share_interval(30, 1000)
    assert found.standard_error[0] == pytest.approx(math.sqrt(1 / 30.5 + 1 / 970.5))


def test_background_is_subtracted_and_adds_its_error() -> None:
    found = share_interval(120, 10_000, background=20, background_se=4, n_lower=75, n_upper=126)
    assert found.value[0] == pytest.approx(0.01)
    assert found.lower[0] == pytest.approx(0.0075)
    assert found.upper[0] == pytest.approx(0.0126)
    by_hand = (120 + 0.5 + 16) / 100.5**2 + 1 / 9900.5
    assert found.standard_error[0] == pytest.approx(math.sqrt(by_hand))


def test_events_on_the_wrong_side_of_the_cut_are_added_with_their_error() -> None:
    found = share_interval(
        120, 10_000, background=20, background_se=4, n_lower=85, n_upper=139, missed=10, missed_se=3
    )
    assert found.value[0] == pytest.approx(0.011)
    assert (found.lower[0], found.upper[0]) == pytest.approx((0.0085, 0.0139))
    by_hand = (120 + 0.5 + 16 + 9) / 110.5**2 + 1 / 9890.5
    assert found.standard_error[0] == pytest.approx(math.sqrt(by_hand))
    unknown = share_interval(120, 10_000, background=20, missed=np.nan, missed_se=np.nan)
    assert unknown.value[0] == share_interval(120, 10_000, background=20).value[0]


def test_more_missed_than_background_raises_a_count_but_not_above_its_parent() -> None:
    found = share_interval([5, 95], [100, 100], missed=[2, 20], missed_se=[1, 5])
    assert found.value.tolist() == [0.07, 1.0]
    assert found.upper[1] == 1.0


def test_interval_covers_the_truth_when_a_part_is_missed() -> None:
    rng = np.random.default_rng(7)
    total, share, recall, error = 50_000, 0.004, 0.8, 10.0
    seen = rng.binomial(total, share * recall, 4_000)
    # what an overlap fit would say: right on average, with the error it states
    missed = total * share * (1 - recall) + error * rng.standard_normal(4_000)
    background = Background(0.0, 0.0, "negative_tail", n_missed=40.0, missed_se=error)
    limits = np.array(
        [
            net_interval(int(n), total, replace(background, n_missed=float(max(more, 0))))
            for n, more in zip(seen, missed, strict=True)
        ]
    )
    found = share_interval(
        seen, np.full(4_000, total), n_lower=limits[:, 0], n_upper=limits[:, 1],
        missed=np.maximum(missed, 0), missed_se=error,
    )  # fmt: skip
    covered = np.mean((found.lower <= share) & (share <= found.upper))
    # 4,000 draws: standard error .0035; exact limits are conservative
    assert 0.94 <= covered <= 0.98
    # the stated standard error is the scatter of the logits
    scatter = np.std(np.log(found.value / (1 - found.value)))
    assert np.median(found.standard_error) == pytest.approx(scatter, rel=0.05)


def test_interval_covers_the_truth_when_most_of_a_small_parent_is_counted() -> None:
    """How many cells the parent has is chance too: MAIT cells are most of the Va7.2+ T cells."""
    rng = np.random.default_rng(11)
    total, parent_share, of_parent, background = 25_000, 0.08, 0.9, Background(6.0, 1.2, "levels")
    parent = rng.binomial(total, parent_share, 4_000)
    true = rng.binomial(parent, of_parent)
    seen = np.minimum(true + rng.poisson(6.0, 4_000), parent)
    limits = np.array(
        [net_interval(int(n), int(of), background) for n, of in zip(seen, parent, strict=True)]
    )
    known = {"n_lower": limits[:, 0], "n_upper": limits[:, 1], "background": 6.0}
    found = share_interval(seen, np.full(4_000, total), n_parent=parent, **known)
    share = parent_share * of_parent
    covered = np.mean((found.lower <= share) & (share <= found.upper))
    assert 0.935 <= covered <= 0.975
    # the cells of the parent taken as given
    given = share_interval(seen, np.full(4_000, total), **known)
    assert np.mean((given.lower <= share) & (share <= given.upper)) < 0.6


def test_net_count_is_never_negative() -> None:
    found = share_interval(3, 1000, background=10)
    assert found.value[0] == 0
    assert found.lower[0] == 0
    assert found.upper[0] >= 0


def test_uncertain_cut_widens_interval_and_error() -> None:
    plain, wide = share_interval(200, 10_000), share_interval(200, 10_000, gate_se_log=0.2)

    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    rest = (10_000 - 200 + 0.5) / 10_001
    extra = 1.959963984540054 * 0.2 / rest
    expected = logit(0.02) - math.hypot(logit(0.02) - logit(plain.lower[0]), extra)
    assert logit(wide.lower[0]) == pytest.approx(expected)
    assert wide.standard_error[0] == pytest.approx(math.hypot(plain.standard_error[0], 0.2 / rest))


def test_error_of_the_logarithm_is_that_of_the_logit_times_one_minus_the_share() -> None:
    found = share_interval(5_000, 10_000)
    # multinomial: var(ln n/N) = 1/n - 1/N; Haldane's halves matter in the fourth digit
    assert found.standard_error_log[0] == pytest.approx(math.sqrt(1 / 5_000 - 1 / 10_000), rel=1e-3)


def test_interval_covers_the_truth_when_counting_and_cut_both_err() -> None:
    rng = np.random.default_rng(1)
    total, share, gate = 20_000, 0.005, 0.15
    seen = rng.binomial(total, share * np.exp(rng.normal(0, gate, 4_000)))
    found = share_interval(seen, np.full(seen.shape, total), gate_se_log=gate)
    covered = np.mean((found.lower <= share) & (share <= found.upper))
    # 4,000 draws: standard error .0035; exact limits are conservative, so the upper side is wider
    assert 0.94 <= covered <= 0.98


def test_share_is_null_when_the_denominator_is_empty() -> None:
    found = share_interval([0, np.nan], [0, 100])
    for field in (found.value, found.lower, found.upper, found.standard_error):
        assert np.isnan(field).all()


@settings(max_examples=150)
@given(
    total=st.integers(1, 2_000_000),
    share=st.floats(0, 1),
    background=st.floats(0, 100),
    gate=st.floats(0, 1),
)
def test_limits_enclose_the_share_and_stay_between_0_and_1(
    total: int, share: float, background: float, gate: float
) -> None:
    n = round(total * share)
    found = share_interval(n, total, background=min(background, n), gate_se_log=gate)
    assert 0 <= found.lower[0] <= found.value[0] <= found.upper[0] <= 1
    assert found.standard_error[0] > 0
