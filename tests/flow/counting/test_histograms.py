"""Histograms hold every event of the parent, every cut, and axes in instrument units."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from flow.made_tubes import make_tube, t_cell_template, t_cell_tube
from itc_analysis.flow.counting.histograms import axis_ticks, view_row
from itc_analysis.flow.gating.geometry import Geometry, Polygon, Rectangle, Threshold
from itc_analysis.flow.pictures.gate_drawing import free_ticks
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.membership import Membership


def content(row: dict[str, Any] | None) -> dict[str, Any]:
    assert row is not None
    return dict(json.loads(row["histogram"]))


def inkt_view(gate: Geometry | None) -> dict[str, Any] | None:
    membership = Membership(t_cell_tube(n=5000))
    membership.add("t_cells", "all", np.arange(5000) % 2 == 0)
    return view_row(membership, t_cell_template().by_name["inkt"], gate)


def test_a_view_holds_every_event_of_the_parent_and_the_cut() -> None:
    row = inkt_view(Threshold(("6B11",), "above", 1.05))
    found = content(row)
    assert row is not None
    assert (row["marker_x"], row["marker_y"]) == ("6B11", "CD3")
    assert sum(found["counts"]) == 2500
    assert found["x_edges"][0] < 0 < 1.05 < found["x_edges"][1]


def test_a_rare_population_is_seen_where_it_lies() -> None:
    rng = np.random.default_rng(2)
    rare = np.array([0.7, 0.72, 0.74, 0.75])
    columns = {"CD3": rng.normal(0.6, 0.03, 20_004),
               "6B11": np.append(rng.normal(0.2, 0.05, 20_000), rare)}  # fmt: skip
    membership = Membership(make_tube(columns))
    membership.add("t_cells", "all", np.ones(20_004, dtype=bool))
    gate = Threshold(("6B11",), "above", 0.5)
    membership.add("inkt", "t_cells", membership.inside(gate, "t_cells"))
    found = content(view_row(membership, t_cell_template().by_name["inkt"], gate))
    low, high = found["x_edges"]
    assert high > rare.max() - 0.01
    counts = np.array(found["counts"]).reshape(64, 64).sum(axis=1)
    at = low + (np.arange(64) + 0.5) * (high - low) / 64
    assert counts[at > 0.65].sum() == 4
    assert counts[-1] == 0 or at[-1] > rare.max() - 0.02  # none is heaped up at the edge of a view


def test_without_a_gate_the_parent_is_shown_all_the_same() -> None:
    assert sum(content(inkt_view(None))["counts"]) == 2500


def test_a_gate_drawn_on_other_markers_is_shown_on_those() -> None:
    row = inkt_view(Polygon(("6B11", "TIGIT"), ((0, 0), (1, 0), (1, 1))))
    assert row is not None
    assert (row["marker_x"], row["marker_y"]) == ("6B11", "TIGIT")


def test_a_combination_has_no_view_of_its_own() -> None:
    template = t_cell_template()
    membership = Membership(t_cell_tube(n=500))
    assert view_row(membership, template.by_name["not_inkt"], None) is None


def test_an_empty_parent_has_an_empty_view() -> None:
    membership = Membership(make_tube({"CD3": np.ones(5), "6B11": np.ones(5)}))
    membership.add("t_cells", "all", np.zeros(5, dtype=bool))
    assert (
        sum(content(view_row(membership, t_cell_template().by_name["inkt"], None))["counts"]) == 0
    )


@pytest.mark.parametrize(
    ("transform", "low", "high", "labels"),
    [
        (Transform("logicle"), -0.1, 1.0, {"0", "1k", "10k", "100k"}),
        (Transform("linear", t=262144), 0.0, 1.0, {"0", "100k", "200k"}),
        (Transform("asinh", t=12_000, cofactor=5), 0.0, 0.9, {"0", "10", "100", "1k"}),
        # less than a decade: the steps between
        (Transform("logicle"), 0.65, 0.8, {"10k", "20k"}),
    ],
)
def test_axes_are_marked_in_instrument_units(
    transform: Transform, low: float, high: float, labels: set[str]
) -> None:
    ticks = [(place, unit) for place, unit in axis_ticks(transform, low, high)]
    for place, unit in ticks:
        # places are stored with four digits
        assert float(transform.apply([unit])[0]) == pytest.approx(place, abs=1e-4)
    free = free_ticks(ticks, (low, high))
    assert labels <= {label for _, label in free}
    gaps = np.diff([place for place, _ in free])
    assert np.all(gaps > 0.1 * (high - low))


def test_a_bound_far_outside_does_not_squeeze_the_events() -> None:
    found = content(inkt_view(Rectangle(("6B11",), (0.5,), (13.0,))))
    assert found["x_edges"][1] < 1.1


def test_a_view_counts_as_numpy_does() -> None:
    # more events than one pass takes, and none on the edge of a bin
    rng = np.random.default_rng(2)
    columns = {"6B11": rng.normal(0.4, 0.1, 70_001), "CD3": rng.normal(0.6, 0.1, 70_001)}
    membership = Membership(make_tube(columns))
    membership.add("t_cells", "all", np.ones(70_001, dtype=bool))
    gate = Threshold(("6B11",), "above", 0.5)
    found = content(view_row(membership, t_cell_template().by_name["inkt"], gate))
    x, y = (membership.values_of(marker, "t_cells").astype(float) for marker in ("6B11", "CD3"))
    for values, edges in ((x, found["x_edges"]), (y, found["y_edges"])):
        low, high = np.quantile(values, [0.0005, 0.9995])
        margin = 0.04 * (high - low)
        # every event decides on the span here, so it is that of numpy but for its rounding
        np.testing.assert_allclose(edges, [low - margin, high + margin], atol=6e-5)
    span = [found["x_edges"], found["y_edges"]]
    inside = [np.clip(v, low, high) for v, (low, high) in zip((x, y), span, strict=True)]
    slow, _, _ = np.histogram2d(*inside, bins=64, range=span)
    # float32 may move an event on the edge of a bin to its neighbour
    assert np.abs(slow.ravel() - found["counts"]).sum() <= 10
