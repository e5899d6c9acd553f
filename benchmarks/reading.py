"""CPU time and memory of reading, compensating and transforming a tube, beside FlowKit's.

`python benchmarks/reading.py` writes one tube of 1,000,000 events x 24 channels (17 of them in the
matrix) to a temporary folder, lets either program read, compensate and put it on the logicle scale
in a process of its own, and prints CPU seconds (without imports), peak memory (what the work adds
to that of the imports) and the largest difference of the values.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# One thread each: CPU time is compared, and idle threads of a matrix library wait busily.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402  (after the number of threads)

N_SCATTER, N_COLOURS, N_OTHER = 3, 17, 3
RANGE = 262144
#: Every so many events are kept for the comparison of values.
COMPARED = 101


def write_tube(path: Path, n_events: int) -> None:
    """Write scatter, time, colours with spillover, and three channels outside the matrix."""
    from itc_analysis.simulate.instrument.fcs import write_fcs

    rng = np.random.default_rng(1)
    colours = [f"C{i:02d}-A" for i in range(N_COLOURS)]
    spillover = np.eye(N_COLOURS) + 0.15 * rng.random((N_COLOURS, N_COLOURS)) ** 4
    np.fill_diagonal(spillover, 1)
    light = rng.normal(0, 200, (n_events, N_COLOURS)).astype(np.float32)
    positive = rng.random((n_events, N_COLOURS)) < 0.3
    light[positive] += rng.lognormal(9, 0.8, int(positive.sum())).astype(np.float32)
    scatter = rng.normal(90_000, 20_000, (n_events, N_SCATTER)).clip(100, RANGE - 1)
    others = rng.normal(500, 200, (n_events, N_OTHER))
    ticks = np.sort(rng.integers(0, 100 * n_events // 3_000, n_events))[:, None]
    events = np.hstack([scatter, ticks, light @ spillover, others]).astype(np.float32)
    names = ["FSC-A", "FSC-H", "SSC-A", "Time", *colours, "X1-A", "X2-A", "X3-A"]
    write_fcs(
        path, events, channels=names, labels=[""] * len(names), ranges=[RANGE] * len(names),
        spillover=spillover, spillover_channels=colours, keywords={"$TIMESTEP": "0.01"},
    )  # fmt: skip


def with_this_package() -> Callable[[str], np.ndarray]:
    from itc_analysis.flow.fcs.read import read_fcs
    from itc_analysis.flow.scale.transform import Transform
    from itc_analysis.flow.spillover.compensation import compensate, find_spillover

    def run(path: str) -> np.ndarray:
        file = read_fcs(path)
        _, spillover = find_spillover(file)
        assert spillover is not None
        compensate(file.events, file.channel_names, spillover, source=file.name, out=file.events)
        scale = Transform("logicle", t=RANGE)
        colours = [file.channel_names.index(name) for name in spillover.channels]
        for row in colours:
            scale.apply(file.events[row], out=file.events[row])
        return file.events[colours, ::COMPARED]

    return run


def with_flowkit() -> Callable[[str], np.ndarray]:
    import flowkit

    def run(path: str) -> np.ndarray:
        # FlowKit refuses channels that the matrix lacks unless they are named.
        sample = flowkit.Sample(path, null_channel_list=["X1-A", "X2-A", "X3-A"])
        sample.apply_compensation(sample.metadata["spillover"])
        scale = flowkit.transforms.LogicleTransform(
            param_t=RANGE, param_w=0.5, param_m=4.5, param_a=0
        )
        sample.apply_transform(scale)
        colours = [i for i, name in enumerate(sample.pnn_labels) if name.startswith("C")]
        return sample.get_events("xform")[::COMPARED, colours].T

    return run


WAYS = {"itc_analysis": with_this_package, "flowkit": with_flowkit}


def peak_mb() -> float:
    """Return the peak memory of this process; ru_maxrss would include its parent's before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def child(way: str, path: str, output: str) -> None:
    """Run one way; print CPU seconds, added and whole peak memory."""
    run = WAYS[way]()
    before = peak_mb()
    start = time.process_time()
    values = run(path)
    seconds = time.process_time() - start
    np.save(output, np.asarray(values, dtype=np.float64))
    print(seconds, peak_mb() - before, peak_mb())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tube.fcs"
        write_tube(path, options.events)
        print(f"{options.events} events, file of {path.stat().st_size / 1e6:.0f} MB")
        medians, values = {}, {}
        measured: dict[str, list[list[float]]] = {way: [] for way in WAYS}
        for _ in range(options.repeats):  # interleaved: both meet the same load of the machine
            for way in WAYS:
                output = Path(folder) / f"{way}.npy"
                done = subprocess.run(
                    [sys.executable, __file__, "--child", way, str(path), str(output)],
                    check=True, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
                measured[way].append([float(x) for x in done.stdout.split()])
                values[way] = np.load(output)
        for way in WAYS:
            medians[way] = np.median(measured[way], axis=0)
            cpu, added, whole = medians[way]
            print(
                f"{way:13} CPU {cpu:6.3f} s   memory added {added:7.1f} MB   whole {whole:7.1f} MB"
            )
        ratio = medians["flowkit"] / medians["itc_analysis"]
        print(
            f"ratio         CPU {ratio[0]:6.1f}     memory added {ratio[1]:7.1f}      whole "
            f"{ratio[2]:7.1f}"
        )
        difference = np.abs(values["itc_analysis"] - values["flowkit"]).max()
        print(
            f"largest difference of {values['flowkit'].size} values on the 0..1 scale: "
            f"{difference:.2g}"
        )


if __name__ == "__main__":
    main()
