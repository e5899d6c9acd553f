"""CPU time and memory of gating a tube with the full innate T template, beside FlowKit's best path.

`python benchmarks/speed_gating.py` simulates one tube of 1,000,000 events x 24 channels, learns its gates
once, and then lets either program read the file, compensate, transform, apply the same gates and give
counts and marker statistics, each in a process of its own, interleaved. Prints CPU seconds within the
process (after imports) and of the whole process, peak memory, and how many counts differ. What learning
the cuts costs is reported apart.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One thread each: CPU time is compared, and idle threads of a matrix library wait busily.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parent.parent
RESOURCES = ROOT / "src" / "itc_analysis" / "resources"
PANEL, TEMPLATE = RESOURCES / "panels" / "panel_a.tsv", RESOURCES / "gating" / "panel_a.yaml"
#: Channels of the file that the panel does not name, to make 24 of them.
EXTRA = ("X1-A", "X2-A", "X3-A")
ROW = {"file_id": "tube", "sample_id": "S1", "panel": "panel_a", "batch": "b1", "tube": "stained"}


def write_tube(path: Path, n_events: int) -> None:
    """Simulate a healthy donor's tube of panel_a and write it with further channels."""
    import numpy as np

    from itc_analysis.simulate import cohort
    from itc_analysis.simulate.blood import draw_blood
    from itc_analysis.simulate.cytometer import draw_drift
    from itc_analysis.simulate.fcs import write_fcs
    from itc_analysis.simulate.panels import TOP_OF_RANGE, load_panel
    from itc_analysis.simulate.tubes import TubePlan, simulate_tube

    rng = np.random.default_rng(11)
    people = cohort.draw_people("null", {"healthy": 1}, rng)
    truth = cohort.draw_truth(people, "null", rng)
    row = people.merge(truth, on="participant_id").merge(
        draw_blood(truth, rng), on="participant_id"
    )
    panel = load_panel("panel_a")
    plan = TubePlan("tube", "S1", "panel_a", "b1", None, n_events)
    tube = simulate_tube(plan, row.iloc[0].to_dict(), panel, draw_drift(panel, rng), rng)
    extra = rng.normal(200, 100, (n_events, len(EXTRA))).astype(np.float32)
    names = [*panel.sheet["channel"], *EXTRA]
    write_fcs(
        path, np.hstack([tube.events, extra]), channels=names,
        labels=[*panel.sheet["marker"], *("" for _ in EXTRA)], ranges=[TOP_OF_RANGE] * len(names),
        spillover=panel.spillover, spillover_channels=panel.channels,
        keywords={"$TIMESTEP": "0.01"},
    )  # fmt: skip


def learn(folder: Path) -> None:
    """Learn and pool the gates; write them as table and as Gating-ML. Prints what learning costs."""
    from itc_analysis.config import Flow
    from itc_analysis.flow import fit, gatingml
    from itc_analysis.flow.batch import read_batch
    from itc_analysis.flow.load import load_tube
    from itc_analysis.flow.pool import pool_gates
    from itc_analysis.tables import contract, made

    row = {**ROW, "path": str(folder / "tube.fcs")}
    (folder / "tubes.json").write_text(json.dumps([row]))
    batch = read_batch(folder / "tubes.json", PANEL, TEMPLATE)
    settings = Flow()
    start = time.process_time()
    tube = load_tube(row, batch.panel, batch.template.transform, settings)
    loaded = time.process_time()
    rows = fit.fit_tube(tube, batch.template, n_bootstrap=settings.n_bootstrap)
    print(
        f"reading, cleaning, compensating, transforming {loaded - start:.2f} s CPU; "
        f"learning {time.process_time() - loaded:.2f} s CPU"
    )
    axes = {"tube": fit.axes_of(tube)}
    gates = pool_gates(contract.make(rows, made.GateFits), batch.template, settings)
    contract.write(gates, folder / "gates.parquet", made.Gates, {})
    gatingml.write_gates(gates, batch.template, axes, ["tube"], folder / "gatingml")


def with_this_package(folder: Path) -> Callable[[], dict[str, int]]:
    from itc_analysis.config import Flow
    from itc_analysis.flow.apply import apply_batch
    from itc_analysis.flow.batch import read_batch
    from itc_analysis.tables import contract, made

    def run() -> dict[str, int]:
        batch = read_batch(folder / "tubes.json", PANEL, TEMPLATE)
        gates = contract.read(folder / "gates.parquet", made.Gates)
        found = apply_batch(batch.rows, batch.panel, batch.template, gates, Flow())
        counts = found.counts.dropna(subset=["n_events"])
        return dict(zip(counts["population"], counts["n_events"].astype(int), strict=True))

    return run


def with_flowkit(folder: Path) -> Callable[[], dict[str, int]]:
    import flowkit
    import numpy as np

    def run() -> dict[str, int]:
        strategy = flowkit.parse_gating_xml(str(folder / "gatingml" / "tube.xml"))
        # FlowKit refuses channels that the matrix lacks unless they are named.
        sample = flowkit.Sample(str(folder / "tube.fcs"), null_channel_list=list(EXTRA))
        result = strategy.gate_sample(sample, cache_events=True)
        sample.apply_compensation(sample.metadata["spillover"])
        events = sample.get_events("comp")
        counts = {}
        for name, route in strategy.get_gate_ids():
            inside = result.get_gate_membership(name, route)
            counts[name] = int(inside.sum())
            if counts[name]:
                np.median(events[inside], axis=0)
        return counts

    return run


WAYS: dict[str, Any] = {"itc_analysis": with_this_package, "flowkit": with_flowkit}


def peak_mb() -> float:
    """Return the peak memory of this process; ru_maxrss would include its parent's before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def child(way: str, folder: str) -> None:
    """Run one way; print CPU seconds of the work, of the whole process, peak memory, and the counts."""
    run = WAYS[way](Path(folder))
    start = time.process_time()
    counts = run()
    seconds = time.process_time() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([seconds, used.ru_utime + used.ru_stime, peak_mb(), counts]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--learn", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    if options.learn:
        learn(Path(options.learn))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_tube(folder / "tube.fcs", options.events)
        subprocess.run([sys.executable, __file__, "--learn", temporary], check=True)
        measured: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        counts: dict[str, dict[str, int]] = {}
        for _ in range(options.repeats):  # interleaved: both meet the same load of the machine
            for way in WAYS:
                done = subprocess.run(
                    [sys.executable, __file__, "--child", way, temporary],
                    check=True, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                *numbers, counts[way] = json.loads(done.stdout.splitlines()[-1])
                measured[way].append(numbers)
    import numpy as np

    medians = {way: np.median(measured[way], axis=0) for way in WAYS}
    for way, (inner, whole, peak) in medians.items():
        print(
            f"{way:13} CPU in process {inner:6.2f} s   whole process {whole:6.2f} s   peak {peak:6.0f} MB"
        )
    pairs = np.array(measured["flowkit"]) / np.array(measured["itc_analysis"])
    ratio = np.median(pairs, axis=0)
    print(
        f"FlowKit / itc_analysis, median of {options.repeats} pairs: {ratio[0]:.1f} in process, "
        f"{ratio[1]:.1f} whole, {ratio[2]:.1f} memory"
    )
    both = set(counts["flowkit"]) & set(counts["itc_analysis"])
    differ = {n: counts["flowkit"][n] - counts["itc_analysis"][n] for n in sorted(both)}
    print(
        f"{len(both)} populations; counts differ in {({n: d for n, d in differ.items() if d}) or 'none'}"
    )


if __name__ == "__main__":
    main()
