"""Recipes of images, and jobs of cloud services that use them: what they name is there, and what
they call is what the workflow takes.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cluster.many_people import write_many_people
from workflow.running import snakemake

SNAKEFILE = "/opt/itc_analysis/workflow/Snakefile"


def steps(recipe: str) -> list[str]:
    """Return the installing commands of a recipe, in order."""
    return re.findall(r"python -m pip install [^\n&\\]+", recipe)


def test_both_recipes_install_the_lock_and_the_package_in_the_same_way(root: Path) -> None:
    docker = (root / "workflow/envs/Dockerfile").read_text(encoding="utf-8")
    apptainer = (root / "workflow/envs/itc.def").read_text(encoding="utf-8")
    commands = [[command.strip() for command in steps(text)] for text in (docker, apptainer)]
    assert commands[0] == commands[1]
    assert len(commands[0]) == 2
    assert "--require-hashes --no-deps -r requirements/lock.txt" in commands[0][0]
    images = [
        re.search(r"^FROM (\S+)", docker, re.MULTILINE),
        re.search(r"^From: (\S+)", apptainer, re.MULTILINE),
    ]
    assert images[0][1] == images[1][1]
    assert images[0][1].startswith("python:3.11-slim")


def test_recipes_copy_what_is_there_and_all_that_the_package_needs(root: Path) -> None:
    docker = (root / "workflow/envs/Dockerfile").read_text(encoding="utf-8")
    by_docker = [
        word
        for line in re.findall(r"^COPY (.+)", docker, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    apptainer = (root / "workflow/envs/itc.def").read_text(encoding="utf-8")
    files = apptainer.partition("%files")[2].partition("%post")[0]
    by_apptainer = [line.split()[0] for line in files.splitlines() if line.strip()]
    assert sorted(by_docker) == sorted(by_apptainer)
    assert [name for name in by_docker if not (root / name).exists()] == []
    assert {"pyproject.toml", "requirements", "src", "workflow"} <= set(by_docker)


@pytest.mark.slow
def test_the_image_is_built_where_a_container_runtime_is(root: Path) -> None:
    runtime = shutil.which("docker") or shutil.which("podman")
    if (
        runtime is None
        or subprocess.run([runtime, "info"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no container runtime here: docker or podman with a running service")
    recipe = str(root / "workflow/envs/Dockerfile")
    subprocess.run([runtime, "build", "--file", recipe, "--tag", "itc:test", str(root)], check=True)
    said = subprocess.run(
        [runtime, "run", "--rm", "itc:test", "itc", "--version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.startswith("itc_analysis ")


@pytest.mark.workflow
def test_a_container_takes_the_commands_of_its_own_python(root: Path, tmp_path: Path) -> None:
    """A stand-in for Apptainer writes down what it is to run. The study's folder is mounted, and
    with it a .venv that lies there: its `itc` would look for the Python outside.
    """
    study = tmp_path / "study"
    write_many_people(study, 24)
    programs = tmp_path / "bin"
    programs.mkdir()
    stand_in = programs / "apptainer"
    # Snakemake asks for the version, then calls it with the command as the last argument
    stand_in.write_text(
        "#!/bin/bash\n"
        '[ "$1" != --version ] || { echo apptainer version 1.3.0; exit; }\n'
        f"printf '%s\\n' \"${{@: -1}}\" >{shlex.quote(str(tmp_path / 'command'))}\nexit 1\n"
    )
    stand_in.chmod(0o755)
    snakemake(
        study,
        *("--sdm", "apptainer", "--cores", "1", "--until", "check"),
        root=root,
        environment={"PATH": f"{programs}:{os.environ['PATH']}"},
        check=False,
    )
    command = (tmp_path / "command").read_text(encoding="utf-8")
    assert "itc check --config " in command
    assert "PATH" not in command


def cloud_commands(root: Path) -> dict[str, str]:
    """Return the command of each job of a cloud service."""
    kubernetes = yaml.safe_load((root / "workflow/cloud/kubernetes.yaml").read_text("utf-8"))
    (container,) = kubernetes["spec"]["template"]["spec"]["containers"]
    batch = json.loads((root / "workflow/cloud/google-batch.json").read_text("utf-8"))
    (runnable,) = batch["taskGroups"][0]["taskSpec"]["runnables"]
    assert container["image"] == runnable["container"]["imageUri"] == "REGISTRY/itc:TAG"
    return {
        "kubernetes": container["args"][0],
        "google-batch": runnable["container"]["commands"][1],
    }


@pytest.mark.workflow
@pytest.mark.parametrize("service", ["kubernetes", "google-batch"])
def test_the_job_of_a_cloud_service_is_one_that_the_workflow_takes(
    service: str, root: Path, tmp_path: Path
) -> None:
    """Its very command, as a dry run, with the bucket or the volume a folder of this machine."""
    study = tmp_path / "study"
    write_many_people(study, 24)
    text = cloud_commands(root)[service]
    assert SNAKEFILE in text
    text = text.replace(SNAKEFILE, str(root / "workflow" / "Snakefile"))
    text = text.replace("/mnt/disks/bucket", str(study)).replace(
        "/tmp/study", str(tmp_path / "job")
    )
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in (("itc", "itc_analysis"), ("snakemake", "snakemake")):
        more = " --dry-run" if name == "snakemake" else ""
        line = f'exec {shlex.quote(sys.executable)} -m {module} "$@"{more}'
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", f"PATH={shlex.quote(str(programs))}:$PATH; {text}"],
        cwd=study, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "there was no lock" in said
    assert re.search(r"^fit_gates +4$", said, re.MULTILINE), said


def test_the_pins_for_conda_agree_with_one_another(root: Path) -> None:
    """What a solver would find out: each pinned package wants what the lock holds."""
    lock = (root / "requirements" / "lock.txt").read_text(encoding="utf-8")
    lines = [line for line in lock.splitlines() if not re.search(r">= .3\.12", line)]
    pins = re.findall(r"^([\w.-]+)==([^\s;\\]+)", "\n".join(lines), flags=re.MULTILINE)
    locked = {canonicalize_name(name): version for name, version in pins}
    wrong, looked = [], 0
    for name, version in locked.items():
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if package.version != version:
            continue
        for text in package.requires or ():
            wanted = Requirement(text)
            if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
                continue
            looked += 1
            held = locked.get(canonicalize_name(wanted.name))
            if held is None or not wanted.specifier.contains(held, prereleases=True):
                wrong.append((name, text, held))
    assert looked > 200
    assert wrong == []


def test_conda_finds_an_environment(root: Path) -> None:
    solver = next(filter(None, map(shutil.which, ("micromamba", "mamba", "conda"))), None)
    if solver is None:
        pytest.skip("no solver here: micromamba, mamba or conda")
    subprocess.run(
        [solver, "env", "create", "--dry-run", "--file", str(root / "environment.yaml"), "--yes"],
        check=True,
    )
