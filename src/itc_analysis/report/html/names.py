"""Many names or reasons in a cell of a table: each once, and a long list behind a click."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Text
from itc_analysis.report.language.phrases import phrase

#: More names than this are behind a click.
MANY_NAMES = 6


def names_cell(names: Iterable[str]) -> Text:
    """Return distinct names in order; many are behind a click, with their number, and none is left
    out.
    """
    found = sorted(set(names))
    if not found:
        return words.NOTHING
    if len(found) <= MANY_NAMES:
        return words.listed(found)
    return Markup("<details><summary>{}</summary>{}</details>").format(
        phrase("all {0}", len(found)), words.listed(found)
    )


def first_of_each_kind(reasons: Iterable[str]) -> list[str]:
    """Return the first of those reasons that differ in nothing but their numbers."""
    found: dict[str, str] = {}
    for reason in sorted(set(reasons)):
        found.setdefault(without_numbers(reason), reason)
    return list(found.values())


def without_numbers(text: str) -> str:
    """Return the text with # for every number and the nouns counted in the singular: 1 cell and 13
    cells are alike.
    """
    return re.sub(r"(# \w+?)s\b", r"\1", re.sub(r"\d[\d.,]*", "#", text))
