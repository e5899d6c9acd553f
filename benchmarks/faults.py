"""Seeded faults while a small study runs: do the results come out as without them, byte for byte?

    PYTHONPATH=tests python benchmarks/faults.py [--through slurm] [--faults 30] [--until RULE]

Every kind of fault strikes in turn, at a random job and moment. Several strike one run, which then
goes to its end; a fault that finds nothing left to strike is not counted and strikes the next run.
docs/cluster.md has the table. `make cluster-test` runs it through Slurm.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from cluster import faults
from cluster.slurm import Slurm, missing_programs
from cluster.tiny_study import make_tiny_study, tables_of
from workflow.running import snakemake

ROOT = Path(__file__).resolve().parent.parent
#: So many strike one run.
MOST = 5


class Tally:
    """What was seen, by kind of fault."""

    def __init__(self) -> None:
        self.struck: Counter[str] = Counter()
        self.after: Counter[str] = Counter()
        self.at_end: Counter[str] = Counter()
        self.runs = 0

    def show(self, through: str) -> None:
        print(f"\n| fault ({through}) | times | files that differed after it | at the end |")
        print("|---|---|---|---|")
        for name, times in self.struck.items():
            print(f"| {name} | {times} | {self.after[name]} | {self.at_end[name]} |")
        total = sum(self.struck.values())
        wrong, last = sum(self.after.values()), sum(self.at_end.values())
        print(f"| all: {len(self.struck)} kinds, {self.runs} runs | {total} | {wrong} | {last} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--through", choices=("local", "slurm"), default="local")
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", help="last rule of the runs; to the report otherwise")
    options = parser.parse_args()
    if options.through == "slurm" and (missing := missing_programs()):
        print(f"No Slurm here ({', '.join(missing)} not found): no faults were tried.")
        return 0
    rng = random.Random(options.seed)
    kinds = faults.kinds_for(slurm=options.through == "slurm")
    order = [kind for _ in range(options.faults) for kind in rng.sample(kinds, len(kinds))]
    order = order[: options.faults]
    tally = Tally()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        fresh = make_tiny_study(place / "fresh")
        shutil.copytree(fresh, place / "reference")
        until = ("--until", options.until) if options.until else ()
        snakemake(place / "reference", *until, root=ROOT)
        reference = tables_of(place / "reference")
        slurm = None
        if options.through == "slurm":
            slurm = stack.enter_context(Slurm(place / "slurm"))
        while order:
            part, order = order[:MOST], order[MOST:]
            folder = place / f"run{tally.runs}"
            shutil.copytree(fresh, folder / "study")
            trial = faults.Trial(folder / "study", reference, ROOT, rng, slurm, until)
            # those that change an input come last: results may be old until the study is finished
            kinds = sorted(part, key=lambda kind: (kind.changes_input, kind.goes_on))
            left = strike_one_run(trial, kinds, tally)
            if len(left) == len(kinds):
                print(f"{left.pop(0).name}: struck nothing in a whole run, left out", flush=True)
            order = left + order
            tally.runs += 1
            tally.show(options.through)
            shutil.rmtree(folder)
    tally.show(options.through)
    return int(bool(tally.after.total() + tally.at_end.total()))


def strike_one_run(
    trial: faults.Trial, kinds: list[faults.Kind], tally: Tally
) -> list[faults.Kind]:
    """Let faults strike one after the other, then let the study be finished.

    Returns
    -------
    list of Kind
        those that found nothing left to strike; they are not counted, and strike another run.
    """
    struck: list[str] = []
    left = list(kinds)
    input_was_changed = False
    try:
        try:
            faults.mount_results(trial.study)
            can_mount = True
        except faults.CannotHappenHere:
            can_mount = False
        while left:
            kind = left.pop(0)
            if kind.strike in faults.NEEDS_MOUNT and not can_mount:
                print(f"{kind.name}: needs the right to mount, left out", flush=True)
                continue
            began = time.monotonic()
            trial.start(*kind.options)
            kind.strike(trial)
            if not (trial.has_struck and (kind.goes_on or trial.was_disturbed)):
                left.insert(0, kind)
                break
            # once a tube was another one, results may be old until the study is finished again
            input_was_changed = input_was_changed or kind.changes_input
            wrong = [] if input_was_changed else trial.differences(complete=False)
            struck.append(kind.name)
            tally.struck[kind.name] += 1
            tally.after[kind.name] += len(wrong)
            ended = "finished" if trial.process.returncode == 0 else "stopped"
            took = time.monotonic() - began
            print(f"run {tally.runs}: {kind.name}: {ended}, {took:.0f} s {wrong}", flush=True)
        trial.start()
        if trial.wait():
            print(trial.said)
        wrong = trial.differences(complete=True)
        tally.at_end.update(dict.fromkeys(struck, len(wrong)))
        print(f"run {tally.runs}: end, {len(wrong)} files differ {wrong}", flush=True)
    finally:
        faults.unmount_results(trial.study)
    return left


if __name__ == "__main__":
    sys.exit(main())
