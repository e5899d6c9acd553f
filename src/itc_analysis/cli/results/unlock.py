"""Free a study that a dead run left locked: find its jobs, end them when asked, remove the lock.

A run that was killed (a lost connection, a power cut) leaves its lock, unfinished files, and often
jobs that go on: processes on this machine and jobs in Slurm. They are listed; with --cancel they
are ended. A run that is alive is never touched.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--directory", default=".", help="folder in which the workflow was started (default: here)"
    )
    parser.add_argument(
        "--results", default="results", help="its results folder (default: results)"
    )
    parser.add_argument(
        "--cancel", action="store_true", help="end the jobs that the dead run left behind"
    )
    parser.add_argument(
        "--dead",
        action="store_true",
        help="you looked: the run on the other machine is dead",
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.plural import plural
    from itc_analysis.runs import orphans, record
    from itc_analysis.tables.registry import FILES
    from itc_analysis.whole_files import UNFINISHED

    folder = Path(options.directory)
    if not folder.is_dir():
        raise ItcError(str(folder), "there is no such folder; name the one the run was started in")
    holder = record.read_record(folder)
    if holder is not None and holder.is_alive:
        raise ItcError(str(folder), f"{holder} is alive; stop it first: kill -INT {holder.pid}")
    if holder is not None and not holder.is_here and not options.dead:
        what = f"locked by {holder}; from here it cannot be seen whether it still runs"
        raise ItcError(str(folder), f"{what}; look there, then call this again with --dead")
    verbs = sorted({file.command.removeprefix("itc ") for file in FILES})
    found = orphans.find_processes(folder, verbs) + orphans.find_slurm_jobs(folder)
    if found and not options.cancel:
        faults = [Fault(str(orphan), "goes on without its run") for orphan in found]
        what = "nothing was changed: wait until they end, or call this again with --cancel"
        raise ItcError(str(folder), [*faults, Fault("", what)])
    left = orphans.end_orphans(found) if found else []
    if left:
        faults = [Fault(str(orphan), "does not end") for orphan in left]
        raise ItcError(str(folder), faults)
    unfinished = sorted((folder / options.results).rglob(f"*{UNFINISHED}"))
    for path in unfinished:
        path.unlink()
    was_locked = record.is_locked(folder)
    record.remove_locks(folder)
    said = [f"{plural(len(found), 'job')} of the dead run ended"] if found else []
    said += [f"{plural(len(unfinished), 'unfinished file')} removed"] if unfinished else []
    said.append("unlocked" if was_locked else "there was no lock")
    print(f"{folder}: {', '.join(said)}. The next run goes on where it stopped.")
