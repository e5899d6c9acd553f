"""Reasons that the tables hold in English, in the language of the report.

A table records why a number is missing as an English sentence with numbers in it. The commonest
kinds have a pattern in `<language>.recorded.json`, English to translation, `{}` for what differs; a
sentence without one stays as it was recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

from itc_analysis.report.language.phrases import ENGLISH, catalogue, language

#: What parts the sentences of a reason, and the items of a list within one.
SENTENCES, ITEMS = "; ", ", "
NUMBER_AT_END = re.compile(r"(.*?)( ?\(\d[\d,]*\))?(,?)")


def recorded(text: str) -> str:
    """Return a recorded reason in the language spoken; sentences parted by "; " one by one."""
    if language() == ENGLISH:
        return text
    return SENTENCES.join(_sentence(part) for part in text.split(SENTENCES))


def recorded_list(text: str) -> str:
    """Return a line of a chart: a recorded sentence, or items with numbers parted by commas."""
    if language() == ENGLISH:
        return text
    plain = text.replace("\N{NO-BREAK SPACE}", " ")
    whole = _sentence(plain)
    return whole if whole != plain else ITEMS.join(_item(item) for item in plain.split(ITEMS))


def _item(text: str) -> str:
    """Return one item of a list: its words in the language, its number as it is."""
    found = NUMBER_AT_END.fullmatch(text)
    if found is None:
        return text
    return _sentence(found[1]) + (found[2] or "") + found[3]


def _sentence(text: str) -> str:
    words = catalogue(language())
    if text in words:
        return words[text]
    for pattern, template in _patterns(language()):
        found = pattern.fullmatch(text)
        if found:
            return template.format(*(words.get(part, part) for part in found.groups()))
    return text


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    path = resources.files(__package__).joinpath(f"{language}.recorded.json")
    found: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        (re.compile("(.+?)".join(re.escape(part) for part in english.split("{}"))), translated)
        for english, translated in found.items()
    )
