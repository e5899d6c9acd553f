"""Every participant with a number is one point that names the person; nothing else is."""

from __future__ import annotations

import itertools
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from lxml import html

from itc_analysis.report.figures import points

GROUPS = ("SSc", "healthy", "RA")


def rows(**changes: object) -> pd.DataFrame:
    """Return shares of ten people: eight with a number, one below the limit, one unreadable."""
    table = pd.DataFrame(
        {
            "participant_id": [f"P{n:02d}" for n in range(10)],
            "group": ["SSc"] * 5 + ["healthy"] * 5,
            "assay": "flow",
            "source_id": [f"tube{n}" for n in range(10)],
            "batch": "b1",
            "population": "mait",
            "measure": "share_of_t",
            "feature": "-",
            "value": [0.001 * (n + 1) for n in range(10)],
            "lower": [0.0008 * (n + 1) for n in range(10)],
            "upper": [0.0012 * (n + 1) for n in range(10)],
            "n_cells": 40,
            "n_denominator": 20_000,
            "n_background": 0.0,
            "status": "ok",
            "reason": None,
        }
    )
    table.loc[3, ["value", "lower", "status"]] = [None, None, "below_lod"]
    table.loc[7, ["value", "lower", "upper", "status"]] = [None, None, None, "unreadable"]
    return table.assign(**changes)


def drawn(table: pd.DataFrame) -> html.HtmlElement:
    picture = points.draw(table, groups=GROUPS, index_group="SSc", alt="shares", gates="m.html")
    return html.fromstring(f"<div>{picture}</div>")


def test_every_number_is_a_point_of_its_person_in_its_group() -> None:
    tree = drawn(rows())
    for group, expected in (("SSc", 5), ("healthy", 4), ("RA", 0)):
        (column,) = tree.xpath(f"//g[@data-g='{group}']")
        own = [mark.get("data-p") for mark in column.xpath("*[contains(@class, 'p')]/@data-p/..")]
        assert len(own) == expected
    labels = [text.text for text in tree.xpath("//text")]
    assert [label for label in labels if label.startswith("n = ")] == ["n = 5", "n = 4", "n = 0"]


def test_a_value_below_the_limit_is_an_open_mark_at_the_limit() -> None:
    (mark,) = drawn(rows()).xpath("//path[@class='p low']")
    assert mark.get("data-p") == "P03"
    told = mark.xpath("string(title)")
    assert "below the limit of detection, at most 0.480 %" in told
    heights = {
        circle.get("data-p"): float(circle.get("cy")) for circle in drawn(rows()).xpath("//circle")
    }
    y = float(re.findall(r"[\d.]+", mark.get("d"))[1])
    assert heights["P04"] < y < heights["P02"]  # 0.48 % lies between 0.5 % and 0.3 %


def test_a_point_tells_where_its_number_comes_from() -> None:
    told = drawn(rows()).xpath("string(//circle[@data-p='P00']/title)")
    assert told.split("\n") == [
        "P00, SSc, batch b1",
        "MAIT, % of T cells: 0.100 % (0.0800 % to 0.120 %)",
        "40 of 20,000 cells",
        "tube tube0",
    ]


def test_a_zero_stands_at_the_foot_of_a_logarithmic_axis_as_a_limit() -> None:
    table = rows()
    table.loc[0, "value"] = 0.0
    marks = drawn(table).xpath("//path[@class='p low']/@data-p")
    assert sorted(marks) == ["P00", "P03"]


def test_names_from_the_sheets_cannot_become_code() -> None:
    hostile = '<script>alert("x")</script>'
    table = rows(participant_id=hostile, batch=hostile, source_id=hostile, reason=hostile)
    picture = points.draw(
        table.assign(group=hostile), groups=[hostile], index_group=hostile, alt=hostile
    )
    assert "<script" not in picture
    assert html.fromstring(f"<div>{picture}</div>").xpath("//circle")[0].get("data-p") == hostile


@pytest.mark.parametrize(("keep", "has_bar"), [([0, 1, 2], True), ([0], False), ([3, 0], False)])
def test_the_bar_is_the_median_unless_it_falls_among_the_limits(
    keep: list[int],
    has_bar: bool,  # noqa: FBT001
) -> None:
    bars = drawn(rows().loc[keep]).xpath("//path[@class='median']")
    assert bool(bars) == has_bar


@given(some.lists(some.floats(0, 160), max_size=40))
def test_points_do_not_cover_one_another_where_there_is_room(heights: list[float]) -> None:
    wide = points.spread(heights, most=400, apart=6)
    for (x1, y1), (x2, y2) in itertools.combinations(zip(wide, heights, strict=True), 2):
        assert (x1 - x2) ** 2 + (y1 - y2) ** 2 >= 36 - 1e-6
    narrow = points.spread(heights, most=10, apart=6)
    assert all(abs(shift) <= 10 for shift in narrow)
