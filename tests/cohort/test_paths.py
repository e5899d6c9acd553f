"""Paths in sheets: accents in either form of Unicode, slips with a hint, and what the workflow
cannot use."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from cohort.cohort_examples import two_groups, write_study
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.listing import list_tubes
from itc_analysis.cohort.paths import explain_absent, find_path
from itc_analysis.config.sections import Study
from itc_analysis.errors import ItcError


def test_a_path_is_found_whichever_way_its_accents_are_written(tmp_path: Path) -> None:
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        folder = unicodedata.normalize(form, f"été {form}")
        (tmp_path / folder).mkdir()
        (tmp_path / folder / unicodedata.normalize(form, "Hélène.fcs")).touch()
        written = unicodedata.normalize(other, f"été {form}/Hélène.fcs")
        found = find_path(tmp_path, written)
        assert found is not None
        assert found.exists()
    assert find_path(tmp_path, "été NFC/Helene.fcs") is None


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("flow\\a.fcs", "write it with '/': flow/a.fcs"),
        ("flow/a.FCS", "did you mean 'flow/a.fcs'? Capital and small letters count"),
        ("Flow/a.fcs", "did you mean 'flow/a.fcs'?"),
        ("Flow\\A.FCS", "did you mean 'flow/a.fcs'?"),
        ("flow/tube_02.fcs", "check the path, and data_folder"),
        ("elsewhere/x.fcs", "check the path, and data_folder in the settings"),
    ],
)
def test_what_was_probably_meant_is_said(tmp_path: Path, written: str, hint: str) -> None:
    (tmp_path / "flow").mkdir()
    for name in ("a.fcs", "tube_01.fcs"):
        (tmp_path / "flow" / name).touch()
    assert explain_absent(tmp_path, written).startswith(hint)


def test_a_link_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.fcs").symlink_to(tmp_path / "Dupont.fcs")
    said = explain_absent(tmp_path, "a.fcs")
    assert said.startswith("it is a link to a file that is not there")
    assert "Dupont" not in said


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path / "study")


def told(study: Study) -> str:
    with pytest.raises(ItcError) as caught:
        read_study_sheets(study, two_groups())
    return str(caught.value)


def test_the_jobs_get_the_path_as_the_disk_spells_it(study: Study) -> None:
    sheet = Path(str(study.fcs_files))
    first = list_tubes(study)[0]["path"]
    name = Path(first).name
    Path(first).rename(Path(first).with_name(unicodedata.normalize("NFD", "Zoé.fcs")))
    sheet.write_text(sheet.read_text().replace(name, "Zoé.fcs"), encoding="utf-8")
    read_study_sheets(study, two_groups())
    assert Path(list_tubes(study)[0]["path"]).exists()


def test_braces_are_told_by_the_check_with_every_other_fault(study: Study) -> None:
    sheet = Path(str(study.fcs_files))
    name = Path(list_tubes(study)[0]["path"]).name
    sheet.write_text(sheet.read_text().replace(name, "{run}.fcs"))
    words = told(study)
    assert "'{run}.fcs' holds braces" in words or "{run}.fcs' holds braces" in words
    odd = study.model_copy(update={"results_folder": "results {1}"})
    assert "study.results_folder, 'results {1}' holds braces, which the workflow would" in told(odd)


def test_a_group_is_known_whichever_way_its_accents_are_written(study: Study) -> None:
    sheet = Path(study.participants)
    sheet.write_text(sheet.read_text().replace("SSc", "Sclérodermie"), encoding="utf-8")
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "Sclérodermie")
        cohort = two_groups().model_copy(update={"index_group": name})
        rows = read_study_sheets(study, cohort).participants.rows
        assert rows[0]["group"] == name


def test_zeros_that_a_spreadsheet_dropped_are_named(study: Study) -> None:
    sheet = Path(study.participants)
    sheet.write_text(sheet.read_text().replace("P00", ""))
    samples = Path(study.samples)
    samples.write_text(samples.read_text().replace("P00", "00"))
    assert "did you mean '1'? A spreadsheet drops zeros in front of a number" in told(study)
