"""A copied file has a new time and the same content: content decides what reruns, for tubes as
well.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workflow.running import rules_to_run


@pytest.mark.workflow
def test_new_times_alone_rerun_nothing(study_copy: Path, root: Path) -> None:
    data = sorted(path for path in (study_copy / "data").rglob("*") if path.is_file())
    for path in data:
        os.utime(path)  # now: later than every result
    assert rules_to_run(study_copy, root=root) == set()
    tube = next(path for path in data if path.suffix == ".fcs")
    content = tube.read_bytes()
    middle = len(content) // 2
    tube.write_bytes(content[:middle] + bytes(4) + content[middle + 4 :])
    assert "fit_gates" in rules_to_run(study_copy, root=root)
