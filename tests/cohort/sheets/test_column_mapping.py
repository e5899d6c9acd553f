"""Exports with other names and codes, as REDCap writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.cohort_examples import two_groups, write_study
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.listing import list_tubes, read_mappings
from itc_analysis.config.sections import Study
from itc_analysis.errors import ItcError, SheetError

MAPPING = (
    "sheet\ttheir_name\tcolumn\ttheir_value\tvalue\n"
    "participants\trecord_id\tparticipant_id\t\t\n"
    "participants\tarm\tgroup\t\t\n"
    "participants\tarm\t\t1\tSSc\n"
    "participants\tarm\t\t2\thealthy\n"
    "participants\tsexe\tsex\t\t\n"
    "participants\tsexe\t\t1\tF\n"
    "participants\tsexe\t\t2\tM\n"
    "participants\tsexe\t\t9\t\n"
    "participants\tage\tage_years\t\t\n"
    "participants\tform_complete\t\t\t\n"
)
EXPORT = (
    "record_id,arm,sexe,age,weight_kg,form_complete\n"
    "P001,1,1,45,60,2\nP002,1,2,50,70,2\nP003,2,9,55,80,1\nP004,2,1,60,65,2\n"
)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    study = write_study(tmp_path)
    Path(study.participants).write_text(EXPORT, encoding="utf-8")
    mapping = tmp_path / "column_mapping.tsv"
    mapping.write_text(MAPPING, encoding="utf-8")
    return study.model_copy(update={"column_mapping": str(mapping)})


def remap(study: Study, *lines: str) -> None:
    Path(str(study.column_mapping)).write_text(MAPPING + "".join(f"{x}\n" for x in lines))


def test_their_columns_and_codes_become_ours(study: Study) -> None:
    rows = read_study_sheets(study, two_groups()).participants.rows
    assert [row["participant_id"] for row in rows] == ["P001", "P002", "P003", "P004"]
    assert [row["group"] for row in rows] == ["SSc", "SSc", "healthy", "healthy"]
    assert [row["sex"] for row in rows] == ["F", "M", None, "F"]
    assert [row["age_years"] for row in rows] == [45, 50, 55, 60]
    assert [row["weight_kg"] for row in rows] == [60, 70, 80, 65]


def test_without_a_mapping_nothing_changes(tmp_path: Path) -> None:
    study = write_study(tmp_path)
    assert read_mappings(study) == {}


def test_sheets_that_the_workflow_lists_are_translated_too(study: Study) -> None:
    tubes = Path(str(study.fcs_files))
    tubes.write_text(tubes.read_text().replace("file_id\t", "tube_no\t", 1))
    remap(study, "fcs_files\ttube_no\tfile_id\t\t")
    assert len(list_tubes(study)) == 8
    assert len(read_study_sheets(study, two_groups()).tubes.rows) == 8


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "participants\tpoids\tweight\t\t",
            "row 12, sheet 'participants' has no column 'weight'; did you mean 'weight_kg'?",
        ),
        ("participants\tage\tbmi\t\t", "row 12, their column 'age' is mapped twice; keep one row"),
        (
            "participants\tage2\tage_years\t\t",
            "row 12, two of their columns are mapped to 'age_years'; empty the column of one of "
            "them",
        ),
        (
            "participants\tsmoker\t\t1\tcurrent",
            "row 12, their column 'smoker' has a code but no row that names our column; "
            "add a row without their_value",
        ),
        (
            "participant\tage3\tbmi\t\t",
            "row 12, column 'sheet': unknown value 'participant'; did you mean 'participants'?",
        ),
    ],
)
def test_faults_of_the_mapping_are_told_with_their_row(study: Study, line: str, told: str) -> None:
    remap(study, line)
    with pytest.raises(SheetError) as caught:
        read_mappings(study)
    assert told in [str(fault) for fault in caught.value.faults]


def test_a_column_with_names_is_refused_though_it_is_not_read(study: Study) -> None:
    sheet = Path(study.participants)
    sheet.write_text(sheet.read_text().replace("form_complete", "nom"))
    remap(study, "participants\tnom\t\t\t")
    with pytest.raises(SheetError, match="column 'nom' would hold what identifies a person"):
        read_study_sheets(study, two_groups())


def test_a_column_that_is_not_mapped_is_told(study: Study) -> None:
    sheet = Path(study.participants)
    sheet.write_text(sheet.read_text().replace("form_complete", "redcap_event"))
    with pytest.raises(ItcError, match="unknown column 'redcap_event'"):
        read_study_sheets(study, two_groups())


def test_a_code_without_meaning_is_told(study: Study) -> None:
    sheet = Path(study.participants)
    sheet.write_text(sheet.read_text().replace("P001,1,1", "P001,1,3"))
    with pytest.raises(ItcError, match="column 'sex': unknown value '3'; known: F, M"):
        read_study_sheets(study, two_groups())


EVENTS = (
    "record_id,redcap_event_name,arm,sexe,age,weight_kg,form_complete\n"
    "P001,baseline_arm_1,1,1,45,60,2\nP001,visit_12m_arm_1,,,,,2\n"
    "P002,baseline_arm_1,1,2,50,70,2\nP002,visit_12m_arm_1,,,,,2\n"
    "P003,baseline_arm_2,2,9,55,80,1\nP004,baseline_arm_1,2,1,60,65,2\n"
)
DROP_EVENT = "participants\tredcap_event_name\t\t\t"


def test_an_event_is_chosen_and_rows_keep_their_numbers(study: Study) -> None:
    Path(study.participants).write_text(EVENTS)
    choose = [f"participants\tredcap_event_name\tonly_rows\tbaseline_arm_{n}\t" for n in (1, 2)]
    remap(study, *choose)
    rows = read_study_sheets(study, two_groups()).participants
    assert [row["participant_id"] for row in rows.rows] == ["P001", "P002", "P003", "P004"]
    assert rows.numbers == (2, 4, 6, 7)


def test_an_export_by_events_without_a_choice_says_how_to_choose(study: Study) -> None:
    Path(study.participants).write_text(EVENTS)
    remap(study, DROP_EVENT)
    with pytest.raises(ItcError, match=r"2 rows repeat the participant_id of another.*only_rows"):
        read_study_sheets(study, two_groups())


def test_an_event_that_no_row_has_is_told_with_those_there_are(study: Study) -> None:
    Path(study.participants).write_text(EVENTS)
    remap(study, "participants\tredcap_event_name\tonly_rows\tbaseline_arm_9\t")
    with pytest.raises(ItcError, match="no row has 'baseline_arm_9' in column 'redcap_event_name'"):
        read_study_sheets(study, two_groups())
    remap(study, "participants\tredcap_event\tonly_rows\tbaseline_arm_1\t")
    with pytest.raises(ItcError, match="'redcap_event', which rows are chosen by, is missing"):
        read_study_sheets(study, two_groups())


def test_one_map_of_codes_holds_in_all_columns_and_a_columns_own_goes_first(study: Study) -> None:
    text = "participant_id,group,sex,cmv_igg,ild\n"
    text += "P001,SSc,Female,Checked,Unchecked\nP002,SSc,Male,Unchecked,Checked\n"
    text += "P003,healthy,Male,Checked,\nP004,healthy,Female,Checked,\n"
    Path(study.participants).write_text(text)
    lines = [("*", "Female", "F"), ("*", "Male", "M"), ("*", "Checked", "yes"), ("*", "Unchecked", "no"),  # noqa: E501
             ("ild", "Unchecked", "")]  # fmt: skip
    header = "sheet\ttheir_name\tcolumn\ttheir_value\tvalue\n"
    mapping = header + "".join(f"participants\t{a}\t\t{b}\t{c}\n" for a, b, c in lines)
    Path(str(study.column_mapping)).write_text(mapping)
    rows = read_study_sheets(study, two_groups()).participants.rows
    assert [row["sex"] for row in rows] == ["F", "M", "M", "F"]
    assert [row["cmv_igg"] for row in rows] == [True, False, True, True]
    assert [row["ild"] for row in rows] == [None, True, None, None]


def test_redcaps_labels_are_never_read_as_no_by_themselves(study: Study) -> None:
    Path(study.participants).write_text("participant_id,group,cmv_igg\nP001,SSc,Unchecked\n")
    Path(str(study.column_mapping)).write_text("sheet\ttheir_name\tcolumn\ttheir_value\tvalue\n")
    words = r"'Unchecked' is neither yes nor no; say what it means by a row of column_mapping.tsv"
    with pytest.raises(ItcError, match=words):
        read_study_sheets(study, two_groups())


def test_a_row_for_all_columns_without_a_code_is_refused(study: Study) -> None:
    remap(study, "participants\t*\tsex\t\t")
    with pytest.raises(SheetError, match=r"a row for every column \(\*\) has no their_value"):
        read_mappings(study)
