"""CPU time and memory of gating a tube with the full innate T template, beside FlowKit's best path.

`python benchmarks/speed_gating.py` simulates one tube of 1,000,000 events x 24 channels, learns its
gates once, and then lets either program read the file, compensate, transform, apply the same 22
gates and give counts and marker statistics, each in a process of its own, interleaved.

- *whole process*: from the start of Python to the end of the first tube. *itc* is `itc
apply-gates`, from its
  arguments to its four tables on disk.
- *in process*: the second tube of a process, by functions: without imports, first calls and writing
files.
- *a job* (`--job 20`): a process that gates so many tubes, one run of each way.

*itc* does all that the command does: it leaves out the events that learning the gates found at
margins or in unsteady stretches, estimates backgrounds, limits and errors of the cuts, and writes
the histograms of the gate pictures, none of which FlowKit has.
*itc evaluator* leaves these out: the package's functions put together to what FlowKit does.
FlowKit is measured with two sets of statistics: *all*, the median of every channel in every
population, as flowWorkspace gives and most scripts ask for; *same*, only those that this package
gives, median and share of positive cells of the functional markers in the populations whose
phenotype is asked for.

Learning the cuts and drawing the pictures of all gates are measured apart.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

# One thread each: CPU time is compared, and idle threads of a matrix library wait busily.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parent.parent
RESOURCES = ROOT / "src" / "itc_analysis" / "resources"
PANEL, TEMPLATE = RESOURCES / "panels" / "panel_a.tsv", RESOURCES / "gating" / "panel_a.yaml"
#: Channels of the file that the panel does not name, to make 24 of them.
EXTRA = ("X1-A", "X2-A", "X3-A")
ROW = {"file_id": "tube", "sample_id": "S1", "panel": "panel_a", "batch": "b1", "tube": "stained"}


#: Gates the tube and returns the counts.
Run = Callable[[], dict[str, int]]


def write_tube(path: Path, n_events: int) -> None:
    """Simulate a healthy donor's tube of panel_a and write it with further channels."""
    import numpy as np

    from itc_analysis.simulate.instrument.cytometer import draw_drift
    from itc_analysis.simulate.instrument.fcs import write_fcs
    from itc_analysis.simulate.instrument.panels import TOP_OF_RANGE, load_panel
    from itc_analysis.simulate.instrument.tubes import TubePlan, simulate_tube
    from itc_analysis.simulate.people import cohort
    from itc_analysis.simulate.people.blood import draw_blood

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
    """Learn and pool the gates; write them as table and as Gating-ML. Prints what learning
    costs.
    """
    from itc_analysis.config.sections import Flow
    from itc_analysis.flow.gates import fit
    from itc_analysis.flow.gates.pool import pool_gates
    from itc_analysis.flow.manual import gatingml
    from itc_analysis.flow.tube.axes import axes_of
    from itc_analysis.flow.tube.batch import read_batch
    from itc_analysis.flow.tube.quality_mask import kept_row
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import (
        GateFits,
        Gates,
        KeptEvents,
        TubeQuality,
    )

    row = {**ROW, "path": str(folder / "tube.fcs")}
    (folder / "tubes.json").write_text(json.dumps([row]))
    (folder / "flow.json").write_text("{}")
    batch = read_batch(folder / "tubes.json", PANEL, TEMPLATE)
    settings = Flow()
    tube, quality = fit.load_checked(row, batch.panel, batch.template, settings)
    assert tube is not None, quality["reason"]
    start = time.process_time()
    walked = fit.walk_template(tube, batch.template, n_bootstrap=settings.n_bootstrap)
    rows = fit.fit_rows(row, *walked, batch.template, settings)
    print(f"learning the cuts: {time.process_time() - start:.2f} s CPU")
    gates = pool_gates(contract.make(rows, GateFits), batch.template, settings)
    contract.write(gates, folder / "gates.parquet", Gates, {})
    contract.write(contract.make([quality], TubeQuality), folder / "quality.parquet",
                   TubeQuality, {})  # fmt: skip
    kept = contract.make([kept_row(tube.file_id, tube.keep)], KeptEvents)
    contract.write(kept, folder / "kept_events.parquet", KeptEvents, {})
    axes = {"tube": axes_of(tube)}
    gatingml.write_gates(gates, batch.template, axes, ["tube"], folder / "gatingml")


