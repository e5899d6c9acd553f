"""Works that the methods sentences cite, by key: read from references.bib, a BibTeX file.

The file holds one form of BibTeX only (an entry of lines ``field = {value},``), so that a short
reader is enough and a slip is an error. A test fails when a cited key has no entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

_FILE = files("itc_analysis.resources") / "references.bib"
_ENTRY = re.compile(r"@(\w+)\{([a-z0-9]+),\n((?: {2}\w+ = \{.*\},\n)+)\}\n", re.MULTILINE)
_FIELD = re.compile(r" {2}(\w+) = \{(.*)\},")
#: What an entry of a kind must say; CSL's name of the kind.
_NEEDED = {
    "article": ({"author", "title", "journal", "year", "volume", "pages"}, "article-journal"),
    "book": ({"author", "title", "publisher", "address", "year"}, "book"),
    "misc": ({"author", "title", "howpublished", "year"}, "webpage"),
}
#: Field of BibTeX, and CSL's name of it.
_CSL = {"journal": "container-title", "volume": "volume", "number": "issue",
        "publisher": "publisher", "address": "publisher-place", "howpublished": "genre",
        "doi": "DOI", "url": "URL"}  # fmt: skip
_ENDS = (".", "?", "!")


@dataclass(frozen=True)
class Work:
    """One work.

    Parameters
    ----------
    key : str
        by which it is cited.
    kind : str
        article, book or misc.
    fields : mapping of str to str
        as in BibTeX, without the braces.
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    @property
    def doi(self) -> str:
        """The DOI without the resolver's address; empty when the work has none."""
        return self.fields.get("doi", "")

    @cached_property
    def text(self) -> str:
        """Authors, title, journal, year and pages in one line, in the style of medical journals."""
        names = ", ".join(
            "et al" if family == "others" else " ".join(filter(None, [family, _joined(given)]))
            for family, given in self._authors
        )
        title = self.fields["title"].strip("{}")
        where = self.fields["year"]
        if self.kind == "article":
            issue = f"({self.fields['number']})" if "number" in self.fields else ""
            pages = self.fields["pages"].replace("--", "–")
            where = f"{self.fields['journal']} {where};{self.fields['volume']}{issue}:{pages}"
        elif self.kind == "book":
            where = f"{self.fields['address']}: {self.fields['publisher']}; {where}"
        else:
            where = f"{self.fields['howpublished']} {where}"
        return f"{names}. {title}{'' if title.endswith(_ENDS) else '.'} {where}."

    @property
    def bibtex(self) -> str:
        """The entry as BibTeX."""
        lines = "".join(f"  {name} = {{{value}}},\n" for name, value in self.fields.items())
        return f"@{self.kind}{{{self.key},\n{lines}}}\n"

    @property
    def csl(self) -> dict[str, Any]:
        """The entry as an item of CSL-JSON, for Zotero, pandoc and Word."""
        people = [
            {"literal": "et al."} if family == "others"
            else {"family": family, "given": given} if given else {"literal": family}
            for family, given in self._authors
        ]  # fmt: skip
        item: dict[str, Any] = {
            "id": self.key,
            "type": _NEEDED[self.kind][1],
            "title": self.fields["title"].strip("{}"),
            "author": people,
            "issued": {"date-parts": [[int(self.fields["year"])]]},
        }
        if "pages" in self.fields:
            item["page"] = self.fields["pages"].replace("--", "-")
        return item | {_CSL[k]: value for k, value in self.fields.items() if k in _CSL}

    @property
    def _authors(self) -> list[tuple[str, str]]:
        """Pairs of family name and initials; a body has no initials."""
        parted = [name.partition(", ") for name in self.fields["author"].split(" and ")]
        return [(family.strip("{}"), given) for family, _, given in parted]


def read_works(text: str) -> dict[str, Work]:
    """Return the works of a BibTeX file by key, in its order.

    Raises
    ------
    ValueError
        something in the file is no entry of the one form, an entry lacks a field of its kind, or a
        key or field appears twice.
    """
    plain = re.sub(r"^%.*\n", "", text, flags=re.MULTILINE)
    left = _ENTRY.sub("", plain).strip()
    if left:
        msg = f"no entry of BibTeX as it is read here: {left.splitlines()[0]!r}"
        raise ValueError(msg)
    works: dict[str, Work] = {}
    for kind, key, body in _ENTRY.findall(plain):
        pairs = _FIELD.findall(body)
        fields = dict(pairs)
        lacking = _NEEDED[kind][0] - set(fields) if kind in _NEEDED else {f"a known kind ({kind})"}
        if lacking or key in works or len(fields) < len(pairs):
            what = f"lacks {', '.join(sorted(lacking))}" if lacking else "or a field appears twice"
            msg = f"work {key!r} {what}"
            raise ValueError(msg)
        works[key] = Work(key, kind, fields)
    return works


def _joined(given: str) -> str:
    """Return initials as medical journals write them: "L. I.-K." becomes LI-K."""
    return given.replace(".", "").replace(" ", "")


REFERENCES: dict[str, Work] = read_works(_FILE.read_text(encoding="utf-8"))
