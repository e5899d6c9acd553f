"""Numbers on an axis: places are in order, ticks are round and lie inside."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from itc_analysis.report.figures import scale


@given(some.lists(some.floats(1e-6, 1e6), min_size=1, max_size=30), some.booleans())
def test_every_number_lies_between_the_ends_in_the_order_of_numbers(
    values: list[float],
    is_log: bool,  # noqa: FBT001
) -> None:
    axis = scale.fit(values, start=100, end=0, is_log=is_log)
    places = [axis.place(value) for value in sorted(values)]
    assert all(0 <= place <= 100 for place in places)
    assert places == sorted(places, reverse=True)


@given(some.floats(1e-4, 1e4), some.floats(1.01, 1e4))
def test_ticks_of_a_logarithmic_axis_are_round_and_few(low: float, times: float) -> None:
    axis = scale.fit([low, low * times], start=0, end=100, is_log=True)
    ticks = axis.ticks()
    assert ticks == sorted(ticks)
    assert len(ticks) <= 10
    for tick in ticks:
        mantissa = tick / 10 ** math.floor(math.log10(tick) + 1e-9)
        assert min(abs(mantissa - round_one) for round_one in (1, 2, 3, 5)) < 1e-6


def test_equal_ratios_are_equal_steps() -> None:
    axis = scale.Scale(0.1, 10.0, 0, 200, is_log=True)
    assert axis.place(1) == pytest.approx(100)
    assert axis.place(10) - axis.place(1) == pytest.approx(axis.place(1) - axis.place(0.1))


def test_no_number_is_still_an_axis() -> None:
    assert scale.fit([], start=0, end=10, is_log=True).ticks()
    assert scale.fit([0.0, -1.0], start=0, end=10, is_log=True).ticks()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3, "0.3"), (0.00005, "0.00005"), (10, "10"), (12000, "12,000"), (-0.5, "−0.5")],
)
def test_labels_have_no_exponent(value: float, text: str) -> None:
    assert scale.label(value) == text
