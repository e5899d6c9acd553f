"""A copied file has a new time and the same content: content decides what reruns, for tubes as
well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workflow.running import rules_to_run

COUNTED = """\
import hashlib

seen, take = [], hashlib.file_digest


def counted(stream, algorithm):
    seen.append(getattr(stream, "name", None))
    return take(stream, algorithm)


hashlib.file_digest = counted
{include}


rule all:
    input: "d.txt"


rule read:
    input: "tube.fcs"
    output: "a.txt", "b.txt", "c.txt"
    shell: "touch {{output}}"


rule again:
    input: "tube.fcs", "a.txt"
    output: "d.txt"
    shell: "touch {{output}}"


onsuccess:
    print("digests of the tube:", seen.count("tube.fcs"))
"""


@pytest.mark.workflow
@pytest.mark.parametrize(("is_included", "digests"), [(True, 1), (False, 4)])
def test_a_tube_is_read_once_for_all_digests(
    root: Path, tmp_path: Path, *, is_included: bool, digests: int
) -> None:
    """Where Snakemake itself reads it once, rules/digests.smk is no longer needed."""
    rules = root / "workflow" / "rules" / "digests.smk"
    include = f"include: {str(rules)!r}" if is_included else ""
    (tmp_path / "Snakefile").write_text(COUNTED.format(include=include))
    (tmp_path / "tube.fcs").write_bytes(b"events")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"digests of the tube: {digests}" in done.stdout + done.stderr


@pytest.mark.workflow
def test_new_times_alone_rerun_nothing(study_copy: Path, root: Path) -> None:
    data = sorted(path for path in (study_copy / "data").rglob("*") if path.is_file())
    for path in data:
        os.utime(path)  # now: later than every result
    assert rules_to_run(study_copy, root=root) == set()
    tube = next(path for path in data if path.suffix == ".fcs")
    content = bytearray(tube.read_bytes())
    # as where a copy had a hole: neither at the ends nor in the middle, and the size is the same
    content[len(content) // 3] ^= 1
    tube.write_bytes(content)
    assert {"fit_gates", "apply_gates", "manifest"} <= rules_to_run(study_copy, root=root)
