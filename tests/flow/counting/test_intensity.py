"""Positivity thresholds: from which control, from which population, or none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow.made_tubes import make_tube, t_cell_template
from itc_analysis.flow.counting.intensity import (
    Controls,
    PositivityThreshold,
    combination_rows,
    intensity_row,
    learned_threshold,
    median_with_limits,
)
from itc_analysis.flow.gates.final import FinalGate
from itc_analysis.flow.gating.geometry import Threshold
from itc_analysis.flow.gating.template import ROOT
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.flow.tube.tube import Tube

TEMPLATE = t_cell_template()


def members_of(n: int, n_t: int, n_inkt: int) -> dict[str, np.ndarray]:
    return {ROOT: np.arange(n), "t_cells": np.arange(n_t), "inkt": np.arange(n_inkt)}


def membership(tube: Tube, name: str, inside: np.ndarray) -> Membership:
    """Return the tube with one population."""
    found = Membership(tube)
    found.add(name, ROOT, inside)
    return found


def test_the_same_population_serves_when_it_is_large_enough() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0.3, 0.05, 4000), rng.normal(0.2, 0.05, 6000)])
    tube = make_tube({"PD-1": values}, kind="fmo", fmo_markers=("PD-1",))
    controls = Controls()
    controls.add(tube, members_of(10_000, 8000, 4000), ["PD-1"])
    found = controls.threshold("PD-1", "inkt", TEMPLATE, quantile=0.995)
    assert found is not None
    assert found.value == pytest.approx(float(np.quantile(tube.values("PD-1")[:4000], 0.995)))
    assert "4000 inkt" in (found.reason or "")


def test_several_controls_are_one() -> None:
    controls = Controls()
    for seed in (1, 2):
        values = np.random.default_rng(seed).normal(0.2, 0.05, 1500)
        tube = make_tube({"PD-1": values}, kind="fmo", fmo_markers=("PD-1",))
        controls.add(tube, members_of(1500, 1500, 10), ["PD-1"])
    found = controls.threshold("PD-1", "inkt", TEMPLATE, quantile=0.995)
    assert found is not None
    assert "3000 t_cells" in (found.reason or "")


def test_fmo_thresholds_are_never_taken_above_the_denominator() -> None:
    controls = Controls()
    tube = make_tube({"PD-1": np.full(9000, 0.2)}, kind="fmo", fmo_markers=("PD-1",))
    controls.add(tube, members_of(9000, 100, 5), ["PD-1"])
    assert controls.threshold("PD-1", "inkt", TEMPLATE, quantile=0.995) is None


def test_unstained_tubes_serve_where_there_is_no_fmo() -> None:
    controls = Controls()
    tube = make_tube({"PD-1": np.random.default_rng(3).normal(0.2, 0.05, 9000)}, kind="unstained")
    controls.add(tube, {ROOT: np.arange(9000)}, ["PD-1", "absent"])
    found = controls.threshold("PD-1", "inkt", TEMPLATE, quantile=0.995)
    assert found is not None
    assert found.source == "unstained"
    assert controls.threshold("absent", "inkt", TEMPLATE, quantile=0.995) is None


def test_a_threshold_without_control_is_that_of_the_gates() -> None:
    cut = Threshold(("PD-1",), "above", 0.36)
    gates = {"positive: PD-1": FinalGate(cut, 0.01, "pooled", "left half")}
    found = learned_threshold(gates, "PD-1", ("mait", "t_cells"))
    assert (found.value, found.standard_error, found.state) == (0.36, 0.01, "pooled")
    assert found.source == "negative_population"
    assert learned_threshold({}, "PD-1", ()).source == "none"


def test_a_population_is_read_at_its_own_threshold_or_at_the_nearest_one_above() -> None:
    def at(cut: float) -> FinalGate:
        return FinalGate(Threshold(("PD-1",), "above", cut), 0.01, "ok", "left half")

    gates = {"positive: PD-1": at(0.3), "positive: PD-1 in gd_t_cells": at(0.4)}
    assert learned_threshold(gates, "PD-1", ("vd2_gd", "gd_t_cells", "t_cells")).value == 0.4
    assert learned_threshold(gates, "PD-1", ("mait", "t_cells")).value == 0.3


def test_the_error_of_a_threshold_says_how_many_would_be_positive() -> None:
    values = np.linspace(0, 1, 1001)
    everybody = membership(make_tube({"PD-1": values}), "t_cells", np.ones(1001, dtype=bool))
    threshold = PositivityThreshold(0.5, "negative_population", None, 0.1, "ok")
    row = intensity_row(everybody, "t_cells", "PD-1", threshold, expected=0.005, min_events=1)
    counted = [row[name] for name in ("n_positive_low", "n_positive", "n_positive_high")]
    assert counted == pytest.approx([401, 501, 601], abs=1)


def test_of_three_controls_none_steers_alone() -> None:
    def threshold_of(*middles: float) -> float:
        controls = Controls()
        for middle in middles:
            values = np.random.default_rng(1).normal(middle, 0.05, 5000)
            tube = make_tube({"PD-1": values}, kind="fmo", fmo_markers=("PD-1",))
            controls.add(tube, members_of(5000, 5000, 10), ["PD-1"])
        found = controls.threshold("PD-1", "t_cells", TEMPLATE, quantile=0.995)
        assert found is not None
        assert found.value is not None
        return found.value

    assert threshold_of(0.2, 0.2, 0.6) == pytest.approx(threshold_of(0.2, 0.2, 0.2))


def test_a_control_is_moved_to_where_the_negatives_of_the_stained_tubes_end() -> None:
    values = np.random.default_rng(1).normal(0.2, 0.05, 5000)
    tube = make_tube({"PD-1": values}, kind="fmo", fmo_markers=("PD-1",))
    scale = tube.transforms["PD-1"]
    end_of_control = float(scale.inverse(np.array([0.33]))[0])
    controls = Controls()
    controls.add(tube, members_of(5000, 5000, 10), ["PD-1"], {"PD-1": end_of_control})

    def threshold(end_of_stained: float | None) -> PositivityThreshold:
        end = None if end_of_stained is None else (scale, end_of_stained)
        found = controls.threshold("PD-1", "t_cells", TEMPLATE, quantile=0.995, end_of_stained=end)
        assert found is not None
        assert found.value is not None
        return found

    unmoved = threshold(None)
    assert threshold(0.33).value == pytest.approx(unmoved.value)
    moved = threshold(0.35)  # stained negatives end 0.02 beyond those of the control
    assert moved.value == pytest.approx(unmoved.value + 0.02, abs=0.002)
    assert moved.standard_error > unmoved.standard_error
    assert "moved by +0.0" in (moved.reason or "")
    assert threshold(0.5).value == unmoved.value  # not the same negatives


def test_combinations_are_counted_as_one_would_by_hand() -> None:
    columns = {"A": [0.1, 0.9, 0.9, 0.1, 0.9], "B": [0.1, 0.1, 0.9, 0.9, 0.9]}
    everybody = membership(make_tube(columns), "mait", np.ones(5, dtype=bool))
    rows = combination_rows(everybody, "mait", {"A": 0.5, "B": 0.5}, {"A": 0.0, "B": 0.0})
    found = {row["combination"]: (row["n_events"], row["n_receptors"]) for row in rows}
    assert found == {"A- B-": (1, 0), "A+ B-": (1, 1), "A- B+": (1, 1), "A+ B+": (2, 2)}
    nobody = membership(make_tube(columns), "mait", np.zeros(5, dtype=bool))
    assert combination_rows(nobody, "mait", {"A": 0.5}, {"A": 0.1}) == []


@given(st.integers(1, 400), st.integers(0, 1000))
def test_a_median_is_that_of_numpy(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 0.1, n).astype(np.float32).round(2)
    everybody = membership(make_tube({"PD-1": values}), "t_cells", np.ones(n, dtype=bool))
    row = intensity_row(
        everybody,
        "t_cells",
        "PD-1",
        PositivityThreshold(None, "none"),
        expected=0.005,
        min_events=1,
    )
    assert row["median_transformed"] == float(np.median(values))


@pytest.mark.parametrize("n", [6, 7, 40, 301])
def test_the_limits_of_a_median_hold_the_true_one_in_95_percent_or_a_little_more(n: int) -> None:
    rng = np.random.default_rng(n)
    drawn = rng.exponential(size=(2000, n)).astype(np.float32)
    limits = [median_with_limits(np.sort(values))[1] for values in drawn]
    held = [low <= np.log(2) <= high for low, high in filter(None, limits)]
    assert len(held) == 2000
    assert 0.935 < np.mean(held) < 0.995


def test_a_median_of_five_events_has_no_limits() -> None:
    assert median_with_limits(np.arange(5, dtype=np.float32)) == (2.0, None)


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 1000, 1001])
def test_the_median_is_that_of_numpy(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n).astype(np.float32)
    assert median_with_limits(np.sort(values))[0] == float(np.median(values))


def test_the_error_of_a_combination_is_what_its_thresholds_move() -> None:
    rng = np.random.default_rng(12)
    a, b = rng.normal(0.5, 0.2, 20_000), rng.normal(0.5, 0.2, 20_000)
    tube = make_tube({"A": a, "B": b})
    everybody = membership(tube, "mait", np.ones(20_000, dtype=bool))
    rows = combination_rows(everybody, "mait", {"A": 0.5, "B": 0.6}, {"A": 0.02, "B": 0.01})
    found = {row["combination"]: row for row in rows}
    # the slow way: each threshold moved alone, counted anew
    squares = []
    for low, high in (((0.48, 0.6), (0.52, 0.6)), ((0.5, 0.59), (0.5, 0.61))):
        fewer, more = (int(((a >= cut[0]) & (b >= cut[1])).sum()) for cut in (high, low))
        squares.append(((more - fewer) / 2) ** 2)
    assert found["A+ B+"]["threshold_se"] == pytest.approx(np.sqrt(sum(squares)), abs=2)
    certain = combination_rows(everybody, "mait", {"A": 0.5, "B": 0.6}, {"A": 0.0, "B": 0.0})
    assert {row["threshold_se"] for row in certain} == {0.0}
