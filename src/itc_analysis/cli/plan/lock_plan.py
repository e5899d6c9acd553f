"""Lock the analysis plan, before groups are looked at.

Writes <plan>.lock.json next to the plan: the plan, the gating templates, signatures and settings
that it depends on, digests of what was decided by hand (participants, reviewed and drawn gates,
confirmed tubes), the date that you give, and the SHA-256 of it all. Commit it, or send it to
somebody.
What is changed later is listed by `itc check` and in the report, and its results are post hoc.
Later decisions by hand are listed too, and make nothing post hoc.
"""

from __future__ import annotations

import argparse

from itc_analysis.cli.settings_option import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--date", required=True, help="the day of the lock, as 2026-11-29; never read off the clock"
    )
    parser.add_argument(
        "--amend",
        metavar="REASON",
        help="lock again, before groups are looked at; the earlier lock stays listed",
    )


def run(options: argparse.Namespace) -> None:
    """Write the lock."""
    from itc_analysis.checking.plan import check_plan
    from itc_analysis.cli.plan.content import content_of_study
    from itc_analysis.config.loading import load_settings
    from itc_analysis.errors import Fault, SettingsError
    from itc_analysis.stats.plan import lock as locking
    from itc_analysis.version import __version__

    everything = load_settings(options.config)
    # what `itc check` refuses cannot be locked
    check_plan(everything.study, everything.cohort, everything.function)
    study, content = content_of_study(options.config)
    path = locking.lock_path(study.analysis_plan)
    earlier = locking.read_lock(path) if path.exists() else None
    if earlier is not None and options.amend is None:
        fault = Fault(
            "",
            f"the plan was locked on {earlier.date}",
            "keep it, or give --amend with the reason for another lock",
        )
        raise SettingsError(str(path), [fault])
    if earlier is None and options.amend is not None:
        fault = Fault("--amend", "the plan was not locked yet", "leave --amend out")
        raise SettingsError(str(path), [fault])
    lock = locking.make_lock(
        content, date=options.date, software=__version__, replaces=earlier, reason=options.amend
    )
    locking.write_lock(lock, path)
    print(f"locked on {lock.date}: {path}, SHA-256 {lock.digest}")
