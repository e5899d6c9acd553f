"""Used from elsewhere: as a module of another workflow, with conda, and Snakemake's own report."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from workflow.running import snakemake

MODULE = """\
configfile: "config/config.yaml"


module itc:
    snakefile: {snakefile}
    config: config


use rule * from itc as itc_*


rule all:
    default_target: True
    input: rules.itc_all.input, "notes.txt"


rule notes:
    input: rules.itc_measure.output
    output: "notes.txt"
    shell: "wc -c {{input}} > {{output}}"
"""


@pytest.mark.workflow
def test_another_repository_uses_it_as_a_module(study_copy: Path, root: Path) -> None:
    own = study_copy / "workflow" / "Snakefile"
    own.parent.mkdir()
    own.write_text(MODULE.format(snakefile=repr(str(root / "workflow" / "Snakefile"))))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(own), "--dry-run", "--forceall"],
        cwd=study_copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    table = said.split("Job stats:")[-1].split("total")[0]
    rules = dict(re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE))
    assert rules.pop("notes") == "1"
    assert rules.pop("all") == "1"
    assert {name.removeprefix("itc_") for name in rules} >= {"check", "fit_gates", "report"}
    assert all(name.startswith("itc_") for name in rules)


@pytest.mark.workflow
def test_it_runs_when_it_is_fetched_from_a_repository(
    study_copy: Path, root: Path, tmp_path: Path
) -> None:
    """What `snakedeploy deploy-workflow` writes names a repository, of which Snakemake keeps a copy
    file by file: no rule may ask for what lies beside the Snakefile.
    """
    repository = tmp_path / "repository"
    shutil.copytree(root / "workflow", repository / "workflow")
    git = ["git", "-c", "user.name=itc", "-c", "user.email=itc@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *command], cwd=repository, check=True)
    own = study_copy / "workflow" / "Snakefile"
    own.parent.mkdir()
    fetched = f"gitfile({str(repository)!r}, path='workflow/Snakefile', ref='main')"
    own.write_text(MODULE.format(snakefile=fetched))
    checked = study_copy / "results" / "cohort" / "participants.parquet"
    checked.unlink()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(own), "--cores", "1"),
            *("--until", "itc_check"),
        ],
        cwd=study_copy,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert checked.exists()


@pytest.mark.workflow
def test_snakemakes_own_report_of_a_finished_study(
    finished_study: Path, root: Path, tmp_path: Path
) -> None:
    page = tmp_path / "snakemake.html"
    snakemake(finished_study, "--report", str(page), root=root)
    text = page.read_text(encoding="utf-8")
    assert "fit_gates" in text
    assert "compare" in text


def test_pins_for_conda_are_those_of_the_lock(root: Path) -> None:
    environment = yaml.safe_load((root / "environment.yaml").read_text(encoding="utf-8"))
    (by_pip,) = (part for part in environment["dependencies"] if isinstance(part, dict))
    pinned = dict(pin.split("==") for pin in by_pip["pip"])
    lock = (root / "requirements" / "lock.txt").read_text(encoding="utf-8")
    # of the versions that depend on Python, that of 3.11
    lines = [line for line in lock.splitlines() if not re.search(r">= .3\.12", line)]
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", "\n".join(lines), flags=re.MULTILINE))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # with what the profile for Slurm needs
    needed = project["dependencies"] + project["optional-dependencies"]["slurm"]
    direct = {re.split(r"[<>=\[ ]", text)[0].lower() for text in needed}
    assert pinned == {name: locked[name] for name in direct}
    assert any(str(part).startswith("python=3.11") for part in environment["dependencies"])


def test_the_catalogue_finds_what_it_looks_for(root: Path) -> None:
    entry = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8"))
    assert entry["usage"]["report"] is True
    readme = (root / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (root / "config" / "README.md").is_file()
    assert list((root / "workflow" / "rules").glob("*.smk"))
    deployments = entry["usage"]["software-stack-deployment"]
    assert deployments["apptainer"] == (root / "workflow" / "envs" / "itc.def").is_file()


def test_an_editor_can_check_the_settings_with_the_schema(root: Path) -> None:
    schema = json.loads((root / "config" / "config.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    settings = yaml.safe_load((root / "config" / "config.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(settings, schema)
    settings["flow"] = {"min_evnts": 2}
    with pytest.raises(jsonschema.ValidationError, match="min_evnts"):
        jsonschema.validate(settings, schema)
