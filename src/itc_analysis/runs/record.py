"""Whose run works in a folder, and since when.

The workflow writes the record when its first job may start and removes it when it ends; a run that
was killed leaves it. It lies in Snakemake's own folder and is no result.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from itc_analysis.whole_files import write_text

_RECORD = Path(".snakemake") / "itc_run.json"
_LOCKS = Path(".snakemake") / "locks"
#: Place of a process's start in /proc/<pid>/stat, behind the name in parentheses.
_START = 19


@dataclass(frozen=True)
class Run:
    """A run of the workflow.

    Parameters
    ----------
    user, host : str
        who started it, and where.
    pid : int
        process of Snakemake.
    start : str
        when that process began, in ticks since the machine did; tells it from a later one of the
        same number. Empty where the system does not say.
    since : str
        date and time, UTC.
    """

    user: str
    host: str
    pid: int
    start: str
    since: str

    def __str__(self) -> str:
        return (
            f"the run of {self.user} on {self.host} (process {self.pid}), started {self.since} UTC"
        )

    @property
    def is_here(self) -> bool:
        """Was it started on this machine?"""
        return self.host == socket.gethostname()

    @property
    def is_alive(self) -> bool:
        """Does its process still run? Only known on its own machine."""
        return self.is_here and process_start(self.pid) == self.start != ""


def write_record(folder: str | Path = ".") -> None:
    """Record that this process runs the workflow in `folder`."""
    pid = os.getpid()
    now = datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M")
    run = Run(_user(), socket.gethostname(), pid, process_start(pid), now)
    write_text(Path(folder) / _RECORD, json.dumps(asdict(run), indent=1) + "\n")


def remove_record(folder: str | Path = ".") -> None:
    """Record that the run has ended."""
    (Path(folder) / _RECORD).unlink(missing_ok=True)


def read_record(folder: str | Path = ".") -> Run | None:
    """Return the run that works in `folder`, or was killed there; None when there is none."""
    try:
        stored = json.loads((Path(folder) / _RECORD).read_text(encoding="utf-8"))
        return Run(**stored)
    except (OSError, ValueError, TypeError):
        return None


def is_locked(folder: str | Path = ".") -> bool:
    """Does Snakemake hold the folder locked?"""
    return any((Path(folder) / _LOCKS).glob("*.lock"))


def remove_locks(folder: str | Path = ".") -> None:
    """Remove Snakemake's locks, as its --unlock does, and the record."""
    for lock in (Path(folder) / _LOCKS).glob("*.lock"):
        lock.unlink()
    remove_record(folder)


def say_who(folder: str | Path = ".") -> str | None:
    """Return a sentence on who holds the folder; None when nobody does."""
    if not is_locked(folder):
        return None
    run = read_record(folder)
    if run is None:
        locks = sorted((Path(folder) / _LOCKS).glob("*.lock"))
        since = min(datetime.fromtimestamp(lock.stat().st_mtime, tz=UTC) for lock in locks)
        return (
            f"These results are locked by {locks[0].owner()} since {since:%Y-%m-%d %H:%M} UTC, "
            "before any job was started; `itc unlock` removes the lock of a run that is dead."
        )
    if run.is_alive:
        what = "wait until it ends, or stop it with Ctrl-C in its window"
    elif run.is_here:
        what = "its process is dead: `itc unlock` ends what it left behind"
    else:
        what = f"look on {run.host} whether it still runs; if not, call `itc unlock` there"
    return f"These results are locked by {run}; {what}."


def process_start(pid: int) -> str:
    """Return when a process began; empty when it does not run any more."""
    with suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # a zombie has ended, and waits for somebody to ask how
        return "" if fields[0] == "Z" else fields[_START]
    return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a number without a name, as in some containers
        return str(os.getuid())
