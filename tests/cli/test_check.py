"""`itc check` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from cohort.cohort_examples import two_groups, write_study
from itc_analysis import cli
from itc_analysis.cli.study.check import describe_classification
from itc_analysis.config.frozen import freeze
from itc_analysis.config.sections import Study
from itc_analysis.config.steps import CheckSettings
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.cohort.decisions import Classification, Disclosure, Queries
from itc_analysis.tables.cohort.participants import Eligibility, Participants, Problems
from itc_analysis.tables.cohort.variables import Variables

TABLES = {
    "participants": Participants,
    "eligibility": Eligibility,
    "classification": Classification,
    "queries": Queries,
    "disclosure": Disclosure,
    "samples": sheets.SampleSheet,
    "tubes": sheets.Tubes,
    "libraries": sheets.Libraries,
    "problems": Problems,
    "variables": Variables,
}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path / "study")


@pytest.fixture
def config(study: Study, tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    settings = {"study": study.model_dump(), "cohort": two_groups().model_dump(mode="json")}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def check(config: Path | str, *arguments: str) -> int:
    return cli.main(["check", "--config", str(config), *arguments])


def test_a_sound_study_is_summarised_and_nothing_is_written(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(tmp_path.rglob("*"))
    assert check(config) == 0
    shown = capsys.readouterr().out
    lines = [line.split() for line in shown.splitlines()]
    assert lines[0] == ["group", "enrolled", "eligible", "excluded", "query"]
    assert lines[1] == ["SSc", "2", "2", "0", "0"]
    assert lines[3] == ["all", "4", "4", "0", "0"]
    assert "samples: 5, tubes: 8, libraries: 1" in shown
    assert set(tmp_path.rglob("*")) == before


def test_the_tables_are_written_with_their_provenance(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    assert check(config, "--output-folder", str(folder)) == 0
    expected = {"queries.tsv", "participants_to_share.tsv", *(f"{name}.parquet" for name in TABLES)}
    assert {path.name for path in folder.iterdir()} == expected
    for name, form in TABLES.items():
        contract.read(folder / f"{name}.parquet", form)
    stored = contract.read_provenance(folder / "participants.parquet")
    assert stored["step"] == "itc check"
    assert "4 enrolled participants" in stored["methods"]
    assert "4 were eligible, 0 excluded" in stored["methods"]
    assert str(tmp_path) not in json.dumps(stored)


def test_a_frozen_part_of_the_settings_gives_the_same_bytes(
    config: Path, study: Study, tmp_path: Path
) -> None:
    frozen = freeze(CheckSettings(study=study, cohort=two_groups()), tmp_path / "f", "cohort")
    assert check(config, "--output-folder", str(tmp_path / "a")) == 0
    assert check(frozen, "--output-folder", str(tmp_path / "b")) == 0
    for name in TABLES:
        first, second = (tmp_path / side / f"{name}.parquet" for side in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_a_corrected_age_changes_the_participants_and_not_the_samples(
    config: Path, study: Study, tmp_path: Path
) -> None:
    assert check(config, "--output-folder", str(tmp_path / "a")) == 0
    path = Path(study.participants)
    path.write_text(path.read_text().replace("P002\tSSc\t50", "P002\tSSc\t51"))
    assert check(config, "--output-folder", str(tmp_path / "b")) == 0
    changed = {
        name
        for name in TABLES
        if (tmp_path / "a" / f"{name}.parquet").read_bytes()
        != (tmp_path / "b" / f"{name}.parquet").read_bytes()
    }
    # every table that follows from the participants carries the digest of their sheet; this study
    # declares no variables
    assert changed == set(TABLES) - {"samples", "tubes", "libraries", "variables"}


def test_a_simulated_study_says_so(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("simulated: null", "simulated: effect"))
    assert check(config) == 0
    assert capsys.readouterr().out.startswith("SIMULATED study (effect): these are not people\n")


def test_a_faulty_sheet_exits_with_2_without_traceback_and_writes_nothing(
    config: Path, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(study.participants)
    path.write_text(path.read_text().replace("P002\tSSc\t50", "P002\tSSc\t5,0"))
    assert check(config, "--output-folder", str(tmp_path / "cohort")) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"itc check: {path}: 1 fault\n"
        "  row 3, column 'age_years': '5,0' has a decimal comma; write 5.0\n"
    )
    assert not (tmp_path / "cohort").exists()


def test_a_misspelt_setting_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("index_group", "index_grup"), encoding="utf-8")
    assert check(config) == 2
    told = capsys.readouterr().err
    assert "unknown setting 'index_grup'; did you mean 'index_group'?" in told


def test_headers_lists_every_file_that_cannot_be_read_and_writes_nothing(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(config, "--headers", "--output-folder", str(tmp_path / "cohort")) == 2
    told = capsys.readouterr().err
    # what is wrong with many files is one sentence; all of them are named on request
    assert "8 files (S001_a.fcs, S003_a.fcs, S002_a.fcs and 5 more, all with itc -v)" in told
    command = ["-v", "check", "--config", str(config), "--headers"]
    assert cli.main([*command, "--output-folder", str(tmp_path / "cohort")]) == 2
    told = capsys.readouterr().err
    for name in ("S001_a.fcs", "B0_fmo_b2.fcs", "L1.h5"):
        assert name in told
    assert "library L1, L1.h5: 1 fault" in told  # Cell Ranger's file names are all alike
    assert "Traceback" not in told
    assert not (tmp_path / "cohort").exists()


GATE = """\
<gating:Gating-ML xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating"
 xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes">
 <gating:RectangleGate gating:id="{name}">
  <gating:dimension gating:min="0.5" gating:compensation-ref="FCS">
   <data-type:fcs-dimension data-type:name="FL0"/>
  </gating:dimension>
 </gating:RectangleGate>
