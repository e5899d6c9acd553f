"""One value that is not finite among many that are: what depends on all of them knows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.stats.endpoint.endpoint import Endpoint
from itc_analysis.stats.people.responses import log_t_per_ul, respond
from itc_analysis.stats.plan.plan import PlannedComparison, expand
from stats.made_up_study import COHORT, make_measurements, make_participants, make_plan

PEOPLE = make_participants(
    {"SSc": 16, "SLE": 14, "pSS": 12, "RA": 12, "IIM": 12, "healthy": 15}, seed=3
)
SETTINGS = Stats(n_permutations=0)


def endpoint_of(
    values: np.ndarray, *, t_cells: pd.Series | None = None, limit: object = 5.0
) -> tuple[Endpoint, list[PlannedComparison]]:
    """Return the fitted counts of a made-up study, with all comparisons of a Dunnett family."""
    plan = make_plan(
        measures=("cells_per_ul",), contrasts=("healthy", "each_disease"), adjustment="dunnett"
    )
    rows = make_measurements(PEOPLE, values, measure="cells_per_ul", limit=limit)
    items = expand(plan, COHORT)
    responses = respond(rows, PEOPLE, "cells_per_ul", t_cells=t_cells)
    endpoint = Endpoint(
        responses, items[0], plan, SETTINGS, groups=COHORT.groups, index_group=COHORT.index_group
    )
    return endpoint, items


@pytest.fixture
def counts() -> np.ndarray:
    return np.exp(np.random.default_rng(4).normal(3, 0.7, len(PEOPLE)))


@pytest.mark.parametrize(
    ("own", "median"),
    [
        ([1.0, 10.0, 20.0, 40.0], 15.0),
        ([1.0, 1.0, 20.0, 40.0], np.nan),  # between a limit and 20: nobody knows
        ([1.0, 1.0, 20.0], np.nan),
        ([1.0, 10.0, 20.0], 10.0),
    ],
)
def test_a_median_with_one_foot_below_the_limit_is_not_known(own, median):
    people = make_participants({"SSc": len(own), "healthy": 4}, seed=3)
    rows = make_measurements(
        people, [*own, 8.0, 9.0, 11.0, 12.0], measure="cells_per_ul", limit=5.0
    )
    plan = make_plan(measures=("cells_per_ul",), contrasts=("healthy",))
    item = expand(plan, COHORT)[0]
    endpoint = Endpoint(
        respond(rows, people, "cells_per_ul"),
        item,
        plan,
        SETTINGS,
        groups=COHORT.groups,
        index_group=COHORT.index_group,
    )
    assert endpoint.row(item)["median_index"] == pytest.approx(median, nan_ok=True)


def test_one_comparison_without_a_standard_error_leaves_no_joint_distribution(counts):
    """A control group wholly below its limit: its comparison has a limit and a p, and no error."""
    low = np.where(PEOPLE["group"] == "RA", 0.1, counts)
    endpoint, items = endpoint_of(low)
    with_error = [item for item in items if "RA" not in item.references]
    assert endpoint.joint(with_error) is not None
    assert endpoint.joint(items) is None


def test_one_participant_without_a_t_cell_count_is_said_and_left_out_of_no_model(counts):
    """The T cells enter a censored count for everybody or for nobody."""
    t_cells = np.exp(np.random.default_rng(5).normal(7, 0.3, len(PEOPLE)))
    rows = make_measurements(PEOPLE, t_cells, measure="cells_per_ul", population="t_cells")
    known = log_t_per_ul(rows)
    words = "limits of counts move with the T cells per microlitre"
    for logs, is_warned in ((known, False), (known.iloc[1:], True)):
        endpoint, items = endpoint_of(
            np.where(np.arange(len(counts)) < 4, 0.1, counts), t_cells=logs
        )
        row = endpoint.row(items[0])
        assert row["n_below_lod"] > 0
        assert (words in str(row["reason"])) is is_warned
        assert row["n_index"] == 16