def write_job(folder: Path, n_tubes: int) -> None:
    """Write what `itc apply-gates` needs to gate the tube `n_tubes` times, as so many tubes."""
    import pandas as pd

    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import Gates, KeptEvents, TubeQuality

    job = folder / "job"
    job.mkdir()
    names = [f"tube{i:02d}" for i in range(n_tubes)]
    rows = [{**ROW, "file_id": name, "path": str(folder / "tube.fcs")} for name in names]
    (job / "tubes.json").write_text(json.dumps(rows))
    (job / "flow.json").write_text("{}")
    for table, kind in (("gates", Gates), ("quality", TubeQuality), ("kept_events", KeptEvents)):
        one = contract.read(folder / f"{table}.parquet", kind)
        every = pd.concat([one.assign(file_id=name) for name in names], ignore_index=True)
        contract.write(every, job / f"{table}.parquet", kind, {})


def draw(folder: Path) -> None:
    """Draw every gate of the tube, as `itc overview` does. Prints what it costs."""
    from itc_analysis.flow.pictures.overview import Overview, Tables
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import (
        Gates,
        Histograms,
        TubeQuality,
    )
    from itc_analysis.tables.measured import Counts

    tables = Tables(
        gates=contract.read(folder / "gates.parquet", Gates),
        histograms=contract.read(folder / "histograms.parquet", Histograms),
        counts=contract.read(folder / "counts.parquet", Counts),
        quality=contract.read(folder / "quality.parquet", TubeQuality),
    )
    start = time.process_time()
    overview = Overview(tables)
    pages = [overview.population_page(name) for name in overview.populations]
    pages.append(overview.index_page())
    print(f"drawing {len(pages) - 1} gates: {time.process_time() - start:.2f} s CPU")


def command(folder: Path) -> list[str]:
    """Return the arguments of `itc`."""
    return [
        "apply-gates", "--config", str(folder / "flow.json"), "--tubes", str(folder / "tubes.json"),
        "--panel", str(PANEL), "--template", str(TEMPLATE), "--gates", str(folder / "gates.parquet"),  # noqa: E501
        "--quality", str(folder / "quality.parquet"), "--kept", str(folder / "kept_events.parquet"),
        "--output-folder", str(folder),
    ]  # fmt: skip


def with_the_command(folder: Path) -> tuple[Run, Run]:
    """Return what runs `itc apply-gates`, and what does the same by functions, without the
    files.
    """

    def command_line() -> dict[str, int]:
        from itc_analysis.cli import main as itc

        assert itc(command(folder)) == 0
        return {}

    def functions() -> dict[str, int]:
        from itc_analysis.config.sections import Flow
        from itc_analysis.flow.counting.apply import apply_batch
        from itc_analysis.flow.tube.batch import read_batch
        from itc_analysis.flow.tube.quality_mask import Judged
        from itc_analysis.tables import contract
        from itc_analysis.tables.flow.tubes import Gates, KeptEvents, TubeQuality

        batch = read_batch(folder / "tubes.json", PANEL, TEMPLATE)
        gates = contract.read(folder / "gates.parquet", Gates)
        judged = Judged(
            contract.read(folder / "quality.parquet", TubeQuality),
            contract.read(folder / "kept_events.parquet", KeptEvents),
        )
        found = apply_batch(batch.rows, batch.panel, batch.template, gates, judged, Flow())
        counts = found.counts.dropna(subset=["n_events"])
        return dict(zip(counts["population"], counts["n_events"].astype(int), strict=True))

    return command_line, functions


