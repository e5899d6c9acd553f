"""Folders with blanks and words with quotes reach every command as they are written."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from workflow.running import snakemake

#: Made by `option` in common.smk, which quotes what it is given.
OPTIONS = {
    f"params.{name}"
    for name in ("landmarks", "manual", "review", "lock", "by_hand", "post_hoc", "note")
}


def test_every_path_in_a_command_is_quoted(root: Path) -> None:
    n_quoted = 0
    for file in sorted((root / "workflow" / "rules").glob("*.smk")):
        for command in re.findall(r'shell:\n((?: +".*"\n)+)', file.read_text(encoding="utf-8")):
            for field in re.findall(r"\{([^}]+)\}", command):
                assert field.endswith(":q") or field in OPTIONS, f"{file.name}: {field}"
                n_quoted += field.endswith(":q")
    assert n_quoted > 50


@pytest.mark.workflow
def test_blanks_and_quotes_in_the_settings_reach_the_commands(
    finished_study: Path, root: Path, tmp_path: Path
) -> None:
    study = tmp_path / "it's a study"
    shutil.copytree(finished_study, study, ignore=shutil.ignore_patterns("results", ".snakemake"))
    (study / "config" / "analysis_plan.yaml").rename(study / "config" / "my plan.yaml")
    config = study / "config" / "config.yaml"
    text = re.sub(r"  simulated: .*", '  simulated: "it\'s a test"', config.read_text())
    mine = "study:\n  results_folder: my results\n  analysis_plan: config/my plan.yaml\n"
    config.write_text(text.replace("study:\n", mine, 1))
    done = snakemake(study, "--dry-run", "--printshellcmds", root=root)
    commands = re.findall(r"^Shell command: (itc .*)$", done.stdout + done.stderr, flags=re.M)
    assert len(commands) > 5
    for command in commands:
        words = shlex.split(command)
        assert words[-3] == ">"
        assert words[-2].startswith("my results/logs/"), command
    (overview, *_) = [command for command in commands if command.startswith("itc overview")]
    note = "SIMULATED DATA (it's a test): nothing here was measured in people."
    assert note in shlex.split(overview)
    assert any("config/my plan.yaml" in shlex.split(command) for command in commands)
