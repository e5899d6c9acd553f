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
#: A number, with what parts its digits, and no full stop behind it.
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


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


def one_of_each_kind(reasons: Iterable[str]) -> list[str]:
    """Return one of those reasons that differ in nothing but their numbers, with ranges of those
    that are whole ("0 to 19 cells, 20 needed").
    """
    found: dict[str, list[str]] = {}
    for reason in sorted(set(reasons)):
        found.setdefault(without_numbers(reason), []).append(reason)
    return [_with_ranges(alike) for alike in found.values()]


def _with_ranges(alike: list[str]) -> str:
    columns = list(zip(*(NUMBER.findall(reason) for reason in alike), strict=True))
    if not columns or not all(text.isdigit() for column in columns for text in set(column)):
        return alike[0]
    least, most = ([pick(map(int, column)) for column in columns] for pick in (min, max))
    last = max(alike, key=lambda reason: [int(text) for text in NUMBER.findall(reason)])
    told = iter(
        str(high) if low == high else phrase("{0} to {1}", low, high)
        for low, high in zip(least, most, strict=True)
    )
    return NUMBER.sub(lambda _: next(told), last)


def without_numbers(text: str) -> str:
    """Return the text with # for every number and the nouns counted in the singular: 1 cell and 13
    cells are alike.
    """
    return re.sub(r"(# \w+?)s\b", r"\1", NUMBER.sub("#", text))
