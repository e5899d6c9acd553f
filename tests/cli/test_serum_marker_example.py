"""A study with columns of its own and the published gates passes the check as it is shipped."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from itc_analysis import cli
from itc_analysis.config.loading import load_settings

EXAMPLE = "config/examples/serum_marker"


@pytest.fixture
def config(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of the example, with an empty file where each FCS file would be."""
    monkeypatch.chdir(root)
    settings = yaml.safe_load((root / EXAMPLE / "config.yaml").read_text(encoding="utf-8"))
    settings["study"]["data_folder"] = str(tmp_path)
    with (root / EXAMPLE / "fcs_files.tsv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter="\t"):
            (tmp_path / row["path"]).touch()
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_the_example_passes_the_check_and_every_endpoint_has_a_tube(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "each with a tube or library to show it" in said
    assert "measured by nothing" not in said
    assert "time windows of the criteria:" in said


def test_its_variables_are_declared_and_one_lies_below_its_limit(config: Path) -> None:
    from itc_analysis.cohort.study import read_cohort

    settings = load_settings(str(config))
    variables = read_cohort(settings.study, settings.cohort).variables
    assert set(variables["variable"]) == {"sst2_ng_per_ml", "mrss_12_months"}
    assert variables["is_below"].any()