</gating:Gating-ML>
"""


def test_how_many_tubes_have_drawn_gates_is_said_and_gates_without_a_place_are_refused(
    config: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = config.parent / "manual" / "panel_a"
    drawn.mkdir(parents=True)
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings["study"]["manual_gates"] = str(drawn.parent)
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    (drawn / "S001_a.xml").write_text(GATE.format(name="t_cells"), encoding="utf-8")
    assert check(config, "--headers") == 2  # the tubes of this study hold no events
    assert "drawn gates, panel_a: 1 of 8 tubes" in capsys.readouterr().out
    (drawn / "S001_a.xml").write_text(GATE.format(name="T cells"), encoding="utf-8")
    assert check(config, "--headers") == 2
    shown = capsys.readouterr()
    assert "drawn gates" not in shown.out
    assert "S001_a.xml, no gate has the name of a population (gates: T cells)" in shown.err


def test_faults_of_sheets_and_of_files_are_told_in_one_call(
    config: Path, study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(study.participants)
    path.write_text(path.read_text().replace("P002\tSSc\t50", "P002\tSSc\t5,0"))
    assert check(config, "--headers") == 2
    told = capsys.readouterr().err
    assert "'5,0' has a decimal comma" in told
    assert "library L1, L1.h5: 1 fault" in told
    # a sheet that cannot be read names no files
    tubes = Path(str(study.fcs_files))
    tubes.write_text(tubes.read_text().replace("file_id", "file_di", 1))
    assert check(config, "--headers") == 2
    shown = capsys.readouterr()
    assert f"the files of {tubes} were not opened: mend {tubes}" in shown.out
    assert "'file_id'" in shown.err
    assert "S001_a.fcs" not in shown.err
    assert "library L1, L1.h5: 1 fault" in shown.err


@pytest.mark.real_data
def test_headers_opens_real_tubes(root: Path, real_data: Path, tmp_path: Path) -> None:
    from itc_analysis.checking.data_files import open_data_files

    example = root / "config" / "examples" / "omip021"
    study = Study(
        data_folder=str(real_data / "flow" / "omip021"),
        fcs_files=str(example / "fcs_files.tsv"),
        panels_folder=str(example / "panels"),
    )
    errors, lines = open_data_files(study)
    assert errors == []
    told = "\n".join(lines)
    assert told.startswith("every file can be read: tubes 1, libraries 0")
    # The instrument wrote when and on which day; the file was never cleaned of it.
    assert "may identify people are in 1 tubes: BTIM, " in told
    assert ", EXPORT TIME, " in told


def test_methods_say_for_whom_the_clinician_declared() -> None:
    own = pd.DataFrame(
        {
            "participant_id": ["P1", "P2", "P2", "P3", "P4"],
            "is_of_group": True,
            "verdict": ["fulfils", "not_assessable", "fulfils", *["not_assessable"] * 2],
            "declared": pd.array([None, None, None, True, None], dtype="boolean"),
        }
    )
    told = describe_classification(SimpleNamespace(classification=own))  # type: ignore[arg-type]
    assert told.endswith(
        "the items decided for 2 patients, the clinician's declaration for 1; "
        "1 had neither enough items nor a declaration."
    )
    decided = describe_classification(SimpleNamespace(classification=own.head(1)))  # type: ignore[arg-type]
    assert decided.endswith("the items decided for 1 patient.")
