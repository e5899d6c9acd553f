"""Run the workflow on a study's folder, as the README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def command(study: Path, *arguments: str, root: Path, profile: str = "default") -> list[str]:
    """Return the command that runs the workflow with the study's folder as working directory."""
    return [
        sys.executable, "-m", "snakemake", "-s", str(root / "workflow" / "Snakefile"),
        "--workflow-profile", str(root / "workflow" / "profiles" / profile),
        "--configfile", str(study / "config" / "config.yaml"), "--directory", str(study),
        *arguments,
    ]  # fmt: skip


def snakemake(
    study: Path,
    *arguments: str,
    root: Path,
    check: bool = True,
    profile: str = "default",
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the workflow with the study's folder as working directory, as the README says."""
    done = subprocess.run(
        command(study, *arguments, root=root, profile=profile),
        capture_output=True, text=True, check=False,
        env=os.environ | {"COLUMNS": "200"} | dict(environment or {}),
    )  # fmt: skip
    if check and done.returncode != 0:
        pytest.fail(f"snakemake exited with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def rules_to_run(study: Path, *arguments: str, root: Path) -> set[str]:
    """Return the names of the rules that a dry run would execute, from its table of jobs."""
    done = snakemake(study, "--dry-run", *arguments, root=root)
    said = done.stdout + done.stderr
    if "Job stats:" not in said:
        assert "Nothing to be done" in said
        return set()
    table = said.split("Job stats:")[-1].split("total")[0]
    return set(re.findall(r"^(\w+) +\d+$", table, flags=re.M))
