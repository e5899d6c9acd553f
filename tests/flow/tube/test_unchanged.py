"""A file that changes during a run is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.errors import ItcError
from itc_analysis.flow.tube.unchanged import look_at_files


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    for name in "ab":
        (tmp_path / f"{name}.fcs").write_bytes(name.encode() * 100)
    return [{"file_id": name, "path": str(tmp_path / f"{name}.fcs")} for name in "ab"]


def test_files_that_stay_are_let_through(rows: list[dict[str, str]]) -> None:
    files = look_at_files(rows)
    files.refuse_changed()
    files.refuse_other_content(look_at_files(rows).digests)


@pytest.mark.parametrize("content", [b"c" * 100, b"c" * 99])
def test_a_file_written_to_while_it_is_read_is_named(
    rows: list[dict[str, str]], content: bytes
) -> None:
    files = look_at_files(rows)
    Path(rows[1]["path"]).write_bytes(content)
    with pytest.raises(ItcError, match="tube b, its file changed while it was read") as caught:
        files.refuse_changed()
    assert len(caught.value.faults) == 1


def test_a_file_that_disappears_is_named(rows: list[dict[str, str]]) -> None:
    files = look_at_files(rows)
    Path(rows[0]["path"]).unlink()
    with pytest.raises(ItcError, match="tube a"):
        files.refuse_changed()


def test_a_file_of_other_content_than_at_an_earlier_step_is_named(
    rows: list[dict[str, str]],
) -> None:
    earlier = look_at_files(rows).digests
    path = Path(rows[0]["path"])
    path.write_bytes(b"c" * 100)
    with pytest.raises(ItcError, match="tube a, its file changed since its gates were fitted"):
        look_at_files(rows).refuse_other_content(earlier)


def test_a_file_that_is_copied_again_is_the_same(rows: list[dict[str, str]]) -> None:
    earlier = look_at_files(rows).digests
    path = Path(rows[0]["path"])
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    look_at_files(rows).refuse_other_content(earlier)


def test_a_file_that_cannot_be_read_is_no_change(rows: list[dict[str, str]]) -> None:
    rows[0]["path"] += ".nowhere"
    files = look_at_files(rows)
    assert files.digests["a"] == ""
    files.refuse_changed()
