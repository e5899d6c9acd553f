"""How sure: what speaks against a difference, beside the difference."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from lxml import html

from itc_analysis.report.html.blocks import Block, Bullets, Gallery, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.pictures import drawing
from itc_analysis.report.sections.results import doubts, robustness
from report.reading import with_tables


def text_of(blocks: list[Block]) -> str:
    told = []
    for block in blocks:
        told += [str(item) for item in getattr(block, "items", [])]
        told.append(str(getattr(block, "text", "")))
    return html.fromstring(f"<p>{' '.join(told)}</p>").text_content()


def beside(**changes: Any) -> SimpleNamespace:
    """Return the diagnostics of a difference that nothing speaks against."""
    values = {
        "is_carried_by_one": False,
        "most_influential": "P1",
        "p_without_most_influential": 0.01,
        "one_out_lowest": 0.28,
        "one_out_highest": 0.35,
        "estimate_unadjusted": 0.31,
        "estimate_full": 0.3,
        "second_p_value": 0.001,
        "soft_p_value": None,
        "second_estimate": 0.32,
        "value_estimate": 0.28,
        "tipping_missing": 2.0,
        "tipping_low": None,
        "e_value_limit": 3.1,
    }
    return SimpleNamespace(**(values | changes))


def compared(**changes: Any) -> SimpleNamespace:
    """Return a comparison that shows a difference."""
    values = {
        "estimate_kind": "odds_ratio",
        "estimate": 0.3,
        "p_permutation": None,
        "reason": "few participants (7 and 9)",
    }
    return SimpleNamespace(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        (
            {"is_carried_by_one": True, "p_without_most_influential": 0.2},
            ["rests on one person, P1: without, p = 0.20"],
        ),
        (
            {
                "is_carried_by_one": True,
                "p_without_most_influential": None,
                "one_out_lowest": None,
                "one_out_highest": None,
            },
            ["rests on one person, P1: without, no estimate"],
        ),
        ({"one_out_highest": 1.1}, ["leaving one person out turns its direction"]),
        (
            {"estimate_unadjusted": 0.2},
            ["the covariates change it, from 0.20 without them to 0.30"],
        ),
        ({"second_p_value": 0.3}, ["the second model does not show it (p = 0.30)"]),
        ({"soft_p_value": 0.2}, ["the soft count of cells does not show it (p = 0.20)"]),
        ({"second_estimate": 0.44}, []),
        ({"second_estimate": 0.46}, ["the second model gives 0.46, not 0.30"]),
        ({"value_estimate": 0.15}, ["values in place of counts give 0.15, not 0.30"]),
        (
            {"tipping_low": 0.67},
            [
                "it would no longer be shown if those below the limit of detection were 0.67 SD "
                "lower than expected"
            ],
        ),
        (
            {"tipping_missing": 0.9},
            [
                "it would no longer be shown if those without a number were 0.90 SD further from "
                "the others"
            ],
        ),
        (
            {"e_value_limit": 1.2},
            ["a weak unknown confounder is enough to make it uncertain (E-value of the limit 1.2)"],
        ),
        ({"second_p_value": None, "is_carried_by_one": None, "one_out_lowest": None}, []),
    ],
)
def test_what_speaks_against_a_difference_is_named(
    changes: dict[str, Any], told: list[str]
) -> None:
    assert doubts.doubts(compared(), beside(**changes), alpha=0.05) == told


def test_treatment_and_batches_that_differ_are_doubts() -> None:
    remarks = (
        "treatment is not adjusted for: 90% of the index group and 0% of the reference are treated"
        "; batches are spread unevenly over the two sides (Cramér's V 0.40) and not adjusted for"
    )
    assert doubts.doubts(compared(reason=remarks), beside(), alpha=0.05) == [
        "it may be the treatment’s, which differs between the two sides",
        "it may be the laboratory’s: batches are spread unevenly over the two sides",
    ]


def test_a_difference_of_scores_is_doubted_against_zero() -> None:
    row = compared(estimate_kind="difference", p_permutation=0.4)
    found = doubts.doubts(row, beside(one_out_lowest=-0.1, second_estimate=None), alpha=0.05)
    assert found == [
        "leaving one person out turns its direction",
        "permutation does not show it (p = 0.40)",
    ]


def test_a_difference_that_rests_on_one_person_says_so_above_the_table(material: Material) -> None:
    rows = material.comparisons.assign(p_adjusted=0.001)
    told = text_of(robustness.blocks(with_tables(material, comparisons=rows)))
    person = material.diagnostics["most_influential"].dropna().iloc[0]
    assert f"rests on one person, {person}: without, p = 0.20" in told


def test_every_comparison_with_diagnostics_is_in_a_table(material: Material) -> None:
    blocks = robustness.blocks(material)
    tables = [block for block in blocks if isinstance(block, Table)]
    folded = [inner for block in blocks for inner in getattr(block, "blocks", [])]
    tables += [block for block in folded if isinstance(block, Table)]
    verdicts, *beside_comparisons = tables
    assert len(verdicts.rows) == len(material.verdicts)
    assert sum(len(table.rows) for table in beside_comparisons) == len(material.diagnostics)


def test_the_pictures_have_a_line_per_primary_comparison(material: Material) -> None:
    with drawing():  # words stay words
        blocks = robustness.blocks(material)
    (gallery,) = [b for b in blocks if isinstance(b, Gallery)]
    assert len(gallery.figures) == 2  # share and count
    rows = material.comparisons.query("role == 'primary' and measure == 'share_of_t'")
    picture = " ".join(html.fromstring(str(gallery.figures[0].picture)).itertext())
    assert picture.count("pooled CTD") == len(rows) / 2  # against healthy and pooled


def test_no_difference_is_nothing_to_doubt(material: Material) -> None:
    rows = material.comparisons.assign(p_value=0.5, p_adjusted=0.9)
    told = text_of(robustness.blocks(with_tables(material, comparisons=rows)))
    assert "No primary difference is shown" in told


def test_a_run_without_verdicts_and_diagnostics_says_so(material: Material) -> None:
    empty = with_tables(
        material, verdicts=material.verdicts.iloc[:0], diagnostics=material.diagnostics.iloc[:0]
    )
    told = text_of(robustness.blocks(empty))
    assert "No endpoint was judged over all groups" in told
    assert "There are no diagnostics" in told
    assert not any(isinstance(b, Bullets) for b in robustness.blocks(empty))