def with_the_evaluator(folder: Path) -> tuple[Run, Run]:
    """Return what gates the tube by this package and does no more than FlowKit does."""
    import numpy as np

    from itc_analysis.flow.counting.apply import gate_tube
    from itc_analysis.flow.fcs.read import read_fcs
    from itc_analysis.flow.gates.final import final_gates
    from itc_analysis.flow.scale.scales import choose_transforms
    from itc_analysis.flow.spillover.compensation import compensate, find_spillover
    from itc_analysis.flow.tube.batch import read_batch
    from itc_analysis.flow.tube.tube import Tube
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import (
        Gates,
    )

    wanted = json.loads((folder / "statistics.json").read_text())

    def run() -> dict[str, int]:
        batch = read_batch(folder / "tubes.json", PANEL, TEMPLATE)
        gates = contract.read(folder / "gates.parquet", Gates)
        roles = dict(zip(batch.panel["marker"], batch.panel["role"], strict=True))
        file = read_fcs(batch.rows[0]["path"])
        _, spillover = find_spillover(file)
        assert spillover is not None
        compensate(file.events, file.channel_names, spillover, source=file.name, out=file.events)
        place = {label: file.channel_labels.index(label) for label in roles}
        ranges = {marker: file.channels[place[marker]].scaled_range for marker in roles}
        transforms = choose_transforms(roles, ranges, batch.template.transform)
        for marker in roles:
            row = file.events[place[marker]]
            transforms[marker].apply(row, out=row)
        tube = Tube(
            **{name: ROW[name] for name in ("file_id", "sample_id", "panel", "batch")},
            kind="stained", fmo_markers=(), markers=file.channel_labels, events=file.events,
            transforms=transforms, n_events_file=file.n_events, compensation="file",
        )  # fmt: skip
        membership = gate_tube(tube, batch.template, final_gates(gates, "tube", batch.template))
        for name, marker, threshold in wanted:
            values = membership.values_of(marker, name)
            np.median(values)
            if threshold is not None:
                np.count_nonzero(values >= threshold)
        return {name: int(events.size) for name, events in membership.items() if name != "all"}

    return run, run


def with_flowkit(folder: Path, statistics: str) -> tuple[Run, Run]:
    """Return what gates the tube by FlowKit; `statistics` is 'all' or 'same'."""
    import flowkit
    import numpy as np

    wanted = json.loads((folder / "statistics.json").read_text())

    def run() -> dict[str, int]:
        strategy = flowkit.parse_gating_xml(str(folder / "gatingml" / "tube.xml"))
        # FlowKit refuses channels that the matrix lacks unless they are named.
        sample = flowkit.Sample(str(folder / "tube.fcs"), null_channel_list=list(EXTRA))
        result = strategy.gate_sample(sample, cache_events=True)
        sample.apply_compensation(sample.metadata["spillover"])
        events = sample.get_events("comp")
        inside = {
            name: result.get_gate_membership(name, route) for name, route in strategy.get_gate_ids()
        }
        counts = {name: int(mask.sum()) for name, mask in inside.items()}
        if statistics == "all":
            for name, mask in inside.items():
                if counts[name]:
                    np.median(events[mask], axis=0)
        else:
            for name, marker, threshold in wanted:
                values = events[inside[name], sample.pns_labels.index(marker)]
                np.median(values)
                if threshold is not None:
                    np.count_nonzero(values >= threshold)
        return counts

    return run, run


def write_statistics(folder: Path) -> None:
    """Write which statistics this package gave: population, marker, threshold in instrument
    units.
    """
    import numpy as np

    from itc_analysis.flow.scale.transform import Transform
    from itc_analysis.simulate.instrument.panels import TOP_OF_RANGE
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import (
        Intensity,
    )

    scale = Transform("logicle", t=TOP_OF_RANGE)
    rows = contract.read(folder / "intensity.parquet", Intensity)
    wanted = [
        (row.population, row.marker,
         None if np.isnan(row.threshold) else float(scale.inverse(np.array([row.threshold]))[0]))
        for row in rows.itertuples()
    ]  # fmt: skip
    (folder / "statistics.json").write_text(json.dumps(wanted))


#: By name, what makes the first and the second run of a process.
WAYS: dict[str, Callable[[Path], tuple[Run, Run]]] = {
    "itc": with_the_command,
    "itc evaluator": with_the_evaluator,
    "FlowKit all": partial(with_flowkit, statistics="all"),
    "FlowKit same": partial(with_flowkit, statistics="same"),
}


#: Which ways are compared.
PAIRS = (("FlowKit all", "itc"), ("FlowKit same", "itc"), ("FlowKit same", "itc evaluator"))


