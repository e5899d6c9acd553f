"""A command that takes long says so, and one that talks or answers at once does not."""

from __future__ import annotations

import logging
import re
import time

import pytest

from itc_analysis import cli
from itc_analysis.cli import progress


def seconds(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"itc report: at work for (\d+) s", text)]


def test_a_silent_command_says_that_it_is_at_work_at_growing_intervals(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.breaking_silence("report", patience=0.2):
        time.sleep(1.8)  # 0.2, then 0.4 and 0.8 later
    said = capsys.readouterr()
    assert said.out == ""
    assert 2 <= len(seconds(said.err)) <= 4


def test_a_command_that_talks_is_not_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("itc_analysis.made_up")
    logger.setLevel(logging.INFO)
    with progress.breaking_silence("report", patience=1.0):
        for place in range(15):
            logger.info("tube %d", place)
            time.sleep(0.1)
    assert seconds(capsys.readouterr().err) == []


def test_a_quick_command_and_one_that_waits_say_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.breaking_silence("report", patience=0.3):
        pass
    with progress.breaking_silence("report", patience=0.3):
        progress.rest()
        time.sleep(0.7)
    assert capsys.readouterr().err == ""


def test_every_verb_is_watched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        cli, "breaking_silence", lambda verb: progress.breaking_silence(verb, patience=0.1)
    )
    monkeypatch.setattr("itc_analysis.cli.results.report.run", lambda options: time.sleep(0.5))  # noqa: ARG005
    assert cli.main(["report", "--config", "c", "--results", "r", "--output", "o"]) == 0
    assert seconds(capsys.readouterr().err)


def test_items_are_counted_when_they_take_long(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in progress.watched(range(4), "files", patience=0.05):
        time.sleep(0.06)
    assert "files: 2 of 4" in capsys.readouterr().err
    for _ in progress.watched(range(4), "files", patience=5):
        pass
    assert capsys.readouterr().err == ""
