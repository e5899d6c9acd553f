"""English that is left in a page of another language: sentences by their small words.

A part that is English in every language says so (`lang="en"`): names of works, what programs read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import html

#: Words that English sentences are held together by, and that no French word is spelt like.
SMALL_WORDS = frozenset(
    (
        *("the", "of", "and", "with", "from", "are", "was", "were", "is", "by", "that", "which"),
        *("this", "not", "than", "their", "has", "have", "for", "too", "few", "between", "each"),
        *("its", "at", "be", "been", "no", "any", "them", "they", "who", "whose", "would", "only"),
        *("whether", "one", "two", "where", "when", "whole", "below", "above", "within", "to"),
        *("against", "missing", "known", "fewer", "needed", "lower", "higher", "did", "does", "do"),
    )
)
#: What parts the sentences of a text.
_PARTS = re.compile(r"; |(?<=[.:!?]) |\n")
#: A word, but no part of a name like "participants_to_share.tsv" or of a digest.
_WORD = re.compile(r"(?<![\w/.-])[A-Za-zÀ-ÿ’']+(?![\w/-]|\.\w)")


def english_left(tree: html.HtmlElement) -> list[str]:
    """Return the parts of sentences of a page that are English, each once, in their order."""
    found = [
        part
        for text in _texts(tree)
        for part in _PARTS.split(" ".join(text.split()))
        if is_english(part)
    ]
    return list(dict.fromkeys(found))


def is_english(part: str) -> bool:
    """Whether at least one small word of English stands in a part of two words or more."""
    words = [word.lower() for word in _WORD.findall(part)]
    return len(words) > 1 and any(word in SMALL_WORDS for word in words)


def _texts(element: html.HtmlElement, language: str = "") -> Iterator[str]:
    language = element.get("lang") or language
    if not isinstance(element.tag, str) or element.tag in ("script", "style", "code"):
        return
    if language != "en":
        if element.text:
            yield element.text
        for name in ("alt", "aria-label", "title"):
            if element.get(name):
                yield element.get(name)
    for child in element:
        yield from _texts(child, language)
        if child.tail and language != "en":
            yield child.tail
