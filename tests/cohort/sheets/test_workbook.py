"""Excel workbooks read as they are."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from openpyxl.styles import Font

from itc_analysis.cohort.sheets.read import read_sheet
from itc_analysis.errors import SheetError
from itc_analysis.tables.cohort.sheets import ParticipantSheet

HEADER = ["participant_id", "group", "age_years", "weight_kg", "cmv_igg"]
ROWS: list[list[Any]] = [["P001", "SSc", 45, 60.5, True], ["P002", "healthy", None, 70, None]]


def save(path: Path, *rows: list[Any], title: str = "Feuil1") -> Any:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    book.save(path)
    return book


def told(path: Path) -> str:
    with pytest.raises(SheetError) as caught:
        read_sheet(path, ParticipantSheet)
    return str(caught.value)


@pytest.mark.parametrize("name", ["people.xlsx", "people.tsv"])
def test_a_workbook_reads_as_its_text(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, HEADER, *ROWS)
    text = tmp_path / "text.tsv"
    text.write_text("\t".join(HEADER) + "\nP001\tSSc\t45\t60.5\tyes\nP002\thealthy\t\t70\t\n")
    found = read_sheet(tmp_path / name, ParticipantSheet)
    pd.testing.assert_frame_equal(found, read_sheet(text, ParticipantSheet))


def test_numbers_of_a_workbook_are_what_it_holds_and_ids_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    book = save(path, HEADER, [7, "SSc", 45, 60.123, "oui"])
    book.active["A2"].number_format = "000"
    book.active["D2"].number_format = "#,##0.0"
    book.save(path)
    table = read_sheet(path, ParticipantSheet)
    assert table["participant_id"].tolist() == ["007"]
    assert table["weight_kg"].tolist() == [60.123]
    assert table["cmv_igg"].tolist() == [True]


def test_a_cell_is_what_its_format_shows_where_that_changes_the_number(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    book = save(path, [*HEADER, "ild_extent_percent"], [7, "SSc", 45, 60, None, 0.25])
    book.active["A2"].number_format = '"P"000'
    book.active["F2"].number_format = "0.0%"
    book.save(path)
    table = read_sheet(path, ParticipantSheet)
    assert table["participant_id"].tolist() == ["P007"]
    assert table["ild_extent_percent"].tolist() == [25]
    book.active["D2"].number_format = "0 %"
    book.save(path)
    assert "'6000 %' is more than a number; write the number alone, in kg" in told(path)


def test_rows_that_people_set_aside_are_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    book = save(path, HEADER, *ROWS)
    book.active.row_dimensions[2].hidden = True
    book.active["A3"].font = Font(strike=True)
    book.save(path)
    assert "row 2, the row is hidden; show all rows" in told(path)
    assert "row 3, the row is struck through; delete it" in told(path)


def test_a_hidden_worksheet_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    book = save(path, HEADER, *ROWS)
    older = book.copy_worksheet(book.active)
    older.sheet_state = "hidden"
    older["A2"] = "P999"
    book.save(path)
    assert read_sheet(path, ParticipantSheet)["participant_id"].tolist() == ["P001", "P002"]


def test_of_several_worksheets_the_one_with_the_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    book = save(path, ["notes"], ["read me"])
    sheet = book.create_sheet("people")
    for row in (HEADER, *ROWS):
        sheet.append(row)
    book.save(path)
    assert read_sheet(path, ParticipantSheet)["participant_id"].tolist() == ["P001", "P002"]
    copy = book.copy_worksheet(sheet)
    copy.title = "people (2)"
    book.save(path)
    assert "worksheets 'people', 'people (2)' could be meant" in told(path)


def test_merged_cells_formulas_without_results_and_dates_are_named(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    rows = [
        HEADER,
        ["P1", "SSc", 45, 60, None],
        ["P2", None, datetime.date(2024, 5, 3), 60, None],
        ["P3", "SSc", "=40+5", 60, None],
    ]
    book = save(path, *rows)
    book.active.merge_cells("B2:B3")
    book.save(path)
    words = told(path)
    assert "row 2, cells B2:B3 are merged, so that all but the first are empty; unmerge" in words
    assert "row 4, cell C4 is a formula whose result is not stored" in words
    assert "row 3, column 'age_years': the cell is a date" in words


def test_what_is_no_workbook_of_excel_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "people.xlsx"
    path.write_bytes(b"PK\x03\x04" + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet")
    assert "not Excel's (.ods); save it as .xlsx" in told(path)
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    assert "of the old kind (.xls) or with a password; save it as .xlsx" in told(path)
    save(path, HEADER, *ROWS)
    path.write_bytes(path.read_bytes()[:400])
    assert "cannot be opened" in told(path)
