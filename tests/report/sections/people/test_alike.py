"""The groups side by side: sizes, power, balance."""

from __future__ import annotations

from dataclasses import replace

from itc_analysis.report.html.blocks import Details, Figure, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.people import alike
from report.reading import with_tables


def test_sizes_are_those_of_the_participants_and_the_index_group_has_no_pairs(
    material: Material,
) -> None:
    table = alike.sizes(material)
    people = material.participants
    for row in table.rows:
        own = people[people["group"] == row[0]]
        assert row[2] == str(len(own))
        assert row[3] == str(int(own["is_analysed"].sum()))
        assert (row[6] == "–") == (row[0] == material.settings.cohort.index_group)


def test_the_corrected_level_is_that_of_the_primary_family(material: Material) -> None:
    primary = material.comparisons["role"] == "primary"
    told = alike.sizes(material).caption
    assert f"in the primary family ({int(primary.sum())})" in str(told)
    none = with_tables(material, comparisons=material.comparisons[~primary])
    assert {row[4] == row[5] for row in alike.sizes(none).rows} == {True}


def test_a_plan_is_shown_where_there_is_one(material: Material) -> None:
    cohort = material.settings.cohort.model_copy(update={"planned_sizes": {"SSc": 60}})
    planned = replace(material, settings=material.settings.model_copy(update={"cohort": cohort}))
    shown = {row[0]: row[1] for row in alike.sizes(planned).rows}
    assert shown.pop("SSc") == "60"
    assert set(shown.values()) == {"–"}


def test_balance_is_drawn_with_every_covariate_behind_a_click(material: Material) -> None:
    table, differences, details = alike.blocks(material)
    assert isinstance(table, Table)
    assert isinstance(differences, Figure)
    assert 'aria-label="Standardised differences' in differences.picture
    assert isinstance(details, Details)


def test_without_anybody_analysed_it_says_so(material: Material) -> None:
    nobody = with_tables(material, participants=material.participants.assign(is_analysed=False))
    (said,) = alike.blocks(nobody)
    assert isinstance(said, Paragraph)
