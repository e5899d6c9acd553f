"""A run is of the files that it began with, in the run itself and in its jobs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from itc_analysis.runs import contents as module
from itc_analysis.runs.contents import contents, hand_on_contents, keep_contents


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    module._begun = None


@pytest.fixture
def tube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("a.fcs")
    path.write_bytes(b"the right events")
    return path


def test_a_file_counts_as_it_was_at_its_first_look(tube: Path) -> None:
    keep_contents()
    before = contents([tube])
    tube.write_bytes(b"somebody else's events")
    assert contents([tube]) == before
    keep_contents()
    assert contents([tube]) != before


def test_a_job_takes_over_what_its_run_began_with(tube: Path) -> None:
    keep_contents()
    before = contents([tube])
    hand_on_contents()
    tube.write_bytes(b"somebody else's events")
    code = (
        "from itc_analysis.runs.contents import contents, keep_contents\n"
        "now = contents(['a.fcs']); keep_contents('.'); print(now, contents(['a.fcs']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    now, kept = done.stdout.split()
    assert kept == before != now


def test_a_job_without_a_shared_disk_looks_for_itself(tube: Path) -> None:
    before = contents([tube])
    keep_contents("nowhere")
    assert contents([tube]) == before
