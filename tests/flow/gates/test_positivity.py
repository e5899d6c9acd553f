"""Positivity without controls: the left half of the negatives, one threshold per marker and
batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, make_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.left_half import left_half
from itc_analysis.flow.gating.template import check_template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

TEMPLATE = check_template(
    {
        "panel": "made",
        "populations": [
            {"name": "t_cells", "parent": "all", "markers": ["CD3"], "side": "above",
             "method": "fixed", "arguments": {"cut": 0.5}}
        ],
        "denominator": "t_cells",
        "positivity": [{"marker": "PD-1", "role": "inhibitory"}],
    },
    "t",
)  # fmt: skip
SD = 80.0


def pd1(rng: np.random.Generator, n: int, share: float, *, mode: float = 60.0) -> Any:
    """Draw instrument units: normal noise about a glow, and a continuum of positives from dim
    on.
    """
    units = rng.normal(mode, SD, n)
    positive = rng.random(n) < share
    units[positive] += 10 ** rng.normal(2.9, 0.4, int(positive.sum()))
    return units


def tube(file_id: str, units: Any, batch: str = "b1") -> Any:
    made = make_tube({"CD3": np.ones(len(units)), "PD-1": np.zeros(len(units))}, file_id=file_id,
                     batch=batch)  # fmt: skip
    made.events[1] = made.transforms["PD-1"].apply(units)
    return made


def thresholds(*tubes: Any) -> pd.DataFrame:
    """Return the thresholds in instrument units, with their states."""
    rows = [row for one in tubes for row in fit_tube(one, TEMPLATE, n_bootstrap=20)]
    gates = pool_gates(contract.make(rows, GateFits), TEMPLATE, Flow())
    gates = gates[gates["population"] == "positive: PD-1"].set_index("file_id")
    transform = tubes[0].transforms["PD-1"]
    return gates.assign(units=transform.inverse(gates["cut"].to_numpy()))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_the_mirrored_left_half_is_the_quantile_of_the_negatives_alone(share: float) -> None:
    rng = np.random.default_rng(1)
    units = pd1(rng, 60_000, share)
    counts, edges = np.histogram(units, np.arange(-600, 20_000, 10.0))
    found = left_half(counts.astype(float), edges, quantile=0.995, n_bootstrap=20, seed=1)
    assert found is not None
    # 2.58 standard deviations above the mode, as an FMO tube would show
    assert found.threshold == pytest.approx(60 + 2.58 * SD, abs=0.3 * SD)
    assert found.sd == pytest.approx(SD, rel=0.12)
    assert found.is_near_zero


def test_a_batch_has_one_threshold_that_no_tube_steers() -> None:
    rng = np.random.default_rng(2)
    tubes = [tube(f"T{i}", pd1(rng, 20_000, share)) for i, share in enumerate((0, 0.1, 0.2, 0.4))]
    odd = tube("odd", pd1(rng, 20_000, 0.1, mode=150))
    without, with_it = thresholds(*tubes), thresholds(*tubes, odd)
    assert (without["cut"] == without["cut"].iloc[0]).all()
    assert (without["state"] == "ok").all()
    assert without["units"].iloc[0] == pytest.approx(60 + 2.58 * SD, abs=0.35 * SD)
    error = without["cut_se"].iloc[0]
    assert abs(with_it["cut"].iloc[0] - without["cut"].iloc[0]) < error


def test_a_marker_that_everybody_carries_says_so() -> None:
    units = 10 ** np.random.default_rng(3).normal(4, 0.15, 20_000)
    row = thresholds(tube("T1", units)).iloc[0]
    assert row["state"] == "weak"
    assert "all may be dim" in row["reason"]


def test_too_few_cells_take_the_batch_threshold_and_none_has_none() -> None:
    rng = np.random.default_rng(4)
    few = tube("few", pd1(rng, 60, 0.1))
    assert thresholds(few).iloc[0]["state"] == "not_estimable"
    both = thresholds(few, tube("T1", pd1(rng, 20_000, 0.1)))
    assert both.loc["few", "cut"] == both.loc["T1", "cut"]
