"""Numbers as a reader meets them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from itc_analysis.report.html import words
from itc_analysis.report.html.names import one_of_each_kind


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.000363, "0.000363"), (0.0287, "0.0287"), (12.345, "12.3"), (1234.5, "1,234"),
     (-2.5, "−2.50"), (None, "–"), (float("nan"), "–"), (pd.NA, "–"), (float("inf"), "∞")],
)  # fmt: skip
def test_numbers_keep_three_significant_digits(value: float | None, shown: str) -> None:
    assert words.number(value) == shown


@given(some.floats(min_value=1e-6, max_value=1e6))
def test_a_number_is_shown_within_half_a_unit_of_its_third_digit(value: float) -> None:
    assert float(words.number(value).replace(",", "")) == pytest.approx(value, rel=0.00501)


@given(some.floats(min_value=1e-4, max_value=1e4))
def test_a_ratio_is_shown_to_within_five_per_cent(value: float) -> None:
    # two decimals at 0.10 are the coarsest: half a hundredth is 5 %
    assert float(words.ratio(value).replace(",", "")) == pytest.approx(value, rel=0.0503)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0004, "< 0.001"), (0.001, "0.001"), (0.0123, "0.012"), (0.44, "0.44"), (1.0, "> 0.99"), (None, "–")],  # noqa: E501
)  # fmt: skip
def test_p_is_never_shown_as_nought_or_one(value: float | None, shown: str) -> None:
    assert words.p_value(value) == shown


def test_per_cent_lives_only_here() -> None:
    assert words.per_cent(0.0287) == "2.87 %"
    assert words.per_cent(0.00036) == "0.0360 %"
    assert words.value_of(0.5, "share_positive") == "50.0 %"
    assert words.value_of(0.5, "cells_per_ul") == "0.500"


def test_a_difference_carries_its_sign() -> None:
    assert words.estimate(0.5, "difference") == "+0.50"
    assert words.interval(-0.25, 0.5, "difference") == "−0.25 to +0.50"


def test_lists_are_cut_with_a_count_of_the_rest() -> None:
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed(["a", "b", "c", "d"], most=2) == "a, b and 2 more"


def test_a_sentence_keeps_names_that_begin_small() -> None:
    assert words.sentence("counts were taken") == "Counts were taken."
    assert words.sentence("iNKT were lost") == "iNKT were lost."
    assert words.sentence("γδ T cells were found!") == "γδ T cells were found!"


def test_a_spline_of_the_formula_is_told_in_words() -> None:
    formula = "cr(age_years, df=3, constraints='center') + sex + cmv_igg"
    assert words.covariates(formula) == "age (spline), sex and CMV serology"


def test_raw_names_in_sentences_are_written_as_the_field_does() -> None:
    told = words.plain("In panel_b, mait cd4 pos, eomes cd8 all were gated; mait and gd_t_cells")
    assert told == ("In panel_b, CD4+ MAIT, Eomes+ CD8 (published gate) were gated; MAIT and γδ T")
    assert words.plain("see flow/panel_a/mait.html and va-mait") == (
        "see flow/panel_a/mait.html and va-mait"
    )


def test_a_threshold_names_its_marker_and_its_population() -> None:
    assert words.population("positive: PD-1 in innate_cd8_all") == (
        "positive: PD-1 in innate CD8 (published gate)"
    )
    assert words.population("positive: TIM-3") == "positive: TIM-3"


def test_reasons_that_differ_in_numbers_are_one_with_their_range() -> None:
    reasons = ["0 cells, 20 needed", "1 cell, 20 needed", "19 cells, 20 needed", "no tube"]
    assert one_of_each_kind(reasons) == ["0 to 19 cells, 20 needed", "no tube"]
    assert one_of_each_kind(["off by 0.1 SD", "off by 0.2 SD"]) == ["off by 0.1 SD"]
    assert one_of_each_kind(["3 cells"]) == ["3 cells"]
