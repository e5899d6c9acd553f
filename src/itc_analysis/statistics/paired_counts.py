"""Cells counted with and without stimulation in one person: two binomials, and their difference.

The unstimulated cells tell what is positive without stimulation. With few of them that share is
hardly known, so its prior is learned on the unstimulated cells of people who are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.beta_binomial import beta_binomial

#: Two-sided 95 %.
Z = float(stats.norm.ppf(0.975))
#: Prior of the precision of the shares without stimulation between people, log-normal: people are
#: expected to differ as much as counting a hundred cells lets them appear to.
USUAL_PRECISION, PRECISION_SD = 100.0, 1.5
#: Half a positive cell is seen before any is.
HALF = 0.5
#: Where the logit of the mean share and the log of the precision are sought; the gradient per tube
#: that is flat enough, and how often the search begins anew where it stopped before.
PLACE_BOUNDS = [(-14.0, 14.0), (0.0, 12.0)]
FLAT_ENOUGH, MAX_CLIMBS = 1e-4, 5
CLIMB = {"ftol": 1e-13, "gtol": 1e-5}
#: Points of the integral over the share without stimulation.
N_POINTS = 16
#: Mean and precision of the responders' shares, and share of responders, that are weighed, each
#: alike: from four cells in a thousand, the least that a tube of some hundred cells shows, to
#: nearly all; from people who differ widely (3: SD .25 about one half) to those who hardly do
#: (40: SD .08); from nearly nobody to nearly everybody. What halving or doubling each does to the
#: probabilities is in docs/decisions.md, 2026-11-30.
RESPONDER_MEANS = special.expit(np.linspace(special.logit(0.004), special.logit(0.8), 10))
RESPONDER_PRECISIONS = np.array([3.0, 10.0, 40.0])
RESPONDER_SHARES = np.linspace(0.05, 0.95, 10)


@dataclass(frozen=True)
class Pairs:
    """Positive cells of people with and without stimulation.

    Parameters
    ----------
    k, n : FloatArray
        Shape (n_pairs,), positive cells and all cells of the stimulated tube; n above 0.
    k_control, n_control : FloatArray
        Shape (n_pairs,), the same of the unstimulated control.
    """

    k: FloatArray
    n: FloatArray
    k_control: FloatArray
    n_control: FloatArray

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        for k, n in ((self.k, self.n), (self.k_control, self.n_control)):
            if np.any(~(k >= 0)) or np.any(~(n > 0)) or np.any(k > n):
                msg = "positive cells must be 0 to the number of cells, which must be above 0"
                raise ValueError(msg)


@dataclass(frozen=True)
class Background:
    """The beta distribution, between people, of the share that is positive without stimulation.

    Parameters
    ----------
    alpha, beta : float
        Of the beta distribution.
    """

    alpha: float
    beta: float

    def given(self, k: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return posterior mean and SD of the shares of people with k of n cells positive."""
        a, b = self.alpha + k, self.beta + n - k
        return a / (a + b), np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))


def learn_background(k: npt.ArrayLike, n: npt.ArrayLike) -> Background:
    """Learn the share that is positive without stimulation from unstimulated tubes.

    A beta-binomial: a person with many cells keeps the own share, one with few is drawn towards
    that of the others, so that the share is right on average with 20 cells as with 5,000.

    Parameters
    ----------
    k, n : array_like
        Shape (n_tubes,), positive cells and all cells; n above 0.

    Raises
    ------
    ValueError
        No maximum was found (a count that is not a number, say).
    """
    k, n = np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    if not len(k):
        return Background(HALF, HALF)

    # sorted, so that the order of the tubes cannot change the last digit
    order = np.lexsort((n, k))
    few, of = k[order], n[order]

    def lost(place: FloatArray) -> tuple[float, FloatArray]:
        eta, log_precision = float(place[0]), float(place[1])
        seen, by_eta, by_precision = beta_binomial(few, of, eta, log_precision)
        above = (log_precision - np.log(USUAL_PRECISION)) / PRECISION_SD
        value = seen.sum() + HALF * (special.log_expit(eta) + special.log_expit(-eta))
        slope = by_eta.sum() + HALF * (special.expit(-eta) - special.expit(eta))
        curl = by_precision.sum() - above / PRECISION_SD
        return -float(value - 0.5 * above**2), -np.array([slope, curl])

    place = np.array([special.logit((k.sum() + HALF) / (n.sum() + 1)), np.log(USUAL_PRECISION)])
    for _ in range(MAX_CLIMBS):
        found = optimize.minimize(
            lost, place, jac=True, bounds=PLACE_BOUNDS, method="L-BFGS-B", options=CLIMB
        )
        place = found.x
        beyond = np.clip(
            place - found.jac, *np.transpose(PLACE_BOUNDS)
        )  # at a bound it may point on
        if np.max(np.abs(place - beyond)) <= FLAT_ENOUGH * len(k):
            mean, precision = float(special.expit(place[0])), float(np.exp(place[1]))
            return Background(mean * precision, (1 - mean) * precision)
    msg = f"the background of {len(k)} unstimulated tubes was not found: {found.message}"
    raise ValueError(msg)


