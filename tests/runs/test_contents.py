"""Other content gives another text; other times, places and orders do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from itc_analysis.runs.contents import contents


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [10, 40_000, 100_000, 1_000_000])
def test_content_decides_and_not_the_time(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "a.fcs", bytes(size))
    before = contents([path])
    os.utime(path, (1, 1))
    assert contents([path]) == before
    kept = path.stat()
    write(path, bytes(size - 1) + b"x")
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert contents([path]) != before


def test_order_and_folder_do_not_matter(tmp_path: Path) -> None:
    names = [write(tmp_path / where / name, name.encode()) for where in "xy" for name in ("a", "b")]
    assert contents(names[:2]) == contents(names[1::-1]) == contents(names[2:])


def test_a_name_counts_and_so_does_absence(tmp_path: Path) -> None:
    there = write(tmp_path / "a", b"1")
    other = write(tmp_path / "b", b"1")
    texts = {contents(paths) for paths in ([there], [other], [tmp_path / "c"], [], [there, other])}
    assert len(texts) == 5


def test_a_folder_stands_for_its_files(tmp_path: Path) -> None:
    inner = write(tmp_path / "library" / "matrix.mtx", b"1")
    before = contents([inner.parent])
    write(inner, b"2")
    assert contents([inner.parent]) != before
