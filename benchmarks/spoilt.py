"""One spoilt tube in a batch: does it harm the others, and is it named?

A study is simulated once. In each trial one stained tube of panel_a, drawn at random, gets a fault;
its batch is fitted again, the study's gates are pooled and applied, and every count of every other
tube is compared with that of the study without the fault. A share that rests on fewer than 50
events in both is left out of the comparison of shares: one event is more than 2 % of it.

    ./run validate spoilt [--trials 20] [--seed 5]
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import numpy as np
import pandas as pd

from itc_analysis import cli
from itc_analysis.cohort.join import list_tubes
from itc_analysis.config.loading import load_settings
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import apply_batch
from itc_analysis.flow.fcs.read import FcsFile, read_fcs
from itc_analysis.flow.gates.fit import fit_batch
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.spillover.compensation import find_spillover
from itc_analysis.flow.tube.quality_mask import Judged
from itc_analysis.simulate.instrument.fcs import write_fcs
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import KeptEvents
from itc_analysis.tables.quantities import STANDS_AGAINST

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


def spoil(fault: str, path: Path, other: Path, rng: Rng) -> None:
    """Write the tube of `path` again with a fault; `other` is the tube of another person."""
    file = read_fcs(path)
    _, spillover = find_spillover(file)
    assert spillover is not None
    matrix, columns = np.array(spillover.matrix), tuple(spillover.channels)
    rows = [[channel.name for channel in file.channels].index(name) for name in columns]
    events = file.events.copy()  # shape (n_channels, n_events)
    eye = np.eye(len(matrix))
    if fault == "wrong matrix":
        order = rng.permutation(len(matrix))
        matrix = matrix[np.ix_(order, order)]
    elif fault == "compensated twice":
        events[rows] = np.linalg.solve(matrix.T, events[rows])
    elif fault == "matrix missing":
        matrix = eye
    elif fault == "matrix too strong":
        matrix = eye + 1.8 * (matrix - eye)
    elif fault == "swapped stains":
        a, b = rng.choice(rows, 2, replace=False)
        events[[a, b]] = events[[b, a]]
    elif fault == "clogged":
        n = events.shape[1]
        events[rows, n // 3 : n // 2] *= rng.uniform(0.1, 0.3)
    elif fault == "another panel's voltages":
        events[rows] *= np.exp(rng.uniform(np.log(0.2), np.log(5), len(rows)))[:, None]
    elif fault == "other person's tube":
        shutil.copyfile(other, path)
        return
    write_like(path, file, events.T, matrix, columns)


FAULTS = (
    "wrong matrix",
    "compensated twice",
    "matrix missing",
    "matrix too strong",
    "swapped stains",
    "clogged",
    "another panel's voltages",
    "other person's tube",
)


class Study:
    """A simulated study's tubes of panel_a, fitted batch by batch."""

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
        self.fitted = {batch: self.fit(batch) for batch in self.batches}

    def fit(self, batch: str) -> tuple[pd.DataFrame, pd.DataFrame, list[Tube]]:
        kept: list[Tube] = []
        own = [row for row in self.rows if row["batch"] == batch]
        fits, quality, _ = fit_batch(own, self.panel, self.template, self.settings, kept=kept)
        return fits, quality, kept

    def count(
        self, fitted: dict[str, tuple[pd.DataFrame, pd.DataFrame, list[Tube]]]
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Pool and apply; returns counts, gates and quality."""
        fits, quality = (pd.concat([one[i] for one in fitted.values()]) for i in (0, 1))
        kept = [row for one in fitted.values() for row in one[2]]
        judged = Judged(quality.reset_index(drop=True), contract.make(kept, KeptEvents))
        gates = pool_gates(fits.reset_index(drop=True), self.template, self.settings)
        counts = pd.concat(
            apply_batch(
                [row for row in self.rows if row["batch"] == batch],
                self.panel, self.template, gates, judged, self.settings,
            ).counts
            for batch in self.batches
        )  # fmt: skip
        return counts.set_index(["source_id", "population"]), gates, quality


def harmed(before: pd.DataFrame, after: pd.DataFrame, spoilt: str) -> tuple[float, int, int]:
    """Return the largest change of a share of an untouched tube, how many change more than `MOST`,
    and how many change their status or detection.
    """
    both = before.join(after, lsuffix="_before", rsuffix="_after", how="outer")
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


def named(spoilt: str, gates: pd.DataFrame, quality: pd.DataFrame, before: pd.DataFrame) -> str:
    """Return by what a tube is named: quality, a remark or a gate; empty when it is not.

    That a few events were left out is a remark of many good tubes: it counts where at least a
    twentieth of the tube more than before was left out.
    """
    row, as_it_was = (table.set_index("file_id").loc[spoilt] for table in (quality, before))
    if row["status"] != "ok":
        return str(row["status"])
    own = gates[gates["file_id"] == spoilt]["reason"].fillna("")
    if own.str.contains(STANDS_AGAINST, regex=False).any():
        return "gates against the batch"
    remarks = [] if pd.isna(row["remarks"]) else str(row["remarks"]).split("; ")
    if [remark for remark in remarks if " removed: " not in remark]:
        return "remark"
    left_out = as_it_was["n_clean"] / as_it_was["n_events"] - row["n_clean"] / row["n_events"]
    return "events left out" if left_out >= LEFT_OUT else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as place:
        study = Study(Path(place) / "study", options.seed)
        before, gates, quality = study.count(study.fitted)
        stained = [row for row in study.rows if row["tube"] == "stained"]
        alarms = [row for row in stained if named(row["file_id"], gates, quality, quality)]
        as_it_was = quality
        print(f"{len(stained)} stained tubes without a fault, {len(alarms)} of them named")
        print("| fault | tube | named by | largest change | shares > 2 % | statuses changed |")
        print("|---|---|---|---|---|---|", flush=True)
        results = []
        for trial in range(options.trials):
            fault = FAULTS[trial % len(FAULTS)]
            row, other = (stained[i] for i in rng.choice(len(stained), 2, replace=False))
            path, saved = Path(row["path"]), Path(place) / "saved.fcs"
            shutil.copyfile(path, saved)
            spoil(fault, path, Path(other["path"]), rng)
            fitted = study.fitted | {row["batch"]: study.fit(row["batch"])}
            after, gates, quality = study.count(fitted)
            shutil.copyfile(saved, path)
            change, n_shares, n_statuses = harmed(before, after, row["file_id"])
            by = named(row["file_id"], gates, quality, as_it_was)
            results.append((bool(by), n_shares == 0 and n_statuses == 0))
            print(
                f"| {fault} | {row['file_id']} | {by or 'not named'} | {change:.1%} "
                f"| {n_shares} | {n_statuses} |",
                flush=True,
            )
        n_named, n_unharmed = (sum(one[i] for one in results) for i in (0, 1))
        print(f"\n{n_named} of {len(results)} spoilt tubes named")
        print(f"in {n_unharmed} of {len(results)} no other tube changed")


if __name__ == "__main__":
    main()
