"""Tubes to look at again: each is named once, what a whole panel shares is one line."""

from __future__ import annotations

from itc_analysis.report.html.blocks import Gallery, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.pictures import drawing
from itc_analysis.report.sections.laboratory import to_look_at
from report.reading import with_tables


def with_states(material: Material, **states: str) -> Material:
    """Return the study with all gates ok but the population's."""
    gates = material.gates.assign(state="ok", reason=None)
    for population, state in states.items():
        gates.loc[gates["population"] == population, "state"] = state
    return with_tables(material, gates=gates)


def test_every_doubtful_gate_is_named_with_its_tube(material: Material) -> None:
    everywhere, gates = to_look_at.doubtful_gates(material)
    expected = material.gates[material.gates["state"].isin(to_look_at.DOUBTFUL)]
    assert everywhere == []
    assert sorted(zip(gates["file_id"], gates["population"], strict=True)) == sorted(
        zip(expected["file_id"], expected["population"], strict=True)
    )
    with drawing():
        tables = [block for block in to_look_at.blocks(material) if isinstance(block, Table)]
    assert {str(row[0]) for row in tables[0].rows} == set(expected["file_id"])


def test_what_most_tubes_of_a_panel_share_is_one_question_to_the_panel(material: Material) -> None:
    weak = with_states(material, inkt="weak")
    told, gates = to_look_at.doubtful_gates(weak)
    assert gates.empty
    assert len(told) == 1
    with drawing():
        first, nobody, examples = to_look_at.blocks(weak)
    assert first.text.startswith("iNKT (panel_a): weak in ")  # type: ignore[union-attr]
    assert "No single tube asks" in str(nobody.text)  # type: ignore[union-attr]
    assert isinstance(examples, Gallery)
    assert len(examples.figures) == 1


def test_a_study_with_good_gates_says_so(material: Material) -> None:
    (block,) = to_look_at.blocks(with_states(material))
    assert isinstance(block, Paragraph)
    assert block.text.startswith("No tube asks for a second look")


def test_borrowed_gates_are_counted_by_population(material: Material) -> None:
    borrowed = with_states(material, inkt="borrowed")
    n = int((to_look_at._gates_of_people(borrowed)["state"] == "borrowed").sum())
    nobody, told = to_look_at.blocks(borrowed)
    assert "No tube asks for a second look" in str(nobody.text)  # type: ignore[union-attr]
    assert f"took their place from the batch (borrowed): iNKT {n}. " in str(told.text)  # type: ignore[union-attr]
