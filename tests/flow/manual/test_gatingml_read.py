"""Gating-ML of other programs: the compliance set of the standard, event by event, and what is
refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import flowio
import numpy as np
import pytest

from itc_analysis.errors import ItcError
from itc_analysis.flow.fcs.read import FcsFile, read_fcs
from itc_analysis.flow.gating.geometry import (
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
)
from itc_analysis.flow.manual.gates import ManualGate, ManualTree, evaluate, why_no_gate
from itc_analysis.flow.manual.gatingml_read import read_gatingml


def in_double_precision(path: Path) -> FcsFile:
    """Return a file with its events as float64.

    Edges of the set lie on stored integers divided by the gain, e.g. 257 / 3.67 and 70.02725: one
    float32 number, two float64 numbers.
    """
    events = flowio.FlowData(str(path)).as_array(preprocess=True).T
    return replace(read_fcs(path), events=events)


@pytest.mark.real_data
def test_every_gate_of_the_compliance_set_holds_the_events_of_the_truth(real_data: Path) -> None:
    folder = real_data / "flow" / "gatingml_reference"
    file = in_double_precision(folder / "data1.fcs")
    # the truth is named after the file, the gate is not
    names = {"ParRectangle1": "ParQuadRect"}
    truths = {
        path.stem.removeprefix("Results_"): np.loadtxt(path, dtype=int).astype(bool)
        for path in sorted((folder / "truth").glob("*.txt"))
    }
    judged = 0
    wrong: dict[str, int] = {}
    seen: set[str] = set()
    for path in sorted((folder / "gml").glob("*.xml")):
        for name, inside in evaluate(read_gatingml(path), file).items():
            name = names.get(name, name)
            if name not in truths:
                continue
            judged += 1
            seen.add(name)
            differ = int(np.count_nonzero(inside != truths[name]))
            if differ:
                wrong[f"{path.name}: {name}"] = differ
    assert seen == set(truths)
    assert judged > 100
    assert wrong == {}


@pytest.mark.real_data
def test_in_single_precision_only_events_on_an_edge_change_side(real_data: Path) -> None:
    folder = real_data / "flow" / "gatingml_reference"
    tree = read_gatingml(folder / "gml" / "gml_all_gates.xml")
    single = evaluate(tree, read_fcs(folder / "data1.fcs"))
    double = evaluate(tree, in_double_precision(folder / "data1.fcs"))
    file = read_fcs(folder / "data1.fcs")
    forward, _, green = (
        file.events[file.channel_names.index(n)] for n in ("FSC-H", "SSC-H", "FL1-H")
    )
    changed = {name: np.flatnonzero(single[name] != double[name]) for name in single}
    changed = {name: index for name, index in changed.items() if index.size}
    assert set(changed) == {"FSCD-FL1P", "FSCD-SSCN-FL1N"}
    for index in changed.values():
        # all of them lie on a divider of forward scatter or green fluorescence
        nearest = np.minimum(
            np.abs(forward[index] / 70.02725 - 1), np.abs(green[index] / 6.43567 - 1)
        )
        assert np.all(nearest < np.finfo(np.float32).eps)


def test_faults_of_a_file_are_named(tmp_path: Path) -> None:
    namespace = "http://www.isac-net.org/std/Gating-ML/v2.0/gating"
    path = tmp_path / "gates.xml"
    path.write_text(
        f"""<g:Gating-ML xmlns:g="{namespace}">
        <g:PolygonGate g:id="a"><g:dimension g:transformation-ref="logicl"/></g:PolygonGate>
        <g:EllipsoidGate g:id="b"/></g:Gating-ML>""",
        encoding="utf-8",
    )
    with pytest.raises(ItcError, match="2 faults") as caught:
        read_gatingml(path)
    assert "no scale 'logicl'" in str(caught.value)
    assert "gate 'b'" in str(caught.value)
    path.write_text("<Workspace/>", encoding="utf-8")
    with pytest.raises(ItcError, match="no Gating-ML file"):
        read_gatingml(path)
    with pytest.raises(ItcError, match="not there"):
        read_gatingml(tmp_path / "absent.xml")


def test_gates_that_refer_in_a_circle_are_refused(write_fcs: Callable[..., Path]) -> None:
    file = read_fcs(write_fcs(np.ones((1, 5)), ["A"]))
    gates = {
        name: ManualGate(name, other, (), Combination(none_of=(other,)))
        for name, other in (("a", "b"), ("b", "a"))
    }
    with pytest.raises(ItcError, match="its own ancestor"):
        evaluate(ManualTree("gates.xml", gates), file)
    with pytest.raises(ItcError, match="no gate 'c'"):
        evaluate(ManualTree("gates.xml", {"a": ManualGate("a", "c", (), Combination())}), file)


HEAD = (
    '<g:Gating-ML xmlns:g="http://www.isac-net.org/std/Gating-ML/v2.0/gating">'
    '<g:transformation g:id="lg"><g:logicle g:T="262144" g:W="0.5" g:M="4.5" g:A="0"/>'
    "</g:transformation>"
)
ONE = '<g:fcs-dimension g:name="PE-A"/></g:dimension>'


def told_of(path: Path, *parts: str, head: str = HEAD) -> str:
    path.write_text(head + "".join(parts) + "</g:Gating-ML>")
    with pytest.raises(ItcError) as caught:
        read_gatingml(path)
    return str(caught.value)


def rectangle(bounds: str, more: str = "") -> str:
    return f'<g:RectangleGate g:id="t"><g:dimension {more}{bounds}>{ONE}</g:RectangleGate>'


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (rectangle('g:min="0.8" g:max="0.4"'), "lower bound 0.8 is not below its upper bound 0.4"),
        (rectangle('g:min="NaN"'), "a bound is no number"),
        (rectangle(""), "it has no bounds"),
        (rectangle('g:min="1"') * 2, "two gates have this name"),
        (rectangle('g:min="1"', 'g:compensation-ref="mine" '), "no matrix 'mine'"),
        ('<g:BooleanGate g:id="t"><g:or></g:or></g:BooleanGate>', "it combines no gate"),
        ('<g:spectrumMatrix/>', "matrix '', the matrix cannot be read"),
        ('<g:transformation g:id="x"><g:logicle g:T="a"/></g:transformation>', "scale 'x'"),
    ],
)  # fmt: skip
def test_gates_that_hold_nothing_or_everything_and_broken_parts_are_named(
    tmp_path: Path, gate: str, words: str
) -> None:
    assert words in told_of(tmp_path / "t.xml", gate)


@pytest.mark.parametrize(
    "shape",
    [
        Polygon(("0", "1"), ((0, 0), (1, 1))),
        Polygon(("0", "1"), ((0, 0), (1, 1), (2, 2))),
        Ellipse(("0", "1"), (0, 0), ((1.0, 2.0), (2.0, 1.0)), 1.0),
        Ellipse(("0", "1"), (0, 0), ((1.0, 0.1), (-0.1, 1.0)), 1.0),
        Ellipse(("0", "1"), (0, 0), ((1.0, 0.1),), 1.0),
        Ellipse(("0", "1"), (0, 0), ((1.0, 0.1), (0.1, 1.0)), -1.0),
        Threshold(("0",), "above", np.inf),
    ],
)
def test_shapes_that_enclose_nothing_are_none(shape: Geometry) -> None:
    assert why_no_gate(shape) != ""


def test_a_rotated_ellipse_and_an_open_rectangle_are_gates() -> None:
    assert why_no_gate(Ellipse(("0", "1"), (0, 0), ((1.0, 0.5), (0.5, 1.0)), 2.0)) == ""
    assert why_no_gate(Rectangle(("0", "1"), (1.0, None), (None, None))) == ""
