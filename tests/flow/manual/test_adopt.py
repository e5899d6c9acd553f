"""Gates drawn by a person: brought onto our scale, in place of the learned ones, whatever is
rerun.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, make_tube, t_cell_template, t_cell_tube
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import (
    Ellipse,
    Polygon,
    Rectangle,
    Threshold,
    from_json,
)
from itc_analysis.flow.manual.adopt import ManualGates, read_manual
from itc_analysis.flow.manual.flowjo_read import read_workspace
from itc_analysis.flow.manual.gates import DrawnAxis, ManualGate, ManualTree, evaluate, why_no_gate
from itc_analysis.flow.manual.gatingml import to_gatingml
from itc_analysis.flow.manual.onto_tube import to_own_scale
from itc_analysis.flow.manual.scales import Asinh, Logarithm, Logicle
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.axes import axes_of
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits
from itc_analysis.tables.quantities import POSITIVE_OF

AXIS = {
    "channels": {"A": "A-chan", "B": "B-chan"},
    "transforms": {m: Transform("logicle").to_dict() for m in "AB"},
    "compensation": "none",
}


@pytest.mark.parametrize(
    "scale",
    [None, Logicle(10_000, 1.0, 4.0, 0.5), Asinh(262_144, 4.5, 1.0), Logarithm(262_144, 5.0)],
)
def test_a_gate_moved_to_our_scale_holds_the_same_events(scale: object) -> None:
    rng = np.random.default_rng(4)
    units = np.exp(rng.normal(6, 1.5, (2, 20_000)))
    drawn = units if scale is None else scale.apply(units)  # type: ignore[attr-defined]
    own = Transform("logicle").apply(units)
    low, high = np.quantile(drawn, [0.3, 0.9], axis=1)
    axes = tuple(DrawnAxis(f"Comp-{name}-chan", scale=scale) for name in "AB")  # type: ignore[arg-type]
    middle, reach = (low + high) / 2, (high - low) / 2
    shapes = [
        Rectangle(("0", "1"), (float(low[0]), None), (float(high[0]), float(high[1]))),
        Polygon(("0", "1"), ((low[0], low[1]), (high[0], low[1]), (low[0], high[1]))),
        Ellipse(("0", "1"), tuple(middle), ((reach[0] ** 2, 0.0), (0.0, reach[1] ** 2)), 1.0),
    ]
    for shape in shapes:
        expected = shape.contains(drawn)
        moved = to_own_scale(ManualGate("g", None, axes, shape), AXIS)
        differ = np.count_nonzero(moved.contains(own) != expected)  # type: ignore[union-attr]
        # bounds move exactly but for float32; the pieces of edges and arcs cut corners
        allowed = 2 if isinstance(shape, Rectangle) else 0.003 * expected.sum()
        assert differ <= allowed, type(shape).__name__


def test_one_open_side_is_a_threshold() -> None:
    axes = (DrawnAxis("A-chan"),)
    gate = ManualGate("g", None, axes, Rectangle(("0",), (None,), (1000.0,)))
    found = to_own_scale(gate, AXIS)
    assert isinstance(found, Threshold)
    assert found.side == "below"
    assert found.cut == pytest.approx(float(Transform("logicle").apply([1000.0])[0]))


def test_an_upper_bound_beyond_the_detector_bounds_nothing() -> None:
    axes = (DrawnAxis("A-chan", scale=Logicle(262_144, 0.5, 4.5, 0.0)),)
    for top, kind in ((1.3, Threshold), (0.9, Rectangle)):
        gate = ManualGate("g", None, axes, Rectangle(("0",), (0.5,), (top,)))
        assert isinstance(to_own_scale(gate, AXIS), kind)


def test_a_channel_without_marker_is_refused_by_name() -> None:
    gate = ManualGate("g", None, (DrawnAxis("C-chan"),), Rectangle(("0",), (1.0,), (None,)))
    with pytest.raises(ValueError, match="channel 'C-chan' has no marker"):
        to_own_scale(gate, AXIS)


def test_a_drawn_gate_takes_the_place_of_the_learned_one_at_every_run(tmp_path: Path) -> None:
    template, settings = t_cell_template(), Flow()
    tubes = [t_cell_tube(seed=i, file_id=f"T{i}") for i in range(1, 5)]
    rows = [row for tube in tubes for row in fit_tube(tube, template, n_bootstrap=10)]
    fits = contract.make(rows, GateFits)
    axes = {tube.file_id: axes_of(tube) for tube in tubes}
    learned = pool_gates(fits, template, settings)
    own = learned[learned["file_id"] == "T2"].copy()
    is_inkt = own["population"] == "inkt"
    shape = from_json(own.loc[is_inkt, "geometry"].iloc[0])
    assert isinstance(shape, Threshold)
    own.loc[is_inkt, "geometry"] = own.loc[is_inkt, "geometry"].str.replace(
        str(shape.cut), str(shape.cut + 0.05)
    )
    path = tmp_path / "T2.xml"
    path.write_text(to_gatingml(own, template, axes["T2"]), encoding="utf-8")
    manual = read_manual(tmp_path, file_ids=set(axes), panels={"made"})
    for _ in range(2):
        gates = pool_gates(fits, template, settings, manual=manual, axes=axes)
        by_key = gates.set_index(["file_id", "population"])
        assert by_key.loc[("T2", "inkt"), "state"] == "manual"
        assert by_key.loc[("T2", "inkt"), "cut"] == pytest.approx(shape.cut + 0.05, abs=1e-6)
        assert "T2.xml" in by_key.loc[("T2", "inkt"), "reason"]
        others = gates[gates["file_id"] != "T2"].reset_index(drop=True)
        expected = learned[learned["file_id"] != "T2"].reset_index(drop=True)
        pd.testing.assert_frame_equal(others, expected)


def test_a_drawn_gate_opens_what_could_not_be_learned() -> None:
    template, settings = t_cell_template(), Flow()
    rng = np.random.default_rng(1)
    tube = make_tube({m: rng.normal(0.2, 0.05, 5000) for m in ("CD3", "6B11", "PD-1", "TIGIT")})
    fits = contract.make(fit_tube(tube, template, n_bootstrap=10), GateFits)
    gates = pool_gates(fits, template, settings).set_index("population")
    assert gates.loc["not_inkt", "state"] == "not_estimable"
    shape = Rectangle(("0",), (500.0,), (None,))
    drawn = {
        name: ManualGate(name, None, (DrawnAxis(f"{marker}-channel"),), shape)
        for name, marker in (("t_cells", "CD3"), ("inkt", "6B11"))
    }
    manual = ManualGates({}, {"made": ManualTree("made.xml", drawn)}, {})
    axes = {"T1": axes_of(tube)}
    gates = pool_gates(fits, template, settings, manual=manual, axes=axes).set_index("population")
    gates = gates[~gates.index.str.startswith(POSITIVE_OF)]
    assert gates["state"].to_dict() == {"t_cells": "manual", "inkt": "manual", "not_inkt": "ok"}


def test_files_named_after_nobody_are_refused(tmp_path: Path) -> None:
    (tmp_path / "T11.xml").write_text("<x/>", encoding="utf-8")
    with pytest.raises(ItcError, match="named after no tube and no panel; did you mean 'T1'"):
        read_manual(tmp_path, file_ids={"T1"}, panels={"panel_a"})
    with pytest.raises(ItcError, match="no gates are there"):
        read_manual(tmp_path / "absent", file_ids=set(), panels=set())


@pytest.mark.real_data
def test_workspaces_give_the_counts_that_flowjo_stored(real_data: Path) -> None:
    folder = real_data / "flow" / "coereba"
    human = pd.read_csv(folder / "samples.csv").set_index("file")["flowjo_vd2_count"]
    trees = read_workspace(folder / "flowjo_vd2.wsp")
    assert set(trees) == set(human.index)
    for name, tree in trees.items():
        assert evaluate(tree, read_fcs(folder / name))["Vd2"].sum() == human[name]


@pytest.mark.real_data
def test_a_workspace_of_fifteen_populations_gives_flowjos_counts(real_data: Path) -> None:
    folder = real_data / "flow" / "mouse_spleen_flowjo"
    (tree,) = read_workspace(folder / "gating.wsp").values()
    found = evaluate(tree, read_fcs(folder / "68983.fcs"))
    # counts that FlowJo stored; it bins polygons, so those are close only (lessons.md 2)
    stored = {"Lymphocytes": 19212, "Singlets": 18689, "T cells": 10745, "ab T cells": 9188,
              "gd T cells": 1470, "CD4 T cells": 7480, "CD8 T cells": 1407, "NK T cells": 535,
              "NK cells": 312, "B cells": 2459}  # fmt: skip
    for name, n in stored.items():
        assert int(found[name].sum()) == pytest.approx(n, rel=0.001), name


@pytest.mark.parametrize(("low", "high"), [(40.0, None), (None, -40.0)])
def test_a_bound_beyond_the_end_of_the_scale_is_no_cut(
    low: float | None, high: float | None
) -> None:
    axes = (DrawnAxis("A-chan", scale=Logicle(262_144, 0.5, 4.5, 0.0)),)
    gate = ManualGate("g", None, axes, Rectangle(("0",), (low,), (high,)))
    assert why_no_gate(to_own_scale(gate, AXIS)) == "its bound lies beyond the end of the scale"
    gate = ManualGate("g", None, axes, Rectangle(("0",), (0.4,), (40.0,)))
    assert why_no_gate(to_own_scale(gate, AXIS)) == ""
