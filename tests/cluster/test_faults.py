"""Faults while a study runs: results come out as without them. More: benchmarks/faults.py."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import faults
from cluster.slurm import Slurm
from cluster.tiny_study import tables_of

pytestmark = pytest.mark.workflow


@pytest.fixture
def trial(
    tiny_study: Path, tiny_finished: Path, tmp_path: Path, root: Path
) -> Iterator[faults.Trial]:
    shutil.copytree(tiny_study, tmp_path / "run" / "study")
    study = tmp_path / "run" / "study"
    yield faults.Trial(study, tables_of(tiny_finished), root, random.Random(16))
    faults.unmount_results(study)


def strike(trial: faults.Trial, *strikes: object) -> None:
    for kind in (kind for kind in faults.KINDS if kind.strike in strikes):
        trial.start(*kind.options)
        kind.strike(trial)
        if not kind.changes_input:
            assert trial.differences(complete=False) == []
    trial.start()
    assert trial.wait() == 0, trial.said
    assert trial.differences(complete=not trial.until) == []


def test_a_study_survives_kills_a_changing_tube_and_a_second_run(trial: faults.Trial) -> None:
    strike(trial, faults.kill_job, faults.kill_snakemake, faults.input_changes, faults.second_run)


def test_a_study_survives_a_full_and_a_read_only_disk(trial: faults.Trial) -> None:
    try:
        faults.mount_results(trial.study)
    except faults.CannotHappenHere as reason:
        pytest.skip(f"no disk can be mounted here: {reason}")
    # a disk that is full is the same to the report as to the measurements
    trial.until = ("--until", "measure")
    strike(trial, faults.full_disk, faults.read_only)


@pytest.mark.cluster
def test_unlock_ends_the_jobs_that_a_dead_run_left_in_slurm(
    trial: faults.Trial, slurm: Slurm
) -> None:
    trial.slurm = slurm
    trial.until = ("--until", "fit_gates")
    trial.start()
    assert trial.next_job() is not None
    trial.process.kill()
    trial.wait()
    assert slurm.jobs() != []
    trial.unlock()
    assert slurm.jobs() == []
    assert trial.differences(complete=False) == []
