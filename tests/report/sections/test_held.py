"""What is held stands under Problems with the likely cause; nothing stands there without it."""

from __future__ import annotations

from itc_analysis.report.html.blocks import Heading, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections import held, problems
from itc_analysis.report.sections.front import caveats
from itc_analysis.tables.held import HELD_UNTIL
from report.reading import with_tables

WHY = "stains CD4 and CD8 seem swapped: each looks like the other"


def with_held(material: Material) -> tuple[Material, str]:
    table = material.measurements.copy()
    tube = str(table.loc[table["assay"] == "flow", "source_id"].iloc[0])
    own = table["source_id"] == tube
    table.loc[own, "status"] = "held"
    table.loc[own, "reason"] = f"{HELD_UNTIL}: {WHY}"
    return with_tables(material, measurements=table), tube


def test_a_held_tube_is_named_first_with_its_cause_and_what_to_do(material: Material) -> None:
    changed, tube = with_held(material)
    blocks = problems.section(changed).blocks
    place = next(i for i, b in enumerate(blocks) if isinstance(b, Heading))
    assert blocks[place].text == "Held until a person confirms them"
    table = blocks[place + 1]
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == [tube]
    assert table.rows[0][2] == WHY
    assert "`confirmed`" in str(table.caption)


def test_nothing_is_said_where_nothing_is_held(material: Material) -> None:
    quiet = with_tables(material, identity=material.identity.assign(finding="ok"))
    assert held.blocks(quiet) == []


def test_what_cannot_be_told_is_named_and_not_held(material: Material) -> None:
    blocks = held.blocks(material)
    assert isinstance(blocks[0], Heading)
    assert blocks[0].text == "Tubes to look at"
    table = blocks[1]
    assert isinstance(table, Table)
    assert {row[1] for row in table.rows} == {"depleted, or stain left out, cannot be told"}


def test_the_first_page_names_a_held_tube_with_its_cause(material: Material) -> None:
    changed, tube = with_held(material)
    told = str(caveats.section(changed).blocks[0])
    assert f"1 held because they look wrong: {tube} ({WHY})." in told
    assert 'href="#problems"' in told
    assert "because they look wrong" not in str(caveats.section(material).blocks[0])
