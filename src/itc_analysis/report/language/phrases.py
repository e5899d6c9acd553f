"""The sentences of the report in the language of the reader.

The code holds English. Every sentence that the report may show passes through `phrase`, which looks
it up in the catalogue of the language, `<language>.json`: English text to its translation. Numbers
and names are put in afterwards, so that no language can change them. A sentence that the catalogue
lacks stays English.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources
from typing import Any

#: The language that the code is written in; it needs no catalogue.
ENGLISH = "en"

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Let `phrase` answer in a language inside the block."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def language() -> str:
    """Return the language that is spoken: "en" unless `speaking` says otherwise."""
    return _language.get()


def phrase(english: str, *parts: Any, **named: Any) -> str:
    """Return a sentence in the language spoken, with its parts put in.

    Parameters
    ----------
    english : str
        the sentence with places for the parts as in `str.format`; the key of the catalogue.
    *parts, **named : object
        what stands in these places; never translated here.
    """
    text = english
    if _language.get() != ENGLISH:
        text = catalogue(_language.get()).get(english, english)
    return text.format(*parts, **named) if parts or named else text


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the translations of one language, by their English text.

    Raises
    ------
    FileNotFoundError
        there is no catalogue of this language.
    """
    path = resources.files(__package__).joinpath(f"{language}.json")
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found
