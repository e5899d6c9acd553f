"""Is the error of learned shapes what they scatter by? `python benchmarks/gating_shapes.py`.

Draws people with the study simulator, two tubes of each and a large third one (the same person,
cytometer and day; other events). The lymphocyte ellipse and the band of single cells that either of
the two tubes teaches are put on the third, all other gates as they are: half of the mean square of
the log ratios of the two counts is what a shape's place alone scatters by. Beside it stands the
error that the bootstrap of each tube says by the events of that tube, and what counting its cells
adds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.gates.error import gate_errors
from itc_analysis.flow.gates.final import FinalGate
from itc_analysis.flow.gates.fit import load_checked, walk_template
from itc_analysis.flow.gates.switching import switching_events
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.tube.batch import read_batch
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.simulate.instrument.cytometer import draw_drift
from itc_analysis.simulate.instrument.panels import load_panel
from itc_analysis.simulate.instrument.tubes import TubePlan, simulate_tube, write_tube
from itc_analysis.simulate.people import cohort
from itc_analysis.simulate.people.blood import draw_blood

RESOURCES = Path(__file__).resolve().parent.parent / "src" / "itc_analysis" / "resources"
PANEL, TEMPLATE = RESOURCES / "panels" / "panel_a.tsv", RESOURCES / "gating" / "panel_a.yaml"
SHAPES = ("lymphocytes", "singlets")
#: Counts, and shares of T cells.
POPULATIONS = ("lymphocytes", "singlets", "t_cells", "cd4_t_cells", "gd_t_cells", "mait", "inkt")
#: Of these no share of T cells is made.
ABOVE = ("lymphocytes", "singlets", "t_cells")
TOGETHER = "both"


def people(n_people: int, seed: int) -> list[dict[str, Any]]:
    """Draw healthy people."""
    rng = np.random.default_rng(seed)
    drawn = cohort.draw_people("null", {"healthy": n_people}, rng)
    truth = cohort.draw_truth(drawn, "null", rng)
    blood = draw_blood(truth, rng)
    table = drawn.merge(truth, on="participant_id").merge(blood, on="participant_id")
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def tubes(
    folder: Path,
    person: dict[str, Any],
    sizes: tuple[int, ...],
    template: Template,
    seed: list[int],
) -> list[Tube]:
    """Write, read and check tubes of one person, one day and one cytometer."""
    rng = np.random.default_rng(seed)
    panel = load_panel("panel_a")
    drift = draw_drift(panel, rng)
    found = []
    for number, n_events in enumerate(sizes):
        name = f"t{number}"
        path = folder / f"{name}.fcs"
        plan = TubePlan(name, name, "panel_a", "b1", None, n_events)
        simulated = simulate_tube(plan, person, panel, drift, rng)
        write_tube(path, simulated, panel, name, note="simulated")
        row = {"file_id": name, "sample_id": name, "path": str(path), "panel": "panel_a",
               "batch": "b1", "tube": "stained"}  # fmt: skip
        tube, quality = load_checked(row, panel.sheet, template, Flow())
        path.unlink()
        if tube is None:
            msg = f"{name}: {quality['reason']}"
            raise RuntimeError(msg)
        found.append(tube)
    return found


def learned(tube: Tube, template: Template) -> dict[str, FinalGate]:
    """Return a tube's own gates."""
    _, fitted = walk_template(tube, template, n_bootstrap=Flow().n_bootstrap)
    return {
        name: FinalGate(one.geometry, one.cut_se, "ok", None, shape_errors=one.shape_errors)
        for name, one in fitted.items()
    }


def sizes(tube: Tube, template: Template, gates: dict[str, FinalGate]) -> dict[str, int]:
    """Return the size of the populations that are looked at."""
    membership = gate_tube(tube, template, gates)
    return {name: int(membership[name].size) for name in POPULATIONS if name in membership}


def said_errors(
    tube: Tube, template: Template, gates: dict[str, FinalGate], shapes: tuple[str, ...]
) -> dict[str, float | None]:
    """Return the errors of log counts (T cells) and log shares (others) by some shapes alone."""
    membership = gate_tube(tube, template, gates)
    names = [p.name for p in template.populations if p.name in membership]
    moves = {name: gates[name].moves if name in shapes else () for name in names}
    switching = {
        name: switching_events(
            membership, gates[name].geometry, moves[name], template.by_name[name].parent
        )
        for name in names
    }
    geometries = {name: gate.geometry for name, gate in gates.items()}
    return gate_errors(membership, template, geometries, moves, switching)


def compare(tubes: list[Tube], template: Template, number: int) -> list[dict[str, Any]]:
    """Return one row per shape and population: of two tubes, on the events of the third."""
    pair, reference = tubes[:2], tubes[2]
    gates = [learned(tube, template) for tube in pair]
    absolute = template.model_copy(update={"denominator": ROOT})
    own = [sizes(tube, template, one) for tube, one in zip(pair, gates, strict=True)]
    rows = []
    for shapes in (*((shape,) for shape in SHAPES), SHAPES):
        there = [
            sizes(
                reference,
                template,
                gates[0] | {s: replace(gates[0][s], geometry=one[s].geometry) for s in shapes},
            )
            for one in gates
        ]
        said, counted = (
            [said_errors(t, plan, one, shapes) for t, one in zip(pair, gates, strict=True)]
            for plan in (template, absolute)
        )
        for name in there[0]:
            change, of_t = (
                float(np.log((there[1][p] + 0.5) / (there[0][p] + 0.5))) for p in (name, "t_cells")
            )
            rows.append(
                {
                    "pair": number,
                    "shape": shapes[0] if len(shapes) == 1 else TOGETHER,
                    "population": name,
                    "n": np.mean([one[name] for one in own]),
                    "count": change,
                    "count_said": np.sqrt(np.mean([(e[name] or 0.0) ** 2 for e in counted])),
                    "share": change - of_t,
                    "share_said": np.sqrt(np.mean([(e[name] or 0.0) ** 2 for e in said])),
                }
            )
    return rows


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per shape and population: SDs of logs, in per cent."""
    lines = []
    for (shape, population), part in rows.groupby(["shape", "population"], sort=False):
        line = {"shape": shape, "population": population, "cells (median)": part["n"].median()}
        for what in ("count", "share") if population not in ABOVE else ("count",):
            scatter = np.sqrt(np.mean(part[what] ** 2) / 2)
            said = np.sqrt(np.mean(part[f"{what}_said"] ** 2))
            line[f"{what}: scatter, %"] = 100 * scatter
            line[f"{what}: said, %"] = 100 * said
            line[f"{what}: said / scatter"] = said / scatter if scatter else np.nan
        line["counting alone, %"] = 100 * np.sqrt(np.mean(1 / (part["n"] + 0.5)))
        lines.append(line)
    return pd.DataFrame(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=5101)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--reference", type=int, default=300_000, help="events of the third tube")
    parser.add_argument("--details", help="write one row per pair, shape and population (Parquet)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "tubes.json").write_text("[]")
        template = read_batch(folder / "tubes.json", PANEL, TEMPLATE).template
        n_events = (options.events, options.events, options.reference)
        rows = []
        for number, person in enumerate(people(options.pairs, options.seed)):
            drawn = tubes(folder, person, n_events, template, [options.seed, number])
            rows += compare(drawn, template, number)
    table = pd.DataFrame(rows)
    if options.details:
        table.to_parquet(options.details)
    print(f"{options.pairs} pairs of {options.events:,} events, seed {options.seed}")
    print(summary(table).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
