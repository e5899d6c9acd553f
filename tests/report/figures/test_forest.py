"""Estimates with intervals: what is not known is not drawn, what goes on has an arrow."""

from __future__ import annotations

import math

from lxml import html

from itc_analysis.report.figures import forest

NONE = math.nan


def line(estimate: float, lower: float, upper: float, *, is_shown: bool = True) -> forest.Estimate:
    return forest.Estimate("healthy", "square", estimate, lower, upper, "told", is_shown)


def drawn(*lines: forest.Estimate) -> html.HtmlElement:
    return html.fromstring(f"<div>{forest.draw(lines, forest.reach(lines), alt='SSc')}</div>")


def test_the_axis_holds_the_intervals_and_no_difference() -> None:
    low, high = forest.reach([line(0.2, 0.1, 0.4)])
    assert low < 0.1
    assert high > 1
    assert forest.reach([line(0.2, 1e-9, 1e9)]) == (forest.NARROWEST, forest.WIDEST)
    assert forest.reach([]) == forest.reach([line(NONE, NONE, NONE)])


def test_an_estimate_is_between_its_limits() -> None:
    tree = drawn(line(0.2, 0.1, 0.4))
    (mark,) = tree.xpath("//rect")
    (reach,) = tree.xpath("//path[contains(@class, 'reach')]")
    start, end = (float(part.split()[0]) for part in reach.get("d")[1:].split("L"))
    assert start < float(mark.get("x")) + 3.2 < end


def test_a_side_without_a_limit_has_an_arrow_and_no_mark() -> None:
    tree = drawn(line(NONE, NONE, 0.5))
    assert len(tree.xpath("//path[contains(@class, 'arrow')]")) == 1
    assert tree.xpath("//rect") == []


def test_what_cannot_be_estimated_keeps_its_line_and_its_words() -> None:
    tree = drawn(line(NONE, NONE, NONE, is_shown=False))
    assert [text.text for text in tree.xpath("//text[@class='open']")] == ["told"]
    assert tree.xpath("//path[contains(@class, 'reach')]") == []
