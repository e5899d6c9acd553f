"""Words for comparisons, checked against hand-made rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from itc_analysis.report.html.verdicts import judge, say, short_cell, spread, subset_of


def row(**changes: Any) -> SimpleNamespace:
    values = {
        "status": "ok",
        "estimate": 0.31,
        "lower": 0.18,
        "upper": 0.52,
        "estimate_kind": "odds_ratio",
        "p_value": 0.0001,
        "p_adjusted": 0.0008,
        "p_permutation": None,
        "adjustment": "holm",
        "reason": pd.NA,
        "index_group": "SSc",
        "reference_group": "healthy",
        "measure": "share_of_t",
        "feature": "-",
        "median_index": 0.0094,
        "median_reference": 0.0287,
        "n_index": 58,
        "n_reference": 60,
        "n_below_lod": 0,
    }
    return SimpleNamespace(**(values | changes))


def test_a_comparison_of_a_subset_names_it() -> None:
    assert subset_of(row(comparison="SSc (dcSSc) vs healthy")) == "dcSSc"
    assert subset_of(row(comparison="SSc vs healthy")) == ""
    assert subset_of(row(comparison="SSc vs healthy (old)")) == ""


def test_a_small_adjusted_p_below_one_is_lower() -> None:
    assert judge(row(), alpha=0.05).direction == "lower"


def test_a_small_adjusted_p_above_one_is_higher() -> None:
    assert judge(row(estimate=2.0), alpha=0.05).direction == "higher"


def test_a_difference_is_read_against_zero_and_a_ratio_against_one() -> None:
    assert judge(row(estimate=0.5, estimate_kind="difference"), alpha=0.05).direction == "higher"
    assert judge(row(estimate=0.5, estimate_kind="ratio"), alpha=0.05).direction == "lower"


def test_what_is_shown_only_before_adjustment_is_not_shown() -> None:
    verdict = judge(row(p_value=0.02, p_adjusted=0.11), alpha=0.05)
    assert verdict.direction == "none"
    assert verdict.word == "no difference shown after adjustment"


def test_an_unadjusted_finding_says_that_it_is_unadjusted() -> None:
    verdict = judge(row(adjustment="none", p_value=0.02, p_adjusted=0.02), alpha=0.05)
    assert verdict.direction == "lower"
    assert "not adjusted" in verdict.caveat


def test_a_permutation_that_disagrees_is_told() -> None:
    assert "permutation does not agree" in judge(row(p_permutation=0.2), alpha=0.05).caveat


def test_a_warning_goes_with_its_number() -> None:
    assert judge(row(reason="batch holds one group only"), alpha=0.05).caveat == (
        "batch holds one group only"
    )


def test_what_is_not_estimable_gives_its_reason() -> None:
    broken = row(
        status="not_estimable", estimate=None, lower=None, upper=None,
        reason="2 participants, fewer than 3",
    )  # fmt: skip
    verdict = judge(broken, alpha=0.05)
    assert (verdict.direction, verdict.caveat) == ("not_estimable", "2 participants, fewer than 3")
    assert "not estimable: 2 participants, fewer than 3." in say(broken, alpha=0.05, level=0.95)


def test_one_limit_without_an_estimate_is_a_result_of_its_own() -> None:
    censored = row(estimate=None, lower=None, upper=0.51, n_below_lod=12, median_index=None)
    assert judge(censored, alpha=0.05).direction == "lower"
    text = say(censored, alpha=0.05, level=0.95)
    assert "lower than healthy, at most 0.51 times the odds (adjusted p < 0.001)" in text
    assert "Median < LoD in SSc" in text
    other = row(estimate=None, lower=1.4, upper=None)
    assert judge(other, alpha=0.05).direction == "higher"
    assert short_cell(other, judge(other, alpha=0.05)).text.startswith("<strong>at least 1.40")


def test_a_short_cell_gives_the_first_clause_of_a_reason() -> None:
    broken = row(
        status="not_estimable", estimate=None, lower=None, upper=None, p_value=None,
        reason="RA has too few participants (2); 3 of 11 without a number",
    )  # fmt: skip
    cell = short_cell(broken, judge(broken, alpha=0.05), star="*")
    assert (cell.text, cell.kind) == ("not estimable*: RA has too few participants", "bad")


def test_a_missing_p_never_becomes_a_finding() -> None:
    assert judge(row(p_value=None, p_adjusted=None), alpha=0.05).direction == "none"


def test_the_sentence_says_how_much_and_how_sure() -> None:
    assert say(row(), alpha=0.05, level=0.95) == (
        "% of T cells: lower than healthy, 0.31 times the odds (95 % interval 0.18 to 0.52; "
        "adjusted p < 0.001). Median 0.940 % in SSc (n = 58), 2.87 % in healthy (n = 60)."
    )


@pytest.mark.parametrize("level", [0.9, 0.95, 0.975])
def test_the_sentence_names_the_level_of_its_interval(level: float) -> None:
    assert f"({100 * level:g} % interval" in say(row(), alpha=1 - level, level=level)


def test_pooled_controls_are_called_by_their_pool() -> None:
    text = say(row(reference_group="SLE+RA"), alpha=0.05, level=0.95, pooled_name="CTD")
    assert "lower than pooled CTD" in text


def test_a_median_is_shown_with_its_quartiles_and_what_lies_below_the_limit_says_so() -> None:
    sides = row(
        n_below_lod=20,
        lower_quartile_index=None,
        upper_quartile_index=0.02,
        median_reference=None,
        lower_quartile_reference=None,
        upper_quartile_reference=None,
    )
    assert spread(sides, "index") == "0.940 % [< LoD; 2.00 %]"
    assert spread(sides, "reference") == "< LoD"
