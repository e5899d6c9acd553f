"""How far does the workflow scale: sheets, DAG and dry run of many participants.

    python benchmarks/scale.py [--people 240 1000 2000] [--tubes-per-person 3] [--batch-of 12]

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

from itc_analysis.simulate.study import simulate_study

COMMAND = "import sys; from itc_analysis.cli import main; sys.exit(main())"
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[240, 1000, 2000])
    parser.add_argument("--tubes-per-person", type=int, default=3, choices=(1, 2, 3))
    parser.add_argument("--batch-of", type=int, default=12)
    options = parser.parse_args()
    print("| people | tubes | jobs | check, CPU s | plan, CPU s | plan, wall s | MB | exponent |")
    print("|---|---|---|---|---|---|---|---|")
    last: tuple[int, float] | None = None
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small"
        simulate_study(small, scenario="null", seed=1, per_group=1, events=1000, cells=0, batches=1)
        for people in options.people:
            study = Path(folder) / str(people)
            n_tubes = write_study(small, study, people, options)
            check = measured(
                [sys.executable, "-c", COMMAND, "check", "--config", "config/config.yaml"], study,
            )  # fmt: skip
            plan = measured(
                [sys.executable, "-m", "snakemake", "-s", str(ROOT / "workflow" / "Snakefile"),
                 "--workflow-profile", str(ROOT / "workflow" / "profiles" / "default"),
                 "--configfile", "config/config.yaml", "--dry-run", "--quiet", "rules"], study,
            )  # fmt: skip
            jobs = re.findall(r"^total +(\d+)", plan.said, flags=re.MULTILINE)
            slope = ""
            if last is not None:
                slope = f"{math.log(plan.cpu / last[1]) / math.log(people / last[0]):.2f}"
            last = (people, plan.cpu)
            print(
                f"| {people:,} | {n_tubes:,} | {jobs[0] if jobs else '?'} | {check.cpu:.1f} "
                f"| {plan.cpu:.1f} | {plan.wall:.1f} | {plan.megabytes:.0f} | {slope} |",
                flush=True,
            )


def write_study(small: Path, study: Path, people: int, options: argparse.Namespace) -> int:
    """Write sheets of many people after those of a few; return the number of tubes."""
    (study / "data" / "flow").mkdir(parents=True)
    (study / "config").mkdir()
    for name in ("panels", "gating", "config.yaml", "analysis_plan.yaml", "signatures.tsv"):
        (study / "config" / name).symlink_to(small / "config" / name)
    header, *rows = (small / "config" / "participants.tsv").read_text().splitlines()
    lines = [header]
    for i in range(people):
        cells = rows[i % len(rows)].split("\t")
        lines.append("\t".join([f"P{i:05d}", *cells[1:]]))
    write(study, "participants.tsv", lines)
    items = (small / "config" / "classification.tsv").read_text().splitlines()
    write(study, "classification.tsv", items[:1])
    columns, first = (small / "config" / "samples.tsv").read_text().splitlines()[:2]
    rest = "\t".join(first.split("\t")[2:])
    write(study, "samples.tsv", [columns, *(f"S{i:05d}\tP{i:05d}\t{rest}" for i in range(people))])
    tubes = ["file_id\tsample_id\tpath\tpanel\tbatch\ttube\tbeads_per_tube\tblood_volume_ul"]
    tube = next((small / "data" / "flow").glob("*_panel_a.fcs"))
    for i in range(people):
        for k in range(options.tubes_per_person):
            name = f"S{i:05d}_{k}"
            (study / "data" / "flow" / f"{name}.fcs").symlink_to(tube)
            panel = "panel_a" if k == 0 else "panel_b"
            kind = "stained" if k < 2 else "unstained"
            batch = f"b{i // options.batch_of:04d}"
            tubes.append(f"{name}\tS{i:05d}\tflow/{name}.fcs\t{panel}\t{batch}\t{kind}\t50000\t100")
    write(study, "fcs_files.tsv", tubes)
    return len(tubes) - 1


def write(study: Path, name: str, lines: list[str]) -> None:
    (study / "config" / name).write_text("\n".join(lines) + "\n")


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