def peak_mb() -> float:
    """Return the peak memory of this process; ru_maxrss would include its parent's before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def child(way: str, folder: str) -> None:
    """Run one way twice; print its measures and the counts.

    CPU seconds of the second run; of the process up to the end of the first run; peak memory by
    then.
    """
    # Of the development tools, and not there where the package is used; pandera imports it where it
    # is.
    sys.modules["hypothesis"] = None  # type: ignore[assignment]
    first, second = WAYS[way](Path(folder))
    first()
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = peak_mb()
    start = time.process_time()
    counts = second()
    seconds = time.process_time() - start
    print(json.dumps([seconds, used.ru_utime + used.ru_stime, peak, counts]))


def run_job(way: str, folder: str, n_tubes: int) -> None:
    """Gate many tubes in this process; print its CPU seconds and peak memory."""
    sys.modules["hypothesis"] = None  # type: ignore[assignment]
    is_command = way == "itc"
    first, _ = WAYS[way](Path(folder) / "job" if is_command else Path(folder))
    for _ in range(1 if is_command else n_tubes):
        first()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, peak_mb(), {}]))


def in_a_process(way: str, folder: str, job: int = 0) -> tuple[list[float], dict[str, int]]:
    """Run one way in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", way, folder, "--job", str(job)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    *numbers, counts = json.loads(done.stdout.splitlines()[-1])
    return numbers, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--job", type=int, default=0, help="also a job of so many tubes")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--apart", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        if options.job:
            run_job(*options.child, options.job)
        else:
            child(*options.child)
        return
    if options.apart:
        {"learn": learn, "draw": draw, "statistics": write_statistics}[options.apart[0]](
            Path(options.apart[1])
        )
        return
    measured: dict[str, list[list[float]]] = {way: [] for way in options.ways}
    counts: dict[str, dict[str, int]] = {}
    # As an installed package is; an environment may forbid Python to keep what it compiles.
    compileall.compile_dir(ROOT / "src", quiet=1)
    with tempfile.TemporaryDirectory() as temporary:
        write_tube(Path(temporary) / "tube.fcs", options.events)
        apart = [sys.executable, __file__, "--apart"]
        subprocess.run([*apart, "learn", temporary], check=True)
        in_a_process("itc", temporary)
        subprocess.run([*apart, "draw", temporary], check=True)
        subprocess.run([*apart, "statistics", temporary], check=True)
        for _ in range(options.repeats):  # interleaved: all meet the same load of the machine
            for way in options.ways:
                numbers, counts[way] = in_a_process(way, temporary)
                measured[way].append(numbers)
        jobs: dict[str, list[float]] = {}
        if options.job:
            write_job(Path(temporary), options.job)
            jobs = {way: in_a_process(way, temporary, options.job)[0] for way in options.ways}
    print_table(measured)
    both = set.intersection(*(set(own) for own in counts.values()))
    differ = [name for name in both if len({own[name] for own in counts.values()}) > 1]
    print(f"\nMedians of {options.repeats} interleaved runs, of the ratios by pairs. {len(both)} "
          "populations; "
          f"counts differ in {differ or 'none'}.")  # fmt: skip
    if jobs:
        print_jobs(jobs, options.job)


def print_jobs(jobs: dict[str, list[float]], n_tubes: int) -> None:
    """Print what a job of many tubes took each way, and the ratios of those that are compared."""
    print(f"\n| a job of {n_tubes} tubes | CPU, s | peak, MB |\n|---|---|---|")
    for way, (seconds, peak) in jobs.items():
        print(f"| {way} | {seconds:.1f} | {peak:.0f} |")
    for theirs, own in PAIRS:
        if theirs in jobs and own in jobs:
            seconds, peak = (a / b for a, b in zip(jobs[theirs], jobs[own], strict=True))
            print(f"| {theirs} / {own} | {seconds:.1f} | {peak:.1f} |")


def print_table(measured: dict[str, list[list[float]]]) -> None:
    """Print medians of each way, and medians of the ratios of those that are compared."""
    import numpy as np

    print("| | CPU in process, s | CPU whole process, s | peak, MB |\n|---|---|---|---|")
    for way, numbers in measured.items():
        inner, whole, peak = np.median(numbers, axis=0)
        print(f"| {way} | {inner:.2f} | {whole:.2f} | {peak:.0f} |")
    for theirs, own in PAIRS:
        if theirs in measured and own in measured:
            ratios = np.array(measured[theirs]) / np.array(measured[own])
            inner, whole, peak = np.median(ratios, axis=0)
            print(f"| {theirs} / {own} | {inner:.1f} | {whole:.1f} | {peak:.1f} |")


if __name__ == "__main__":
    main()
