"""Others read results only when they are asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from itc_analysis.cli import main
from itc_analysis.runs.privacy import keep_run_private


@pytest.fixture(autouse=True)
def everybody_may_read() -> Iterator[None]:
    """As most machines are set."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize(("asked", "rights"), [(None, 0o600), ("group", 0o660), ("all", 0o600)])
def test_new_files_are_readable_by_others_only_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, rights: int
) -> None:
    monkeypatch.delenv("ITC_SHARE", raising=False)
    if asked is not None:
        monkeypatch.setenv("ITC_SHARE", asked)
    assert main(["init", str(tmp_path / "study")]) == 0
    files = [path for path in (tmp_path / "study").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {rights}
    # what the caller writes itself is as it was
    (tmp_path / "own").touch()
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("asked", "rights"), [("", (0o700, 0o600)), ("group", (0o770, 0o660))])
def test_what_snakemake_made_before_the_rules_were_read_has_the_rights_of_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, rights: tuple[int, int]
) -> None:
    monkeypatch.setenv("ITC_SHARE", asked)
    log = tmp_path / ".snakemake" / "log" / "today.snakemake.log"
    log.parent.mkdir(parents=True)
    log.touch()
    log.parent.chmod(0o2755)  # a folder that hands its group on goes on doing so
    keep_run_private(tmp_path)
    folder, file = rights
    assert log.parent.parent.stat().st_mode & 0o7777 == folder
    assert log.parent.stat().st_mode & 0o7777 == 0o2000 | folder
    assert log.stat().st_mode & 0o7777 == file
