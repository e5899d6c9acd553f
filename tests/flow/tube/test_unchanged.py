"""A file that changes during a run is refused by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from itc_analysis.errors import ItcError
from itc_analysis.flow.tube.unchanged import watch_files
from itc_analysis.runs.contents import contents


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    """As the workflow freezes them."""
    found = []
    for name in "ab":
        path = tmp_path / f"{name}.fcs"
        path.write_bytes(name.encode() * 100)
        found.append({"file_id": name, "path": str(path), "content": contents([path])})
    return found


def test_files_that_stay_are_let_through(rows: list[dict[str, str]]) -> None:
    watch_files(rows).refuse_changed()
    os.utime(rows[0]["path"], (1, 1))
    watch_files(rows).refuse_changed()


@pytest.mark.parametrize("content", [b"c" * 100, b"c" * 99])
def test_a_file_written_to_while_it_is_read_is_named(
    rows: list[dict[str, str]], content: bytes
) -> None:
    files = watch_files(rows)
    Path(rows[1]["path"]).write_bytes(content)
    with pytest.raises(ItcError, match="tube b, its file changed while it was read") as caught:
        files.refuse_changed()
    assert len(caught.value.faults) == 1


def test_a_file_that_disappears_is_named(rows: list[dict[str, str]]) -> None:
    files = watch_files(rows)
    Path(rows[0]["path"]).unlink()
    with pytest.raises(ItcError, match="tube a"):
        files.refuse_changed()
    with pytest.raises(ItcError, match="tube a, its file changed since the run began"):
        watch_files(rows)


def test_a_file_of_other_content_than_when_the_run_began_is_named(
    rows: list[dict[str, str]],
) -> None:
    path = Path(rows[0]["path"])
    kept = path.stat()
    path.write_bytes(b"c" * 100)
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    with pytest.raises(ItcError, match="tube a, its file changed since the run began"):
        watch_files(rows)


def test_rows_typed_by_hand_need_no_digest(rows: list[dict[str, str]]) -> None:
    watch_files([{"file_id": "a", "path": rows[0]["path"]}]).refuse_changed()
