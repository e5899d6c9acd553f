"""Say in one screen what of a run is done, what failed and why, and what is still to do.

Reads the results and their logs; runs nothing.
"""

from __future__ import annotations

import argparse

#: Failed jobs listed before "and n more".
_MOST_FAILED = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config",
        default="config/config.yaml",
        help="settings of the study (default: config/config.yaml)",
    )


def run(options: argparse.Namespace) -> None:
    """Look and print."""
    from itc_analysis.config.loading import load_settings
    from itc_analysis.tracing.status import list_jobs

    settings = load_settings(options.config)
    jobs = list_jobs(settings)
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
    print(f"{n_done} of {len(jobs)} jobs done; what an edit asks for: snakemake -n")
