"""`itc init`: a study to fill, and the files generated from the classes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from itc_analysis import cli, documentation
from itc_analysis.cli.study.init import rewrite_generated
from itc_analysis.cohort.join import read_rows
from itc_analysis.config.loading import load_settings
from itc_analysis.config.sections import Section, Settings
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.sheets import SHEETS
from itc_analysis.tables.registry import TABLES, contract_of


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_new_study_has_settings_empty_sheets_panels_and_a_readme(tmp_path: Path) -> None:
    assert cli.main(["init", str(tmp_path / "study")]) == 0
    written = files_below(tmp_path / "study")
    for name in ("participants", "samples", "fcs_files", "libraries", "decisions", "signatures"):
        assert f"config/{name}.tsv" in written
    panels = {name for name in written if name.startswith("config/panels/")}
    gating = {name for name in written if name.startswith("config/gating/")}
    assert {Path(name).stem for name in panels} == {Path(name).stem for name in gating} != set()
    settings = load_settings(tmp_path / "study" / "config" / "config.yaml")
    assert settings == Settings()
    for path in (settings.study.analysis_plan, settings.study.signatures):
        assert path in written
    readme = written["config/README.md"].decode()
    for name in set(written) - {"config/README.md"}:
        folder, file = Path(name).parent.name, Path(name).name
        assert file in readme or f"{folder}/<panel>" in readme


def test_the_templates_are_sheets_without_rows(tmp_path: Path) -> None:
    cli.main(["init", str(tmp_path)])
    assert read_rows(tmp_path / "config" / "fcs_files.tsv", "TubeSheet") == []
    assert read_rows(tmp_path / "config" / "participants.tsv", "ParticipantSheet") == []


def test_checking_a_study_that_is_not_filled_yet_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.main(["init", "."])
    assert cli.main(["check", "--config", "config/config.yaml"]) == 2
    told = capsys.readouterr().err
    assert "config/participants.tsv: 1 fault" in told
    assert "there is a header but no row; add one row per person" in told


def test_files_that_are_there_are_listed_and_nothing_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "participants.tsv").write_text("mine")
    (tmp_path / "config" / "config.yaml").write_text("mine too")
    before = files_below(tmp_path)
    assert cli.main(["init", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "2 faults" in told
    assert "config/participants.tsv, is already there; move it away or name another folder" in told
    assert files_below(tmp_path) == before


def test_generated_files_in_the_repository_are_up_to_date(root: Path) -> None:
    for path, generate in documentation.generated_files().items():
        stored = (root / path).read_text(encoding="utf-8")
        assert stored == generate(), f"{path} differs from the classes: run `itc init --docs`"


def test_rewriting_changes_only_what_differs(root: Path, tmp_path: Path) -> None:
    for path in documentation.generated_files():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, tmp_path / path)
    (tmp_path / "docs" / "settings.md").write_text("out of date")
    assert rewrite_generated(tmp_path) == ["docs/settings.md"]
    assert rewrite_generated(tmp_path) == []


def test_settings_of_a_study_are_not_reset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", str(tmp_path), "--docs"]) == 2
    assert "this is not the source folder of itc_analysis" in capsys.readouterr().err
    assert files_below(tmp_path) == {}


def sections() -> list[type[Section]]:
    return [type(field.default) for field in Settings.model_fields.values()]


def test_every_setting_is_described_and_documented() -> None:
    page, text = documentation.settings_page(), documentation.settings_yaml()
    for section in sections():
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} has no description"
            assert f"| `{name}` |" in page
            assert f"\n  {name}: " in text


def test_every_column_is_described_and_documented() -> None:
    page = documentation.data_model_page()
    for table in (*SHEETS, *map(contract_of, TABLES)):
        assert f"### {table.__name__}\n" in page
        for name, column in contract.columns_of(table).items():
            assert column.description, f"{table.__name__}.{name} has no description"
            assert "unit" in (column.metadata or {}), f"{table.__name__}.{name} has no unit"
            assert f"| `{name}` |" in page


@pytest.mark.parametrize("setting", ["study", "cohort", "flow", "stats"])
def test_the_schema_refuses_unknown_settings(setting: str) -> None:
    import json

    schema = json.loads(documentation.settings_schema())
    reference = schema["properties"][setting]
    name = reference.get("$ref", "").rsplit("/", 1)[-1]
    assert schema["$defs"][name]["additionalProperties"] is False
