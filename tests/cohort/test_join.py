"""Sheets that contradict one another, and what is said of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cohort.cohort_examples import spotless, two_groups, write_sheet, write_study
from itc_analysis.cohort.join import read_study_sheets
from itc_analysis.cohort.listing import list_libraries, list_tubes, read_rows
from itc_analysis.config.sections import Study
from itc_analysis.errors import ItcError, ItcErrors, SheetError


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path)


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def faults(study: Study) -> list[str]:
    """Return the faults without the sheet's folder."""
    with pytest.raises(ItcError) as caught:
        read_study_sheets(study, two_groups())
    folder = str(Path(study.participants).parent) + "/"
    return [str(fault).replace(folder, "") for fault in caught.value.faults]


def test_a_sound_study_is_read_whole(study: Study) -> None:
    sheets = read_study_sheets(study, two_groups())
    assert len(sheets.participants.rows) == 4
    assert len(sheets.samples.rows) == 5
    assert len(sheets.tubes.rows) == 8
    assert len(sheets.libraries.rows) == 1
    assert sheets.decisions.rows == []


def test_sheets_that_a_study_does_not_have_are_empty(study: Study) -> None:
    without = study.model_copy(update={"fcs_files": None, "libraries": None})
    sheets = read_study_sheets(without, two_groups())
    assert sheets.tubes.rows == []
    assert list_tubes(without) == []
    assert list_libraries(without) == []


def test_a_tube_of_an_unknown_sample_says_which_was_meant(study: Study) -> None:
    edit(study.fcs_files or "", "S002_a\tS002", "S002_a\tSO02")
    assert faults(study) == ["row 4, sample_id 'SO02' is not in samples.tsv; did you mean 'S002'?"]


def test_a_sample_of_an_unknown_participant_says_which_was_meant(study: Study) -> None:
    edit(study.samples, "\tP003\t", "\tP0O3\t")
    assert faults(study) == [
        "row 4, participant_id 'P0O3' is not in participants.tsv; did you mean 'P003'?"
    ]


def test_an_unknown_group_says_which_was_meant(study: Study) -> None:
    edit(study.participants, "P003\thealthy", "P003\tHealthy")
    assert faults(study) == [
        "row 4, group 'Healthy' is not in the settings (cohort); did you mean 'healthy'?"
    ]


def test_an_unknown_group_is_told_beside_a_repeated_participant(study: Study) -> None:
    edit(study.participants, "P003\thealthy", "P001\tHealthy")
    assert faults(study) == [
        "row 4, participant_id 'P001' is already in row 2; each may appear once",
        "row 4, group 'Healthy' is not in the settings (cohort); did you mean 'healthy'?",
    ]


def test_a_panel_without_sheet_or_template_lists_those_found(study: Study) -> None:
    edit(study.fcs_files or "", "S002_a.fcs\tpanel_a", "S002_a.fcs\tinnate_v2")
    assert faults(study) == [
        "row 4, panel 'innate_v2' has no file panels/innate_v2.tsv; panels found: panel_a",
        "row 4, panel 'innate_v2' has no file gating/innate_v2.yaml; panels found: panel_a",
    ]


def test_data_files_that_are_not_there_are_listed(study: Study) -> None:
    (Path(study.data_folder) / "fcs/S002_a.fcs").unlink()
    (Path(study.data_folder) / "sc/L1.csv").unlink()
    remedy = "check the path, and data_folder in the settings"
    assert faults(study) == [
        f"fcs_files.tsv: row 4, path 'fcs/S002_a.fcs' is not there; {remedy}",
        f"libraries.tsv: row 2, contigs_path 'sc/L1.csv' is not there; {remedy}",
    ]


def test_each_of_several_contig_files_is_looked_for(study: Study) -> None:
    edit(study.libraries or "", "sc/L1.csv", "sc/L1.csv, sc/L1_gd.csv")
    assert faults(study)[0].startswith("row 2, contigs_path 'sc/L1_gd.csv' is not there")
    (Path(study.data_folder) / "sc/L1_gd.csv").touch()
    (library,) = list_libraries(study)
    folder = study.data_folder
    assert library["contigs_path"] == f"{folder}/sc/L1.csv, {folder}/sc/L1_gd.csv"


