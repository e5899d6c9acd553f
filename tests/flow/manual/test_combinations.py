"""Boolean gates that a person drew: as combinations of populations, or refused with what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import flowkit
import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, t_cell_template, t_cell_tube
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.gates.final import final_gates
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import Combination, Rectangle, from_json
from itc_analysis.flow.manual.adopt import ManualGates, idle_gates, read_manual
from itc_analysis.flow.manual.combinations import is_same, to_own_combination
from itc_analysis.flow.manual.flowjo_read import read_workspace
from itc_analysis.flow.manual.gates import DrawnAxis, ManualGate, ManualTree, evaluate
from itc_analysis.flow.manual.gatingml import to_gatingml
from itc_analysis.flow.manual.samples import identify
from itc_analysis.flow.tube.axes import axes_of
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

POPULATIONS = ("p", "a", "b", "c")
FILES = {"T1": identify("T1.fcs", {})}
GATINGML = "http://www.isac-net.org/std/Gating-ML/v2.0/gating"


def boolean(name: str, **named: tuple[str, ...]) -> ManualGate:
    return ManualGate(name, "p", (), Combination(**named))


def meant(gate: ManualGate, *others: ManualGate) -> Combination:
    tree = ManualTree("x.xml", {each.name: each for each in (gate, *others)})
    return to_own_combination(gate, tree, earlier=POPULATIONS, parent="p")


def test_boolean_gates_are_written_out_over_populations() -> None:
    inner = boolean("inner", any_of=("a", "b"))
    not_c = boolean("not c", none_of=("c",))
    assert meant(boolean("x", all_of=("inner", "not c")), inner, not_c) == Combination(
        any_of=("a", "b"), none_of=("c",)
    )
    assert meant(boolean("x", none_of=("inner",)), inner) == Combination(none_of=("a", "b"))
    assert meant(boolean("x", none_of=("not c",)), not_c) == Combination(all_of=("c",))
    # the parent's own events are looked at anyway
    assert meant(boolean("x", all_of=("p", "a"))) == Combination(all_of=("a",))


def test_what_one_population_cannot_say_is_refused_with_what_to_do() -> None:
    both, either = boolean("both", all_of=("a", "b")), boolean("either", any_of=("b", "c"))
    for nested in (boolean("x", any_of=("both", "c")), boolean("x", none_of=("both",))):
        with pytest.raises(ValueError, match="an entry of its own in the gating template"):
            meant(nested, both)
    other = boolean("other", any_of=("a", "b"))
    with pytest.raises(ValueError, match="an entry of its own"):
        meant(boolean("x", all_of=("either", "other")), either, other)
    drawn = ManualGate("bb", "p", (DrawnAxis("A"),), Rectangle(("0",), (1.0,), (None,)))
    with pytest.raises(ValueError, match="'bb', which is no population before it in the template"):
        meant(boolean("x", all_of=("a", "bb")), drawn)
    with pytest.raises(ValueError, match="in a circle"):
        meant(boolean("x", all_of=("y",)), boolean("y", all_of=("x",)))


def test_what_is_accepted_holds_the_events_that_were_drawn(write_fcs: Callable[..., Path]) -> None:
    rng = np.random.default_rng(3)
    file = read_fcs(write_fcs(rng.uniform(0, 100, (3, 400)), list("ABC")))
    drawn = {
        name: ManualGate(
            name, None, (DrawnAxis(name.upper()),), Rectangle(("0",), (50.0,), (None,))
        )
        for name in "abc"
    }
    accepted = 0
    for _ in range(300):
        gates = dict(drawn)
        for number in range(int(rng.integers(1, 4))):
            known = [name for name in gates if name != "p"]
            chosen = tuple(rng.choice(known, size=int(rng.integers(1, 3)), replace=False))
            kind = str(rng.choice(["all_of", "any_of", "none_of"]))
            gates[f"g{number}"] = ManualGate(f"g{number}", None, (), Combination(**{kind: chosen}))
        tree = ManualTree("x.xml", gates)
        last = list(gates.values())[-1]
        try:
            own = to_own_combination(last, tree, earlier=POPULATIONS, parent="p")
        except ValueError:
            continue
        accepted += 1
        events = evaluate(tree, file)
        np.testing.assert_array_equal(own.contains(events, file.n_events), events[last.name])
    assert accepted > 150


def test_the_same_combination_is_known_again() -> None:
    assert is_same(
        Combination(all_of=("a",), none_of=("b", "c")), Combination(("a",), (), ("c", "b"))
    )
    assert is_same(Combination(any_of=("a",)), Combination(all_of=("a",)))
    assert not is_same(Combination(any_of=("a", "b")), Combination(all_of=("a", "b")))


def exported(tmp_path: Path, edit: Callable[[ElementTree.Element], None]) -> pd.DataFrame:
    """Gate a tube, edit its exported gates as an analyst would, and pool again with them."""
    template, tube = t_cell_template(), t_cell_tube(seed=2)
    fits = contract.make(fit_tube(tube, template, n_bootstrap=10), GateFits)
    axes = {tube.file_id: axes_of(tube)}
    text = to_gatingml(pool_gates(fits, template, Flow()), template, axes[tube.file_id])
    root = ElementTree.fromstring(text)
    edit(root)
    ElementTree.ElementTree(root).write(tmp_path / "T1.xml")
    manual = read_manual(tmp_path, file_ids={"T1"}, panels={"made"})
    return pool_gates(fits, template, Flow(), manual=manual, axes=axes)


def test_a_boolean_gate_that_only_repeats_the_template_is_not_called_manual(tmp_path: Path) -> None:
    gates = exported(tmp_path, lambda _: None).set_index("population")
    assert gates.loc["not_inkt", "state"] == "ok"
    assert gates.loc["inkt", "state"] == "manual"


def test_an_edited_boolean_gate_is_taken_over(tmp_path: Path) -> None:
    def swap(root: ElementTree.Element) -> None:
        (gate,) = root.iter(f"{{{GATINGML}}}BooleanGate")
        (operation,) = gate
        operation.tag = f"{{{GATINGML}}}and"
        (reference,) = operation
        reference.attrib.pop(f"{{{GATINGML}}}use-as-complement", None)

    gates = exported(tmp_path, swap)
    row = gates.set_index("population").loc["not_inkt"]
    assert row["state"] == "manual"
    assert "T1.xml" in row["reason"]
    assert from_json(row["geometry"]) == Combination(all_of=("inkt",))
    template, tube = t_cell_template(), t_cell_tube(seed=2)
    members = gate_tube(tube, template, final_gates(gates, "T1", template))
    np.testing.assert_array_equal(members["not_inkt"], members["inkt"])


def test_a_boolean_gate_of_strangers_stops_the_run_and_says_which(tmp_path: Path) -> None:
    def stranger(root: ElementTree.Element) -> None:
        for reference in root.iter(f"{{{GATINGML}}}gateReference"):
            reference.set(f"{{{GATINGML}}}ref", "inkt2")

    with pytest.raises(ItcError, match="did you mean 'inkt'") as caught:
        exported(tmp_path, stranger)
    assert "T1.xml, gate 'not_inkt'" in str(caught.value)


def test_flowjo_and_or_not_nodes_are_read_and_taken_over(
    write_fcs: Callable[..., Path], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    path = write_fcs(rng.uniform(0, 1000, (3, 500)), list("ABC"), file_name="T1.fcs")
    workspace = tmp_path / "drawn.wsp"
    write_workspace(workspace, path, {"a": "A", "b": "B", "c": "C"})
    nodes = {"both": ("AndNode", "ab"), "either": ("OrNode", "ab"), "without": ("NotNode", "c")}
    add_nodes(workspace, nodes)
    tree = read_workspace(workspace)["T1.fcs"]
    shapes = {name: tree.gates[name].shape for name in nodes}
    assert shapes == {
        "both": Combination(all_of=("a", "b")),
        "either": Combination(any_of=("a", "b")),
        "without": Combination(none_of=("c",)),
    }
    events = evaluate(tree, read_fcs(path))
    np.testing.assert_array_equal(events["either"], events["a"] | events["b"])
    for name in nodes:
        own = to_own_combination(tree.gates[name], tree, earlier=POPULATIONS, parent="all")
        assert own == shapes[name]


def test_gates_that_no_tube_can_use_are_refused(tmp_path: Path) -> None:
    template, tube = t_cell_template(), t_cell_tube(seed=2)
    fits = contract.make(fit_tube(tube, template, n_bootstrap=10), GateFits)
    axes = {tube.file_id: axes_of(tube)}
    gate = ManualGate(
        "T cells", None, (DrawnAxis("CD3-channel"),), Rectangle(("0",), (5.0,), (None,))
    )
    tree = ManualTree("drawn.wsp", {gate.name: gate})
    with pytest.raises(ItcError, match="no gate has the name of a population") as caught:
        pool_gates(
            fits,
            template,
            Flow(),
            manual=ManualGates({}, {}, {"T1.fcs": tree}),
            axes=axes,
            files=FILES,
        )
    assert "t_cells, inkt" in str(caught.value)
    with pytest.raises(ItcError, match=r"is the FCS file of a tube; did you mean .T1\.fcs"):
        pool_gates(
            fits,
            template,
            Flow(),
            manual=ManualGates({}, {}, {"T1 .fcs": tree}),
            axes=axes,
            files=FILES,
        )


def test_a_gate_used_otherwise_than_it_was_drawn_says_so() -> None:
    template, tube = t_cell_template(), t_cell_tube(seed=2)
    fits = contract.make(fit_tube(tube, template, n_bootstrap=10), GateFits)
    axes = {tube.file_id: axes_of(tube) | {"compensation": "file"}}
    shape = Rectangle(("0",), (500.0,), (None,))
    gate = ManualGate("inkt", "CD3 cells", (DrawnAxis("6B11-channel"),), shape)
    manual = ManualGates({"T1": ManualTree("T1.xml", {"inkt": gate})}, {}, {})
    gates = pool_gates(fits, template, Flow(), manual=manual, axes=axes).set_index("population")
    reason = gates.loc["inkt", "reason"]
    assert "drawn within a gate that is no population, used within 't_cells'" in reason
    assert "CD3 cells" not in reason
    assert "drawn on 6B11 without compensation" in reason


def test_a_gate_that_is_no_population_is_told_on_the_screen_and_not_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    template, tube = t_cell_template(), t_cell_tube(seed=2)
    fits = contract.make(fit_tube(tube, template, n_bootstrap=10), GateFits)
    shape = Rectangle(("0",), (500.0,), (None,))
    names = ("inkt", "cells of Persephone")
    gates = {name: ManualGate(name, None, (DrawnAxis("6B11-channel"),), shape) for name in names}
    drawn = ManualGates({}, {}, {"T1.fcs": ManualTree("Persephone.wsp", gates)})
    with caplog.at_level("INFO"):
        pool_gates(fits, template, Flow(), manual=drawn, axes={"T1": axes_of(tube)}, files=FILES)
    assert "1 gate is no population and without effect" in caplog.text
    assert "Persephone" not in caplog.text
    assert idle_gates(drawn.by_file["T1.fcs"], template.by_name) == ["cells of Persephone"]


def write_workspace(workspace: Path, fcs: Path, channels: dict[str, str]) -> None:
    """Write a FlowJo workspace with one rectangle per channel, through FlowKit."""
    strategy = flowkit.GatingStrategy()
    strategy.add_transform("lin", flowkit.transforms.LinearTransform(1000, 0))
    for name, channel in channels.items():
        dimension = flowkit.Dimension(
            channel, transformation_ref="lin", range_min=0.5, range_max=1.5
        )
        strategy.add_gate(flowkit.gates.RectangleGate(name, [dimension]), ("root",))
    sample = flowkit.Sample(str(fcs), sample_id=fcs.name)
    session = flowkit.Session(strategy, [sample])
    with workspace.open("wb") as stream:
        session.export_wsp(stream, "All Samples")


def add_nodes(workspace: Path, nodes: dict[str, tuple[str, str]]) -> None:
    """Add Boolean nodes over gates of one letter, as FlowJo 10 writes them."""
    tree = ElementTree.parse(workspace)
    (holder,) = tree.getroot().iter("SampleNode")
    (inside,) = holder.findall("Subpopulations")
    for name, (kind, letters) in nodes.items():
        node = ElementTree.SubElement(inside, kind, {"name": name, "owningGroup": ""})
        dependents = ElementTree.SubElement(node, "Dependents")
        for letter in letters:
            ElementTree.SubElement(dependents, "Dependent", {"name": letter})
    tree.write(workspace)
