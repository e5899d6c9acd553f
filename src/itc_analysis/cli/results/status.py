"""Say in one screen what of a run is done, what failed and why, and what is still to do.

Reads the results and their logs; runs nothing. With --plan it says instead what the next run would
do: which tubes are new, what is gated again, and that nothing else changes.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from itc_analysis.cli.settings_option import add_config

if TYPE_CHECKING:
    from itc_analysis.config.sections import Settings

#: Failed jobs listed before "and n more".
_MOST_FAILED = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--plan", action="store_true", help="say what the next run would do (Snakemake's dry run)"
    )
    parser.add_argument(
        "--snakefile", help="the workflow, with --plan (default: workflow/Snakefile here or above)"
    )


def run(options: argparse.Namespace) -> None:
    """Look and print."""
    from itc_analysis.config.loading import load_settings
    from itc_analysis.tracing.status import list_jobs

    settings = load_settings(options.config)
    jobs = list_jobs(settings)
    if options.plan:
        _tell_next(options, settings, len(jobs))
        return
    rules = list(dict.fromkeys(job.rule for job in jobs))
    width = max(len(rule) for rule in rules)
    for rule in rules:
        own = [job for job in jobs if job.rule == rule]
        counts = {s: sum(job.state == s for job in own) for s in ("done", "failed", "to do")}
        told = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
        print(f"{rule.replace('_', '-'):{width}}  {told}")
    failed = [job for job in jobs if job.state == "failed"]
    for job in failed[:_MOST_FAILED]:
        log = "/".join(("logs", job.rule, *job.where)) + ".log"
        print(f"failed: {' '.join((job.rule, *job.where))}: {job.said} ({log})")
    if len(failed) > _MOST_FAILED:
        print(f"and {len(failed) - _MOST_FAILED} more failed")
    n_done = sum(job.state == "done" for job in jobs)
    if settings.study.blinded_folder is not None:
        print("blinded: nothing is compared before study.blinded_folder is null")
    print(f"{n_done} of {len(jobs)} jobs done; what the next run does: itc status --plan")


def _tell_next(options: argparse.Namespace, settings: Settings, n_jobs: int) -> None:
    from itc_analysis.tracing import ahead

    snakefile = options.snakefile or ahead.find_snakefile()
    steps = ahead.dry_run(options.config, snakefile)
    now, before = _named_now(settings), _named_before(settings)
    is_first = not any(before.values())
    # without an earlier run everything is new, and saying so says nothing
    new = {what: set() if is_first else names - before[what] for what, names in now.items()}
    gone = set().union(*(before[what] - names for what, names in now.items()))
    print("\n".join(ahead.tell(steps, n_jobs=n_jobs, new=new, gone=gone)))


def _named_now(settings: Settings) -> dict[str, set[str]]:
    """Return the tubes and libraries of the sheets."""
    from itc_analysis.cohort.listing import list_libraries, list_tubes

    return {
        "tube": {str(row["file_id"]) for row in list_tubes(settings.study)},
        "library": {str(row["library_id"]) for row in list_libraries(settings.study)},
    }


def _named_before(settings: Settings) -> dict[str, set[str]]:
    """Return the tubes and libraries of the last run; none without one."""
    from pathlib import Path

    from itc_analysis.results import Layout
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort.sheets import Libraries, Tubes

    at = Layout(settings.study.results_folder)
    found: dict[str, set[str]] = {}
    for what, path, sheet in (
        ("tube", at.tubes, Tubes),
        ("library", at.libraries, Libraries),
    ):
        column = "file_id" if what == "tube" else "library_id"
        is_there = Path(path).exists()
        found[what] = set(contract.read(path, sheet)[column].astype(str)) if is_there else set()
    return found
