"""Jobs that go on although their run is dead: processes on this machine, and jobs in Slurm.

A second run would start the same jobs again and both would write the same tables. Each would be
whole, but the older one may come last.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from itc_analysis.errors import ItcError
from itc_analysis.runs.record import process_start

#: What Snakemake's Slurm plugin prints into its log; every job of the run bears this name.
_RUN_ID = "SLURM run ID: "
_LOGS = Path(".snakemake") / "log"
#: Seconds that a job has to end by itself.
_PATIENCE = 10
_ANSWER = 60


@dataclass(frozen=True)
class Orphan:
    """A job without its run.

    Parameters
    ----------
    kind : str
        "process" or "Slurm job".
    number : int
        of the process or the job.
    what : str
        the command that runs, or the name of the job.
    """

    kind: str
    number: int
    what: str

    def __str__(self) -> str:
        return f"{self.kind} {self.number}: {self.what}"


def find_processes(folder: str | Path, verbs: Iterable[str]) -> list[Orphan]:
    """Return processes that work in `folder` on a job of the workflow.

    Parameters
    ----------
    folder : str or Path
        the folder in which the workflow was started.
    verbs : iterable of str
        commands of `itc` that rules call.
    """
    home, wanted, found = Path(folder).resolve(), set(verbs), []
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if pid == os.getpid():
            continue
        # others' processes cannot be looked into, and end while they are looked at
        with suppress(OSError):
            words = entry.joinpath("cmdline").read_bytes().decode(errors="replace").split("\0")
            if entry.joinpath("cwd").resolve() != home or not process_start(pid):
                continue
            text = " ".join(words)
            verb = next((verb for verb in wanted if f"itc {verb} " in text), None)
            if verb is not None:
                found.append(Orphan("process", pid, f"itc {verb}"))
            elif "snakemake" in text and "--mode" in words:
                found.append(Orphan("process", pid, "snakemake, a job"))
    return sorted(found, key=lambda orphan: orphan.number)


def find_slurm_jobs(folder: str | Path) -> list[Orphan]:
    """Return jobs of Slurm that runs in `folder` submitted and that wait or run.

    Raises
    ------
    ItcError
        the runs used Slurm and Slurm does not answer.
    """
    names = _run_ids(folder)
    if not names:
        return []
    if shutil.which("squeue") is None:
        source = "squeue"
        raise ItcError(
            source, "the run used Slurm, which is not found here; call this on the login node"
        )
    command = ["squeue", "--noheader", "--format=%A %k", f"--name={','.join(sorted(names))}"]
    command.append("--states=PENDING,RUNNING,SUSPENDED,CONFIGURING,COMPLETING")
    jobs = [line.split(maxsplit=1) for line in _ask(command).splitlines() if line.strip()]
    # each task of an array is a line
    by_number = {int(number): rest[0] if rest else "" for number, *rest in jobs}
    return [Orphan("Slurm job", number, what) for number, what in sorted(by_number.items())]


def end_orphans(orphans: Iterable[Orphan]) -> list[Orphan]:
    """End them, and return those that are still there after some seconds.

    Processes are asked first and killed then.
    """
    processes = {o: process_start(o.number) for o in orphans if o.kind == "process"}
    jobs = [o for o in orphans if o.kind != "process"]
    if jobs:
        _ask(["scancel", *(str(job.number) for job in jobs)])
    for how in (signal.SIGTERM, signal.SIGKILL):
        for orphan, start in processes.items():
            if process_start(orphan.number) == start != "":
                with suppress(ProcessLookupError):
                    os.kill(orphan.number, how)
        until = time.monotonic() + _PATIENCE
        while any(process_start(o.number) == s != "" for o, s in processes.items()):
            if time.monotonic() > until:
                break
            time.sleep(0.1)
    left = [o for o, start in processes.items() if process_start(o.number) == start != ""]
    return left + _wait_for(jobs)


def _wait_for(jobs: list[Orphan]) -> list[Orphan]:
    until = time.monotonic() + 3 * _PATIENCE
    while jobs:
        command = ["squeue", "--noheader", "--format=%A", "--states=RUNNING,COMPLETING"]
        known = set(_ask(command).split())
        jobs = [job for job in jobs if str(job.number) in known]
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return jobs


def _run_ids(folder: str | Path) -> set[str]:
    found = set()
    for log in (Path(folder) / _LOGS).glob("*.log"):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            _, mark, name = line.partition(_RUN_ID)
            if mark:
                found.add(name.strip())
    return found


def _ask(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_ANSWER)
    except subprocess.TimeoutExpired:
        raise ItcError(command[0], "Slurm does not answer; try again later") from None
    if done.returncode:
        raise ItcError(command[0], f"Slurm says: {done.stderr.strip()}")
    return done.stdout