def test_fmo_tubes_name_markers_of_their_panel(study: Study) -> None:
    edit(study.fcs_files or "", "b1\tfmo\tPD-1,TIM-3", "b1\tfmo\tPD1, TIM-3")
    edit(study.fcs_files or "", "b2\tfmo\tPD-1,TIM-3", "b2\tfmo\t")
    edit(study.fcs_files or "", "b1\tstained\t\t", "b1\tstained\tCD3\t")
    assert faults(study) == [
        "row 2, tube 'S001_a' has fmo_markers but is 'stained'; make it 'fmo', or empty its "
        "fmo_markers",
        "row 3, tube 'S003_a' has fmo_markers but is 'stained'; make it 'fmo', or empty its "
        "fmo_markers",
        "row 6, tube 'B0_b1' has fmo_markers but is 'stained'; make it 'fmo', or empty its "
        "fmo_markers",
        "row 9, FMO tube 'B0_fmo_b2' has no fmo_markers; name the markers left out of it",
        "row 8, fmo_markers names 'PD1', which panel 'panel_a' does not have; did you mean 'PD-1'?",
    ]


def test_the_same_file_in_two_rows_is_refused(study: Study) -> None:
    edit(study.fcs_files or "", "fcs/S002_a.fcs", "fcs/./S001_a.fcs")
    assert faults(study) == [
        "row 4, path 'fcs/S001_a.fcs' is already in row 2; each file is one row"
    ]


def test_bridge_controls_belong_to_nobody_and_other_samples_to_somebody(study: Study) -> None:
    edit(study.samples, "B0\t\tbridge_control", "B0\tP001\tbridge_control")
    edit(study.samples, "S004\tP004", "S004\t")
    assert faults(study) == [
        "row 5, sample 'S004' has no participant_id; name the person, or make it a bridge_control",
        "row 6, bridge control 'B0' names a participant; empty its participant_id",
    ]


def test_two_samples_of_one_person_in_one_panel_are_refused(study: Study) -> None:
    edit(study.samples, "S002\tP002", "S002\tP001")
    assert faults(study) == [
        "row 3, sample 'S002' is a second sample of participant 'P001' in panel panel_a "
        "(the first, 'S001', is in row 2); keep one: a person counts once in every comparison"
    ]


def test_two_samples_of_one_person_in_different_assays_are_fine(study: Study) -> None:
    edit(study.samples, "S001\tP001", "S001\tP001\tparticipant\nS001sc\tP001")
    edit(study.libraries or "", "L1\tS001", "L1\tS001sc")
    assert len(read_study_sheets(study, two_groups()).samples.rows) == 6


def test_a_decision_about_nobody_is_refused(study: Study, tmp_path: Path) -> None:
    row = {
        "participant_id": "P0O2",
        "decision": "eligible",
        "decided_by": "investigator",
        "why": "x",
    }
    path = write_sheet(tmp_path / "decisions.tsv", [row])
    assert faults(study.model_copy(update={"decisions": str(path)})) == [
        "row 2, participant_id 'P0O2' is not in participants.tsv; did you mean 'P002'?"
    ]


def test_a_study_without_people_is_told(study: Study) -> None:
    header = Path(study.participants).read_text(encoding="utf-8").splitlines()[0]
    Path(study.participants).write_text(header + "\n", encoding="utf-8")
    with pytest.raises(
        ItcError, match=r"participants\.tsv: 1 fault\n  there is a header but no row"
    ):
        read_study_sheets(study, two_groups())


def test_a_sheet_of_samples_without_rows_is_one_fault_and_not_one_per_tube(study: Study) -> None:
    header = Path(study.samples).read_text(encoding="utf-8").splitlines()[0]
    Path(study.samples).write_text(header + "\n", encoding="utf-8")
    with pytest.raises(ItcError) as caught:
        read_study_sheets(study, two_groups())
    told = str(caught.value)
    assert told.endswith(
        "samples.tsv: 1 fault\n  there is a header but no row; add one row per sample"
    )


def test_faults_of_all_sheets_are_told_at_once_one_block_per_sheet(study: Study) -> None:
    edit(study.participants, "P003\thealthy", "P003\tHealthy")
    edit(study.samples, "S001\tP001\tparticipant", "S001\tP001\tpatient")
    edit(study.fcs_files or "", "\t50000\t", "\t5e9\t")
    with pytest.raises(ItcErrors) as caught:
        read_study_sheets(study, two_groups())
    sources = [Path(error.source).name for error in caught.value.errors]
    assert sources == ["samples.tsv", "fcs_files.tsv", "participants.tsv"]
    assert "row 2, column 'sample_type': unknown value 'patient'; did you mean" in str(caught.value)


