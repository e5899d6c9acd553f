"""Inputs that hospital laboratories really send, each through `itc check --headers` with its
right value.

The inputs are not part of the project: ITC_CASES names their folder (default: ../shared/cases). The
same kinds are made from simulated tubes in tests/flow and tests/cohort.
"""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from itc_analysis.checking.data_files import open_data_files
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.listing import list_tubes
from itc_analysis.config.loading import load_settings
from itc_analysis.config.sections import Settings
from itc_analysis.errors import ItcError
from itc_analysis.flow.manual.adopt import read_manual
from itc_analysis.flow.manual.samples import FileIdentity, identify
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.scale.scales import TransformSettings
from itc_analysis.flow.tube.load import load_tube

ROOT = Path(__file__).resolve().parent.parent
TUBE = "S003_panel_a.fcs"
N_EVENTS = 12_000


@pytest.fixture(scope="module")
def cases() -> Path:
    folder = Path(os.environ.get("ITC_CASES", ROOT.parent / "shared" / "cases"))
    if not (folder / "fcs").is_dir():
        pytest.skip("the odd inputs are absent: set ITC_CASES to their folder")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulate the study that the cases were made from, panel_a only."""
    from itc_analysis.simulate.study import simulate_study

    study = tmp_path_factory.mktemp("cases") / "study"
    simulate_study(study, scenario="effect", seed=7, per_group=2, batches=2, events=12_000, cells=0)
    sheet = study / "config" / "fcs_files.tsv"
    lines = sheet.read_text(encoding="utf-8").splitlines()
    sheet.write_text("\n".join(x for x in lines if "panel_b" not in x) + "\n", encoding="utf-8")
    return study


@pytest.fixture
def study(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "study"
    shutil.copytree(base / "config", copy / "config")
    (copy / "data" / "flow").mkdir(parents=True)
    for path in (base / "data" / "flow").iterdir():
        (copy / "data" / "flow" / path.name).symlink_to(path)
    monkeypatch.chdir(copy)
    return copy


def settings() -> Settings:
    return load_settings("config/config.yaml")


def put(case: Path, study: Path) -> None:
    place = study / "data" / "flow" / TUBE
    place.unlink()
    shutil.copy(case, place)


READ = {
    "01_spill_decimal_comma": "file 28",
    "02_spill_channel_numbers": "file 28",
    "04_time_range_zero": "file 28",
    "08a_fjcomp_no_matrix": "already_compensated 1 (S003_panel_a)",
    "08b_fjcomp_matrix_raw_names": "the file's matrix was not applied again",
    "08c_fjcomp_matrix_fjcomp_names": "the file's matrix was not applied again",
    "08d_raw_and_FJComp_columns": "raw columns are used with the file's matrix",
    "13_empty_value_before_SPILL": "file 28",
    "13b_empty_value_before_SPILL_formfeed": "file 28",
    "14_no_last_delimiter": "file 28",
    "15b_label_two_slashes": "a '/' inside the label may not have been doubled",
}
REFUSED = {
    "03_spill_no_numbers": "$SPILLOVER says 4 channels and holds 4 entries",
    "09_s3e_two_time_words": "several channels fit 'Time': 'TIME_MSW', 'TIME_LSW'",
    "10_accuri_beyond_range": "the file has no spillover matrix and is not compensated, unlike 27",
    "15a_label_one_slash": "the value of $P11S seems to be 'CD14/CD19'",
    "17_tot_larger_than_data": "99% of the events are there",
    "17b_tot_smaller_than_data": "the segment has 1008000",
}


@pytest.mark.parametrize("name", READ)
def test_a_tube_written_in_another_way_has_the_events_of_the_reference(
    cases: Path, study: Path, name: str
) -> None:
    put(cases / "fcs" / f"{name}.fcs", study)
    chosen = settings()
    errors, told = open_data_files(chosen.study, chosen.flow)
    assert errors == []
    assert READ[name] in "\n".join(told)
    panel = read_panel("config/panels/panel_a.tsv")
    row = next(r for r in list_tubes(chosen.study) if r["file_id"] == "S003_panel_a")
    reference = row | {"path": cases / "fcs" / "reference_S003_panel_a.fcs"}
    every = np.ones(
        N_EVENTS, dtype=bool
    )  # margins are judged before compensation, where there is one
    found, expected = (
        load_tube(r, panel, TransformSettings(), chosen.flow, keep=every) for r in (row, reference)
    )
    for marker in expected.markers:
        if marker != "Time":
            np.testing.assert_allclose(found.values(marker), expected.values(marker), atol=2e-3)


@pytest.mark.parametrize("name", REFUSED)
def test_a_tube_that_cannot_be_read_right_is_refused_in_one_sentence(
    cases: Path, study: Path, name: str
) -> None:
    put(cases / "fcs" / f"{name}.fcs", study)
    chosen = settings()
    errors, lines = open_data_files(chosen.study, chosen.flow)
    told = "\n".join(map(str, errors))
    assert REFUSED[name] in told
    is_of_another_cytometer = name.startswith("10")  # that its scale ends elsewhere is said as well
    assert told.count("\n") == (3 if is_of_another_cytometer else 1)
    if is_of_another_cytometer:
        assert "$PnR" in told
        assert "(saturated): 5 of FSC-A, 360 of BUV395-A" in "\n".join(lines)


SHEETS_READ = ("s1_french_excel", (
    "s1b_french_excel_cp1252"
), "s1c_decimal_comma_only", "s1d_sep_line",
               "s2_thousands_nbsp", "s2_thousands_nnbsp", "s2_thousands_space")  # fmt: skip
SHEETS_REFUSED = {
    "s2_thousands_comma": "'51,230' has a sign that may be a thousands separator",
    "s2_thousands_dot": "'51.230' has a sign that may be a thousands separator",
    "s3_redcap": (
        "12 rows repeat the participant_id of another: the export has a row for every event"
    ),
    "s3b_redcap_labels": "their_name *, their_value Checked",
    "s4_sci_ids": "scientific notation",
    "s4b_lost_zeros": "A spreadsheet drops zeros in front of a number",
    "s4c_merged_group": "merged cells keep their value in the first row only",
    "s4e_ditto_total_row": "'Total' seems to be a total or a mean",
    "s4f_below_detection": "'<0,3' is a limit of the laboratory's test",
}


def take(case: Path, study: Path) -> Settings:
    for path in case.iterdir():
        shutil.copyfile(path, study / "config" / path.name)
    return settings()


@pytest.mark.parametrize("name", SHEETS_READ)
def test_a_sheet_of_another_locale_reads_the_same(cases: Path, study: Path, name: str) -> None:
    chosen = take(cases / "sheets" / name, study)
    sheets = read_study_sheets(chosen.study, chosen.cohort)
    person = sheets.participants.rows[0]
    assert (person["participant_id"], person["weight_kg"], person["bmi"]) == ("P001", 76.3, 28.9)
    assert (person["cmv_igg"], person["classification_met"]) == (False, True)
    assert sheets.tubes.rows[0]["beads_per_tube"] == 51_230


@pytest.mark.parametrize("name", SHEETS_REFUSED)
def test_a_sheet_that_cannot_be_read_right_is_refused_with_its_cause(
    cases: Path, study: Path, name: str
) -> None:
    chosen = take(cases / "sheets" / name, study)
    with pytest.raises(ItcError) as told:
        read_study_sheets(chosen.study, chosen.cohort)
    assert SHEETS_REFUSED[name] in str(told.value)
    assert "51.23 " not in str(told.value)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("s3_redcap", ["redcap_event_name\tbaseline_arm_1\tonly_rows\t"]),
        ("s3b_redcap_labels", ["*\tFemale\t\tF", "*\tMale\t\tM", "*\tChecked\t\tyes", (
            "*\tUnchecked\t\tno"
        )]),
    ],
)  # fmt: skip
def test_an_export_of_redcap_is_read_by_its_mapping(
    cases: Path, study: Path, name: str, rows: list[str]
) -> None:
    chosen = take(cases / "sheets" / name, study)
    mapping = Path(str(chosen.study.column_mapping))
    lines = mapping.read_text(encoding="utf-8").rstrip("\n").splitlines()
    if name == "s3_redcap":
        lines = [line for line in lines if "redcap_event_name" not in line]
    mapping.write_text("\n".join([*lines, *(f"participants\t{row}" for row in rows)]) + "\n")
    people = read_study_sheets(chosen.study, chosen.cohort).participants.rows
    assert len(people) == 12
    assert (people[0]["sex"], people[0]["weight_kg"], people[0]["cmv_igg"]) == ("F", 76.3, False)


def test_a_file_whose_accents_are_written_otherwise_is_found(cases: Path, study: Path) -> None:
    chosen = take(cases / "sheets" / "w1_nfd_file", study)
    flow = study / "data" / "flow"
    (flow / TUBE).rename(flow / unicodedata.normalize("NFD", "Hélène3_panel_a.fcs"))
    read_study_sheets(chosen.study, chosen.cohort)
    assert Path(list_tubes(chosen.study)[0]["path"]).exists()


def test_two_tubes_of_one_name_get_their_own_gates_or_none(cases: Path) -> None:
    name = "2025_08_05_AB_05_NY068_05_SEB.fcs"
    path = cases / "wsp" / "11_same_name_two_folders.wsp"
    manual = read_manual(path, file_ids={"A", "B"}, panels={"p"})
    tubes = {"A": identify(f"data/run1/{name}", {}), "B": identify(f"data/run2/{name}", {})}
    found = manual.match(tubes)
    assert set(found) == {"A", "B"}
    assert found["A"] is manual.by_file[f"run1/{name}"]
    assert found["B"] is manual.by_file[f"run2/{name}"]
    name = "Specimen_001_Tube_001.fcs"
    manual = read_manual(cases / "wsp" / "two_runs", file_ids={"A", "B"}, panels={"p"})
    tubes = {"A": FileIdentity(name, "a"), "B": FileIdentity(name, "b")}
    with pytest.raises(ItcError, match=r"'A' and 'B' .* run1.wsp and run2.wsp"):
        manual.match(tubes)
    without = read_manual(
        cases / "wsp" / "12_sample_without_gates.wsp", file_ids={"A"}, panels={"p"}
    )
    assert len(without.by_file) == 2
