"""Gates evaluated on events: against the ISAC compliance set, the definition, and themselves."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Threshold,
    from_json,
    to_json,
)

GATES: list[Geometry] = [
    Threshold(("CD3",), "above", 0.123456789012345),
    Threshold(("Dump",), "below", -0.2),
    AllAbove(("TCRgd", "CD4", "6B11"), 0.7),
    Polygon(("FSC-A", "FSC-H"), ((0.0, 0.0), (1.0, 0.1), (1.0, 1.1))),
    Ellipse(("FSC-A", "SSC-A"), (0.3, 0.1), ((0.002, 0.0003), (0.0003, 0.001)), 9.2),
    Combination(all_of=("a",), any_of=("b", "c"), none_of=("d",)),
]


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: type(gate).__name__)
def test_a_gate_written_and_read_is_the_same_gate(gate: Geometry) -> None:
    assert from_json(to_json(gate)) == gate


def test_an_unknown_kind_of_gate_is_named() -> None:
    with pytest.raises(ValueError, match="'spiral'"):
        from_json('{"kind": "spiral"}')


def test_an_event_on_the_cut_is_above_it_and_only_there() -> None:
    values = np.array([[0.2, 0.5, 0.7]], dtype=np.float32)
    above = Threshold(("CD3",), "above", 0.5).contains(values)
    below = Threshold(("CD3",), "below", 0.5).contains(values)
    assert above.tolist() == [False, True, True]
    assert below.tolist() == [True, False, False]


@given(st.integers(0, 2**31), st.floats(0.1, 0.9))
def test_above_and_below_share_out_every_event(seed: int, cut: float) -> None:
    values = np.random.default_rng(seed).random((1, 50), dtype=np.float32)
    above, below = (Threshold(("x",), side, cut).contains(values) for side in ("above", "below"))
    assert (above ^ below).all()


def test_ellipse_is_the_mahalanobis_distance() -> None:
    gate = GATES[4]
    assert isinstance(gate, Ellipse)
    values = np.random.default_rng(1).normal((0.3, 0.1), 0.1, (5000, 2)).astype(np.float32)
    inverse = np.linalg.inv(np.array(gate.covariance))
    slow = [
        float((v - gate.centre) @ inverse @ (v - gate.centre)) <= gate.distance_square
        for v in values.astype(float)
    ]
    # float32 may move an event on the very edge
    assert np.count_nonzero(gate.contains(values.T) != np.array(slow)) <= 1


def test_a_combination_is_set_arithmetic() -> None:
    rng = np.random.default_rng(2)
    masks = {name: rng.random(500) < 0.4 for name in "abcd"}
    found = GATES[5].contains(masks, 500)  # type: ignore[call-arg, arg-type]
    a, b, c, d = (set(np.flatnonzero(masks[name]).tolist()) for name in "abcd")
    assert np.flatnonzero(found).tolist() == sorted((a & (b | c)) - d)
    empty = np.array([], dtype=np.bool_)
    assert Combination(none_of=("a",)).contains({"a": empty}, 0).size == 0


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["Polygon1", "Polygon2", "Polygon3NS", "Ellipse1"])
def test_gates_of_the_gating_ml_compliance_set_hold_event_by_event(
    real_data: Path, name: str
) -> None:
    folder = real_data / "flow" / "gatingml_reference"
    file = read_fcs(folder / "data1.fcs")
    root = ElementTree.parse(
        folder / "gml" / f"gml_{name.lower().replace('polygon', 'poly')}_gate.xml"
    ).getroot()
    space = {
        "g": "http://www.isac-net.org/std/Gating-ML/v2.0/gating",
        "d": "http://www.isac-net.org/std/Gating-ML/v2.0/datatypes",
    }

    def numbers(path: str, attribute: str = "value") -> list[float]:
        found = root.findall(path, space)
        return [float(element.attrib[f"{{{space['d']}}}{attribute}"]) for element in found]

    channels = [
        element.attrib[f"{{{space['d']}}}name"]
        for element in root.findall(".//d:fcs-dimension", space)
    ]
    gate: Geometry
    if name.startswith("Poly"):
        flat = numbers(".//g:vertex/g:coordinate")
        gate = Polygon(tuple(channels), tuple(zip(flat[::2], flat[1::2], strict=True)))
    else:
        a, b, c, d = numbers(".//g:entry")
        centre = numbers(".//g:mean/g:coordinate")
        gate = Ellipse(
            tuple(channels),
            (centre[0], centre[1]),
            ((a, b), (c, d)),
            numbers(".//g:distanceSquare")[0],
        )
    values = file.events[[file.channel_names.index(channel) for channel in channels]]
    truth = np.loadtxt(folder / "truth" / f"Results_{name}.txt", dtype=int).astype(bool)
    np.testing.assert_array_equal(gate.contains(values), truth)
