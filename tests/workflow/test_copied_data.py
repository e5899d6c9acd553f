"""A copied file has a new time and the same content: content decides what reruns, for tubes as
well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

RULE = """\
rule read:
    input: "tube.fcs"
    output: "read.txt"
    shell: "wc -c < {input} > {output}"
"""
#: Snakemake compares the content of files below 1 MB by itself.
N_BYTES = 3_000_000


@pytest.mark.workflow
@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_new_times_alone_rerun_nothing(root: Path, tmp_path: Path, profile: str) -> None:
    path = root / "workflow" / "profiles" / profile / "config.yaml"
    setting = yaml.safe_load(path.read_text(encoding="utf-8"))["max-checksum-file-size"]
    (tmp_path / "Snakefile").write_text(RULE)
    tube = tmp_path / "tube.fcs"
    tube.write_bytes(bytes(N_BYTES))

    def snakemake(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "-c1", (
                "--max-checksum-file-size"
            ), setting, *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout + done.stderr

    snakemake()
    later = (tmp_path / "read.txt").stat().st_mtime + 100
    os.utime(tube, (later, later))
    assert "Nothing to be done" in snakemake("--dry-run")
    tube.write_bytes(bytes(N_BYTES - 1) + b"x")
    os.utime(tube, (later, later))
    assert "Nothing to be done" not in snakemake("--dry-run")
