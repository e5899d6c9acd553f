from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.stats.plots.comparisons import plot_forest, plot_group_points
from itc_analysis.stats.questions.compare import compare_groups
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)


@pytest.fixture
def people():
    return make_participants({"SSc": 9, "SLE": 7, "healthy": 8})


@pytest.fixture
def shares(people):
    y = np.random.default_rng(1).normal(-5, 1, len(people))
    return make_measurements(people, inverse_logit(y), limit=inverse_logit(np.array(-5.5)))


def texts(labels) -> list[str]:
    return [label.get_text() for label in labels]


def test_every_participant_is_a_point_and_those_below_the_limit_open_triangles(shares):
    ax = plot_group_points(shares, "mait", "share_of_t", groups=["SSc", "SLE", "healthy"])
    offsets = [c.get_offsets() for c in ax.collections]
    assert sum(len(points) for points in offsets) == 24
    n_low = int((shares["status"] == "below_lod").sum())
    assert sum(len(points) for points in offsets[1::2]) == n_low > 0
    np.testing.assert_allclose(offsets[1][:, 1], inverse_logit(np.array(-5.5)))
    assert all(len(c.get_facecolors()) == 0 for c in ax.collections[1::2])
    assert texts(ax.get_xticklabels()) == ["SSc\nn = 9", "SLE\nn = 7", "healthy\nn = 8"]
    assert ax.get_yscale() == "log"


def test_the_bar_is_the_median_and_absent_among_those_below_the_limit(people):
    values = [1e-5] * 6 + [0.01] * 3 + [0.02] * 7 + [0.03] * 8
    shares = make_measurements(people, values, limit=1e-4)
    ax = plot_group_points(shares, "mait", "share_of_t", groups=["SSc", "SLE", "healthy"])
    assert [line.get_ydata()[0] for line in ax.lines] == [0.02, 0.03]


def test_rows_of_two_endpoints_are_a_wrong_call(people, shares):
    both = pd.concat([shares, make_measurements(people, np.full(24, 0.1), population="inkt")])
    with pytest.raises(ValueError, match="the rows hold 2 endpoints"):
        plot_group_points(both, measure="share_of_t")
    with pytest.raises(ValueError, match="the rows hold 0 endpoints"):
        plot_group_points(both, "maits")


def test_a_redrawn_picture_is_the_same(shares):
    first, second = (plot_group_points(shares).collections[0].get_offsets() for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_forest_keeps_a_line_for_every_comparison(people, shares):
    table = compare_groups(
        shares,
        people,
        plan=make_plan(contrasts=("healthy", "each_disease")),
        cohort=COHORT,
        settings=Stats(n_permutations=0),
    )
    ax = plot_forest(table)
    assert len(ax.get_yticks()) == 5
    assert texts(ax.get_yticklabels())[0] == "SSc vs healthy (n = 9 / 8)"
    assert len([t for t in texts(ax.texts) if "not estimable" in t]) == 3
    squares = [line for line in ax.lines if line.get_marker() == "s"]
    done = table[table["status"] == "ok"]
    np.testing.assert_allclose([line.get_xdata()[0] for line in squares], done["estimate"])
    assert ax.get_xscale() == "log"


def test_forest_of_an_open_interval_has_an_arrow(people, shares):
    table = compare_groups(
        shares,
        people,
        plan=make_plan(contrasts=("healthy",)),
        cohort=COHORT,
        settings=Stats(n_permutations=0),
    )
    ax = plot_forest(table.assign(estimate=np.nan, lower=np.nan))
    assert [line.get_marker() for line in ax.lines].count("<") == 1


def test_ratios_and_differences_are_not_drawn_on_one_axis(people):
    table = pd.DataFrame({"estimate_kind": ["ratio", "difference"]})
    with pytest.raises(ValueError, match="all ratios or all differences"):
        plot_forest(table)
