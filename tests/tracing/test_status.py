"""A job is done, failed or to do, by its files and its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.tracing.status import _judge


@pytest.mark.parametrize(
    ("log", "state", "said"),
    [
        (None, "to do", ""),
        ("counted S001: ok\n", "to do", ""),
        ("itc fit-gates: panel_a.yaml: 1 fault\n  no gate\n", "failed",
         "panel_a.yaml: 1 fault; no gate"),
        ("Traceback (most recent call last):\n  x\nValueError: no\n", "failed", "ValueError: no"),
    ],
)  # fmt: skip
def test_the_log_says_why_a_job_failed(
    tmp_path: Path, log: str | None, state: str, said: str
) -> None:
    path = tmp_path / "fit_gates.log"
    if log is not None:
        path.write_text(log)
    job = _judge("fit_gates", ("panel_a", "b1"), [tmp_path / "fits.parquet"], path)
    assert (job.state, job.said) == (state, said)


def test_a_job_is_done_when_all_its_files_are_there(tmp_path: Path) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    files[0].write_text("x")
    log = tmp_path / "x.log"
    assert _judge("score", (), files, log).state == "to do"
    files[1].write_text("x")
    log.write_text("itc score: a fault of an earlier run\n")
    assert _judge("score", (), files, log).state == "done"
