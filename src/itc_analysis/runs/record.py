"""Whose run works in a folder, and since when.

The workflow writes the record when its first job may start and removes it when it ends; a run that
was killed leaves it. It lies in Snakemake's own folder and is no result.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from itc_analysis.errors import ItcError
from itc_analysis.whole_files import write_text

_RECORD = Path(".snakemake") / "itc_run.json"
_LOCKS = Path(".snakemake") / "locks"
#: Characters of a file's name on the usual file systems, one for Snakemake's mark.
_LONGEST_NAME = 254
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
    """Record that this process runs the workflow in `folder`.

    Raises
    ------
    ItcError
        another run works there. Snakemake's lock is not enough: any run that ends in the folder,
        one with nothing to do too, removes the locks of all.
    """
    pid = os.getpid()
    other = read_record(folder)
    if other is not None and other.is_alive and other.pid != pid:
        what = (
            f"{other} works in this folder; wait until it ends, or stop it: kill -INT {other.pid}"
        )
        raise ItcError(str(Path(folder).resolve()), what)
    now = datetime.now(tz=UTC).strftime("%Y-%m-%d %H:%M")
    run = Run(_user(), socket.gethostname(), pid, process_start(pid), now)
    write_text(Path(folder) / _RECORD, json.dumps(asdict(run), indent=1) + "\n")


def remove_record(folder: str | Path = ".") -> None:
    """Record that the run of this process has ended."""
    run = read_record(folder)
    if run is None or run.pid == os.getpid():
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
    (Path(folder) / _RECORD).unlink(missing_ok=True)


def not_recorded(outputs: Iterable[str], folder: str | Path = ".") -> list[str]:
    """Return results that are there without Snakemake's note of what made them.

    Snakemake takes such a file for up to date, whatever the settings are now: of a study that was
    copied without its hidden folder, or of results that were moved.

    Parameters
    ----------
    outputs : iterable of str
        results as the workflow names them; those that are not there are left aside.
    """
    own = Path(folder) / ".snakemake"
    if (own / "metadata.db").exists():  # it keeps its notes there when asked to
        return []
    return [
        path
        for path in outputs
        if (Path(folder) / path).exists()
        and not any(_note_of(own / kind, path).exists() for kind in ("metadata", "incomplete"))
    ]


def _note_of(notes: Path, output: str) -> Path:
    """Return where Snakemake (9) keeps its note of an output."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[at : at + _LONGEST_NAME] for at in range(0, len(name), _LONGEST_NAME)]
    return notes.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


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
