"""The section on genes: what is counted, named and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.config.sections import Settings
from itc_analysis.report.html.blocks import Gallery
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.sections.results import genes


@pytest.fixture(scope="module")
def material(results: Path, settings: Settings) -> Material:
    return collect(results, settings)


def test_found_genes_are_counted_and_the_surest_named_with_their_ratio(material: Material) -> None:
    row = next(row for row in genes.summary(material).rows if row[3] == "38")
    assert row[2] == "4 / 5"
    assert row[4] == "6"
    assert row[5] == "GENE0 ×2.00, GENE1 ×2.00, GENE2 ×2.00, GENE3 ×2.00, GENE4 ×0.50, 1 more"


def test_a_population_that_could_not_be_compared_keeps_its_row(material: Material) -> None:
    first = genes.summary(material).rows[0]
    assert first[:2] == ["MAIT", "none possible"]
    assert "fewer than two groups have 3 participants" in str(first[6])


def test_comparisons_with_a_gene_found_are_drawn(material: Material) -> None:
    galleries = [b for b in genes.section(material).blocks if isinstance(b, Gallery)]
    assert len(galleries) == 1
    assert len(galleries[0].figures) == 1


def test_nothing_found_draws_nothing(material: Material) -> None:
    table = material.genes.assign(p_adjusted=material.genes["p_value"] * 0 + 1)
    section = genes.section(material.with_tables(genes=table))
    assert not [b for b in section.blocks if isinstance(b, Gallery)]


def test_a_plan_without_genes_has_no_section(material: Material) -> None:
    assert genes.section(material.with_tables(genes=material.genes.iloc[:0])) is None