def test_a_faulty_sheet_is_not_blamed_on_those_that_name_its_rows(study: Study) -> None:
    edit(study.participants, "P003\thealthy\t50", "P003\thealthy\t5O")
    (told,) = faults(study)
    assert told.startswith("row 4, column 'age_years': '5O' is more than a number")


def test_a_bad_cell_hides_no_other_fault_of_its_sheet_or_of_others(study: Study) -> None:
    edit(study.participants, "P003\thealthy\t50", "P003\thealthy\t5O")
    edit(study.samples, "S004\tP004", "S004\tP099")
    edit(study.samples, "S001\tP001\tparticipant", "S001\tP001\tpatient")
    tubes = str(study.fcs_files)
    edit(
        tubes,
        "panel_a\tb1\tstained\t\t50000\t100\nS003_a\tS003",
        "panel_a\tb1\tstained\t\t5e9\t100\nS003_a\tS003",
    )
    edit(tubes, "S003_a\tS003", "S003_a\tS033")
    edit(tubes, "fcs/S002_a.fcs", "fcs/absent.fcs")
    told = "\n".join(faults(study))
    assert told.count("age_years") == told.count("'patient'") == told.count("5e9") == 1
    assert "participant_id 'P099' is not in" in told
    assert "sample_id 'S033' is not in" in told
    assert "absent.fcs" in told
    assert len(faults(study)) == 6


def test_tubes_for_the_snakefile_are_plain_values_with_located_paths(study: Study) -> None:
    tubes = list_tubes(study)
    assert json.loads(json.dumps(tubes)) == tubes
    assert tubes[0]["path"] == f"{study.data_folder}/fcs/S001_a.fcs"
    assert tubes[0]["beads_per_tube"] == 50000.0
    assert tubes[0]["dilution"] is None
    (library,) = list_libraries(study)
    assert library["contigs_path"] == f"{study.data_folder}/sc/L1.csv"
    assert library["has_gamma_delta_receptors"] is False


def test_what_breaks_the_workflow_stops_the_listing(study: Study) -> None:
    edit(
        study.fcs_files or "",
        "S002_a\tS002\tfcs/S002_a.fcs\tpanel_a\tb2",
        "S001_a\tS002\tx\tp/a\tb 2",
    )
    with pytest.raises(SheetError) as caught:
        list_tubes(study)
    told = str(caught.value)
    assert "row 4, file_id 'S001_a' is already in row 2" in told
    assert "'p/a' holds '/'" in told
    assert "'b 2' holds a blank" in told


def test_listing_does_not_import_pandas(study: Study) -> None:
    code = (
        "import sys; from itc_analysis.cohort.listing import list_tubes, read_rows; "
        f"read_rows({study.fcs_files!r}, 'TubeSheet'); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_rows_hold_every_column_of_the_contract(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "p.tsv", [spotless()])
    (row,) = read_rows(path, "ParticipantSheet")
    assert row["mrss"] is None
    assert row["weight_kg"] == 70.0
    assert row["classification_met"] is True


def pooled(study: Study, *rows: tuple[str, str, str]) -> None:
    """Write rows of libraries of the same batch: sample, path, hashtag."""
    path = Path(study.libraries or "")
    header, first = (line.split("\t") for line in path.read_text().splitlines()[:2])
    one = dict(zip(header, first, strict=True))
    names = list(dict.fromkeys([*one, "hashtag"]))
    lines = ["\t".join(names)]
    for number, (sample, file, tag) in enumerate(rows, 1):
        row = one | {"library_id": f"L{number}", "sample_id": sample, "path": file, "hashtag": tag}
        lines.append("\t".join(row[name] for name in names))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_rows_of_a_pool_know_the_hashtags_of_all_its_samples(study: Study) -> None:
    (one,) = list_libraries(study)
    file = Path(one["path"]).relative_to(study.data_folder).as_posix()
    pooled(study, ("S001", file, "HTO_1"), ("S002", file, "HTO_2"))
    assert len(read_study_sheets(study, two_groups()).libraries.rows) == 2
    rows = list_libraries(study)
    assert [row["hashtags"] for row in rows] == [{"S001": "HTO_1", "S002": "HTO_2"}] * 2


def test_odd_pools_are_refused(study: Study) -> None:
    (one,) = list_libraries(study)
    file = Path(one["path"]).relative_to(study.data_folder).as_posix()
    pooled(study, ("S001", file, "HTO_1"), ("S002", file, "HTO_1"))
    assert any("'HTO_1' is that of row 2 as well" in told for told in faults(study))
    pooled(study, ("S001", file, "HTO_1"))
    assert any("has a hashtag in this row only" in told for told in faults(study))
