"""What the check of the cohort found, as the page tells it."""

from __future__ import annotations

import re

from itc_analysis.report.html.blocks import Cell, Details, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections.people import cohort_checks, participants
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.decisions import Queries
from report.reading import with_tables


def folded(block: object) -> Table:
    """Return the table behind a click."""
    assert isinstance(block, Details)
    table = block.blocks[0]
    assert isinstance(table, Table)
    return table


def test_every_person_stands_once_in_each_set_of_criteria(material: Material) -> None:
    table = cohort_checks.criteria(material)[0]
    assert isinstance(table, Table)
    for row in table.rows:
        shown = [sum(map(int, re.findall(r"\d+", str(cell)))) for cell in row[1:]]
        sizes = material.participants["group"].value_counts()
        assert shown == [sizes[str(group)] for group in table.header[1:]]


def test_the_sets_of_the_own_group_are_bold(material: Material) -> None:
    table = cohort_checks.criteria(material)[0]
    assert isinstance(table, Table)
    places = {str(group): place for place, group in enumerate(table.header)}
    bold = [
        (number, place)
        for number, row in enumerate(table.rows)
        for place, cell in enumerate(row)
        if str(cell).startswith("<strong>")
    ]
    assert bold == [(0, places["SSc"]), (1, places["RA"])]
    assert str(table.rows[0][places["SSc"]]) == "<strong>3 / 0 / 1</strong>"


def test_a_declaration_that_stands_in_is_told(material: Material) -> None:
    table = cohort_checks.criteria(material)[0]
    assert isinstance(table, Table)
    assert "for 1 person the clinician’s declaration is used instead" in str(table.caption)


def test_a_study_without_items_says_so_instead_of_a_table_of_zeros(material: Material) -> None:
    bare = material.classification.assign(verdict="not_assessable")
    (block,) = cohort_checks.criteria(with_tables(material, classification=bare))
    assert isinstance(block, Paragraph)
    assert "too few items" in str(block.text)


def test_questions_that_keep_a_person_out_come_first(material: Material) -> None:
    (block,) = cohort_checks.queries(material)
    assert isinstance(block, Details)
    assert block.summary == "2 open questions, 1 person cannot be compared until answered"
    assert [row[-1] for row in folded(block).rows] == ["yes", "no"]


def test_no_open_question_is_said(material: Material) -> None:
    none = with_tables(material, queries=contract.empty(Queries))
    (block,) = cohort_checks.queries(none)
    assert isinstance(block, Paragraph)


def test_small_cells_are_marked_and_add_up_to_everybody(material: Material) -> None:
    table = folded(cohort_checks.disclosure(material)[0])
    cells = [cell for row in table.rows for cell in row[1:] if cell != "–"]
    n = [int(cell.text) if isinstance(cell, Cell) else int(str(cell)) for cell in cells]
    assert sum(n) == len(material.participants)
    k = material.settings.cohort.min_cell_size
    assert [isinstance(cell, Cell) for cell in cells] == [number < k for number in n]
    assert f"fewer than {k} people" in str(table.caption)


def test_a_batch_of_one_group_is_not_said_to_be_spread_evenly(material: Material) -> None:
    """With few people Cramér's V is 0 all the same."""
    analysed = material.participants.query("is_analysed and group == 'SSc'")["participant_id"]
    is_alone = material.tubes["sample_id"] == f"S-{analysed.iloc[0]}"
    tubes = material.tubes.assign(batch=material.tubes["batch"].mask(is_alone, "b2"))
    told = participants.batches_in_short(with_tables(material, tubes=tubes))
    assert (
        "panel_a and panel_b: 2 batches, of which 1 with one group only: group and batch cannot be "
        "separated there." in told
    )
