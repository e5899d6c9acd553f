from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.multiplicity.adjust import adjust


@pytest.mark.parametrize("method", ["holm", "bh"])
def test_adjusted_p_equal_those_of_r(root, method):
    expected = pd.read_csv(root / "tests/reference/p_adjust/results.csv")
    found = adjust(expected["p"], method=method)
    # the file holds 15 digits
    np.testing.assert_allclose(found, expected[method], rtol=1e-12)


def test_holm_is_the_closed_test_of_bonferroni():
    """Slow and obvious: adjusted p is the largest Bonferroni p of all intersections that hold the
    hypothesis.
    """
    rng = np.random.default_rng(1)
    for _ in range(20):
        p = rng.uniform(size=5) ** 3
        slow = np.zeros(5)
        for size in range(1, 6):
            for chosen in itertools.combinations(range(5), size):
                bonferroni = min(1.0, size * min(p[list(chosen)]))
                for i in chosen:
                    slow[i] = max(slow[i], bonferroni)
        np.testing.assert_allclose(adjust(p, method="holm"), slow)


def test_benjamini_hochberg_rejects_as_its_definition_says():
    """Slow and obvious: the largest k with p_(k) <= k q / m; adjusted p <= q for exactly these."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        p = rng.uniform(size=12) ** 2
        for q in (0.05, 0.2, 0.5):
            ordered = np.sort(p)
            passing = [k for k in range(1, 13) if ordered[k - 1] <= k * q / 12]
            cut = ordered[passing[-1] - 1] if passing else -1
            np.testing.assert_array_equal(adjust(p, method="bh") <= q, p <= cut)


def test_a_test_that_was_not_done_does_not_make_the_others_dearer():
    assert adjust([0.01, np.nan, 0.04], method="holm").tolist()[0] == pytest.approx(0.02)
    assert np.isnan(adjust([0.01, np.nan, 0.04], method="holm")[1])


def test_no_adjustment_leaves_p_as_it_is():
    assert adjust([0.3, 0.01], method="none").tolist() == [0.3, 0.01]


def test_an_unknown_method_is_a_wrong_call():
    with pytest.raises(ValueError, match="unknown adjustment 'bonferoni'"):
        adjust([0.1], method="bonferoni")
