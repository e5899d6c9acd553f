"""One spoilt tube in a batch: is it named, and does it harm the others?

A study is simulated once. In each trial one stained tube of panel_a, drawn at random, gets a fault;
it is fitted again, the study's tubes are compared, its gates are pooled and applied, and every
count of every other tube is compared with that of the study without the fault. A share that rests
on fewer than 50 events in both is left out of the comparison of shares: one event is more than 2 %
of it.

    ./run validate spoilt [--trials 60] [--seed 5]
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import numpy as np
import pandas as pd

from itc_analysis import cli
from itc_analysis.cohort.listing import list_tubes
from itc_analysis.config.loading import load_settings
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import apply_batch
from itc_analysis.flow.fcs.read import FcsFile, read_fcs
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.identity.judge import identify, suspects
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.spillover.compensation import find_spillover
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.simulate.instrument.fcs import write_fcs
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import KeptEvents, TubeEvidence

#: A share of an untouched tube may change by this much, the question's own bound.
MOST = 0.02
#: Share of a tube's events that is left out on top, to be called named.
LEFT_OUT = 0.05
#: Fewer events in both: not compared.
FEWEST = 50

Rng = np.random.Generator
Tube = dict[str, Any]


def write_like(
    path: Path, file: FcsFile, events: np.ndarray, matrix: np.ndarray, columns: tuple[str, ...]
) -> None:
    """Write events with the channels of a file and another matrix."""
    write_fcs(
        path,
        events.astype(np.float32),
        channels=[channel.name for channel in file.channels],
        labels=[channel.label or channel.name for channel in file.channels],
        ranges=[channel.scaled_range for channel in file.channels],
        spillover=matrix,
        spillover_channels=columns,
        keywords={"$CYT": "simulated"},
    )


def spoil(fault: str, path: Path, other: Path, rng: Rng) -> str:
    """Write the tube of `path` again with a fault; `other` is the tube of another person.

    Returns what was done, where the fault leaves it open.
    """
    file = read_fcs(path)
    _, spillover = find_spillover(file)
    assert spillover is not None
    matrix, columns = np.array(spillover.matrix), tuple(spillover.channels)
    names = [channel.name for channel in file.channels]
    rows = [names.index(name) for name in columns]
    labels = [file.channels[row].label for row in rows]
    events = file.events.copy()  # shape (n_channels, n_events)
    eye = np.eye(len(matrix))
    one, two = rng.choice(len(rows), 2, replace=False)
    light = np.linalg.solve(matrix.T, events[rows])  # compensated
    done = ""
    if fault == "stain left out":
        light[one] = without_stain(light[one], rng)
        events[rows] = matrix.T @ light
        done = labels[one]
    elif fault == "two stains swapped":
        light[[one, two]] = light[[two, one]]
        events[rows] = matrix.T @ light
        done = f"{labels[one]}, {labels[two]}"
    elif fault == "two channels swapped":
        events[[rows[one], rows[two]]] = events[[rows[two], rows[one]]]
        done = f"{labels[one]}, {labels[two]}"
    elif fault in ("over-compensated", "under-compensated"):
        low, high = (1.2, 1.8) if fault == "over-compensated" else (0.4, 0.8)
        factor = rng.uniform(low, high)
        matrix = eye + factor * (matrix - eye)
        done = f"matrix x {factor:.2f}"
    elif fault == "compensated twice":
        events[rows] = light
    elif fault == "matrix missing":
        matrix = eye
    elif fault == "matrix of another order":
        order = rng.permutation(len(matrix))
        matrix = matrix[np.ix_(order, order)]
    elif fault == "clogged":
        n = events.shape[1]
        events[rows, n // 3 : n // 2] *= rng.uniform(0.1, 0.3)
    elif fault == "other voltages":
        gains = np.exp(rng.uniform(np.log(0.2), np.log(5), len(rows)))
        events[rows] *= gains[:, None]
    elif fault == "copy of another tube":
        shutil.copyfile(other, path)
        return ""
    write_like(path, file, events.T, matrix, columns)
    return done


def without_stain(light: np.ndarray, rng: Rng) -> np.ndarray:
    """Return a compensated channel as it would be without its stain: negatives alone.

    Their left half is mirrored; in half of the cases they lie as far below as unspecific binding
    lifts stained ones.
    """
    counts, edges = np.histogram(light, bins=400, range=(-600, 800))
    mode = edges[np.argmax(np.convolve(counts, np.ones(9), "same")[:280])]
    below = mode - light[light <= mode]
    signs = rng.choice([-1, 1], light.size)
    return mode + signs * rng.choice(below, light.size) - rng.choice([0.0, 35.0])


FAULTS = (
    "stain left out",
    "two stains swapped",
    "two channels swapped",
    "over-compensated",
    "under-compensated",
    "compensated twice",
    "matrix missing",
    "matrix of another order",
    "clogged",
    "other voltages",
    "copy of another tube",
)


@dataclass(frozen=True)
class Fitted:
    """What one tube alone gives."""

    fits: pd.DataFrame
    quality: pd.DataFrame
    kept: list[Tube]
    evidence: list[Tube]


class Study:
    """A simulated study's tubes of panel_a, fitted one by one."""

    def __init__(self, folder: Path, seed: int) -> None:
        told = ["simulate", "--output", str(folder), "--per-group", "2", "--batches", "2",
                "--events", "12000", "--cells", "0", "--seed", str(seed)]  # fmt: skip
        assert cli.main(told) == 0
        logging.disable(logging.INFO)  # every tube that is counted would be a line
        self.folder = folder
        os.chdir(folder)
        study = load_settings(folder / "config/config.yaml").study
        self.rows = [row for row in list_tubes(study) if row["panel"] == "panel_a"]
        self.panel = read_panel(folder / "config/panels/panel_a.tsv")
        markers = set(self.panel["marker"])
        self.template = load_template(folder / "config/gating/panel_a.yaml", panel_markers=markers)
        self.settings = Flow()
        self.batches = list(dict.fromkeys(row["batch"] for row in self.rows))
        self.fitted = {row["file_id"]: self.fit(row) for row in self.rows}
        self.gates, self.quality, self.identity = self.compare(self.fitted)
        self.counts = self.count(self.fitted, self.gates, self.batches)

    def fit(self, row: Tube) -> Fitted:
        kept: list[Tube] = []
        evidence: list[Tube] = []
        fits, quality, _ = fit_batch(
            [row], self.panel, self.template, self.settings, kept=kept, evidence=evidence
        )
        return Fitted(fits, quality, kept, evidence)

    def compare(self, fitted: dict[str, Fitted]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Return the final gates, the quality of the tubes and what is held."""
        fits = pd.concat([one.fits for one in fitted.values()], ignore_index=True)
        quality = pd.concat([one.quality for one in fitted.values()], ignore_index=True)
        shown = [row for one in fitted.values() for row in one.evidence]
        identity = identify(contract.make(shown, TubeEvidence), fits, self.template)
        odd = suspects(identity)
        gates = pool_gates(fits, self.template, self.settings, suspects=odd)
        return gates, quality, identity.set_index("file_id")

    def count(
        self, fitted: dict[str, Fitted], gates: pd.DataFrame, batches: list[str]
    ) -> pd.DataFrame:
        """Return the counts of the tubes of some batches."""
        quality = pd.concat([one.quality for one in fitted.values()], ignore_index=True)
        kept = [row for one in fitted.values() for row in one.kept]
        judged = Judged(quality, contract.make(kept, KeptEvents))
        counts = [
            apply_batch(
                [row for row in self.rows if row["batch"] == batch],
                self.panel, self.template, gates, judged, self.settings,
            ).counts
            for batch in batches
        ]  # fmt: skip
        return pd.concat(counts).set_index(["source_id", "population"])

    def touched(self, gates: pd.DataFrame, spoilt: str) -> list[str]:
        """Return the batches in which a gate of another tube is not as it was."""
        key = ["file_id", "population"]
        shape = ["geometry", "cut_se", "state", "rival_cut", "n_background", "n_missed"]
        before, after = (
            table[table["file_id"] != spoilt].set_index(key)[[*shape, "batch"]]
            for table in (self.gates, gates)
        )
        # a gate that only one of them has is another one
        after = after.reindex(before.index)
        is_other = (before[shape].astype(str) != after[shape].astype(str)).any(axis=1)
        return sorted(set(before.loc[is_other, "batch"]))


def harmed(before: pd.DataFrame, after: pd.DataFrame, spoilt: str) -> tuple[float, int, int]:
    """Return the largest change of a share of an untouched tube, how many change more than `MOST`,
    and how many change their status or detection.
    """
    own = before[before.index.get_level_values(0).isin(after.index.get_level_values(0))]
    both = own.join(after, lsuffix="_before", rsuffix="_after", how="outer")
    both = both[both.index.get_level_values("source_id") != spoilt]
    n = both[["n_events_before", "n_events_after"]].astype(float)
    share = {
        side: n[f"n_events_{side}"] / both[f"n_parent_{side}"].astype(float)
        for side in ("before", "after")
    }
    change = (share["after"] / share["before"] - 1).abs()[(n >= FEWEST).any(axis=1)].dropna()
    moved = 0
    for column in ("status", "detection"):
        first, second = (both[f"{column}_{side}"].fillna("-") for side in ("before", "after"))
        moved += int((first != second).sum())
    return float(change.max()), int((change > MOST).sum()), moved


def named(spoilt: str, identity: pd.DataFrame, quality: pd.DataFrame, before: pd.DataFrame) -> str:
    """Return by what a tube is named; empty when it is not.

    That a few events were left out is a remark of many good tubes: it counts where at least a
    twentieth of the tube more than before was left out.
    """
    row, as_it_was = (table.set_index("file_id").loc[spoilt] for table in (quality, before))
    if row["status"] != "ok":
        return str(row["status"])
    found = identity.loc[spoilt]
    if found["finding"] not in ("ok", "not_judged"):
        return f"{found['finding']}{', held' if found['is_held'] else ''}"
    left_out = as_it_was["n_clean"] / as_it_was["n_events"] - row["n_clean"] / row["n_events"]
    return "events left out" if left_out >= LEFT_OUT else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=66)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as place:
        study = Study(Path(place) / "study", options.seed)
        stained = [row for row in study.rows if row["tube"] == "stained"]
        alarms = [
            row["file_id"]
            for row in stained
            if named(row["file_id"], study.identity, study.quality, study.quality)
        ]
        print(f"{len(stained)} stained tubes without a fault, {len(alarms)} of them named")
        print("| fault | tube | named by | largest change | shares > 2 % | statuses changed |")
        print("|---|---|---|---|---|---|", flush=True)
        results: list[dict[str, Any]] = []
        for trial in range(options.trials):
            fault = FAULTS[trial % len(FAULTS)]
            row, other = (stained[i] for i in rng.choice(len(stained), 2, replace=False))
            path, saved, spoilt = Path(row["path"]), Path(place) / "saved.fcs", row["file_id"]
            shutil.copyfile(path, saved)
            done = spoil(fault, path, Path(other["path"]), rng)
            fitted = study.fitted | {spoilt: study.fit(row)}
            gates, quality, identity = study.compare(fitted)
            batches = study.touched(gates, spoilt)
            change, n_shares, n_statuses = 0.0, 0, 0
            if batches:
                after = study.count(fitted, gates, batches)
                change, n_shares, n_statuses = harmed(study.counts, after, spoilt)
            shutil.copyfile(saved, path)
            by = named(spoilt, identity, quality, study.quality)
            # the tube that was copied is named too, and rightly
            right = {spoilt, other["file_id"]} if fault == FAULTS[-1] else {spoilt}
            is_odd = identity["finding"].isin(["ok", "not_judged"])
            false = set(identity.index[~is_odd]) - set(alarms) - right
            results.append(
                {"fault": fault, "named": bool(by), "held": "held" in by, "false": len(false),
                 "change": change, "unharmed": n_shares == 0 and n_statuses == 0}
            )  # fmt: skip
            print(
                f"| {fault}{f' ({done})' if done else ''} | {spoilt} | {by or 'not named'} "
                f"| {change:.1%} | {n_shares} | {n_statuses} |",
                flush=True,
            )
        print(summary(pd.DataFrame(results)))


def summary(results: pd.DataFrame) -> str:
    """Return the table by kind of fault, and the sums."""
    lines = [
        "\n| fault | trials | named | held | largest change of another tube's share | harmed |",
        "|---|---|---|---|---|---|",
    ]
    for fault, own in results.groupby("fault", sort=False):
        lines.append(
            f"| {fault} | {len(own)} | {own['named'].sum()} | {own['held'].sum()} "
            f"| {own['change'].max():.1%} | {(~own['unharmed']).sum()} |"
        )
    n = len(results)
    lines += [
        f"\n{results['named'].sum()} of {n} spoilt tubes named, {results['held'].sum()} held",
        f"in {results['unharmed'].sum()} of {n} no other tube changed",
        f"{results['false'].sum()} other tubes named besides, in {n} studies",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
