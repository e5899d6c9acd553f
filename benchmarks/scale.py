"""How far does the workflow scale: from FCS files to the report, and sheets and jobs of thousands.

    PYTHONPATH=tests python benchmarks/scale.py run [--people 24 72 240] [--stained-only]
    PYTHONPATH=tests python benchmarks/scale.py plan [--people 240 1000 2000] [--batch-of 12]
    PYTHONPATH=tests python benchmarks/scale.py tables [--people 500 1000 2000]

*run* takes studies with three tubes for each participant (of 300,000 events, or `--events`), and
bridge controls and FMO tubes beside them, from FCS files to the report on 2 cores, step by step.
*plan* checks the sheets of many participants and plans every job; nothing runs, and the FCS files
are links to one small file. *tables* makes the tables that gating gives, of many participants, and
runs what follows them. CPU and wall seconds of each, megabytes of the largest process and of the
results, and the exponent of CPU seconds from size to size.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cluster.large_study import make_large_study
from cluster.many_people import slurm_jobs, write_many_people
from cluster.many_tables import STEPS, make_many_tables

CODE = "import sys; from itc_analysis.cli import main; sys.exit(main())"
ITC = [sys.executable, "-c", CODE]
ROOT = Path(__file__).resolve().parent.parent
#: The run is taken this far, one after the other; the last one is the whole.
UNTIL = ("check", "learn_scales", "fit_gates", "pool_gates", "apply_gates", "measure", "compare")


@dataclass
class Measured:
    """What a command cost and printed."""

    cpu: float = 0.0
    wall: float = 0.0
    megabytes: float = 0.0
    said: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("run", "plan", "tables"))
    parser.add_argument("--people", type=int, nargs="+")
    parser.add_argument("--events", type=int, nargs="+", default=[300_000], help="of a tube (run)")
    parser.add_argument(
        "--stained-only", action="store_true", help="without bridge controls and FMO tubes (run)"
    )
    parser.add_argument("--batch-of", type=int, default=12, help="people in a batch (plan)")
    parser.add_argument("--place", type=Path, help="folder for the studies, which are removed")
    options = parser.parse_args()
    stage = {"run": run_studies, "plan": plan_studies, "tables": follow_tables}[options.stage]
    with tempfile.TemporaryDirectory(dir=options.place) as folder:
        stage(Path(folder), options)


def run_studies(place: Path, options: argparse.Namespace) -> None:
    """From FCS files to the report, for each number of people and each size of tube."""
    show("people", "tubes", "events", "step", "CPU s", "wall s", "MB of a process", "MB of results")
    last: tuple[int, float] | None = None
    for events in options.events:
        for people in options.people or [24, 72, 240]:
            study = make_large_study(
                place / f"{people}_{events}",
                people,
                events=events,
                controls=not options.stained_only,
            )
            sheet = (study / "config" / "fcs_files.tsv").read_text(encoding="utf-8")
            n_tubes = len(sheet.splitlines()) - 1
            total = Measured()
            for step in (*UNTIL, "report"):
                until = () if step == "report" else ("--until", step)
                part = snakemake(study, "default", "--cores", "2", *until)
                total.cpu, total.wall = total.cpu + part.cpu, total.wall + part.wall
                total.megabytes = max(total.megabytes, part.megabytes)
                show(people, n_tubes, events, step, part.cpu, part.wall, part.megabytes,
                     size_mb(study / "results"))  # fmt: skip
            slope = exponent(last, people * events, total.cpu)
            last = (people * events, total.cpu)
            show(people, n_tubes, events, f"all (exponent {slope})", total.cpu, total.wall,
                 total.megabytes, size_mb(study / "results"))  # fmt: skip
            shutil.rmtree(study)


def plan_studies(place: Path, options: argparse.Namespace) -> None:
    """Check sheets and plan every job, for each number of people."""
    show("people", "tubes", "jobs", "Slurm jobs", "check, CPU s", "plan, CPU s", "plan, wall s",
         "MB at most", "exponent")  # fmt: skip
    last: tuple[int, float] | None = None
    for people in options.people or [240, 1000, 2000]:
        study = place / str(people)
        n_tubes = write_many_people(study, people, batch_of=options.batch_of)
        check = measured([*ITC, "check", "--config", "config/config.yaml"], study)
        plan = snakemake(study, "slurm", "--dry-run")
        jobs = re.findall(r"^total +(\d+)", plan.said, flags=re.MULTILINE)
        show(people, n_tubes, jobs[0], slurm_jobs(plan.said), check.cpu, plan.cpu, plan.wall,
             max(check.megabytes, plan.megabytes), exponent(last, people, plan.cpu))  # fmt: skip
        last = (people, plan.cpu)


def follow_tables(place: Path, options: argparse.Namespace) -> None:
    """What follows gating, on tables of many people."""
    show("people", "step", "CPU s", "wall s", "MB", "MB written", "exponent")
    last: dict[str, tuple[int, float]] = {}
    for people in options.people or [500, 1000, 2000]:
        study = make_many_tables(place / str(people), people)
        total = 0.0
        for step, arguments, made in STEPS:
            cost = measured([*ITC, step, *arguments(study)], study)
            total += cost.cpu
            show(people, step, cost.cpu, cost.wall, cost.megabytes, size_mb(study / made),
                 exponent(last.get(made), people, cost.cpu))  # fmt: skip
            last[made] = (people, cost.cpu)
        show(people, "all", total, "", "", "", exponent(last.get("all"), people, total))
        last["all"] = (people, total)
        shutil.rmtree(study)


def snakemake(study: Path, profile: str, *arguments: str) -> Measured:
    command = [
        sys.executable, "-m", "snakemake", "-s", str(ROOT / "workflow" / "Snakefile"),
        "--workflow-profile", str(ROOT / "workflow" / "profiles" / profile),
        "--configfile", "config/config.yaml", *arguments,
    ]  # fmt: skip
    return measured(command, study)


def measured(command: list[str], folder: Path) -> Measured:
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        out.seek(0)
        said = out.read()
    if status:
        print(said[-3000:], file=sys.stderr)
        sys.exit(f"{' '.join(command)}: exit status {status}")
    wall = time.monotonic() - began
    return Measured(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, said)


def exponent(last: tuple[int, float] | None, size: int, cost: float) -> str:
    """Return the slope of the logarithms from one size to the next; empty for the first."""
    if last is None or last[0] == size:
        return ""
    return f"{math.log(cost / last[1]) / math.log(size / last[0]):.2f}"


def size_mb(path: Path) -> float:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def show(*cells: object) -> None:
    """Print a row of the table, and below the first one the line that makes it a head."""
    print(f"| {' | '.join(_plain(cell) for cell in cells)} |", flush=True)
    if cells[0] == "people":
        print(f"|{'---|' * len(cells)}", flush=True)


def _plain(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
