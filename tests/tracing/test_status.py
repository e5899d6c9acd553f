"""A job is done, failed or to do, by its files and its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from cohort.cohort_examples import write_study
from itc_analysis.config.sections import Settings
from itc_analysis.results import Layout
from itc_analysis.tables.registry import FILES
from itc_analysis.tracing.status import Job, list_jobs

WHERE = ("panel_a", "b1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    study = write_study(tmp_path)
    results = str(tmp_path / "results")
    return Settings(study=study.model_copy(update={"results_folder": results}))


def gates_of_first_batch(settings: Settings) -> Job:
    (job,) = [j for j in list_jobs(settings) if j.rule == "fit_gates" and j.where == WHERE]
    return job


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


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
    settings: Settings, log: str | None, state: str, said: str
) -> None:
    if log is not None:
        write(Layout(settings.study.results_folder).log("fit_gates", *WHERE), log)
    job = gates_of_first_batch(settings)
    assert (job.state, job.said) == (state, said)


def test_a_job_is_done_when_all_its_files_are_there(settings: Settings) -> None:
    at = Layout(settings.study.results_folder)
    first, *others = [file.name for file in FILES if file.made_by == "fit_gates"]
    for name in others:
        write(at.at(name, *WHERE), "x")
    assert gates_of_first_batch(settings).state == "to do"
    write(at.at(first, *WHERE), "x")
    write(at.log("fit_gates", *WHERE), "itc fit-gates: a fault of an earlier run\n")
    assert gates_of_first_batch(settings).state == "done"
