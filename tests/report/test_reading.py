"""Twelve questions of a reader: each finds its answer, with the tables' numbers, at its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import html

from itc_analysis.report.html import words
from itc_analysis.report.html.material import Material


@pytest.fixture(scope="module")
def tree(page: str) -> html.HtmlElement:
    return html.document_fromstring(page)


def compared(material: Material, population: str, reference: str) -> list[str]:
    """Return estimate and interval of both measures, as the page writes them."""
    rows = material.comparisons.query(
        "population == @population and reference_group == @reference"
        " and measure in ['share_of_t', 'cells_per_ul']"
    )
    assert len(rows) == 2
    return [
        f"{words.ratio(row.estimate)} ({words.ratio(row.lower)} to {words.ratio(row.upper)})"
        for row in rows.itertuples()
    ]


def title(material: Material) -> list[str]:
    rows = material.comparisons.query(
        "role == 'primary' and reference_group == 'healthy' and measure == 'share_of_t'"
        " and status == 'ok'"
    )
    n = sorted(set(rows["n_index"]))
    return [
        f"In {n[0]}" if len(n) == 1 else f"In {n[0]} to {n[-1]}",
        *(words.ratio(value) for value in rows["estimate"].dropna()),
    ]


def analysed(material: Material) -> list[str]:
    people = material.participants
    left_out = people[~people["is_analysed"]]
    return [
        f"{len(people)} participants enrolled, {len(people) - len(left_out)} analysed",
        *left_out["participant_id"],
        *left_out["reasons"],
    ]


def below(material: Material) -> list[str]:
    rows = material.comparisons.query("population == 'inkt' and measure == 'share_of_t'")
    worst = rows.loc[rows["n_below_lod"].idxmax()]
    n = worst["n_index"] + worst["n_reference"]
    return [f"iNKT: {worst['n_below_lod']} of {n} people", "neither as zero nor as the limit"]


def one_person(material: Material) -> list[str]:
    carried = material.diagnostics[
        material.diagnostics["is_carried_by_one"].astype("boolean").fillna(value=False)
    ]
    first = carried.iloc[0]
    p = words.p_phrase(first["p_without_most_influential"])
    return [f"{first['most_influential']}, {words.number(first['influence'], 2)}; without, {p}"]


def own_numbers(material: Material) -> list[str]:
    row = material.measurements.query(
        "population == 'mait' and measure == 'share_of_t' and status == 'ok'"
    ).iloc[0]
    value, lower, upper = (words.per_cent(row[name]) for name in ("value", "lower", "upper"))
    return [row["participant_id"], f"{value} ({lower} to {upper})", row["source_id"]]


#: Number of the question in docs/reading-the-report.md, the place, and what stands there.
QUESTIONS: dict[int, tuple[str, Callable[[Material], list[str]]]] = {
    1: ("h1", title),
    2: ("#participants", analysed),
    3: ("#answer", lambda material: compared(material, "mait", "healthy")),
    4: ("#answer", lambda material: compared(material, "mait", "SLE")),
    5: ("#answer", lambda _: ["Does not show", "SSc-specific", "shared with SLE and RA"]),
    6: ("#caveats", below),
    7: ("#caveats", lambda _: ["That cells are exhausted.", "Against healthy people: MAIT ("]),
    8: (
        "#gates",
        lambda material: [material.gates.query("state == 'not_estimable'")["file_id"].iloc[0]],
    ),
    9: (
        "#participants",
        lambda _: ["so that no difference between groups can be one between batches"],
    ),
    10: ("#caveats", one_person),
    11: ("#numbers", own_numbers),
    12: ("#caveats", lambda _: ["What must not be concluded", "That the cells cause the disease."]),
}


@pytest.mark.parametrize("number", QUESTIONS)
def test_the_answer_is_at_its_place(
    number: int, tree: html.HtmlElement, material: Material, root: Path
) -> None:
    place, answer = QUESTIONS[number]
    text = (root / "docs" / "reading-the-report.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {number} \| .+? \| `(.+?)` \|", text, flags=re.MULTILINE)
    assert row is not None
    assert row[1] == place
    (found,) = tree.xpath("//h1" if place == "h1" else f"//section[@id='{place[1:]}']")
    told = re.sub(r"\s+", " ", found.text_content())
    assert [part for part in answer(material) if part not in told] == []
