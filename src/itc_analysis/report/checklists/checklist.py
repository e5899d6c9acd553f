"""Reporting checklists, item by item: on the page for people, and as JSON beside it for programs.

An item is filled only from tables of this run. Everything else is listed as not recorded, for the
authors to write; nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from itc_analysis.report.checklists import miflowcyt, strobe
from itc_analysis.report.checklists.items import Item
from itc_analysis.report.html import words
from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.report.html.blocks import Block, Details, Heading, PageSection, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.whole_files import write_text

NOT_RECORDED = "not recorded in the study’s files"


@dataclass(frozen=True)
class Checklist:
    """A published list of what a report should tell.

    Parameters
    ----------
    name : str
        as the field writes it.
    file : str
        ending of the file beside the page.
    reference : str
        key of the bibliography.
    items : tuple of Item
        what it asks for.
    applies : callable
        whether it concerns the study.
    """

    name: str
    file: str
    reference: str
    items: tuple[Item, ...]
    applies: Callable[[Material], bool]


CHECKLISTS = (
    Checklist(
        "STROBE (cross-sectional comparison)",
        "strobe.json",
        "vonelm2007",
        strobe.ITEMS,
        lambda _: True,
    ),
    Checklist(
        "MIFlowCyt",
        "miflowcyt.json",
        "lee2008",
        miflowcyt.ITEMS,
        lambda material: material.has_flow,
    ),
)


def section(material: Material) -> PageSection:
    """Return the checklists that concern the study."""
    works = Markup(" ").join(
        Markup('<span lang="en">{}</span>').format(REFERENCES[checklist.reference].text)
        for checklist in CHECKLISTS
    )
    blocks: list[Block] = [
        Paragraph(
            Markup(
                phrase(
                    "Filled from the tables of this run only. What reads “{0}” must be written by "
                    "the authors. The same items are next to this page as JSON, to be merged into "
                    "a repository’s form. The lists: {1}"
                )
            ).format(phrase(NOT_RECORDED), works)
        )
    ]
    for checklist in CHECKLISTS:
        if not checklist.applies(material):
            blocks.append(
                Paragraph(
                    phrase("{0} does not apply: the study has no flow cytometry.", checklist.name)
                )
            )
            continue
        filled = records(checklist, material)
        n = sum(record["is_recorded"] for record in filled)
        blocks += [
            Heading(phrase(checklist.name)),
            Details(
                phrase("{0}, {1} filled from this run", words.plural(len(filled), "item"), n),
                [_table(checklist, filled)],
            ),
        ]
    return PageSection("checklist", phrase("Reporting checklists"), blocks)


def records(checklist: Checklist, material: Material) -> list[dict[str, Any]]:
    """Return the items: number, what it asks for, whether the run tells it, in words, and as values
    where it has some.
    """
    found = []
    for item in checklist.items:
        text = item.text(material) if item.text is not None else ""
        record: dict[str, Any] = {
            "item": item.number,
            "asks_for": item.asks_for,
            "is_recorded": bool(text),
            "text": text or NOT_RECORDED,
        }
        if text and item.values is not None:
            record["values"] = item.values(material)
        found.append(record)
    return found


def write_checklists(material: Material, page: str | Path) -> list[Path]:
    """Write each checklist that concerns the study beside the page, as `<page>.miflowcyt.json`;
    return the paths.
    """
    written = []
    for checklist in CHECKLISTS:
        if not checklist.applies(material):
            continue
        reference = REFERENCES[checklist.reference]
        content = {
            "checklist": checklist.name,
            "reference": reference.text,
            "doi": reference.doi,
            "study": material.settings.study.name,
            "simulated": material.settings.study.simulated,
            "items": records(checklist, material),
        }
        path = Path(page).with_suffix(f".{checklist.file}")
        write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
        written.append(path)
    return written


def _table(checklist: Checklist, filled: list[dict[str, Any]]) -> Table:
    body = [
        [record["item"], phrase(record["asks_for"]), phrase(record["text"])] for record in filled
    ]
    return Table(
        phrase("{0} items.", phrase(checklist.name)),
        [phrase("Item"), phrase("Asks for"), phrase("In this study")],
        body,
    )
