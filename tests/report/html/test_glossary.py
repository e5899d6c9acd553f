"""The page's words mean what the documentation says they mean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from itc_analysis.report.html import glossary


def test_every_word_of_the_page_has_the_meaning_of_the_documentation(root: Path) -> None:
    text = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| (.+?) \| (.+) \|$", text, flags=re.MULTILINE))
    assert {term: documented.get(term) for term in glossary.TERMS} == glossary.TERMS


def test_a_word_without_an_explanation_cannot_be_linked() -> None:
    assert 'href="#word-odds-ratio"' in glossary.link("odds ratio", "odds")
    with pytest.raises(KeyError):
        glossary.link("word that nobody explained")
