"""Two binomials of one person, held against published limits and the slow way."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import integrate, stats

from itc_analysis.statistics.paired_counts import (
    Pairs,
    chance_of_as_many,
    difference_limits,
    learn_background,
    responder_probability,
)


def pairs(*rows: tuple[float, float, float, float]) -> Pairs:
    return Pairs(*np.array(rows, dtype=float).T)


@pytest.mark.parametrize(
    ("counts", "limits"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 10), (-0.2775, 0.2775)),
        ((10, 10, 0, 10), (0.6075, 1.0)),
    ],
)
def test_limits_are_those_of_newcombe_1998_table_2_method_10(
    counts: tuple[float, float, float, float], limits: tuple[float, float]
) -> None:
    _, lower, upper = difference_limits(pairs(counts))
    assert (lower[0], upper[0]) == pytest.approx(limits, abs=5e-5)


def test_chance_is_the_sum_of_the_tables_that_show_as_many() -> None:
    k, n, k0, n0 = 7, 20, 3, 25

    def table(i: int) -> float:
        return comb(n, i) * comb(n0, k + k0 - i) / comb(n + n0, k + k0)

    expected = table(k) / 2 + sum(table(i) for i in range(k + 1, k + k0 + 1))
    assert chance_of_as_many(pairs((k, n, k0, n0)))[0] == pytest.approx(expected)


def test_a_response_is_called_by_chance_as_rarely_as_said() -> None:
    rng = np.random.default_rng(1)
    n = np.full(4_000, 150.0)
    share = rng.beta(2, 60, len(n))
    found = Pairs(*(rng.binomial(n.astype(int), share).astype(float) if i % 2 == 0 else n
                    for i in range(4)))  # fmt: skip
    # mid-p is a little conservative where few cells are positive
    assert 0.03 < np.mean(chance_of_as_many(found) < 0.05) < 0.056


@pytest.mark.parametrize("n_cells", [20, 150, 5_000])
def test_background_is_right_on_average_however_few_cells(n_cells: int) -> None:
    rng = np.random.default_rng(2)
    bias = []
    for _ in range(30):
        share = rng.beta(4, 196, 40)
        k = rng.binomial(n_cells, share)
        n = np.full(40, n_cells)
        bias.append(np.mean(learn_background(k, n).given(k, n)[0]) - np.mean(share))
    assert np.mean(bias) == pytest.approx(0, abs=0.002)


def test_a_person_with_many_cells_keeps_the_own_background() -> None:
    k = np.array([2, 3, 1, 2, 3_000])
    n = np.array([100, 100, 100, 100, 10_000])
    share, _ = learn_background(k, n).given(k, n)
    assert share[-1] == pytest.approx(0.3, abs=0.01)
    assert share[0] < 0.1


def test_responders_are_told_from_others_and_few_cells_leave_it_open() -> None:
    many = [(600, 2_000, 10, 2_000), (12, 2_000, 10, 2_000)] * 6
    few = [(1, 10, 0, 10)]
    found = pairs(*many, *few)
    background = learn_background(found.k_control, found.n_control)
    probability = responder_probability(found, background)
    assert probability[0] > 0.999
    assert probability[1] < 0.1
    assert 0.2 < probability[-1] < 0.99


def test_marginal_of_a_responder_is_the_double_integral() -> None:
    # the two explanations at one point of the grid, integrated the slow way
    k, n, k0, n0 = 4.0, 12.0, 1.0, 15.0
    a, b, c, d = 1.5, 30.0, 3.0, 7.0

    def weight(p1: float, p0: float) -> float:
        if p1 <= p0:
            return 0.0
        return float(
            p1**k * (1 - p1) ** (n - k) * p0**k0 * (1 - p0) ** (n0 - k0)
            * stats.beta.pdf(p0, a, b) * stats.beta.pdf(p1, c, d)
        )  # fmt: skip

    slow = integrate.dblquad(weight, 0, 1, 0, 1)[0]
    grid = (np.arange(4_000) + 0.5) / 4_000
    below = stats.beta.ppf(grid, a + k0, b + n0 - k0)
    from scipy import special

    apart = special.betaln(a + k0, b + n0 - k0) - special.betaln(a, b)
    seen = special.betaln(c + k, d + n - k) - special.betaln(c, d)
    fast = np.exp(apart + seen) * special.betaincc(c + k, d + n - k, below).mean()
    assert fast == pytest.approx(slow, rel=1e-3)


def test_order_of_the_people_changes_nothing() -> None:
    rows = [(30, 100, 2, 100), (3, 100, 2, 90), (0, 40, 0, 50), (9, 60, 1, 70)]
    there, back = pairs(*rows), pairs(*rows[::-1])
    one = responder_probability(there, learn_background(there.k_control, there.n_control))
    other = responder_probability(back, learn_background(back.k_control, back.n_control))
    assert one == pytest.approx(other[::-1])


def test_more_positive_cells_than_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="positive cells"):
        pairs((11, 10, 0, 10))


@pytest.mark.parametrize(("k", "n"), [([0], [20]), ([3, 0, 9], [40, 15, 60])])
def test_background_is_the_maximum_of_likelihood_and_prior_on_a_grid(
    k: list[int], n: list[int]
) -> None:
    """Half a positive and half a negative cell, and a log-normal precision about 100, SD 1.5."""
    mean, log_precision = np.meshgrid(np.linspace(1e-4, 0.5, 2_000), np.linspace(0, 12, 600))
    phi = np.exp(log_precision)
    height = 0.5 * np.log(mean * (1 - mean)) + stats.norm.logpdf(log_precision, np.log(100), 1.5)
    for one, of in zip(k, n, strict=True):
        height += stats.betabinom.logpmf(one, of, mean * phi, (1 - mean) * phi)
    at = np.unravel_index(height.argmax(), height.shape)
    found = learn_background(k, n)
    assert found.alpha / (found.alpha + found.beta) == pytest.approx(mean[at], abs=3e-4)
    assert np.log(found.alpha + found.beta) == pytest.approx(log_precision[at], abs=0.02)


def test_a_background_that_was_not_found_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    k, n = np.array([3, 0, 9]), np.array([40, 15, 60])
    with pytest.raises(ValueError, match="of 3 unstimulated tubes was not found"):
        learn_background(k * np.nan, n)
    monkeypatch.setattr("itc_analysis.statistics.paired_counts.CLIMB", {"maxiter": 1})
    monkeypatch.setattr("itc_analysis.statistics.paired_counts.MAX_CLIMBS", 1)
    with pytest.raises(ValueError, match="was not found"):
        learn_background(k, n)
