"""The bridge control tells whether thresholds without a control tube part the same cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.measurements.bridge_check import withhold_contradicted


def rows_of(
    shares: dict[str, float], *, n: int = 320, source: str = "negative_population"
) -> pd.DataFrame:
    """One bridge control and one person in each batch, with these shares positive."""
    return pd.DataFrame(
        [
            {
                "source_id": f"{who}-{batch}",
                "sample_id": f"{who}-{batch}",
                "panel": "panel_a",
                "batch": batch,
                "population": "vd2_gd",
                "measure": measure,
                "feature": "PD-1",
                "threshold_source": source,
                "value": share if measure == "share_positive" else 500.0,
                "lower": 0.0,
                "upper": 1_000.0,
                "n_denominator": n,
                "status": "ok",
                "reason": None,
            }
            for batch, share in shares.items()
            for who in ("BR", "P")
            for measure in ("share_positive", "median_intensity")
        ]
    ).astype({"n_denominator": "Int64", "reason": "string", "status": "string"})


def bridges(rows: pd.DataFrame) -> set[str]:
    return {name for name in rows["sample_id"] if name.startswith("BR")}


def held_batches(rows: pd.DataFrame) -> set[str]:
    found = withhold_contradicted(rows, bridges(rows))
    changed = found[found["status"] == "no_control"]
    assert set(changed["measure"]) <= {"share_positive"}
    assert changed["value"].isna().all()
    assert changed["upper"].isna().all()
    # the bridge control and everybody else of the batch
    assert len(changed) == 2 * changed["batch"].nunique()
    return set(changed["batch"])


def test_two_batches_that_disagree_are_both_without_a_share() -> None:
    rows = rows_of({"b1": 0.0, "b2": 0.083})
    assert held_batches(rows) == {"b1", "b2"}
    found = withhold_contradicted(rows, bridges(rows))
    told = found.loc[found["source_id"] == "P-b2", ["measure", "status", "reason"]]
    told = told.set_index("measure")
    assert told.loc["share_positive", "reason"] == (
        "no control tube, and 8.3 % of the bridge control's cells are positive in this batch, "
        "0.0 % in others: the thresholds part other cells; the median does not need one"
    )
    assert told.loc["median_intensity", "status"] == "ok"


def test_one_batch_of_many_that_stands_apart_loses_its_shares_alone() -> None:
    assert held_batches(rows_of({"b1": 0.05, "b2": 0.06, "b3": 0.25, "b4": 0.04})) == {"b3"}


@pytest.mark.parametrize(
    "rows",
    [
        rows_of({"b1": 0.10, "b2": 0.14}),  # within five points
        rows_of({"b1": 0.40, "b2": 0.60}, n=20),  # explained by counting
        rows_of({"b1": 0.0, "b2": 0.3}, source="fmo"),  # a control tube is the better witness
        rows_of({"b1": 0.3}),
    ],
)
def test_shares_stay_where_nothing_contradicts_them(rows: pd.DataFrame) -> None:
    assert held_batches(rows) == set()
    pd.testing.assert_frame_equal(withhold_contradicted(rows, bridges(rows)), rows)


def test_without_a_bridge_control_nothing_can_be_said() -> None:
    rows = rows_of({"b1": 0.0, "b2": 0.5})
    pd.testing.assert_frame_equal(withhold_contradicted(rows, set()), rows)


def test_counting_alone_seldom_holds_a_batch() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(40):
        shares = rng.binomial(200, 0.3, 12) / 200
        rows = rows_of({f"b{i:02}": share for i, share in enumerate(shares)}, n=200)
        held += len(held_batches(rows))
    assert held <= 6  # of 480; three standard errors leave 1.3 on average
