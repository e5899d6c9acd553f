from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.config.sections import Settings
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.sections.results import modalities
from report.reading import tables_of, text


@pytest.fixture(scope="module")
def material(results: Path, settings: Settings) -> Material:
    return collect(results, settings)


def test_who_disagrees_is_named(material: Material) -> None:
    agreement, discordant = tables_of(modalities.section(material))
    assert [text(cell) for cell in agreement.rows[0]][:2] == ["MAIT", "8 / 1 / 0"]
    assert text(agreement.rows[1][2]) == "not estimable"
    first = material.modalities.query("is_discordant").iloc[0]
    (row,) = discordant.rows
    assert text(row[0]) == first["participant_id"]
    assert "of which 1 disagrees." in str(discordant.caption)


def test_a_study_without_one_of_the_methods_says_which(material: Material) -> None:
    no_cells = material.with_tables(
        libraries=material.libraries.iloc[:0],
        library_quality=material.library_quality.iloc[:0],
    )
    told = modalities.section(no_cells).blocks[0]
    assert "no single-cell data to compare" in str(getattr(told, "text", ""))


def test_an_empty_table_is_one_sentence(material: Material) -> None:
    names = ("associations", "compositions", "modalities", "modality_agreement")
    empty = material.with_tables(**{name: getattr(material, name).iloc[:0] for name in names})
    section = modalities.section(empty)
    assert len(section.blocks) == 1
    assert "plan names no" in str(getattr(section.blocks[0], "text", ""))
