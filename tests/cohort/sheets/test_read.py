"""Sheets as spreadsheets and exports really write them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from itc_analysis.cohort.sheets import columns
from itc_analysis.cohort.sheets.cells import parse_cell
from itc_analysis.cohort.sheets.columns import Column
from itc_analysis.cohort.sheets.read import describe_sheets, read_sheet
from itc_analysis.errors import SheetError
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import SHEETS, ParticipantSheet, SampleSheet, TubeSheet

HEADER = "participant_id\tgroup\tage_years\tweight_kg\tcmv_igg\n"
GOOD = HEADER + "P001\tSSc\t45\t60.5\tyes\nP002\thealthy\t\t70\t\n"


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "participants.tsv"


def read(path: Path, text: str | bytes) -> pd.DataFrame:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_sheet(path, ParticipantSheet)


def faults(path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(SheetError) as caught:
        read(path, text)
    assert caught.value.source == str(path)
    return [str(fault) for fault in caught.value.faults]


def test_cells_get_the_types_of_the_contract_and_empty_is_missing(sheet: Path) -> None:
    table = read(sheet, GOOD)
    assert list(table["participant_id"]) == ["P001", "P002"]
    assert table["age_years"].tolist()[0] == 45
    assert table["age_years"].isna().tolist() == [False, True]
    assert table["cmv_igg"].dtype == "boolean"
    assert table["cmv_igg"].tolist() == [True, pd.NA]
    assert table["weight_kg"].tolist() == [60.5, 70]


def test_optional_columns_that_are_left_out_are_missing_throughout(sheet: Path) -> None:
    table = read(sheet, GOOD)
    assert list(table.columns) == list(contract.columns_of(ParticipantSheet))
    assert table["mrss"].isna().all()
    assert table["overlap_syndrome"].isna().all()


def test_ids_stay_text(sheet: Path) -> None:
    table = read(sheet, HEADER + "001\tSSc\t45\t60\t\nNA\tSSc\t45\t60\t\n1e3\tSSc\t45\t60\t\n")
    assert table["participant_id"].tolist() == ["001", "NA", "1e3"]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\t", ";").encode(),
        lambda text: text.replace("\t", ",").encode(),
        lambda text: text.replace("\n", "\t\t\n").encode(),
        lambda text: (text + "\n\t\t\n\n").encode(),
        lambda text: text.replace("P001", '"P001"').encode(),
        lambda text: text.replace("P001", " P001\u00a0").encode(),
    ],
    ids=[
        "bom",
        "utf-16-le",
        "utf-16-be",
        "crlf",
        "semicolons",
        "commas",
        "empty-columns",
        "empty-rows",
        "quotes",
        "blanks",
    ],
)
def test_what_spreadsheets_write_reads_the_same(sheet: Path, encode) -> None:
    expected = read(sheet, GOOD)
    pd.testing.assert_frame_equal(read(sheet, encode(GOOD)), expected)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_what_excel_saves_in_western_countries_is_read(sheet: Path, encoding: str) -> None:
    text = HEADER + "P001\tSSc\t45\t60\t\nP002\tSjögren\t45\t60\t\n"
    assert read(sheet, text.encode(encoding))["group"].tolist() == ["SSc", "Sjögren"]


def test_bytes_that_are_no_western_letters_are_refused_with_the_row(sheet: Path) -> None:
    text = HEADER + "P001\tSSc\t45\t60\t\nP002\tSjögren\t45\t60\t\n"
    assert faults(sheet, text.encode("mac-roman")) == [
        "row 3, byte 0x9A is not UTF-8, and no letter of Windows-1252 or Latin-1; "
        "save it as 'Text (tab delimited)' in UTF-8"
    ]


def test_utf_16_without_a_mark_is_refused(sheet: Path) -> None:
    (told,) = faults(sheet, GOOD.encode("utf-16-le"))
    assert told.startswith("this looks like UTF-16 without a byte order mark; save it as")


@pytest.mark.parametrize("magic", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest"])
def test_a_workbook_is_refused(sheet: Path, magic: bytes) -> None:
    (told,) = faults(sheet, magic)
    assert told.startswith("this is a spreadsheet workbook, not text")


def test_an_absent_sheet_is_told_without_traceback(sheet: Path) -> None:
    with pytest.raises(SheetError, match="the sheet is not there; check the path, which starts"):
        read_sheet(sheet, ParticipantSheet)


def test_an_empty_file_is_told(sheet: Path) -> None:
    assert faults(sheet, "") == ["row 1 is empty; it must hold the column names"]


def test_a_stray_quote_is_told_with_its_row(sheet: Path) -> None:
    text = HEADER + 'P001\t"SSc\t45\t60\t\nP002\tSSc"\t45\t60\t\nP003\tSSc\t45\t60\tmaybe\n'
    assert faults(sheet, text) == [
        "row 2, a cell holds a line break; look for a stray quote in this row",
        # the record with the break is one row, as in a spreadsheet
        "row 3, column 'cmv_igg': 'maybe' is neither yes nor no; write yes or no; an empty "
        "cell means not known",
    ]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("3,5", "'3,5' has a decimal comma; write 3.5"),
        ("60 kg", "'60 kg' is more than a number; write the number alone, in kg"),
        ("NA", "'NA' is not a number; leave the cell empty when not known"),
        ("600", "600 kg is outside 2 to 300 kg; check the number and its unit"),
        ("-60", "-60 kg is outside 2 to 300 kg; check the number and its unit"),
        ("inf", "'inf' is not a number; write it as in 3.5 kg"),
        ("heavy", "'heavy' is not a number; write it as in 3.5 kg"),
        ("1e999", "1e999 kg is outside 2 to 300 kg; check the number and its unit"),
    ],
)
def test_numbers_that_are_none_are_refused_in_words(sheet: Path, cell: str, words: str) -> None:
    text = HEADER + f"P001\tSSc\t45\t{cell}\t\n"
    assert faults(sheet, text) == [f"row 2, column 'weight_kg': {words}"]


@pytest.mark.parametrize(
    "date", ["12/03/1960", "1960-03-12", "03-May", "3-mai", "12.03.1960", "May-60", "1/2/60"]
)
def test_dates_are_refused_and_not_repeated(sheet: Path, date: str) -> None:
    (told,) = faults(sheet, HEADER + f"P001\tSSc\t{date}\t60\t\n")
    assert told.startswith("row 2, column 'age_years': the cell is a date; write a number")
    assert date not in told
    (told,) = faults(sheet, HEADER + f"{date}\tSSc\t45\t60\t\n")
    assert told.startswith("row 2, column 'participant_id': the cell is a date; dates identify")
    assert date not in told


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("Marie Dupont", "a person's name"),
        ("DUPONT, Marie", "a person's name"),
        ("Hélène O'Brien", "a person's name"),
        ("Dupont_Marie", "a person's name"),
        ("8001234567", "a hospital number"),
        ("IPP8001234567", "a hospital number"),
    ],
)
def test_names_and_hospital_numbers_are_refused_and_not_repeated(
    sheet: Path, cell: str, kind: str
) -> None:
    (told,) = faults(sheet, HEADER + f"{cell}\tSSc\t45\t60\t\n")
    assert told == (
        f"row 2, column 'participant_id': '{cell[0]}...' ({len(cell)} characters) looks like "
        f"{kind}; use a random study code"
    )


def test_study_codes_are_not_taken_for_names_or_numbers(sheet: Path) -> None:
    codes = ["SSc_012", "HC-07", "001234", "P.1", "MAIT_control_3", "A1B2C3", "x"]
    table = read(sheet, HEADER + "".join(f"{code}\tSSc\t45\t60\t\n" for code in codes))
    assert table["participant_id"].tolist() == codes


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("S 12", "'S 12' holds a blank"),
        ("Zoé1", "'Zoé1' holds 'é'"),
        ("Hélène", "'H...' (6 characters) holds 'è' and 'é'"),
        ("S/12", "'S/12' holds '/'"),
        ("_12", "'_12' begins with a dot, dash or underscore"),
        ("../up", "'../up' holds '/'"),
    ],
)
def test_ids_that_cannot_be_folder_names_are_refused(sheet: Path, cell: str, words: str) -> None:
    assert faults(sheet, HEADER + f"{cell}\tSSc\t45\t60\t\n") == [
        f"row 2, column 'participant_id': {words}; "
        "use letters a-z, digits, dot, dash and underscore: ids become folder names"
    ]


def test_an_id_that_is_too_long_for_a_file_name_is_refused(sheet: Path) -> None:
    longest = "a" * 100
    assert read(sheet, HEADER + f"{longest}\tSSc\t45\t60\t\n")["participant_id"][0] == longest
    (told,) = faults(sheet, HEADER + f"{longest}b\tSSc\t45\t60\t\n")
    assert told.endswith(
        "'a...' (101 characters) is too long; use 100 characters at most: ids become file names"
    )


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("yes", True),
        ("No", False),
        ("TRUE", True),
        ("false", False),
        ("1", True),
        ("0", False),
        ("oui", True),
        ("non", False),
        ("", pd.NA),
    ],
)
def test_yes_and_no_in_the_usual_spellings(sheet: Path, cell: str, value: object) -> None:
    assert read(sheet, HEADER + f"P001\tSSc\t45\t60\t{cell}\n")["cmv_igg"].tolist() == [value]


@pytest.mark.parametrize("cell", ["maybe", "2", "NA", "perhaps"])
def test_other_answers_are_refused_and_never_read_as_no(sheet: Path, cell: str) -> None:
    (told,) = faults(sheet, HEADER + f"P001\tSSc\t45\t60\t{cell}\n")
    assert told.endswith("is neither yes nor no; write yes or no; an empty cell means not known")


def test_enumerations_say_what_was_probably_meant(sheet: Path) -> None:
    text = "participant_id\tgroup\tsex\tssc_subset\nP1\tSSc\tf\tlcssc\nP2\tSSc\tfemale\t\n"
    assert faults(sheet, text) == [
        "row 2, column 'sex': unknown value 'f'; did you mean 'F'?",
        "row 2, column 'ssc_subset': unknown value 'lcssc'; did you mean 'lcSSc'?",
        "row 3, column 'sex': unknown value 'female'; known: F, M",
    ]


def test_a_repeated_id_is_told_with_both_rows(sheet: Path) -> None:
    text = HEADER + "P1\tSSc\t45\t60\t\nP2\tSSc\t45\t60\t\n\nP1\tSSc\t45\t60\t\n"
    assert faults(sheet, text) == [
        "row 5, participant_id 'P1' is already in row 2; each may appear once"
    ]


def test_header_faults_are_told_together(sheet: Path) -> None:
    text = "participant_id\tage_year\tage_years\tage_years\tnom\t\tIPP\nP1\t1\t2\t3\t4\t5\t6\n"
    assert faults(sheet, text) == [
        "row 1, unknown column 'age_year'; did you mean 'age_years'?",
        "row 1, column 'age_years' appears twice (columns 3 and 4); delete one",
        "row 1, column 'nom' would hold what identifies a person; "
        "delete it: only pseudonyms and ages are kept",
        "row 1, column 6 has no name; name or delete it",
        "row 1, column 'IPP' would hold what identifies a person; "
        "delete it: only pseudonyms and ages are kept",
        "row 1, column 'group' is missing; add it",
    ]


def test_all_faults_of_all_rows_are_told_at_once(sheet: Path) -> None:
    text = HEADER + "P1\tSSc\t45,5\t60\t\n\tSSc\t45\t1\tperhaps\nP3\t\t45\t60\t\textra\n"
    assert faults(sheet, text) == [
        "row 4, has 6 cells where the header has 5; look for a separator inside a cell",
        "row 2, column 'age_years': '45,5' has a decimal comma; write 45.5",
        "row 3, column 'participant_id': the cell is empty; every row needs it",
        "row 3, column 'weight_kg': 1 kg is outside 2 to 300 kg; check the number and its unit",
        "row 3, column 'cmv_igg': 'perhaps' is neither yes nor no; write yes or no; an empty "
        "cell means not known",
        "row 4, column 'group': the cell is empty; every row needs it",
    ]


def test_one_slip_in_many_rows_is_told_in_one_line(sheet: Path) -> None:
    rows = "".join(f"P{n}\tSSc\t45\t{'NA' if n != 4 else '60'}\t\n" for n in range(1, 8))
    assert faults(sheet, HEADER + rows) == [
        "rows 2-4, 6-8, column 'weight_kg': 'NA' is not a number; leave the cell empty when not "
        "known"
    ]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=60),
        st.tuples(st.integers(0, len(GOOD)), st.binary(min_size=1, max_size=4)).map(
            lambda edit: GOOD.encode()[: edit[0]] + edit[1] + GOOD.encode()[edit[0] :]
        ),
        st.integers(2, 2 * len(GOOD)).map(lambda end: GOOD.encode("utf-16")[:end]),
    )
)
def test_no_bytes_whatever_end_in_a_traceback(sheet: Path, data: bytes) -> None:
    try:
        table = read(sheet, data)
    except SheetError:
        return
    assert list(table.columns) == list(contract.columns_of(ParticipantSheet))


def test_a_cell_that_swallowed_half_a_sheet_is_shown_in_part(sheet: Path) -> None:
    (told,) = faults(sheet, HEADER + f"P001\tSSc\t45\t60\t{'x1' * 500}\n")
    assert len(told) < 200


def test_batches_may_be_named_by_the_day_of_staining_but_samples_not(tmp_path: Path) -> None:
    path = tmp_path / "fcs_files.tsv"
    header = "file_id\tsample_id\tpath\tpanel\tbatch\ttube\n"
    path.write_text(header + "T1\tS1\tfcs/2024-03-01/a.fcs\tp\t2024-03-01\tstained\n")
    assert read_sheet(path, TubeSheet)["batch"].tolist() == ["2024-03-01"]
    path.write_text(header + "T1\t2024-03-01\ta.fcs\tp\tb\tstained\n")
    with pytest.raises(SheetError, match="column 'sample_id': the cell is a date"):
        read_sheet(path, TubeSheet)


def test_a_sheet_with_a_header_only_has_no_rows_but_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "samples.tsv"
    path.write_text("sample_id\tsample_type\n")
    table = read_sheet(path, SampleSheet)
    assert len(table) == 0
    assert list(table.columns) == list(contract.columns_of(SampleSheet))


def test_the_forms_kept_for_the_snakefile_are_those_of_the_contracts() -> None:
    assert columns.sheet_forms() == describe_sheets()
    assert set(columns.sheet_forms()) == {sheet.__name__ for sheet in SHEETS}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("positif", "'positif' is neither yes nor no; write yes if it is positive"),
        ("Positive", "'Positive' is neither yes nor no; write yes if it is positive"),
        ("+", "'+' is neither yes nor no; write yes if it is positive"),
        ("++", "'++' is neither yes nor no; write yes if it is positive"),
        ("Négatif", "'Négatif' is neither yes nor no; write no if it is negative"),
        ("neg", "'neg' is neither yes nor no; write no if it is negative"),
        ("-", "'-' is neither yes nor no; write no if it is negative"),
    ],
)
def test_results_of_antibodies_in_words_are_to_be_yes_or_no(cell: str, words: str) -> None:
    column = Column("anticentromere", "yes_no", required=False)
    assert parse_cell(cell, column) == (None, tuple(words.split("; ")))


def test_a_decimal_comma_that_is_out_of_range_is_not_to_be_written_again() -> None:
    column = Column("lymphocyte_share", "number", required=False, low=0, high=1)
    _, fault = parse_cell("25,8", column)
    assert fault is not None
    assert fault[0] == "'25,8' has a decimal comma, and 25.8 is outside 0 to 1"
    assert "write" not in fault[1]


def test_a_sheet_may_be_parted_by_bars(tmp_path: Path) -> None:
    path = tmp_path / "samples.tsv"
    path.write_text("sample_id|participant_id|sample_type\nS1|P1|participant\n")
    assert read_sheet(path, SampleSheet)["sample_id"].tolist() == ["S1"]
