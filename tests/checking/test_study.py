"""What `itc check` says of folders, unnamed sheets and small groups."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cohort.cohort_examples import two_groups, write_study
from itc_analysis import cli
from itc_analysis.blinding.tables import MARK
from itc_analysis.checking.study import check_folders, sheets_not_named, too_few_people
from itc_analysis.config.sections import Settings, Study
from itc_analysis.errors import SettingsError


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_study(tmp_path / "study")


def test_folders_that_are_not_there_stop_the_check(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    sheets = study.model_dump() | {"manual_gates": str(tmp_path / "drawn")}
    settings = {"study": sheets, "cohort": two_groups().model_dump(mode="json"),
                "flow": {"matrices_folder": str(tmp_path / "matrices")}}  # fmt: skip
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert cli.main(["check", "--config", str(config)]) == 2
    told = capsys.readouterr().err
    assert "study.manual_gates, no folder" in told
    assert "flow.matrices_folder, no folder" in told


def refused(study: Study, **folders: str) -> str:
    with pytest.raises(SettingsError) as caught:
        check_folders(Settings(study=study.model_copy(update=folders), cohort=two_groups()))
    return str(caught.value)


def test_results_are_never_written_over_what_the_study_is_made_from(
    study: Study, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ours = {"results_folder": str(tmp_path_factory.mktemp("results"))}
    data, config = str(study.data_folder), str(Path(study.participants).parent)
    for folder in (data, config, str(Path(config).parent), ".", "..", study.gating_folder):
        assert "results would overwrite it" in refused(study, results_folder=folder)
        assert "results would overwrite it" in refused(study, blinded_folder=folder, **ours)
    (tmp_path / "link").symlink_to(data)
    assert "study.data_folder" in refused(study, results_folder=str(tmp_path / "link"))
    file = tmp_path / "letter.txt"
    file.touch()
    assert "is a file" in refused(study, results_folder=str(file))
    assert "holds braces" in refused(study, results_folder=str(tmp_path / "{batch}"))


def test_a_folder_to_hand_over_is_emptied_only_if_it_is_ours(study: Study, tmp_path: Path) -> None:
    folder = tmp_path / "handover"
    ours = {"results_folder": str(tmp_path / "results"), "blinded_folder": str(folder)}
    fine = Settings(study=study.model_copy(update=ours), cohort=two_groups())
    check_folders(fine)
    folder.mkdir()
    check_folders(fine)
    (folder / "letter.txt").touch()
    assert "holds files that no blinded run wrote" in refused(study, **ours)
    config = tmp_path / "config.yaml"
    config.write_text("study: {name: x}\n", encoding="utf-8")
    where = ["--results", str(tmp_path), "--masks", str(tmp_path / "masks.tsv")]
    assert cli.main(["blind", "--config", str(config), *where, "--output-folder", str(folder)]) == 2
    assert (folder / "letter.txt").exists()
    (folder / MARK).touch()
    check_folders(fine)


def test_a_filled_sheet_that_the_settings_do_not_name_is_said(study: Study) -> None:
    sheet = Path(study.participants).with_name("decisions.tsv")
    sheet.write_text("participant_id\tdecision\tdecided_by\twhy\n")
    assert sheets_not_named(study) == []
    with sheet.open("a") as file:
        file.write("P001\texcluded\tKD\twithdrew\n")
    (line,) = sheets_not_named(study)
    assert line.startswith(f"{sheet} has 1 row, but study.decisions is null")
    assert sheets_not_named(study.model_copy(update={"decisions": str(sheet)})) == []


def test_groups_with_too_few_people_are_said(study: Study) -> None:
    settings = Settings(study=study, cohort=two_groups())
    assert too_few_people(settings, {"SSc": 3, "healthy": 4}) == []
    assert too_few_people(settings, {"SSc": 2}) == [
        "group 'SSc': 2 eligible people, 3 needed to be compared",
        "group 'healthy': 0 eligible people, 3 needed to be compared",
        "group 'healthy': 0 eligible people, 4 needed as the reference of scores",
    ]
