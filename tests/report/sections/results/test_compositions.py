from __future__ import annotations

from itc_analysis.report.html.blocks import Gallery
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.results import compositions
from report.reading import tables_of, text, with_tables


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


def test_an_empty_table_is_no_section(material: Material) -> None:
    names = ("associations", "compositions", "modalities", "modality_agreement")
    empty = with_tables(material, **{name: getattr(material, name).iloc[:0] for name in names})
    assert compositions.section(empty) is None
