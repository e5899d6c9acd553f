"""What is drawn of a gate: the right view, the right edges, and the events that the gate holds."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
    to_json,
)
from itc_analysis.flow.pictures import gate_drawing
from itc_analysis.flow.pictures.gate_drawing import (
    Gate,
    draw_gate,
    free_ticks,
    gates_of_tubes,
    in_tree_order,
    parts_of,
    view_name,
)

N = 10


def gate(name: str, parent: str, shape: Geometry | None, **given: Any) -> Gate:
    known = {"state": "ok", "cut_se": None, "cut_tube": None, "reason": None}
    return Gate(name, parent, shape=shape, **{**known, **given})


def tree(*gates: Gate) -> dict[str, Gate]:
    return {each.population: each for each in gates}


def view(x: str, y: str | None = None) -> dict[str, Any]:
    """Return a row of `Histograms` from 0 to 1 with an event in every bin."""
    content = {"x_edges": [0, 1], "n_x": N, "x_ticks": [[0.5, 1000]], "y_edges": [0, 1], "n_y": N,
               "y_ticks": [], "counts": [1] * (N * N if y else N)}  # fmt: skip
    return {"marker_x": x, "marker_y": y or pd.NA, "histogram": json.dumps(content)}


T_CELLS = tree(
    gate("t", "all", Threshold(("CD3",), "above", 0.5)),
    gate("va72", "t", Threshold(("Va7.2",), "above", 0.4), cut_se=0.02, cut_tube=0.45),
    gate("mait", "va72", Threshold(("CD161",), "above", 0.7), state="borrowed"),
    gate("low", "va72", Combination(none_of=("mait",))),
    gate("rest", "t", Combination(none_of=("mait",))),
    gate("cd4", "rest", Threshold(("CD4",), "above", 0.5)),
    gate("cd8", "rest", Threshold(("CD8",), "above", 0.6)),
    gate("cd4_only", "rest", Combination(all_of=("cd4",), none_of=("cd8",))),
    gate("either", "rest", Combination(any_of=("cd4", "cd8"))),
    gate("neither", "rest", Combination(none_of=("either",))),
)


@pytest.mark.parametrize(
    ("population", "shown_in"),
    [
        ("mait", "mait"),
        # the view in which its part was cut within the same parent
        ("low", "mait"),
        ("rest", "va72"),
        ("cd4_only", "cd4"),
        ("neither", "cd4"),
    ],
)
def test_a_population_is_shown_in_a_view_of_its_own_parent(population: str, shown_in: str) -> None:
    assert view_name(population, T_CELLS, {"t", "va72", "mait", "cd4", "cd8"}) == shown_in


def test_without_a_view_of_its_parent_nothing_is_shown() -> None:
    assert view_name("rest", T_CELLS, {"mait"}) is None
    assert view_name("mait", T_CELLS, set()) is None


def test_parts_are_the_gates_in_marker_space() -> None:
    assert parts_of("rest", T_CELLS) == ["mait", "va72"]
    assert parts_of("neither", T_CELLS) == ["cd4", "cd8"]
    assert parts_of("mait", T_CELLS) == ["mait"]


def test_bins_inside_are_those_that_the_gate_holds() -> None:
    middle = (np.arange(N) + 0.5) / N
    x, y = np.meshgrid(middle, middle, indexing="ij")
    expected = {
        ("rest", "Va7.2", "CD161"): ~((x >= 0.4) & (y >= 0.7)),
        ("cd4_only", "CD4", "CD8"): (x >= 0.5) & (y < 0.6),
        ("neither", "CD4", "CD8"): (x < 0.5) & (y < 0.6),
        ("cd8", "CD8", "CD4"): x >= 0.6,
    }
    for (population, *markers), inside in expected.items():
        found = draw_gate(population, T_CELLS, view(*markers))
        assert found.inside is not None
        np.testing.assert_array_equal(found.inside, inside)


def test_what_the_view_cannot_show_is_not_coloured() -> None:
    assert draw_gate("cd4_only", T_CELLS, view("CD4", "SSC-A")).inside is None


def test_lines_lie_on_the_axis_of_their_marker_with_band_and_own_cut() -> None:
    drawing = draw_gate("rest", T_CELLS, view("Va7.2", "CD161"))
    by_axis = {line.axis: line for line in drawing.lines}
    assert (by_axis[0].at, by_axis[0].reach, by_axis[0].own) == (0.4, 0.04, 0.45)
    assert (by_axis[1].at, by_axis[1].reach, by_axis[1].state) == (0.7, None, "borrowed")


def test_shapes_of_two_markers_are_outlined_in_the_order_of_the_view() -> None:
    corners = ((0.1, 0.2), (0.6, 0.2), (0.6, 0.9))
    shapes = {
        "polygon": Polygon(("A", "B"), corners),
        "box": Rectangle(("A", "B"), (0.1, None), (0.6, 0.9)),
        "oval": Ellipse(("A", "B"), (0.5, 0.4), ((0.02, 0.0), (0.0, 0.005)), 1.0),
    }
    gates = tree(*(gate(name, "all", shape) for name, shape in shapes.items()))
    (outline,) = draw_gate("polygon", gates, view("B", "A")).outlines
    np.testing.assert_allclose(outline.corners[:3], [(y, x) for x, y in corners])
    (oval,) = draw_gate("oval", gates, view("A", "B")).outlines
    np.testing.assert_allclose(
        np.ptp(oval.corners, axis=0), [2 * 0.02**0.5, 2 * 0.005**0.5], rtol=0.01
    )
    (box,) = draw_gate("box", gates, view("A", "B")).outlines
    assert box.corners[:, 1].min() < 0  # the open side lies outside of the picture
    # a gate that was drawn on other markers than the view shows
    drawing = draw_gate("polygon", gates, view("A", "C"))
    assert drawing.outlines == ()
    assert drawing.inside is None


def test_beads_and_bands_of_one_marker_have_lines_on_every_edge() -> None:
    gates = tree(
        gate("beads", "all", AllAbove(("A", "B", "C"), 0.8)),
        gate("band", "all", Rectangle(("A",), (0.2,), (0.6,))),
    )
    lines = draw_gate("beads", gates, view("A", "B")).lines
    assert [(line.axis, line.at) for line in lines] == [(0, 0.8), (1, 0.8)]
    band = draw_gate("band", gates, view("A"))
    assert [line.at for line in band.lines] == [0.2, 0.6]
    assert band.inside is not None
    assert band.inside.sum() == 4


def test_a_gate_that_is_not_estimable_shows_its_parent_alone() -> None:
    gates = tree(gate("a", "all", None, state="not_estimable"))
    drawing = draw_gate("a", gates, view("A"))
    assert (drawing.inside, drawing.lines, drawing.outlines) == (None, (), ())


def test_marks_of_an_axis_are_round_and_do_not_touch() -> None:
    units = [-1000, 0, 100, 200, 500, 1000, 2000, 10_000, 150_000, 200_000, 1_000_000]
    ticks = [(place / 10, unit) for place, unit in enumerate(units)]
    # 0 first, then powers of ten; 100 would touch 0
    assert [label for _, label in free_ticks(ticks, (0.0, 1.0))] == ["0", "200", "1k", "10k", "1M"]
    wide = [label for _, label in free_ticks(ticks, (0.0, 0.5))]
    assert wide == ["−1k", "0", "100", "200", "500", "1k", "2k", "10k", "150k", "200k", "1M"]


def test_rows_of_the_table_become_gates() -> None:
    table = pd.DataFrame(
        {"file_id": ["T1"], "population": ["a"], "parent": ["all"], "state": ["pooled"],
         "geometry": [to_json(Threshold(("A",), "above", 0.3))], "cut_se": [np.nan],
         "cut_tube": [0.2], "reason": pd.array([pd.NA], dtype="string")}
    )  # fmt: skip
    found = gates_of_tubes(table)["T1"]["a"]
    assert found == gate_drawing.Gate(
        "a", "all", "pooled", Threshold(("A",), "above", 0.3), None, 0.2, None
    )


def test_populations_follow_their_parents() -> None:
    gates = pd.DataFrame(
        {"population": list(T_CELLS), "parent": [gate.parent for gate in T_CELLS.values()]}
    )
    for table in (gates, gates[::-1]):
        ordered = in_tree_order(table)
        assert sorted(ordered) == sorted(T_CELLS)
        for place, population in enumerate(ordered):
            assert T_CELLS[population].parent not in ordered[place:]
