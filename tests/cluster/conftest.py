"""A tiny study that ran here, and a Slurm to run it again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from cluster.identities import plant_study
from cluster.slurm import Slurm, missing_programs
from cluster.tiny_study import make_tiny_study
from made_once import made_once
from workflow.running import snakemake


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study that has not run, with people's names in its data; copy it."""

    def make(study: Path) -> None:
        make_tiny_study(study)
        plant_study(study)

    return made_once(tmp_path_factory, "tiny", make)


@pytest.fixture(scope="session")
def tiny_finished(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Return the study after a run on this machine; copy it."""

    def make(study: Path) -> None:
        shutil.copytree(tiny_study, study)
        snakemake(study, root=root)

    return made_once(tmp_path_factory, "tiny_finished", make)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """Start a Slurm of three nodes and stop it at the end."""
    if missing := missing_programs():
        pytest.skip(f"no Slurm here: {', '.join(missing)} not found (.ci/system installs it)")
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("no Slurm here: snakemake-executor-plugin-slurm is not installed")
    with Slurm(tmp_path_factory.mktemp("slurm") / "cluster") as cluster:
        yield cluster
