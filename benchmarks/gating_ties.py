"""Three populations on one marker, and nothing that says which valley is meant: tables for
`./run validate gating`.

Draws batches of six tubes with negatives, bright cells (4 to 35 %) and dim ones between (1 to 5 %,
0.4 to 0.65 of the way up), learns and pools the cut without a `level`, and asks: does the interval
of the count hold the bright cells, and is the tie said where dim cells would change the count?
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import with_rival
from itc_analysis.flow.counting.background import tail_background
from itc_analysis.flow.counting.counts import net_interval
from itc_analysis.flow.gates.final import final_gates
from itc_analysis.flow.gates.fit import fit_rows, walk_template
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import check_template
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

TUBES_PER_BATCH, DEFAULT_TUBES, DEFAULT_SEED = 6, 240, 20_260
#: Counts that differ by more are two numbers.
DIFFER = 0.2
TEMPLATE = check_template(
    {
        "panel": "ties",
        "populations": [
            {"name": "cd8", "parent": "all", "markers": ["CD8"], "side": "above",
             "method": "density_minimum", "measured": True}
        ],
    },
    "ties.yaml",
)  # fmt: skip


def draw_batch(number: int, seed: int) -> list[tuple[Tube, int, int]]:
    """Return the tubes of a batch, each with its bright and its dim cells."""
    rng = np.random.default_rng([seed, number])
    negative, bright = 0.2 + rng.normal(0, 0.01), rng.uniform(0.65, 0.8)
    dim, dim_sd = negative + (bright - negative) * rng.uniform(0.4, 0.65), rng.uniform(0.025, 0.05)
    tubes = []
    for place in range(TUBES_PER_BATCH):
        n = int(rng.integers(5_000, 30_000))
        share, dim_share, drift = (
            rng.uniform(0.04, 0.35),
            rng.uniform(0.01, 0.05),
            rng.normal(0, 0.01),
        )
        kind = rng.random(n)
        is_bright, is_dim = kind < share, (kind >= share) & (kind < share + dim_share)
        middle = np.select([is_bright, is_dim], [bright, dim], negative) + drift
        values = rng.normal(middle, np.select([is_bright, is_dim], [0.04, dim_sd], 0.03))
        tube = Tube(
            file_id=f"b{number}_t{place}",
            sample_id=f"b{number}_t{place}",
            panel="ties",
            batch=f"b{number}",
            kind="stained",
            fmo_markers=(),
            n_events_file=n,
            compensation="none",
            markers=("CD8",),
            events=values[None].astype(np.float32),
            transforms={"CD8": Transform("logicle", t=262_144)},
            channels={"CD8": "CD8-A"},
        )
        tubes.append((tube, int(is_bright.sum()), int(is_dim.sum())))
    return tubes


def fit_one(tube: Tube) -> list[dict[str, Any]]:
    """Return the tube's row of `GateFits`."""
    row = {"file_id": tube.file_id, "panel": tube.panel, "batch": tube.batch, "tube": tube.kind}
    settings = Flow(n_bootstrap=50)
    walked = walk_template(tube, TEMPLATE, n_bootstrap=settings.n_bootstrap)
    return fit_rows(row, *walked, TEMPLATE, settings)


def validate_ties(n_tubes: int, seed: int) -> pd.DataFrame:
    """Draw, gate and count; one row per tube."""
    rows = []
    for number in range(-(-n_tubes // TUBES_PER_BATCH)):
        tubes = draw_batch(number, seed)
        fits = [row for tube, *_ in tubes for row in fit_one(tube)]
        gates = pool_gates(contract.make(fits, GateFits), TEMPLATE, Flow())
        cuts = gates.set_index("file_id")["cut"]
        for tube, bright, dim in tubes:
            gate = final_gates(gates, tube.file_id, TEMPLATE)["cd8"]
            values, cut = tube.values("CD8"), float(cuts[tube.file_id])
            n = int(np.count_nonzero(values >= np.float32(cut)))
            lower, upper = net_interval(n, values.size, tail_background(values, cut, gate.cut_se))
            row = {"population": "cd8", "n_events": n, "n_parent": values.size, "n_lower": lower,
                   "n_upper": upper, "gate_se_log": None, "detection": "quantified"}  # fmt: skip
            rivals = {}
            if gate.rival_cut is not None:
                n_rival = int(np.count_nonzero(values >= np.float32(gate.rival_cut)))
                rivals["cd8"] = (n_rival, values.size)
            row = with_rival(row, rivals, loq_events=Flow().loq_events)
            rows.append({**row, "state": gate.state, "bright": bright, "dim": dim})
    return pd.DataFrame(rows)


def tie_report(table: pd.DataFrame, seed: int) -> str:
    """Return the table as Markdown."""
    differ = table["dim"] > DIFFER * table["bright"]
    lines = [
        f"{len(table)} tubes in batches of {TUBES_PER_BATCH}, seed {seed}",
        "",
        "| the two counts | tubes | tie said | interval holds the bright cells "
        "| holds bright and dim ones |",
        "|---|---|---|---|---|",
    ]
    for name, part in (("differ by more than 20 %", table[differ]), ("by less", table[~differ])):
        whole = part["bright"] + part["dim"]
        said = (part["state"] == "ambiguous").mean()
        bright, both = (
            ((part["n_lower"] <= n) & (n <= part["n_upper"])).mean()
            for n in (part["bright"], whole)
        )
        lines.append(
            f"| {name} | {len(part)} | {100 * said:.1f} % | {100 * bright:.1f} % "
            f"| {100 * both:.1f} % |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--tubes", type=int, default=DEFAULT_TUBES)
    options = parser.parse_args()
    print(tie_report(validate_ties(options.tubes, options.seed), options.seed))


if __name__ == "__main__":
    main()
