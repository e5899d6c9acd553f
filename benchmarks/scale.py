"""How far does the workflow scale: sheets, DAG and dry run of many participants.

    PYTHONPATH=tests python benchmarks/scale.py [--people 240 1000 2000] [--batch-of 12]

Sheets of any number of participants are written, each person in a staining batch of that many, with
FCS files that are links to one small file. What is measured is the main process of Snakemake: the
sheets are checked, every job is planned, nothing runs. CPU seconds of this process and its
children, wall seconds, and the peak of memory; the slope is the exponent from size to size.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster.many_people import slurm_jobs, write_many_people

COMMAND = "import sys; from itc_analysis.cli import main; sys.exit(main())"
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[240, 1000, 2000])
    parser.add_argument("--tubes-per-person", type=int, default=3, choices=(1, 2, 3))
    parser.add_argument("--batch-of", type=int, default=12)
    options = parser.parse_args()
    columns = ["people", "tubes", "jobs", "Slurm jobs", "check, CPU s", "plan, CPU s"]
    columns += ["plan, wall s", "MB at most", "exponent"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    last: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        for people in options.people:
            study = Path(folder) / str(people)
            n_tubes = write_many_people(
                study, people, tubes_per_person=options.tubes_per_person, batch_of=options.batch_of
            )
            check = measured(
                [sys.executable, "-c", COMMAND, "check", "--config", "config/config.yaml"], study,
            )  # fmt: skip
            plan = measured(
                [sys.executable, "-m", "snakemake", "-s", str(ROOT / "workflow" / "Snakefile"),
                 "--workflow-profile", str(ROOT / "workflow" / "profiles" / "slurm"),
                 "--configfile", "config/config.yaml", "--dry-run"], study,
            )  # fmt: skip
            jobs = re.findall(r"^total +(\d+)", plan.said, flags=re.MULTILINE)
            slope = ""
            if last is not None:
                slope = f"{math.log(plan.cpu / last[1]) / math.log(people / last[0]):.2f}"
            last = (people, plan.cpu)
            print(
                f"| {people:,} | {n_tubes:,} | {jobs[0]} | {slurm_jobs(plan.said)} "
                f"| {check.cpu:.1f} | {plan.cpu:.1f} | {plan.wall:.1f} | {plan.megabytes:.0f} "
                f"| {slope} |",
                flush=True,
            )


class Measured:
    """What a command cost and printed."""

    def __init__(self, cpu: float, wall: float, megabytes: float, said: str) -> None:
        self.cpu, self.wall, self.megabytes, self.said = cpu, wall, megabytes, said


def measured(command: list[str], folder: Path) -> Measured:
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        out.seek(0)
        said = out.read()
    if status:
        print(said[-3000:], file=sys.stderr)
    wall = time.monotonic() - began
    return Measured(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, said)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
