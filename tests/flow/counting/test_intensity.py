"""Positivity thresholds: from which control, from which population, or none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flow.made_tubes import NEGATIVE, SPREAD, make_tube, t_cell_template, t_cell_tube
from itc_analysis.flow.counting.intensity import (
    Controls,
    PositivityThreshold,
    combination_rows,
    intensity_row,
    negative_threshold,
)
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


def test_without_controls_the_negative_peak_serves() -> None:
    tube = t_cell_tube()
    t_cells = membership(tube, "t_cells", tube.values("CD3") > 0.4)
    found = negative_threshold(t_cells, "PD-1", TEMPLATE)
    assert found.source == "negative_population"
    assert found.value == pytest.approx(NEGATIVE + 3 * SPREAD, abs=0.03)


@pytest.mark.parametrize(("at", "wide"), [(0.7, 0.05), (0.3, 0.25)])
def test_a_marker_that_everybody_carries_has_no_threshold(at: float, wide: float) -> None:
    tube = make_tube(
        {"CD3": np.ones(5000), "PD-1": np.random.default_rng(4).normal(at, wide, 5000)}
    )
    t_cells = membership(tube, "t_cells", np.ones(5000, dtype=bool))
    found = negative_threshold(t_cells, "PD-1", TEMPLATE)
    assert (found.value, found.source) == (None, "none")
    assert "no negative peak" in (found.reason or "")


def test_combinations_are_counted_as_one_would_by_hand() -> None:
    columns = {"A": [0.1, 0.9, 0.9, 0.1, 0.9], "B": [0.1, 0.1, 0.9, 0.9, 0.9]}
    everybody = membership(make_tube(columns), "mait", np.ones(5, dtype=bool))
    rows = combination_rows(everybody, "mait", {"A": 0.5, "B": 0.5})
    found = {row["combination"]: (row["n_events"], row["n_receptors"]) for row in rows}
    assert found == {"A- B-": (1, 0), "A+ B-": (1, 1), "A- B+": (1, 1), "A+ B+": (2, 2)}
    nobody = membership(make_tube(columns), "mait", np.zeros(5, dtype=bool))
    assert combination_rows(nobody, "mait", {"A": 0.5}) == []


@given(st.integers(1, 400), st.integers(0, 1000))
def test_a_median_is_that_of_numpy(n: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 0.1, n).astype(np.float32).round(2)
    everybody = membership(make_tube({"PD-1": values}), "t_cells", np.ones(n, dtype=bool))
    row = intensity_row(
        everybody, "t_cells", "PD-1", PositivityThreshold(None, "none"), min_events=1
    )
    assert row["median_transformed"] == float(np.median(values))


def test_negatives_that_noise_around_zero_stretches_do_not_raise_the_threshold() -> None:
    # both halves normal about the same mode, the lower one twice as wide
    drawn = np.random.default_rng(5).normal(0, SPREAD, 40_000)
    values = NEGATIVE + np.where(drawn < 0, 2 * drawn, drawn)
    tube = make_tube({"CD3": np.ones(values.size), "PD-1": values})
    t_cells = membership(tube, "t_cells", np.ones(values.size, dtype=bool))
    found = negative_threshold(t_cells, "PD-1", TEMPLATE)
    # the mode of 40,000 events is known to a fifth of their width
    assert found.value == pytest.approx(NEGATIVE + 3 * SPREAD, abs=0.6 * SPREAD)
