"""A study through a real Slurm has the results that it has on one machine, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cluster.many_people import slurm_jobs, write_many_people
from cluster.slurm import Slurm
from cluster.tiny_study import tables_of
from workflow.running import snakemake

pytestmark = pytest.mark.workflow

#: The shipped profile asks after 40 s, which is right for jobs of minutes and not of seconds.
QUICK = ("--slurm-init-seconds-before-status-checks", "4", "--latency-wait", "5")


def test_hundreds_of_people_are_dozens_of_slurm_jobs(tmp_path: Path, root: Path) -> None:
    """A dry run through the shipped profile needs the plugin, and no Slurm."""
    study = tmp_path / "study"
    assert write_many_people(study, 240) == 720
    done = snakemake(study, "--dry-run", root=root, profile="slurm")
    # 20 batches of two panels, four in a job, gated and counted; six other jobs
    assert slurm_jobs(done.stdout + done.stderr) == 2 * 10 + 6


@pytest.mark.cluster
def test_results_through_slurm_are_those_of_one_machine(
    tiny_study: Path, tiny_finished: Path, slurm: Slurm, tmp_path: Path, root: Path
) -> None:
    study = tmp_path / "elsewhere" / "study"
    shutil.copytree(tiny_study, study)
    snakemake(study, *QUICK, root=root, profile="slurm", environment=slurm.environment)
    here, there = tables_of(tiny_finished), tables_of(study)
    assert len(here) > 70
    assert there.keys() == here.keys()
    assert [name for name in here if here[name] != there[name]] == []
    # one Slurm job for several of Snakemake's: 13 jobs ask for 6 places in the queue
    asked = slurm.call("squeue", "--noheader", "--states=all", "--format=%k %m %C").splitlines()
    assert len(asked) == 6
    memory = {line.split()[0]: int(line.split()[1].rstrip("M")) for line in asked}
    assert min(memory.values()) >= 1000
    assert memory["rule_fit_fit_gates"] >= 2000  # two batches side by side
