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


def test_an_empty_table_is_no_section(material: Material) -> None:
    names = ("associations", "compositions", "modalities", "modality_agreement")
    empty = material.with_tables(**{name: getattr(material, name).iloc[:0] for name in names})
    assert modalities.section(empty) is None
