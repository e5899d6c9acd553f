"""The error of every cut in every share: against gating the whole tube again, and against drawn
cuts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from flow.made_tubes import NEGATIVE, SPREAD, make_tube
from itc_analysis.flow.counting.apply import gate_tube
from itc_analysis.flow.gates.error import gate_errors, moved_cut, rival_sizes
from itc_analysis.flow.gates.final import FinalGate
from itc_analysis.flow.gates.switching import switching_events
from itc_analysis.flow.gating.geometry import Combination, Threshold
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.measurements import share_interval

#: Standard errors of the cuts; that of the T cells' cut lies where T cells overlap with others.
ERRORS = {"t_cells": 0.012, "gd_t_cells": 0.01, "inkt": 0.02, "cd8_pos": 0.0}
N = 30_000


def template(denominator: str = "t_cells") -> Template:
    entries = [
        {"name": "t_cells", "parent": "all", "markers": ["CD3"]},
        {"name": "gd_t_cells", "parent": "t_cells", "markers": ["TCRgd"]},
        {"name": "not_gd", "parent": "t_cells", "method": "complement", "arguments": {"of": ["gd_t_cells"]}},  # noqa: E501
        {"name": "inkt", "parent": "not_gd", "markers": ["6B11"]},
        {"name": "cd8_pos", "parent": "not_gd", "markers": ["CD8"]},
        {"name": "cd8_ab", "parent": "not_gd", "method": "boolean",
         "arguments": {"all_of": ["cd8_pos"], "none_of": ["inkt"]}},
    ]  # fmt: skip
    usual = {"method": "density_minimum", "side": "above"}
    populations = [entry if "method" in entry else {**usual, **entry} for entry in entries]
    return check_template(
        {"panel": "made", "denominator": denominator, "populations": populations}, "t"
    )


def tube(seed: int = 1) -> Tube:
    """Half of the cells are T cells, dim in CD3 but for the gamma-delta ones; a tenth of these
    gamma-delta.
    """
    rng = np.random.default_rng(seed)
    is_t, is_gd = rng.random(N) < 0.5, rng.random(N) < 0.1
    cd3 = np.where(is_t, np.where(is_gd, 0.65, 0.40), NEGATIVE)
    places = {
        "CD3": cd3,
        "TCRgd": np.where(is_t & is_gd, 0.42, NEGATIVE),
        "6B11": np.where(rng.random(N) < 0.01, 0.45, NEGATIVE),
        "CD8": np.where(rng.random(N) < 0.3, 0.6, NEGATIVE),
    }
    return make_tube({marker: rng.normal(place, SPREAD) for marker, place in places.items()})


def final_gates(plan: Template) -> dict[str, FinalGate]:
    cuts = {"t_cells": 0.30, "gd_t_cells": 0.31, "inkt": 0.34, "cd8_pos": 0.4}
    gates = {}
    for population in plan.populations:
        if population.is_combination:
            gates[population.name] = FinalGate(population.combination, None, "ok", None)
        else:
            shape = Threshold(population.markers, "above", cuts[population.name])
            gates[population.name] = FinalGate(shape, ERRORS[population.name], "ok", None)
    return gates


def found_errors(one: Tube, plan: Template, gates: dict[str, FinalGate]) -> dict[str, float | None]:
    membership = gate_tube(one, plan, gates)
    switching = {
        p.name: switching_events(membership, gates[p.name].geometry, gates[p.name].moves, p.parent)
        for p in plan.populations
        if p.name in membership
    }
    geometries = {name: gate.geometry for name, gate in gates.items()}
    moves = {name: gate.moves for name, gate in gates.items()}
    return gate_errors(membership, plan, geometries, moves, switching)


def sizes(one: Tube, plan: Template, gates: dict[str, FinalGate]) -> dict[str, int]:
    membership = gate_tube(one, plan, gates)
    return {population.name: membership[population.name].size for population in plan.populations}


def moved(gates: dict[str, FinalGate], by: dict[str, float]) -> dict[str, FinalGate]:
    changed = dict(gates)
    for name, step in by.items():
        geometry = gates[name].geometry
        assert isinstance(geometry, Threshold)
        changed[name] = replace(gates[name], geometry=moved_cut(geometry, step))
    return changed


@pytest.mark.parametrize("denominator", ["t_cells", "all"])
def test_a_few_events_say_the_same_as_gating_the_whole_tube_again(denominator: str) -> None:
    plan, one = template(denominator), tube()
    gates = final_gates(plan)
    squares = dict.fromkeys(gates, 0.0)
    for cut, error in ERRORS.items():
        low, high = (sizes(one, plan, moved(gates, {cut: sign * error})) for sign in (-1, 1))
        for name in gates:
            change = np.log((low[name] + 0.5) / (high[name] + 0.5))
            if denominator == "t_cells" and name != "t_cells":
                change -= np.log((low["t_cells"] + 0.5) / (high["t_cells"] + 0.5))
            squares[name] += float(change / 2) ** 2
    found = found_errors(one, plan, gates)
    assert found == pytest.approx({name: square**0.5 for name, square in squares.items()})


def test_the_cuts_of_t_cells_and_ancestors_are_in_the_error_of_a_share() -> None:
    plan, one = template(), tube()
    gates = final_gates(plan)
    by_cut = {}
    for cut in ERRORS:
        alone = {n: replace(g, cut_se=g.cut_se if n == cut else None) for n, g in gates.items()}
        by_cut[cut] = found_errors(one, plan, alone)
    # gamma-delta T cells are CD3 bright: the T cells' cut moves their share by the denominator
    # alone
    assert by_cut["t_cells"]["gd_t_cells"] == pytest.approx(by_cut["t_cells"]["t_cells"], rel=0.1)
    # the cut of the gamma-delta T cells decides who is left to be iNKT, its own error does more
    assert 0 < (by_cut["gd_t_cells"]["inkt"] or 0) < (by_cut["inkt"]["inkt"] or 0)
    # iNKT cells are no part of the gamma-delta gate
    assert by_cut["inkt"]["gd_t_cells"] is None
    together = found_errors(one, plan, gates)["inkt"]
    parts = [by_cut[cut]["inkt"] or 0 for cut in ERRORS]
    assert together == pytest.approx(np.sqrt(np.sum(np.square(parts))))


def test_the_share_is_covered_when_the_cuts_of_t_cells_and_gamma_delta_err() -> None:
    plan, one = template(), tube(seed=2)
    right = final_gates(plan)
    share = {
        name: n / sizes(one, plan, right)["t_cells"] for name, n in sizes(one, plan, right).items()
    }
    rng = np.random.default_rng(3)
    logs, errors, covered, covered_without = [], [], [], []
    for _ in range(150):
        by = {cut: float(rng.normal(0, error)) for cut, error in ERRORS.items() if error}
        gates = moved(right, by)
        n, error = sizes(one, plan, gates), found_errors(one, plan, gates)["gd_t_cells"]
        assert error is not None
        logs.append(np.log(n["gd_t_cells"] / n["t_cells"]))
        errors.append(error)
        for gate, said in ((error, covered), (0.0, covered_without)):
            found = share_interval(n["gd_t_cells"], n["t_cells"], gate_se_log=gate)
            said.append(found.lower[0] <= share["gd_t_cells"] <= found.upper[0])
    # 150 draws give a scatter within 6 %; cuts move counts not quite in a straight line
    assert np.median(errors) == pytest.approx(np.std(logs), rel=0.15)
    # only the cuts err here, the events are the same: wider than that by what counting adds
    assert np.mean(covered) >= 0.95
    assert np.mean(covered_without) < np.mean(covered)


@pytest.mark.parametrize("cut", ["t_cells", "gd_t_cells"])
def test_sizes_with_a_cut_at_its_other_place_are_those_of_gating_again(cut: str) -> None:
    plan, one = template(), tube()
    gates = final_gates(plan)
    # where negative cells are let in: parents and their parts grow alike
    by = {"t_cells": -0.12, "gd_t_cells": -0.1}[cut]
    geometry = gates[cut].geometry
    assert isinstance(geometry, Threshold)
    again = sizes(one, plan, moved(gates, {cut: by})) | {"all": one.n_events}
    found = rival_sizes(
        gate_tube(one, plan, gates),
        plan,
        {name: gate.geometry for name, gate in gates.items()},
        {name: geometry.cut + by if name == cut else None for name in gates},
    )
    assert set(found) == set(gates) - ({"t_cells"} if cut == "gd_t_cells" else set())
    parents = {population.name: population.parent for population in plan.populations}
    assert found == {name: (again[name], again[parents[name]]) for name in found}


def test_where_no_cut_has_an_error_nothing_is_said() -> None:
    plan, one = template(), tube()
    gates = {name: replace(gate, cut_se=None) for name, gate in final_gates(plan).items()}
    assert set(found_errors(one, plan, gates).values()) == {None}
    without_gate = final_gates(plan)
    without_gate["inkt"] = FinalGate(None, None, "not_estimable", "nothing to see")
    assert "inkt" not in found_errors(one, plan, without_gate)
    assert "cd8_ab" not in found_errors(one, plan, without_gate)
    assert isinstance(without_gate["not_gd"].geometry, Combination)


def test_a_moved_cut_lies_higher_by_as_much() -> None:
    assert moved_cut(Threshold(("x",), "above", 0.5), 0.1).cut == pytest.approx(0.6)
