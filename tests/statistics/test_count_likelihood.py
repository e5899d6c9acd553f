"""The likelihood of counted cells against slow integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from itc_analysis.statistics.backgrounds import laguerre
from itc_analysis.statistics.count_likelihood import Counted, log_likelihood

THETA = np.array([[-6.0, -4.0, -2.5, -1.0]])


def one(value):
    return np.array([float(value)])


def likelihood(k, n, **columns):
    columns = {
        name: one(value) if not isinstance(value, str) else value for name, value in columns.items()
    }
    return log_likelihood(Counted(one(k), one(n), **columns), THETA)[0]


@pytest.mark.parametrize("k", [0, 1, 7, 100])
def test_a_count_without_background_is_binomial(k):
    constant = special.gammaln(101) - special.gammaln(k + 1) - special.gammaln(101 - k)
    expected = stats.binom.logpmf(k, 100, special.expit(THETA[0]))
    assert likelihood(k, 100) + constant == pytest.approx(expected, rel=1e-10)


def test_a_count_in_a_volume_is_poisson():
    expected = stats.poisson.logpmf(3, 40 * np.exp(THETA[0]))
    found = likelihood(3, 40, kind="poisson") - special.gammaln(4) + 3 * np.log(40)
    assert found - 3 * np.log(40) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("k", "background", "error"),
    [
        (0, 2.0, 1.0),
        (3, 2.0, 3.0),
        (25, 20.0, 4.0),
        (0, 0.0, 1.0),
        (400, 300.0, 60.0),
        (90, 60, 2.0),
        (40, 0.2, 2.0),
    ],
)
@pytest.mark.parametrize("kind", ["binomial", "poisson"])
def test_an_uncertain_background_is_integrated_over(k, background, error, kind):
    """Against quad; gamma with Jeffreys' shape where no background was seen."""
    n = 2000.0
    shape, scale = (
        ((background / error) ** 2, error**2 / background) if background else (0.5, error)
    )
    found = likelihood(k, n, kind=kind, background=background, background_se=error)
    slow = []
    for theta in THETA[0]:
        signal = n * (special.expit(theta) if kind == "binomial" else np.exp(theta))
        at_middle = stats.poisson.logpmf(k, max(k, 1.0))

        def height(u, signal=signal, at_middle=at_middle):
            b = stats.gamma.ppf(u, shape, scale=scale)
            if kind == "poisson":
                return np.exp(stats.poisson.logpmf(k, signal + b) - at_middle)
            return np.exp(stats.binom.logpmf(k, n, min((signal + b) / n, 1 - 1e-12)) - at_middle)

        # the support of the background that the count leaves, where it is narrow
        likely = stats.gamma.cdf([max(k - signal, 0)], shape, scale=scale)
        places = sorted({float(x) for x in likely if 1e-6 < x < 1 - 1e-6})
        slow.append(
            np.log(integrate.quad(height, 0, 1, epsrel=1e-9, limit=500, points=places or None)[0])
            + at_middle
        )
    constant = (
        special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
        if kind == "binomial"
        else -special.gammaln(k + 1)
    )
    is_likely = (
        np.array(slow) > np.max(slow) - 30
    )  # what is less likely has no part in any integral
    assert (found + constant)[is_likely] == pytest.approx(np.array(slow)[is_likely], abs=2e-5)


BACKGROUNDS = [0, 0.05, 0.2, 1, 5, 20, 60, 300]
ERRORS = [0.05, 0.3, 2, 6, 20, 80]


@pytest.mark.parametrize("k", [0, 5, 31, 32, 40, 80, 300, 2000])
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_no_part_of_an_uncertain_background_is_lost(k, background):
    """Against the sum over how many of the cells are background, which is exact: whatever the count
    and the background, and however uncertain it is.

    Backgrounds below a thousandth of a cell count as none: 2e-4. Where the likelihood is e^10 times
    lower than at its highest, it has no part in any integral.
    """
    signal = np.array([1e-3, 0.1, 1, *(max(k, 1) * np.array([0.05, 0.2, 0.5, 0.8, 1, 1.2]))])
    j = np.arange(k + 1)
    ways = special.gammaln(k + 1) - special.gammaln(j + 1) - special.gammaln(k - j + 1)
    for error in ERRORS:
        shape, rate = (
            ((background / error) ** 2, background / error**2) if background else (0.5, 1 / error)
        )
        moments = (
            shape * np.log(rate / (rate + 1))
            + special.gammaln(shape + j)
            - special.gammaln(shape)
            - j * np.log(rate + 1)
        )
        terms = ways + (k - j) * np.log(signal)[:, None] - signal[:, None] + moments
        exact = special.logsumexp(terms, axis=1)
        counted = Counted(
            one(k), one(1), "poisson", background=one(background), background_se=one(error)
        )
        found = log_likelihood(counted, np.log(signal)[None])[0]
        is_likely = exact > exact.max() - 10
        np.testing.assert_allclose(found[is_likely], exact[is_likely], atol=5e-4, rtol=1e-8)


def test_a_gate_that_catches_half_expects_half():
    whole = likelihood(5, 1000, kind="poisson", capture=1.0)
    half = log_likelihood(
        Counted(one(5), one(1000), "poisson", capture=one(0.5)), THETA + np.log(2)
    )[0]
    assert half == pytest.approx(whole, rel=1e-12)


def test_samples_of_a_person_are_added():
    both = Counted(np.array([3.0, 5.0]), np.array([100.0, 400.0]), person=np.array([0, 0]))
    assert log_likelihood(both, THETA)[0] == pytest.approx(likelihood(3, 100) + likelihood(5, 400))


def test_errors_of_samples_are_averaged_in_their_person():
    both = Counted(
        np.array([3.0, 5.0]), np.array([100.0, 400.0]), log_error=np.array([0.3, 0.4]),
        person=np.array([0, 0]),
    )  # fmt: skip
    assert both.error_by_person() == pytest.approx([0.25])


def test_points_of_a_gamma_are_those_of_scipy():
    for shape in (1.0, 3.5):
        own, weight = laguerre(shape, 16)
        expected, by = special.roots_genlaguerre(16, shape - 1)
        assert own == pytest.approx(expected, rel=1e-9)
        assert weight == pytest.approx(by / by.sum(), rel=1e-8, abs=1e-15)


def test_more_cells_than_the_denominator_are_refused():
    with pytest.raises(ValueError, match="more cells counted"):
        Counted(one(5), one(4))
