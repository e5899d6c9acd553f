"""One sentence per population: differences, verdict, spread."""

from __future__ import annotations

from lxml import html

from itc_analysis.report.html.material import Material
from itc_analysis.report.html.remarks import Notes
from itc_analysis.report.sections.results import answer, endpoint_verdicts
from report.reading import with_tables


def said(population: str, material: Material) -> str:
    rows = answer.abundance_rows(material)
    rows = rows[(rows["population"] == population) & (rows["role"] == "primary")]
    told = endpoint_verdicts.sentence(population, rows, material, Notes("n"))
    return html.fromstring(f"<p>{told}</p>").text_content()


def test_a_specific_population_says_so_with_its_spread(material: Material) -> None:
    told = said("mait", material)
    assert told.startswith("MAIT: ")
    assert "verdict: SSc-specific (lower than each of the 5 other groups)" in told
    spread = "people of SSc differ from one another more than those of the other groups"
    assert spread in told
    assert "1.80 times in % of T cells" in told


def test_a_shared_population_names_the_diseases(material: Material) -> None:
    assert "verdict: shared with SLE and RA" in said("inkt", material)


def test_measures_that_disagree_have_a_verdict_each(material: Material) -> None:
    rows = material.verdicts
    is_share = (rows["population"] == "mait") & (rows["measure"] == "share_of_t")
    mixed = rows.assign(verdict=rows["verdict"].mask(is_share, "inconclusive"))
    told = said("mait", with_tables(material, verdicts=mixed))
    assert "shown) for % of T cells, SSc-specific" in told
    assert "other groups) for cells/µL" in told


def test_controls_with_the_same_direction_share_a_phrase(material: Material) -> None:
    rows = material.comparisons.assign(p_value=0.5, p_adjusted=0.9)
    told = said("mait", with_tables(material, comparisons=rows))
    assert told.count("no difference shown from") == 1
    assert "healthy (% of T cells: " in told
    assert " and pooled CTD (% of T cells: " in told


def test_without_verdicts_the_differences_are_told_alone(material: Material) -> None:
    told = said("mait", with_tables(material, verdicts=material.verdicts.iloc[:0]))
    assert "verdict" not in told
    assert "healthy" in told


def test_a_verdict_that_could_not_be_given_has_its_first_reason(material: Material) -> None:
    table = endpoint_verdicts.table(material.verdicts, material, Notes("n"))
    (cell,) = [row[1] for row in table.rows if "not estimable" in str(row[1])]
    assert getattr(cell, "text", "") == "not estimable: too few participants"
    assert getattr(cell, "kind", "") == "bad"
