"""Within one group, parts of one whole, and two methods: short sections that say when they have nothing to show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from itc_analysis.config import Settings
from itc_analysis.report import associations, compositions, modalities
from itc_analysis.report.blocks import Cell, Details, Figure, Gallery, Section, Table
from itc_analysis.report.material import Material, collect
from itc_analysis.report.pictures import drawing


@pytest.fixture(scope="module")
def material(results: Path, settings: Settings) -> Material:
    return collect(results, settings)


def tables_of(section: Section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def text(cell: Any) -> str:
    return str(cell.text if isinstance(cell, Cell) else cell)


def test_a_number_falls_and_a_category_is_lower(material: Material) -> None:
    section = associations.section(material)
    (shown,) = tables_of(section)
    assert [text(cell) for cell in shown.rows[0][:3]] == [
        "MAIT, cells/µL",
        "Modified Rodnan skin score, per 5 points",
        "falls",
    ]
    rows = material.associations.assign(p_value=0.001, p_adjusted=0.002)
    both = tables_of(associations.section(replace(material, associations=rows)))[0]
    assert [text(row[2]) for row in both.rows] == ["higher", "falls"]  # ties by name
    assert [text(row[7]) for row in both.rows] == ["1 / 2", "3"]


def test_where_nothing_is_shown_the_nearest_are_named_as_chance(material: Material) -> None:
    rows = material.associations.assign(p_adjusted=0.9)
    (shown,) = tables_of(associations.section(replace(material, associations=rows)))
    assert "None is shown after adjustment" in str(shown.caption)
    assert len(shown.rows) == 2


def test_every_association_is_in_one_of_the_two_lists(material: Material) -> None:
    folded = [b for b in associations.section(material).blocks if isinstance(b, Details)]
    everything, unknown = (next(t for t in b.blocks if isinstance(t, Table)) for b in folded)
    assert len(everything.rows) == int((material.associations["status"] == "ok").sum())
    assert [list(map(text, row)) for row in unknown.rows] == [
        ["Capillaroscopy pattern", "capillaroscopy is known for nobody in SSc", "1"]
    ]


def test_the_map_leaves_out_what_nobody_has(material: Material) -> None:
    with drawing():  # words stay words
        section = associations.section(material)
    (figure,) = [b for b in section.blocks if isinstance(b, Figure)]
    assert "Modified Rodnan skin score" in str(figure.picture)
    assert "Capillaroscopy" not in str(figure.picture)


def test_the_joint_test_comes_before_the_parts(material: Material) -> None:
    section = compositions.section(material)
    (shown,) = tables_of(section)
    assert [text(row[1]) for row in shown.rows] == [
        "all parts together",
        "MAIT per CD4 T",
        "γδ T per CD4 T",
    ]
    assert [text(row[2]) for row in shown.rows] == ["differs", "lower", "not shown"]
    assert sum(isinstance(block, Gallery) for block in section.blocks) == 1


def test_who_disagrees_is_named(material: Material) -> None:
    agreement, discordant = tables_of(modalities.section(material))
    assert [text(cell) for cell in agreement.rows[0]][:2] == ["MAIT", "8 / 1 / 0"]
    assert text(agreement.rows[1][2]) == "not estimable"
    first = material.modalities.query("is_discordant").iloc[0]
    (row,) = discordant.rows
    assert text(row[0]) == first["participant_id"]
    assert "of which 1 disagrees." in str(discordant.caption)


@pytest.mark.parametrize("room", [associations, compositions, modalities])
def test_an_empty_table_is_one_sentence(material: Material, room: Any) -> None:
    names = ("associations", "compositions", "modalities", "modality_agreement")
    empty = replace(material, **{name: getattr(material, name).iloc[:0] for name in names})
    section = room.section(empty)
    assert len(section.blocks) == 1
    assert "plan names no" in str(section.blocks[0].text)


def test_a_study_without_one_of_the_methods_says_which(material: Material) -> None:
    no_cells = replace(
        material,
        libraries=material.libraries.iloc[:0],
        library_quality=material.library_quality.iloc[:0],
    )
    told = modalities.section(no_cells).blocks[0]
    assert "no single-cell data to compare" in str(getattr(told, "text", ""))
