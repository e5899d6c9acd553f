"""What a compensated tube tells about spill, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.flow.spillover.residual_spill import (
    COLUMNS,
    MIN_EVENTS,
    OVER,
    UNDER,
    residual_spill,
)

NAMES = ["A", "B", "C"]
N = 20_000


def tube(slope: float, *, share: float = 0.3, seed: int = 9) -> np.ndarray:
    """Return three channels, A bright in some events, with `slope` of it in B."""
    rng = np.random.default_rng(seed)
    a = np.where(rng.random(N) < share, rng.lognormal(9, 0.3, N), rng.normal(0, 100, N))
    b, c = rng.normal(30, 100, (2, N))
    return np.stack([a, b + slope * np.maximum(a, 0), c]).astype(np.float32)


@pytest.mark.parametrize(("slope", "reading"), [(-0.05, OVER), (0.04, UNDER)])
def test_planted_spill_is_found_with_its_direction(slope: float, reading: str) -> None:
    table = residual_spill(tube(slope), NAMES)
    left = table[table["reading"].notna()]
    assert left[["source", "detector", "reading"]].to_numpy().tolist() == [["A", "B", reading]]
    # the mode of 100 wide negatives is known to 10 units, of 8,000
    assert left["slope"].item() == pytest.approx(slope, abs=0.01)


def test_nothing_is_left_in_a_well_compensated_tube() -> None:
    table = residual_spill(tube(0.0), NAMES)
    assert list(table.columns) == list(COLUMNS)
    assert len(table) == 6
    assert table["reading"].isna().all()
    assert table.set_index(["source", "detector"]).loc[("A", "B"), "standard_error"] < 0.002


def test_a_slope_too_small_to_matter_has_no_reading() -> None:
    table = residual_spill(tube(-0.01), NAMES)
    assert table["reading"].isna().all()
    found = table.set_index(["source", "detector"]).loc[("A", "B")]
    # it is clear of its error, and still below 2 %
    assert found["slope"] < -3 * found["standard_error"]


def test_lower_events_that_stay_above_zero_are_no_over_compensation() -> None:
    events = tube(-0.05)
    events[1] += 2_000  # the cells glow: with A they glow less, and still above zero
    table = residual_spill(events, NAMES).set_index(["source", "detector"])
    assert "where the source is dim" in table.loc[("A", "B"), "reason"]
    events = tube(-0.05)
    events[1] += 500 * (events[0] > 1_000) - 30
    table = residual_spill(events, NAMES).set_index(["source", "detector"])
    assert table["reading"].isna().loc[("A", "B")] or table.loc[("A", "B"), "reading"] == UNDER


def test_where_all_bright_cells_carry_the_marker_the_slope_is_null() -> None:
    events = tube(0.0)
    rng = np.random.default_rng(1)
    is_bright = events[0] > 2_000
    events[1, is_bright] = rng.lognormal(8, 0.3, int(is_bright.sum()))
    table = residual_spill(events, NAMES).set_index(["source", "detector"])
    assert np.isnan(table.loc[("A", "B"), "slope"])
    assert "where the source is bright" in table.loc[("A", "B"), "reason"]
    assert table.loc[("A", "C"), "slope"] == pytest.approx(0, abs=0.01)


def test_a_source_without_bright_events_is_no_source() -> None:
    few = tube(-0.05, share=MIN_EVENTS / N / 4)
    table = residual_spill(few, NAMES)
    assert table["slope"].isna().all()
    assert set(table["reason"]) == {"no bright events of the source"}


def test_counting_beads_are_passed_over() -> None:
    events = tube(-0.05)
    events[:, :1_000] = 200_000
    left = residual_spill(events, NAMES).dropna(subset=["reading"])
    assert left[["source", "detector", "reading"]].to_numpy().tolist() == [["A", "B", OVER]]


def test_a_tube_without_events_has_reasons_only() -> None:
    table = residual_spill(np.zeros((3, 0), dtype=np.float32), NAMES)
    assert set(table["reason"]) == {"no bright events of the source"}
