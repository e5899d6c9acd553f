"""The command's arguments reach the study."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from itc_analysis.cli.study import simulate
from itc_analysis.errors import ItcError


def run(*arguments: str) -> None:
    parser = argparse.ArgumentParser()
    simulate.add_arguments(parser)
    simulate.run(parser.parse_args(arguments))


def test_arguments_decide_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    run(
        *("--output", str(folder), "--scenario", "confounded", "--seed", "3", "--per-group", "1"),
        *("--index-group-size", "2", "--events", "1000", "--cells", "50", "--batches", "1"),
    )
    lines = (folder / "config" / "participants.tsv").read_text(encoding="utf-8").splitlines()
    groups = [line.split("\t")[1] for line in lines[1:]]
    assert sorted(groups) == ["IIM", "RA", "SLE", "SSc", "SSc", "healthy", "pSS"]
    assert "simulated: confounded" in (folder / "config" / "config.yaml").read_text(
        encoding="utf-8"
    )
    assert len(list((folder / "data" / "singlecell").iterdir())) == 7
    # 7 participants x 2 panels, and per panel one bridge control and its FMO tubes (7 and 9)
    assert len(list((folder / "data" / "flow").iterdir())) == 14 + 2 + 7 + 9


def test_unknown_scenario_is_a_fault_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(ItcError, match="unknown scenario 'nul'; did you mean 'null'"):
        run("--output", str(tmp_path / "study"), "--scenario", "nul")
