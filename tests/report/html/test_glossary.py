"""The page's words mean what the documentation says they mean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from itc_analysis.report.html import glossary
from itc_analysis.report.html.material import Material
from report.reading import tables_of, text, with_tables


def test_every_word_of_the_page_has_the_meaning_of_the_documentation(root: Path) -> None:
    documentation = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| (.+?) \| (.+) \|$", documentation, flags=re.MULTILINE))
    assert {term: documented.get(term) for term in glossary.TERMS} == glossary.TERMS


def test_a_word_without_an_explanation_cannot_be_linked() -> None:
    assert 'href="#word-odds-ratio"' in glossary.link("odds ratio", "odds")
    with pytest.raises(KeyError):
        glossary.link("word that nobody explained")


def test_populations_are_explained_where_they_were_measured(material: Material) -> None:
    assert {"MAIT", "iNKT", "innate T cells (ITC)"} <= terms_of(material)
    rows = material.measurements
    only_gd = with_tables(material, measurements=rows[rows["population"] == "gd_t_cells"])
    assert {"innate T cells (ITC)", "γδ T (gd_t_cells)", "batch"} <= terms_of(only_gd)
    assert not {"MAIT", "iNKT", "innate CD8"} & terms_of(only_gd)


def terms_of(material: Material) -> set[str]:
    (table,) = tables_of(glossary.section(material))
    return {re.sub("<.+?>", "", text(term)) for term, _ in table.rows}
