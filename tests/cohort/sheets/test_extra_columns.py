"""Columns that a study declares: read by their kind, refused outside limits, never an identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cohort.cohort_examples import spotless, write_sheet
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.sheets.personal_data import find_contact, names_identity
from itc_analysis.cohort.variables import make_variables
from itc_analysis.config.sections import Cohort, Study
from itc_analysis.errors import ItcError

SST2 = {"sheet": "participants", "column": "sst2", "kind": "number", "unit": "ng/mL", "low": 0,
        "high": 500, "months_from_draw": 0}  # fmt: skip
FLARE = {"sheet": "participants", "column": "flare", "kind": "yes_no"}
SITE = {
    "sheet": "samples",
    "column": "tube_type",
    "kind": "category",
    "categories": "EDTA, heparin",
}
VIABLE = {"sheet": "samples", "column": "viable", "kind": "number", "unit": "%", "low": 0,
          "high": 100}  # fmt: skip


def study(
    folder: Path,
    declared: list[dict[str, Any]],
    people: list[dict[str, Any]],
    samples: list[dict[str, Any]],
) -> Study:
    """Write the sheets of a study without tubes."""
    rows = [spotless(f"P{i}") | extra for i, extra in enumerate(people, start=1)]
    write_sheet(folder / "participants.tsv", rows)
    sampled = [
        {"sample_id": f"S{i}", "participant_id": "P1", "sample_type": "participant"} | extra
        for i, extra in enumerate(samples, start=1)
    ]
    write_sheet(folder / "samples.tsv", sampled)
    if declared:
        write_sheet(folder / "variables.tsv", declared)
    return Study(
        data_folder=str(folder),
        participants=str(folder / "participants.tsv"),
        samples=str(folder / "samples.tsv"),
        fcs_files=None,
        variables=str(folder / "variables.tsv") if declared else None,
    )


def variables(*arguments: Any) -> Any:
    sheets = read_study_sheets(study(*arguments), Cohort())
    return make_variables(sheets)


def refused(*arguments: Any) -> str:
    with pytest.raises(ItcError) as caught:
        read_study_sheets(study(*arguments), Cohort())
    return str(caught.value)


def test_each_kind_is_read_and_what_is_below_a_limit_stays_so(tmp_path: Path) -> None:
    people = [{"sst2": "12.5", "flare": "yes"}, {"sst2": "<0.02", "flare": "no"}, {}]
    table, odd = variables(tmp_path, [SST2, FLARE], people, [{}])
    sst2 = table[table["variable"] == "sst2"].set_index("participant_id")
    assert sst2.loc[["P1", "P2"], "value"].tolist() == [12.5, 0.02]
    assert sst2["is_below"].tolist() == [False, True, False]
    assert sst2["value"].isna().tolist() == [False, False, True]
    flare = table[table["variable"] == "flare"].set_index("participant_id")["value"]
    assert flare[["P1", "P2"]].tolist() == [1.0, 0.0]
    assert not odd


def test_samples_of_a_person_are_averaged_and_words_that_differ_are_missing(
    tmp_path: Path,
) -> None:
    samples = [{"viable": 80, "tube_type": "EDTA"}, {"viable": 90, "tube_type": "heparin"}]
    table, odd = variables(tmp_path, [SITE, VIABLE], [{}], samples)
    by_name = table.set_index("variable")
    assert by_name.loc["viable", "value"] == 85
    assert by_name.loc["viable", "n_samples"] == 2
    assert by_name["category"].isna().all()
    assert [problem["what"] for problem in odd] == ["tube_type differs between the samples of P1"]


def test_a_value_outside_the_limits_is_refused_with_row_and_column(tmp_path: Path) -> None:
    message = refused(tmp_path, [SST2], [{"sst2": "12"}, {"sst2": "501"}, {"sst2": "<900"}], [{}])
    assert "row 3, column 'sst2': 501 ng/mL is outside 0 to 500 ng/mL" in message
    assert "row 4, column 'sst2'" in message


def test_an_undeclared_column_says_how_to_declare_it(tmp_path: Path) -> None:
    message = refused(tmp_path, [], [{"sst2": "12"}], [{}])
    assert "unknown column 'sst2'" in message
    assert "to add a column, declare it in a sheet of variables (study.variables" in message
    again = refused(tmp_path, [FLARE], [{"sst2": "12"}], [{}])
    assert f"declare it in {tmp_path / 'variables.tsv'}" in again


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"high": None}, "'sst2' has no limits"),
        ({"low": 600}, "low 600 is not below high 500"),
        ({"categories": "a, b"}, "a number has no categories"),
        ({"kind": "category"}, "a category has no unit and no limits"),
        ({"column": "mrss"}, "'mrss' is a column of the sheets already"),
        ({"column": "sST2 level"}, "cannot be used in a formula"),
        ({"column": "cr"}, "has a meaning of its own"),
        ({"column": "date_of_visit"}, "identifies a person"),
        ({"column": "birth_year"}, "identifies a person"),
        ({"column": "patientNumber"}, "identifies a person"),
        ({"column": "mobile_phone"}, "identifies a person"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    assert words in refused(tmp_path, [SST2 | changed], [{}], [{}])


@pytest.mark.parametrize(
    "cell", ["06 12 34 56 78", "0612345678", "+33 6 12 34 56 78", "ann@example.org", "3/5/1961"]
)
def test_contacts_and_dates_are_refused_and_not_repeated(tmp_path: Path, cell: str) -> None:
    wide = SST2 | {"high": 1e12}
    message = refused(tmp_path, [wide], [{"sst2": cell}], [{}])
    assert "row 2, column 'sst2'" in message
    assert cell not in message


def test_numbers_of_people_are_no_measurements(tmp_path: Path) -> None:
    wide = SST2 | {"high": 1e12}
    hospital = [{"sst2": n} for n in ("8001234", "8004321", "8007777", "8009999")]
    message = refused(tmp_path, [wide], hospital, [{}])
    assert "look like hospital or phone numbers" in message
    assert "8001234" not in message
    viral_load = [{"sst2": n} for n in ("8001234", "431", "8007777", "12000000")]
    assert len(variables(tmp_path, [wide], viral_load, [{}])[0]) == 4


def test_an_undeclared_column_of_an_identity_is_named_as_one(tmp_path: Path) -> None:
    message = refused(tmp_path, [], [{"patient_phone": "x"}], [{}])
    assert "column 'patient_phone' would hold what identifies a person" in message


@pytest.mark.parametrize("name", ["sst2", "mrss_12_months", "il33", "antenatal", "update_score"])
def test_ordinary_names_announce_nobody(name: str) -> None:
    assert not names_identity(name)


@pytest.mark.parametrize("cell", ["12.5", "0.000012345678", "2026", "EDTA", "1:640"])
def test_ordinary_cells_are_no_contacts(cell: str) -> None:
    assert not find_contact(cell)
