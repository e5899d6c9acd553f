from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.multiplicity.gatekeeping import adjust_by_graph, gates, without


def closed_test(p, shares, arrows):
    """The slow definition: reject what every intersection that holds it rejects by weighted
    Bonferroni.
    """
    m = len(p)
    adjusted = np.zeros(m)
    for size in range(1, m + 1):
        for members in combinations(range(m), size):
            share, arrow = np.array(shares, dtype=float), np.array(arrows, dtype=float)
            for gone in set(range(m)) - set(members):
                share, arrow = without(gone, share, arrow)
            weighted = [p[i] / share[i] for i in members if share[i] > 0]
            of_set = min([*weighted, 1.0])
            for i in members:
                adjusted[i] = max(adjusted[i], of_set)
    return adjusted


def test_equal_shares_with_all_arrows_are_holm():
    p = [0.01, 0.04, 0.011, 0.3, 0.02]
    arrows = (np.ones((5, 5)) - np.eye(5)) / 4
    found = adjust_by_graph(p, np.full(5, 0.2), arrows)
    np.testing.assert_allclose(found, adjust(p, method="holm"))


def test_parallel_gatekeeping_of_bretz_2009():
    """Two primary hypotheses share alpha and hand on a half each to two secondary ones, worked by
    hand.

    Alpha .05: H1 (p .02 <= .025) falls; H3 and H4 get .0125 each; H2 (.04 > .025) stays; H3 (.01)
    falls and hands its .0125 to H4 (.03 > .025): stays.
    """
    arrows = [[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1], [0, 0, 1, 0]]
    found = adjust_by_graph([0.02, 0.04, 0.01, 0.03], [0.5, 0.5, 0, 0], arrows)
    np.testing.assert_allclose(found, [0.04, 0.08, 0.04, 0.06])


@pytest.mark.parametrize("seed", range(6))
def test_shortcut_equals_the_closed_test(seed):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.3, 3, 5)
    shares = rng.dirichlet(np.ones(5))
    arrows = rng.dirichlet(np.ones(5), 5)
    np.fill_diagonal(arrows, 0)
    np.testing.assert_allclose(
        adjust_by_graph(p, shares, arrows), closed_test(p, shares, arrows), atol=1e-12
    )


def test_gates_open_in_order_and_the_shortcut_equals_the_closed_test():
    # two endpoints: healthy, pooled; the second endpoint has no pooled comparison
    shares, arrows = gates([0, 0, 0, 0, 1], [0, 1, 2, 2, 0])
    np.testing.assert_allclose(shares, [0.5, 0, 0, 0, 0.5])
    np.testing.assert_allclose(arrows[0], [0, 1, 0, 0, 0])
    np.testing.assert_allclose(arrows[1], [0, 0, 0.5, 0.5, 0])
    p = [0.2, 0.0001, 0.0001, 0.0001, 0.01]
    found = adjust_by_graph(p, shares, arrows)
    assert (found[:4] > 0.05).all(), "nothing behind a closed gate"
    assert found[4] == pytest.approx(0.02)
    np.testing.assert_allclose(found, closed_test(p, shares, arrows))


def test_shares_of_more_than_all_alpha_are_refused():
    with pytest.raises(ValueError, match="add up"):
        adjust_by_graph([0.1, 0.2], [0.7, 0.7], np.zeros((2, 2)))
