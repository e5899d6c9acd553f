"""Draw the flow of participants as SVG that a screen reader can read and a page can hold inline."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from textwrap import wrap

import pandas as pd

from itc_analysis.cohort.description.flowchart import ALL_GROUPS
from itc_analysis.cohort.eligibility.criteria import RULES

# Pixels at normal size; text of 14 px is as large as the report's own.
_WIDTH = 900
_BOX_WIDTH = 430
_SIDE_WIDTH = 400
_FONT = 14
_LINE = 20
#: Prefix of the ids in the element.
_ID = "participant-flow"
_PADDING = 10
_GAP = 28
#: Characters that fit a box: half the font size is the mean width of a letter in sans-serif.
_CHARACTERS_PER_PIXEL = 1 / (_FONT * 0.52)
_ASSAY_TITLES = {"flow": "flow cytometry", "singlecell": "single-cell data"}


def draw_flowchart(table: pd.DataFrame) -> str:
    """Return the flow chart as one ``<svg>`` element.

    Parameters
    ----------
    table : pandas.DataFrame
        made by `flowchart.count_flow`.

    Returns
    -------
    str
        SVG with `title` and `desc` (all numbers in words), black on white, text as text.
    """
    count = _counter(table)
    assays = [assay for assay in _ASSAY_TITLES if (table["stage"] == f"with_{assay}").any()]
    left = 24  # room for the line that passes the boxes
    right = left + _BOX_WIDTH + 30
    parts: list[str] = []
    centre = left + _BOX_WIDTH / 2

    enrolled = _lines("Enrolled", count("enrolled"), _by_group(table, "enrolled"), _BOX_WIDTH)
    bottom = _box(parts, left, 10, _BOX_WIDTH, enrolled)
    side_top = bottom + _GAP / 2
    side_bottom = side_top
    for stage, title in (("excluded", "Excluded"), ("to_be_queried", "To be queried")):
        lines = _lines(title, count(stage), _by_reason(table, stage), _SIDE_WIDTH)
        middle = side_bottom + (len(lines) * _LINE + 2 * _PADDING) / 2
        parts.append(_arrow(centre, middle, right, middle))
        side_bottom = _box(parts, right, side_bottom, _SIDE_WIDTH, lines) + _GAP / 2
    analysed_top = max(bottom + _GAP, side_bottom)
    parts.append(_arrow(centre, bottom, centre, analysed_top))
    analysed = _lines("Analysed", count("analysed"), _by_group(table, "analysed"), _BOX_WIDTH)
    bottom = _box(parts, left, analysed_top, _BOX_WIDTH, analysed)
    for assay in assays:
        with_, without = f"with_{assay}", f"without_{assay}"
        title = _ASSAY_TITLES[assay]
        lost = _lines(f"Without {title}", count(without), _by_reason(table, without), _SIDE_WIDTH)
        top = bottom + _GAP
        kept = _lines(f"With {title}", count(with_), _by_group(table, with_), _BOX_WIDTH)
        kept_bottom = _box(parts, left, top, _BOX_WIDTH, kept)
        lost_bottom = _box(parts, right, top, _SIDE_WIDTH, lost)
        middle = top + _PADDING + _LINE / 2
        if assay == assays[0]:
            parts.append(_arrow(centre, bottom, centre, top))
        else:  # each assay starts from all the analysed: its line passes the boxes before it
            parts.append(_bracket(left, analysed_top, middle))
        parts.append(_arrow(left + _BOX_WIDTH, middle, right, middle))
        bottom = max(kept_bottom, lost_bottom)
    height = round(max(bottom, side_bottom) + 10)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" style="max-width:100%;height:auto" role="img" '
            f'aria-labelledby="{_ID}-title {_ID}-desc" '
            f'font-family="sans-serif" font-size="{_FONT}">',
            f'<title id="{_ID}-title">Flow of participants</title>',
            f'<desc id="{_ID}-desc">{escape(describe_flow(table))}</desc>',
            f'<defs><marker id="{_ID}-tip" viewBox="0 0 8 8" refX="8" refY="4" '
            'markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 '
            '8z"/></marker></defs>',
            *(part.replace("url(#tip)", f"url(#{_ID}-tip)") for part in parts),
            "</svg>",
        ]
    )


def describe_flow(table: pd.DataFrame) -> str:
    """Return the whole chart in words, for those who hear it instead of seeing it."""
    count = _counter(table)
    sentences = []
    for stage in table["stage"].unique():
        groups, reasons = _by_group(table, stage), _by_reason(table, stage)
        told = ", ".join(groups if stage in ("enrolled", "analysed") else reasons)
        name = stage.replace("_", " ").replace("singlecell", "single-cell data").capitalize()
        sentences.append(f"{name}: {count(stage)}" + (f" ({told})." if told else "."))
    return " ".join(sentences)


def _counter(table: pd.DataFrame) -> Callable[[str], int]:
    nodes = table[(table["group"] == ALL_GROUPS) & (table["reason"] == "")]
    numbers = dict(zip(nodes["stage"], nodes["n"], strict=True))

    def count(stage: str) -> int:
        return int(numbers[stage])

    return count


def _by_group(table: pd.DataFrame, stage: str) -> list[str]:
    rows = table[
        (table["stage"] == stage) & (table["reason"] == "") & (table["group"] != ALL_GROUPS)
    ]
    return [f"{group} {n}" for group, n in zip(rows["group"], rows["n"], strict=True)]


def _by_reason(table: pd.DataFrame, stage: str) -> list[str]:
    rows = table[
        (table["stage"] == stage) & (table["reason"] != "") & (table["group"] == ALL_GROUPS)
    ]
    return [
        f"{_in_words(reason, stage)} ({n})"
        for reason, n in zip(rows["reason"], rows["n"], strict=True)
        if n
    ]


def _in_words(reason: str, stage: str) -> str:
    """Return who is excluded, or what must be asked, in words."""
    words = {rule.name: rule.who_fails for rule in RULES} if stage == "excluded" else {}
    return words.get(reason, reason.replace("_", " "))


def _lines(title: str, n: int, details: list[str], width: float) -> list[str]:
    fits = int((width - 2 * _PADDING) * _CHARACTERS_PER_PIXEL)
    # A count stays on the line of its name.
    text = ", ".join(detail.replace(" ", "\u00a0") for detail in details)
    return [f"{title}: n = {n}", *wrap(text, fits)]


def _box(parts: list[str], x: float, y: float, width: float, lines: list[str]) -> float:
    height = len(lines) * _LINE + 2 * _PADDING
    parts.append(
        f'<rect x="{x}" y="{y:g}" width="{width}" height="{height}" fill="#fff" stroke="#000"/>'
    )
    for place, line in enumerate(lines):
        baseline = y + _PADDING + _LINE * (place + 1) - 6
        weight = ' font-weight="bold"' if place == 0 else ""
        parts.append(
            f'<text x="{x + _PADDING}" y="{baseline:g}" fill="#000"{weight}>{escape(line)}</text>'
        )
    return y + height


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<path d="M{x1:g} {y1:g} L{x2:g} {y2:g}" stroke="#000" fill="none" '
        'marker-end="url(#tip)"/>'
    )


def _bracket(x: float, y1: float, y2: float) -> str:
    """Return an arrow that leaves a box at its left side and enters a lower one there."""
    start = y1 + _PADDING + _LINE / 2
    return (
        f'<path d="M{x:g} {start:g} H{x - 14:g} V{y2:g} H{x:g}" stroke="#000" fill="none" '
        'marker-end="url(#tip)"/>'
    )
