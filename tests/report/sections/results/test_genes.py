"""The section on genes: what is counted, named and drawn."""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.html.blocks import Gallery
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.results import genes
from report.reading import with_tables


def test_found_genes_are_counted_and_the_surest_named_with_their_ratio(material: Material) -> None:
    row = next(row for row in genes.summary(material).rows if row[3] == "38")
    assert row[2] == "4 / 5"
    assert row[4] == "6"
    assert row[5] == "GENE0 ×2.00, GENE1 ×2.00, GENE2 ×2.00, GENE3 ×2.00, GENE4 ×0.50, 1 more"


def test_a_population_that_could_not_be_compared_keeps_its_row(material: Material) -> None:
    first = genes.summary(material).rows[0]
    assert first[:2] == ["MAIT", "none possible"]
    assert "fewer than two groups have 3 participants" in str(first[6])


def with_a_single_disease(material: Material, **changes: object) -> Material:
    """Return the study with its comparison a second time, against one disease."""
    cohort = material.settings.cohort
    own = material.genes
    more = own[own["status"] == "ok"].assign(
        comparison="SSc vs RA", reference_group=cohort.disease_groups[0], **changes
    )
    pooled = own.assign(comparison="SSc vs CTD", reference_group="SLE+RA")
    return with_tables(material, genes=pd.concat([own, pooled, more], ignore_index=True))


def figures(material: Material) -> list[str]:
    galleries = [b for b in genes.section(material).blocks if isinstance(b, Gallery)]
    return [str(figure.caption) for gallery in galleries for figure in gallery.figures]


def test_healthy_and_pooled_are_drawn_and_a_disease_where_a_gene_was_found(
    material: Material,
) -> None:
    two = ["CD4 T: SSc against healthy, n = 4 / 5", "CD4 T: SSc against pooled CTD, n = 4 / 5"]
    third = f"CD4 T: SSc against {material.settings.cohort.disease_groups[0]}, n = 4 / 5"
    assert figures(with_a_single_disease(material)) == [*two, third]
    assert figures(with_a_single_disease(material, p_adjusted=1.0)) == two


def test_a_comparison_without_a_tested_gene_is_not_drawn(material: Material) -> None:
    own = material.genes
    assert figures(with_tables(material, genes=own[own["status"] != "ok"])) == []


def test_a_plan_without_genes_has_no_section(material: Material) -> None:
    assert genes.section(with_tables(material, genes=material.genes.iloc[:0])) is None
