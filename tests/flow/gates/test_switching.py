"""Events at the edge of a gate, against all places of the gate on all events; errors of shapes
above a population and its denominator.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flow.made_tubes import NEGATIVE, SPREAD, make_tube
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.gates.error import gate_errors
from itc_analysis.flow.gates.final import FinalGate
from itc_analysis.flow.gates.switching import switching_events
from itc_analysis.flow.gating.by_hand import by_hand
from itc_analysis.flow.gating.geometry import Ellipse, Polygon, Rectangle, Shape, Threshold
from itc_analysis.flow.gating.shape_error import numbers_of, one_error_away
from itc_analysis.flow.gating.template import ROOT, Template, check_template
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.statistics.half_cell import log_ratio

N = 60_000
CELLS = Ellipse(("FSC-A", "SSC-A"), (0.3, 0.2), ((0.0016, 0.0004), (0.0004, 0.0009)), 4.0)
BAND = Polygon(("FSC-A", "FSC-H"), ((0.0, -0.02), (2.0, 1.58), (2.0, 2.02), (0.0, 0.02)))
FIELD = Rectangle(("FSC-A", "SSC-A"), (0.25, None), (None, 0.25))
OUTLINE = Polygon(("FSC-A", "SSC-A"), tuple(
    (0.3 + 0.08 * float(np.cos(a)), 0.2 + 0.06 * float(np.sin(a)))
    for a in np.linspace(0, 2 * np.pi, 40, endpoint=False)
))  # fmt: skip


def tube(seed: int = 1) -> Tube:
    """Half T cells, a thirtieth of these bright in Va7.2; T cells scatter as all cells do."""
    rng = np.random.default_rng(seed)
    scatter = np.array([0.3, 0.2]) + rng.standard_normal((N, 2)) @ [[0.04, 0.01], [0.0, 0.028]]
    is_t = rng.random(N) < 0.5
    is_mait = is_t & (rng.random(N) < 1 / 30)
    return make_tube({
        "FSC-A": scatter[:, 0], "SSC-A": scatter[:, 1],
        "FSC-H": 0.9 * scatter[:, 0] * (1 + 0.05 * rng.standard_normal(N)),
        "CD3": rng.normal(np.where(is_t, 0.6, NEGATIVE), SPREAD),
        "Va7.2": rng.normal(np.where(is_mait, 0.6, NEGATIVE), SPREAD),
    })  # fmt: skip


def directions(shape: Shape, size: float, seed: int = 2) -> tuple[Shape, ...]:
    """Return places one standard error off, of replicates that scatter in all directions."""
    own = numbers_of(shape)
    scatter = size * np.random.default_rng(seed).standard_normal((30, own.size))
    return one_error_away(shape, own + scatter)


def template(denominator: str = "t_cells") -> Template:
    entries = [
        {"name": "cells", "parent": "all", "markers": ["FSC-A", "SSC-A"],
         "method": "scatter_ellipse"},
        {"name": "t_cells", "parent": "cells", "markers": ["CD3"], "method": "density_minimum",
         "side": "above"},
        {"name": "mait", "parent": "t_cells", "markers": ["Va7.2"], "method": "density_minimum",
         "side": "above"},
        {"name": "others", "parent": "cells", "method": "complement",
         "arguments": {"of": ["t_cells"]}},
    ]  # fmt: skip
    return check_template(
        {"panel": "made", "denominator": denominator, "populations": entries}, "t"
    )


def final_gates(plan: Template, errors: tuple[Shape, ...]) -> dict[str, FinalGate]:
    return {
        "cells": FinalGate(CELLS, None, "ok", None, shape_errors=errors),
        "t_cells": FinalGate(Threshold(("CD3",), "above", 0.4), None, "ok", None),
        "mait": FinalGate(Threshold(("Va7.2",), "above", 0.4), None, "ok", None),
        "others": FinalGate(plan.by_name["others"].combination, None, "ok", None),
    }


def found_errors(one: Tube, plan: Template, gates: dict[str, FinalGate]) -> dict[str, float | None]:
    membership = gate_tube(one, plan, gates)
    switching = {
        p.name: switching_events(membership, gates[p.name].geometry, gates[p.name].moves, p.parent)
        for p in plan.populations
    }
    geometries = {name: gate.geometry for name, gate in gates.items()}
    moves = {name: gate.moves for name, gate in gates.items()}
    return gate_errors(membership, plan, geometries, moves, switching)


@pytest.mark.parametrize("size", [0.0005, 0.02])
@pytest.mark.parametrize("shape", [CELLS, BAND, FIELD, OUTLINE])
def test_no_event_that_changes_side_is_left_out(shape: Shape, size: float) -> None:
    gate = FinalGate(shape, None, "ok", None, shape_errors=directions(shape, size))
    membership = Membership(tube())
    found = switching_events(membership, shape, gate.moves, ROOT)
    places = [membership.inside(one, ROOT) for pair in gate.moves for one in pair]
    switches = np.any([place != membership.inside(shape, ROOT) for place in places], axis=0)
    assert len(places) >= 4
    assert 0 < switches.sum() < N
    assert found.tolist() == np.flatnonzero(switches).tolist()


def test_a_few_events_say_the_same_as_moving_the_shape_on_the_whole_tube() -> None:
    plan, one = template(ROOT), tube()
    gates = final_gates(plan, directions(CELLS, 0.01))
    squares: dict[str, float] = dict.fromkeys(gates, 0.0)
    for pair in gates["cells"].moves:
        moved = [gate_tube(one, plan, gates | {"cells": replace(gates["cells"], geometry=shape)})
                 for shape in pair]  # fmt: skip
        for name in gates:
            low, high = (set(membership[name].tolist()) for membership in moved)
            n = gate_tube(one, plan, gates)[name].size
            # what the events that happen to lie there are expected to add to it
            chance = len(low ^ high) / (n + 0.5) ** 2 / 4
            squares[name] += (log_ratio(len(low), len(high)) / 2) ** 2 - chance
    found = found_errors(one, plan, gates)
    assert found == pytest.approx({name: square**0.5 for name, square in squares.items()})


def test_a_shape_above_both_is_in_counts_and_hardly_in_shares() -> None:
    plan, gates = template(), final_gates(template(), directions(CELLS, 0.02))
    shares, counts = [], []
    for seed in range(5):
        found = found_errors(tube(seed), plan, gates)
        shares.append((found["mait"] or 0) ** 2)
        counts.append((found_errors(tube(seed), template(ROOT), gates)["mait"] or 0) ** 2)
    of_all, of_t = np.sqrt(np.mean(counts)), np.sqrt(np.mean(shares))
    said = found_errors(tube(), plan, gates)
    # the count of the denominator carries all of it, so that an absolute count does as well
    assert said["t_cells"] == pytest.approx(of_all, rel=0.3)
    assert of_t < 0.25 * of_all


def test_what_a_person_drew_has_no_error() -> None:
    row = {"shape_errors": "[]", "cut_se": 0.1} | by_hand(CELLS, "drawn")
    assert (row["shape_errors"], row["cut_se"]) == (None, None)
    plan = template()
    assert set(found_errors(tube(), plan, final_gates(plan, ())).values()) == {None}
