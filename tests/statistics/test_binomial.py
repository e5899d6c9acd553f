"""Exact limits of a share, against scipy's and at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from itc_analysis.statistics.binomial import clopper_pearson, count_limits


@pytest.mark.parametrize(("n", "total"), [(0, 1), (0, 50), (1, 1), (7, 20), (50, 50), (20, 1000)])
def test_limits_are_those_of_scipy(n: int, total: int) -> None:
    expected = stats.binomtest(n, total).proportion_ci(0.95, method="exact")
    lower, upper = clopper_pearson(n, total)
    assert (float(lower), float(upper)) == pytest.approx((expected.low, expected.high))
    assert count_limits(n, total) == pytest.approx((expected.low * total, expected.high * total))


def test_what_is_not_known_or_no_share_has_no_limits() -> None:
    n = np.array([np.nan, 0.0, np.nan, 5.0, -1.0])
    total = np.array([10.0, np.nan, np.nan, 4.0, 10.0])
    for limit in clopper_pearson(n, total):
        assert np.isnan(limit).all()


def test_no_cells_at_all_leave_every_share_possible() -> None:
    lower, upper = clopper_pearson(0, 0)
    assert (float(lower), float(upper)) == (0.0, 1.0)