def difference_limits(pairs: Pairs) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the difference of the two shares and its 95 % limits, each -1 to 1.

    The limits are Newcombe's hybrid score limits (1998, method 10,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I).
    """
    share, low, high = _wilson(pairs.k, pairs.n)
    other, other_low, other_high = _wilson(pairs.k_control, pairs.n_control)
    difference = share - other
    lower = difference - np.hypot(share - low, other_high - other)
    upper = difference + np.hypot(high - share, other - other_low)
    return difference, np.maximum(lower, -1.0), np.minimum(upper, 1.0)


def chance_of_as_many(pairs: Pairs) -> FloatArray:
    """Return how likely as many positive cells are where stimulation does nothing (mid-p).

    Given all positive cells of both tubes: hypergeometric (Fisher's exact test, one-sided).
    """
    k, n = np.round(pairs.k), np.round(pairs.n)
    both, total = k + np.round(pairs.k_control), n + np.round(pairs.n_control)
    more = stats.hypergeom.sf(k, total, both, n)
    return np.asarray(more + stats.hypergeom.pmf(k, total, both, n) / 2)


def responder_probability(pairs: Pairs, background: Background) -> FloatArray:
    """Return the probability that each person responds, given everybody's counts.

    MIMOSA's question (Finak 2014, doi:10.1093/biostatistics/kxt024): without a response both tubes
    have one share; with it the stimulated share is the larger, and of a beta distribution of its
    own. Which one, and how many respond, is not chosen but weighed over a grid.

    Parameters
    ----------
    pairs : Pairs
        Counts of one marker in one population, everybody's.
    background : Background
        Of the same people's unstimulated tubes.
    """
    k, n, k0, n0 = pairs.k, pairs.n, pairs.k_control, pairs.n_control
    if not len(k):
        return np.zeros(0)
    a, b = background.alpha, background.beta
    without = special.betaln(a + k0 + k, b + n0 + n - k0 - k) - special.betaln(a, b)
    apart = special.betaln(a + k0, b + n0 - k0) - special.betaln(a, b)
    places = (np.arange(N_POINTS) + HALF) / N_POINTS
    below = special.betaincinv((a + k0)[:, None], (b + n0 - k0)[:, None], places)
    anyone = special.betaincinv(a, b, places)
    log_weights, chances = [], []
    for mean in RESPONDER_MEANS:
        for precision in RESPONDER_PRECISIONS:
            c, d = mean * precision, (1 - mean) * precision
            larger = special.betaincc((c + k)[:, None], (d + n - k)[:, None], below).mean(axis=1)
            usual = float(special.betaincc(c, d, anyone).mean())
            seen = special.betaln(c + k, d + n - k) - special.betaln(c, d)
            tiny = np.finfo(float).tiny
            responding = apart + seen + np.log(np.maximum(larger, tiny) / max(usual, tiny))
            for share in RESPONDER_SHARES:
                yes, no = np.log(share) + responding, np.log1p(-share) + without
                both = np.logaddexp(yes, no)
                log_weights.append(float(np.sum(np.sort(both))))
                chances.append(np.exp(yes - both))
    weights = np.exp(np.array(log_weights) - max(log_weights))
    # rounding must not lead beyond 1
    found: FloatArray = np.minimum(weights @ np.array(chances) / weights.sum(), 1.0)
    return found


def _wilson(k: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the share and Wilson's limits (1927, doi:10.1080/01621459.1927.10502953)."""
    share = k / n
    middle = (k + Z**2 / 2) / (n + Z**2)
    half = Z * np.sqrt(n * share * (1 - share) + Z**2 / 4) / (n + Z**2)
    return share, np.clip(middle - half, 0, share), np.clip(middle + half, share, 1)
