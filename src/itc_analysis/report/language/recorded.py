"""Reasons that the tables hold in English, in the language of the report.

A table records why a number is missing as an English sentence with numbers in it. The commonest
kinds have a pattern in `<language>.recorded.json`, English to translation, `{}` for what differs; a
sentence without one stays as it was recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources

from itc_analysis.report.language.phrases import ENGLISH, catalogue, language

#: What parts the sentences of a reason, and the items of a list within one.
SENTENCES, ITEMS = "; ", ", "
#: Between two sentences of a paragraph.
STOP = re.compile(r"(?<=[.!?]) (?=[A-Z0-9])")
NUMBER_AT_END = re.compile(r"(.*?)( ?\(\d[\d,]*\))?(,?)")
#: An item of a list, with its number in front or in brackets behind.
COUNTED = re.compile(r"(\d[\d,.]* )?(.*?)( \(\d[\d,]*\))?")
#: A sentence with the number of its cases behind.
COUNTED_BEHIND = re.compile(r"(.+?)( \(\d[\d,]*\))")
#: A word with its number in front, and nothing else.
COUNTED_BEFORE = re.compile(r"(\d[\d,.]* )([^\W\d_]+)")
#: Between two items of a list, "and" included.
LISTED = re.compile(r"(, | and )")
AND = " and "
#: French prepositions that swallow the article behind them.
CONTRACTED = re.compile(r"\b(de|à) le(?= groupe)")


def recorded(text: str) -> str:
    """Return recorded sentences in the language spoken, one by one.

    They are parted by full stops or "; ". What a pattern leaves open is translated in turn, be it
    a sentence, a word of the catalogue or a list of words.
    """
    return text if language() == ENGLISH else _translated(text, language())


def recorded_list(text: str) -> str:
    """Return a line of a chart: a recorded sentence, or items with numbers parted by commas."""
    if language() == ENGLISH:
        return text
    plain = text.replace("\N{NO-BREAK SPACE}", " ")
    whole = _translated(plain, language())
    return whole if whole != plain else ITEMS.join(_item(item) for item in plain.split(ITEMS))


@lru_cache(maxsize=100_000)
def _translated(text: str, spoken: str) -> str:
    """Return sentences as far as they are known: the longest first, then their parts."""
    words = catalogue(spoken)
    if text in words:
        return words[text]
    for parts, between in ((STOP.split(text), " "), (text.split(SENTENCES), SENTENCES)):
        if len(parts) > 1:
            whole = _sentence(text, spoken, is_several=True)
            told = (_translated(part, spoken) for part in parts)
            return between.join(told) if whole is None else whole
    found = _sentence(text, spoken, is_several=False)
    return _dressed(text, spoken) if found is None else found


def _dressed(text: str, spoken: str) -> str:
    """Return a sentence that is known but for its full stop, its capital or a number behind or
    before it.
    """
    if before := COUNTED_BEFORE.fullmatch(text):
        return before[1] + _translated(before[2], spoken)
    counted = COUNTED_BEHIND.fullmatch(text)
    bare, behind = (
        counted.groups() if counted else (text.removesuffix("."), "." * text.endswith("."))
    )
    found = _translated(bare, spoken) if behind else bare
    if found == bare and bare[:1].isupper():
        small = bare[0].lower() + bare[1:]
        known = _translated(small, spoken)
        found = bare if known == small else known[0].upper() + known[1:]
    return found + behind


def _item(text: str) -> str:
    """Return one item of a list: its words in the language, its number as it is."""
    found = NUMBER_AT_END.fullmatch(text)
    if found is None:
        return text
    return _translated(found[1], language()) + (found[2] or "") + found[3]


def _sentence(text: str, spoken: str, *, is_several: bool) -> str | None:
    """Return a sentence by its pattern; `is_several`: only by one that spans several sentences."""
    for pattern, template, spans in _patterns(spoken):
        if spans != is_several:
            continue
        found = pattern.fullmatch(text)
        # what is open in one part and closed in another is two items, not one sentence
        if found and all(part.count("(") == part.count(")") for part in found.groups()):
            told = template.format(*(_left_open(part, spoken) for part in found.groups()))
            return contracted(told) if spoken == "fr" else told
    return None


def contracted(text: str) -> str:
    """Return French in which "de le" and "à le", met where a sentence was filled in, are one
    word.
    """
    return CONTRACTED.sub(lambda found: {"de": "du", "à": "au"}[found[1]], text)


def _left_open(text: str, spoken: str) -> str:
    """Return what a pattern left open: a sentence, or a list whose items are words or counted."""
    whole = _translated(text, spoken)
    if whole != text:
        return whole
    both = catalogue(spoken).get("{0} and {1}", "{0} and {1}")
    told = []
    for part in LISTED.split(text):
        counted = COUNTED.fullmatch(part)
        if part == AND:
            told.append(both.format("", ""))
        elif counted is None:
            told.append(part)
        else:
            name = _translated(counted[2], spoken)
            told.append(f"{counted[1] or ''}{name}{counted[3] or ''}")
    return "".join(told)


@cache
def _patterns(language: str) -> tuple[tuple[re.Pattern[str], str, bool], ...]:
    """Return pattern, translation and whether the pattern spans several sentences; those with the
    most words of their own first.
    """
    path = resources.files(__package__).joinpath(f"{language}.recorded.json")
    found: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        (
            re.compile("(.+?)".join(re.escape(part) for part in english.split("{}"))),
            translated,
            SENTENCES in english or STOP.search(english) is not None,
        )
        for english, translated in sorted(
            found.items(), key=lambda pair: -len(pair[0].replace("{}", ""))
        )
    )
