"""What the check of the acquisition removes: nothing from steady tubes, what was planted in others.

`python benchmarks/quality.py` draws tubes with `itc simulate`'s model (60,000 events, counting
tube), plants one disturbance in half of them, and prints the shares removed. Disturbances, each of
2 to 12 % of the tube, at a random place or at its beginning:
  clog     all signals x 0.5 to 0.8 and a third of the flow rate
  surge    flow rate x 3, signals x 1.15 to 1.4
  laser    the channels of one laser x 0.4 to 0.7
  start    an unstable start: signals begin at x 0.3 and settle
  speck    all signals x 0.6, one to two per cent of the tube
"""

from __future__ import annotations

import argparse

import numpy as np

from itc_analysis.flow.fcs.data_segment import Channel
from itc_analysis.flow.quality.judge import find_clean_events
from itc_analysis.simulate.instrument.cytometer import draw_drift
from itc_analysis.simulate.instrument.panels import TOP_OF_RANGE, load_panel
from itc_analysis.simulate.instrument.tubes import TIME_STEP, TubePlan, simulate_tube
from itc_analysis.simulate.people.blood import draw_blood
from itc_analysis.simulate.people.cohort import simulate_measurement_truth

KINDS = ("clog", "surge", "laser", "start", "speck")


def draw_tube(seed: int, *, n_events: int) -> tuple[np.ndarray, list[Channel], list[int]]:
    """Return events (n_channels, n_events), channels, and the rows of fluorescence."""
    rng = np.random.default_rng(seed)
    panel = load_panel("panel_a")
    people = simulate_measurement_truth("effect", {"SSc": 1, "healthy": 1}, seed)
    truth = people.merge(draw_blood(people, rng), on="participant_id")
    row = {str(k): v for k, v in truth.iloc[seed % 2].to_dict().items()}
    plan = TubePlan("t", "s", "panel_a", "b", None, n_events, beads_per_tube=50_000.0)
    events = simulate_tube(plan, row, panel, draw_drift(panel, rng), rng).events.T.copy()
    names = list(panel.sheet["channel"])
    channels = [Channel(name, "", 32, TOP_OF_RANGE, 0, 1, 1) for name in names]
    events[names.index("Time")] *= TIME_STEP
    rows = [i for i, n in enumerate(names) if not n.startswith(("FSC", "SSC", "Time"))]
    return events, channels, rows


def plant(
    events: np.ndarray, rows: list[int], time: int, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Disturb the events in place; return which ones, shape (n_events,)."""
    n = events.shape[1]
    share = rng.uniform(0.01, 0.02) if kind == "speck" else rng.uniform(0.02, 0.12)
    length = int(share * n)
    begin = 0 if kind == "start" else int(rng.integers(0, n - length))
    part = slice(begin, begin + length)
    mask = np.zeros(n, dtype=bool)
    mask[part] = True
    factor, pace = np.ones(length), 1.0
    touched = rows
    if kind == "clog":
        factor, pace = factor * rng.uniform(0.5, 0.8), 3.0
    elif kind == "surge":
        factor, pace = factor * rng.uniform(1.15, 1.4), 1 / 3
    elif kind == "laser":
        size = int(rng.integers(3, 7))
        first = int(rng.integers(0, len(rows) - size))
        touched, factor = rows[first : first + size], factor * rng.uniform(0.4, 0.7)
    elif kind == "start":
        factor = np.linspace(0.3, 0.8, length)
    else:
        factor = factor * 0.6
    events[touched, part] *= factor.astype(np.float32)
    clock = events[time].astype(np.float64)
    gaps = np.diff(clock, prepend=clock[0])
    gaps[part] *= pace
    events[time] = np.floor(np.cumsum(gaps) / TIME_STEP) * TIME_STEP
    return mask


def check(events: np.ndarray, channels: list[Channel], rows: list[int]) -> np.ndarray:
    """Return which events the check of the acquisition removes."""
    names = [c.name for c in channels]
    scatter = [i for i, n in enumerate(names) if n.startswith(("FSC", "SSC"))]
    clean = find_clean_events(
        events, channels, scatter=scatter, fluorescence=rows, time=names.index("Time"),
        time_outlier_mads=6,
    )  # fmt: skip
    return clean.by_time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tubes", type=int, default=50, help="steady and disturbed tubes each")
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    steady, found, lost = [], [], []
    for i in range(options.tubes):
        events, channels, rows = draw_tube(1000 * options.seed + i, n_events=options.events)
        time = [c.name for c in channels].index("Time")
        steady.append(check(events, channels, rows).mean())
        kind = KINDS[i % len(KINDS)]
        planted = plant(events, rows, time, kind, rng)
        removed = check(events, channels, rows)
        found.append((kind, removed[planted].mean()))
        lost.append((kind, removed[~planted].mean()))
        print(
            f"tube {i:3d} steady {steady[-1]:7.3%}  {kind:6} {planted.mean():6.2%} planted, "
            f"{found[-1][1]:7.2%} of it found, {lost[-1][1]:7.3%} of the rest lost",
            flush=True,
        )
    print(f"\nsteady tubes: removed median {np.median(steady):.3%}, worst {max(steady):.3%}")
    print(
        f"disturbed: all planted events {np.mean([x for _, x in found]):.2%} found, "
        f"{np.mean([x for _, x in lost]):.3%} of the others lost"
    )
    for kind in KINDS:
        mine = [x for k, x in found if k == kind]
        if not mine:
            continue
        others = [x for k, x in lost if k == kind]
        print(
            f"  {kind:6} n {len(mine):2d}: found median {np.median(mine):.2%}, worst "
            f"{min(mine):.2%}; lost median {np.median(others):.3%}, worst {max(others):.3%}"
        )


if __name__ == "__main__":
    main()
