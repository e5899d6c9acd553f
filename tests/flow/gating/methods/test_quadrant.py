"""Quadrants by sequence: the second cut belongs to one side of the first."""

from __future__ import annotations

import numpy as np
import pytest

from flow.made_tubes import fit_tube, make_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import Rectangle, from_json, many_from_json
from itc_analysis.flow.gating.methods import quadrant
from itc_analysis.flow.gating.shape_error import numbers_of
from itc_analysis.flow.gating.template import check_template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

COMMON = {"markers": ("CD4", "CD8"), "n_bootstrap": 40, "seed": 1}
#: Populations: place in both markers and number of cells. CD8 lies higher where CD4 is positive.
CELLS = {
    "+-": ((0.7, 0.35), 9000),
    "++": ((0.7, 0.75), 1500),
    "-+": ((0.2, 0.55), 5000),
    "--": ((0.2, 0.2), 3000),
}


def draw(seed: int, **numbers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values, shape (2, n), and the quadrant of every event."""
    rng = np.random.default_rng(seed)
    n = {name: numbers.get(name, size) for name, (_, size) in CELLS.items()}
    parts = [rng.normal(place, 0.04, (n[name], 2)) for name, (place, _) in CELLS.items()]
    return np.concatenate(parts).T.astype(np.float32), np.repeat(list(n), list(n.values()))


@pytest.mark.parametrize("name", list(CELLS))
def test_every_quadrant_holds_its_own(name: str) -> None:
    values, names = draw(1)
    found = quadrant.fit(values, quadrant=name, **COMMON)
    assert isinstance(found.geometry, Rectangle)
    assert np.mean(found.geometry.contains(values) == (names == name)) > 0.998
    assert found.status == "ok"
    steps = [np.abs(numbers_of(one) - numbers_of(found.geometry)) for one in found.shape_errors]
    assert len(steps) == 2
    assert all(0 < step.max() < 0.05 for step in steps)


def test_the_second_cut_differs_between_the_sides_of_the_first() -> None:
    values, _ = draw(2)
    cuts = {}
    for name in ("+-", "--"):
        geometry = quadrant.fit(values, quadrant=name, **COMMON).geometry
        assert isinstance(geometry, Rectangle)
        cuts[name] = geometry.highest[1] or 0
    assert 0.45 < cuts["+-"] < 0.65  # between 0.35 and 0.75
    assert 0.30 < cuts["--"] < 0.45  # between 0.2 and 0.55


def test_a_side_with_one_peak_takes_the_cut_of_all_events_and_says_so() -> None:
    values, _ = draw(3, **{"++": 0})
    found = quadrant.fit(values, quadrant="++", **COMMON)
    assert found.status == "weak"
    assert "no valley of CD8 in CD4+: cut of all events" in (found.reason or "")


def test_one_cloud_has_no_quadrants() -> None:
    values = np.random.default_rng(4).normal(0.4, 0.05, (2, 5000)).astype(np.float32)
    found = quadrant.fit(values, quadrant="++", **COMMON)
    assert found.status == "not_estimable"
    assert "neither CD4 nor CD8" in (found.reason or "")
    beside = np.array(
        [values[0] + np.where(np.arange(5000) < 2500, 0.4, 0).astype(np.float32), values[1]]
    )
    one_sided = quadrant.fit(beside, quadrant="++", **COMMON)
    assert one_sided.reason == "CD8 shows one peak only"


def test_a_tube_without_quadrants_borrows_them() -> None:
    entry = {"name": "cd8", "parent": "all", "markers": ["CD4", "CD8"], "method": "quadrant",
             "arguments": {"quadrant": "-+"}}  # fmt: skip
    plan = check_template({"panel": "made", "populations": [entry]}, "t.yaml")
    cloud = np.random.default_rng(4).normal(0.4, 0.05, (2, 5000))
    drawn = {f"T{seed}": draw(seed)[0] for seed in range(4)} | {"cloud": cloud}
    tubes = [
        make_tube(dict(zip(("CD4", "CD8"), v, strict=True)), file_id=name)
        for name, v in drawn.items()
    ]
    fits = [row for tube in tubes for row in fit_tube(tube, plan, n_bootstrap=20)]
    gates = pool_gates(contract.make(fits, GateFits), plan, Flow()).set_index("file_id")
    assert gates.loc["cloud", "state"] == "borrowed"
    assert (gates.drop("cloud")["state"] == "ok").all()
    borrowed = from_json(gates.loc["cloud", "geometry"])
    assert isinstance(borrowed, Rectangle)
    assert borrowed.lowest[0] is None
    assert borrowed.highest[0] == pytest.approx(0.45, abs=0.1)
    # as far off as the others' bounds lie apart, about the middle of four
    bounds = np.array([numbers_of(from_json(text)) for text in gates.drop("cloud")["geometry"]])
    moved = many_from_json(gates.loc["cloud", "shape_errors"])
    squares = sum((numbers_of(one) - numbers_of(borrowed)) ** 2 for one in moved)
    assert squares == pytest.approx(bounds.var(axis=0, ddof=1) * 5 / 4)


def test_each_bound_has_the_error_of_its_own_cut() -> None:
    values = draw(7)[0].astype(np.float32)
    found = quadrant.fit(values, quadrant="-+", **COMMON)
    assert isinstance(found.geometry, Rectangle)
    own = numbers_of(found.geometry)
    steps = np.array([numbers_of(one) - own for one in found.shape_errors])
    assert steps.shape == (2, 2)
    assert np.count_nonzero(steps) == 2  # one bound at a time
    cuts = [quadrant._cut(values[i], "AB"[i], "-+"[i], 40, COMMON["seed"]) for i in (0, 1)]
    # the lower bound, of the second marker, comes first; the clearer marker's cut is that of all
    errors = steps.sum(axis=0)[::-1]
    clear = int((cuts[1].quality or 0) > (cuts[0].quality or 0))
    assert errors[clear] == pytest.approx(cuts[clear].cut_se)
