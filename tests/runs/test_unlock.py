"""`itc unlock`: whose lock it is; ends what a dead run left behind; never touches a live one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from snakemake.persistence.file import FilePersistence

from itc_analysis.cli import main
from itc_analysis.errors import ItcError
from itc_analysis.runs import orphans, record

DEAD = 2**22 + 1  # more than the highest number of a process


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder that Snakemake locked."""
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/report.html\n")
    (tmp_path / "results").mkdir()
    return tmp_path


def write_run(study: Path, **differs: object) -> None:
    record.write_record(study)
    path = study / ".snakemake" / "itc_run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | differs))


@contextmanager
def job(study: Path, verb: str = "fit-gates") -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like a job of a run in `study`."""
    code = "import time; time.sleep(60)"
    with subprocess.Popen(
        [f"itc {verb} --config x", "-c", code], executable=sys.executable, cwd=study
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def unlock(study: Path, *more: str) -> int:
    return main(["unlock", "--directory", str(study), "--results", "results", *more])


def test_a_run_that_is_alive_is_not_touched(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record.write_record(study)
    (study / "results" / "x.parquet.1.partial").touch()
    assert unlock(study, "--cancel", "--dead") == 2
    assert f"(process {os.getpid()})" in capsys.readouterr().err
    assert record.is_locked(study)
    assert (study / "results" / "x.parquet.1.partial").exists()
    assert "wait until it ends" in str(record.say_who(study))


def test_a_dead_run_is_unlocked_and_its_unfinished_files_go(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(study, pid=DEAD)
    inner = study / "results" / "flow"
    inner.mkdir()
    (inner / "gates.parquet.17.partial").touch()
    (inner / "gates.parquet").touch()
    assert "its process is dead: `itc unlock`" in str(record.say_who(study))
    assert unlock(study) == 0
    assert "1 unfinished file removed, unlocked" in capsys.readouterr().out
    assert [path.name for path in inner.iterdir()] == ["gates.parquet"]
    assert record.say_who(study) is None
    assert unlock(study) == 0
    assert "there was no lock" in capsys.readouterr().out


def test_a_second_run_in_the_folder_is_refused_whatever_the_lock_says(study: Path) -> None:
    with job(study) as other:
        write_run(study, pid=other.pid, start=record.process_start(other.pid))
        record.remove_record(study)  # of a run that ends: not its own
        for lock in (study / ".snakemake" / "locks").iterdir():
            lock.unlink()
        with pytest.raises(ItcError, match="works in this folder; wait until it ends"):
            record.write_record(study)
    record.write_record(study)  # the other one is dead
    assert str(os.getpid()) in str(record.read_record(study))
    record.remove_record(study)
    assert record.read_record(study) is None


def test_results_without_a_note_of_what_made_them_are_named(study: Path) -> None:
    names = [f"results/{name}.parquet" for name in ("known", "begun", "moved", "not_there")]
    long_name = f"results/{'x' * 200}.parquet"
    for name in (*names[:3], long_name):
        (study / name).touch()
    notes = FilePersistence(path=study / ".snakemake")
    for kind, name in (("metadata", names[0]), ("incomplete", names[1]), ("metadata", long_name)):
        notes._io_write(str(study / ".snakemake" / kind), {}, name)
    assert record.not_recorded([*names, long_name], study) == [names[2]]


def test_a_process_of_the_same_number_is_another_one(study: Path) -> None:
    write_run(study, start="1")
    assert unlock(study) == 0


def test_jobs_that_go_on_are_listed_and_ended_only_when_asked(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(study, pid=DEAD)
    with job(study) as process:
        assert unlock(study) == 2
        said = capsys.readouterr().err
        assert f"process {process.pid}: itc fit-gates, goes on without its run" in said
        assert "call this again with --cancel" in said
        assert process.poll() is None
        assert record.is_locked(study)
        assert unlock(study, "--cancel") == 0
        assert process.wait(timeout=5) < 0
    assert "1 job of the dead run ended, unlocked" in capsys.readouterr().out


def test_a_job_of_another_folder_is_left_alone(study: Path) -> None:
    other = study / "other"
    other.mkdir()
    with job(other) as process:
        assert orphans.find_processes(study, ["fit-gates"]) == []
        assert [o.number for o in orphans.find_processes(other, ["fit-gates"])] == [process.pid]


def test_a_run_on_another_machine_is_looked_at_there(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(study, host="login7", user="lena", since="2026-11-02 08:15")
    assert unlock(study) == 2
    said = capsys.readouterr().err
    assert "the run of lena on login7" in said
    assert "started 2026-11-02 08:15 UTC" in said
    assert "look on login7" in str(record.say_who(study))
    assert unlock(study, "--dead") == 0


def test_jobs_of_slurm_are_found_by_the_name_of_the_run(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With programs that stand in for Slurm's; tests/cluster has the real ones."""
    log = study / ".snakemake" / "log" / "a.snakemake.log"
    log.parent.mkdir()
    log.write_text("host: login7\nSLURM run ID: itc_12ab\nBuilding DAG of jobs...\n")
    programs, state = study / "bin", study / "jobs"
    programs.mkdir()
    state.write_text("71 rule_fit\n72 rule_apply\n")
    for name, body in (
        ("squeue", f'case "$*" in *itc_12ab*|*RUNNING,COMPLETING) cat {state};; esac'),
        ("scancel", f"echo $* > {study}/cancelled; : > {state}"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    found = orphans.find_slurm_jobs(study)
    assert [(job.kind, job.number, job.what) for job in found] == [
        ("Slurm job", 71, "rule_fit"),
        ("Slurm job", 72, "rule_apply"),
    ]
    assert unlock(study) == 2
    assert unlock(study, "--cancel") == 0
    assert (study / "cancelled").read_text().split() == ["71", "72"]


def test_a_folder_that_is_not_there_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unlock(tmp_path / "nowhere") == 2
    assert "there is no such folder" in capsys.readouterr().err
