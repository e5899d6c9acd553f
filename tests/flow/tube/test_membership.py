"""Populations as masks over their parents: the same events as looking at all events every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, make_tube
from itc_analysis.config.loading import load_settings
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.gates.final import FinalGate, final_gates
from itc_analysis.flow.gates.fit import load_checked
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import Combination, Threshold
from itc_analysis.flow.gating.template import ROOT, Template, load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.simulate.instrument.panels import load_panel
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits


def slowly(tube: Tube, template: Template, gates: dict[str, FinalGate]) -> dict[str, np.ndarray]:
    """Evaluate every gate on every event; a mask over the tube for every population."""
    masks = {ROOT: np.ones(tube.n_events, dtype=bool)}
    for population in template.populations:
        gate = gates[population.name].geometry
        if gate is None or population.parent not in masks:
            continue
        if isinstance(gate, Combination):
            inside = np.ones(tube.n_events, dtype=bool)
            for name in gate.all_of:
                inside &= masks[name]
            if gate.any_of:
                inside &= np.any([masks[name] for name in gate.any_of], axis=0)
            for name in gate.none_of:
                inside &= ~masks[name]
        else:
            inside = gate.contains(np.stack([tube.values(marker) for marker in gate.markers]))
        masks[population.name] = inside & masks[population.parent]
    return masks


def assert_same(tube: Tube, template: Template) -> Membership:
    rows = fit_tube(tube, template, n_bootstrap=10)
    gates = pool_gates(contract.make(rows, GateFits), template, Flow())
    own = final_gates(gates, tube.file_id, template)
    fast, slow = gate_tube(tube, template, own), slowly(tube, template, own)
    assert set(fast) == set(slow)
    for name, mask in slow.items():
        np.testing.assert_array_equal(fast[name], np.flatnonzero(mask), err_msg=name)
        for marker in tube.markers[:3]:
            values = fast.values_of(marker, name)
            np.testing.assert_array_equal(values, tube.values(marker)[mask])
    return fast


@pytest.mark.parametrize("panel", ["panel_a", "panel_b"])
def test_a_simulated_tube_has_the_same_members(tmp_path: Path, root: Path, panel: str) -> None:
    # more events than one pass of the evaluator takes
    row, sheet = simulated(tmp_path, panel, n_events=70_000)
    template = load_template(root / f"src/itc_analysis/resources/gating/{panel}.yaml")
    tube, quality = load_checked(row, sheet, template, Flow())
    assert tube is not None, quality["reason"]
    found = assert_same(tube, template)
    assert found["t_cells"].size > 10_000


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["omip021", "coereba"])
def test_a_real_tube_has_the_same_members(real_data: Path, root: Path, name: str) -> None:
    folder = root / "config" / "examples" / name
    settings = load_settings(folder / "config.yaml").flow
    panel = read_panel(folder / "panels" / f"{name}.tsv")
    template = load_template(folder / "gating" / f"{name}.yaml")
    row = pd.read_csv(folder / "fcs_files.tsv", sep="\t", dtype=str).to_dict("records")[0]
    row["path"] = str(real_data / "flow" / name / row["path"])
    tube, quality = load_checked(row, panel, template, settings)
    assert tube is not None, quality["reason"]
    assert len(assert_same(tube, template)) > 3


def test_populations_of_another_branch_combine() -> None:
    values = np.random.default_rng(3).random((3, 500), dtype=np.float32)
    tube = make_tube({"A": values[0], "B": values[1], "C": values[2]})
    membership = Membership(tube)
    for name, parent in (("a", ROOT), ("b", "a"), ("c", ROOT)):
        cut = Threshold((name.upper(),), "above", 0.5)
        membership.add(name, parent, membership.inside(cut, parent))
    a, b, c = values >= 0.5
    # b lies within a, c beside it
    not_b = membership.inside(Combination(none_of=("b",)), "c")
    np.testing.assert_array_equal(membership["c"][not_b], np.flatnonzero(c & ~(a & b)))
    both = membership.inside(Combination(all_of=("a", "c")), "b")
    np.testing.assert_array_equal(membership["b"][both], np.flatnonzero(a & b & c))
    moved = membership.inside(Combination(none_of=("c",)), ROOT, instead={"c": values[2] >= 0.9})
    np.testing.assert_array_equal(moved, values[2] < np.float32(0.9))


def simulated(folder: Path, panel: str, *, n_events: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """Simulate a healthy donor's tube; its row of the tube sheet, and the panel sheet."""
    from itc_analysis.simulate.instrument.cytometer import draw_drift
    from itc_analysis.simulate.instrument.fcs import write_fcs
    from itc_analysis.simulate.instrument.panels import TOP_OF_RANGE
    from itc_analysis.simulate.instrument.tubes import TubePlan, simulate_tube
    from itc_analysis.simulate.people import cohort
    from itc_analysis.simulate.people.blood import draw_blood

    rng = np.random.default_rng(4)
    people = cohort.draw_people("null", {"healthy": 1}, rng)
    truth = cohort.draw_truth(people, "null", rng)
    person = people.merge(truth, on="participant_id").merge(
        draw_blood(truth, rng), on="participant_id"
    )
    known = load_panel(panel)
    plan = TubePlan("T1", "S1", panel, "b1", None, n_events)
    made = simulate_tube(plan, person.iloc[0].to_dict(), known, draw_drift(known, rng), rng)
    names = list(known.sheet["channel"])
    path = folder / "tube.fcs"
    write_fcs(
        path, made.events, channels=names, labels=list(known.sheet["marker"]),
        ranges=[TOP_OF_RANGE] * len(names), spillover=known.spillover,
        spillover_channels=known.channels, keywords={"$TIMESTEP": "0.01"},
    )  # fmt: skip
    row = {"file_id": "T1", "sample_id": "S1", "path": str(path), "panel": panel, "batch": "b1",
           "tube": "stained", "fmo_markers": None}  # fmt: skip
    return row, known.sheet
