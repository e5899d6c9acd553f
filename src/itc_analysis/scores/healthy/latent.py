"""A person's true share or rate from counts, without the lean that few cells give to a logit.

logit((k + 1/2) / (n - k + 1/2)) leans upwards where few cells are expected to be positive, and a
posterior mean leans towards the prior; both lean more in whoever has fewer cells. No function of k
is free of this for every share, but one can be for the *mean of a group of people*: people vary
about their group's mean, and the estimate is chosen, among those that rise with k, so that its mean
is the group's mean wherever that lies between 2 healthy SD below and 3 above the healthy centre. It
depends on k, n and the healthy people's distribution alone: never on the person's group, nor on
other patients. Its error depends on n and never on k, so that a weight cannot follow a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.half_cell import log_rate, log_ratio

Kind = Literal["share", "rate"]

#: Group means, in SD from the healthy centre, for which the estimate is made unbiased, and how much
#: each counts:
#: a normal weight about half an SD up, because the question is whether patients lie higher.
GROUP_MEANS = np.linspace(-2.0, 3.0, 11)
LIKELY_SHIFT, LIKELY_SD = 0.5, 1.2
#: A bias counts as much as the variance of the mean of this many people: above the size of a group.
PEOPLE = 300.0
#: Where 1.5 SD below the centre as many cells are expected, half a cell is correction enough (bias
#: < 0.01 SD).
ENOUGH = 5.0
#: Group means between which the bias is reported.
REPORTED = (-1.0, 2.0)
#: Points of the integral over people, and how many SD they reach.
N_POINTS, REACH = 161, 5.0
#: Spread of people that an estimate is made for: with none, every count would give the centre; and
#: with people who differ by a hundredfold any estimate will do.
MIN_SD, MAX_SD = 0.1, 1.5
#: Largest step between group means and largest spread that ask for more cells, logit or log.
MAX_STEP, MAX_ASKED = 0.8, 1.0
#: Weight of counts that no group mean makes likely, so that they too have a value.
UNLIKELY = 1e-9
#: Smallest healthy centre of log(1 + rate).
LEAST_RATE = 1e-3


@dataclass(frozen=True)
class Latent:
    """True values: the logit of shares; of rates the logarithm of 1 + rate, which leaves rates near
    nothing alone.

    Parameters
    ----------
    value : FloatArray
        Shape (n,), for comparing groups: unbiased for the mean of a group; NaN without a count.
    variance : FloatArray
        Variance of `value` about the person's true value; depends on cells, not on the count.
    posterior, posterior_variance : FloatArray
        Best guess for this one person, drawn towards the healthy people; never for comparing
        groups.
    bias : FloatArray
        Largest bias of a group's mean, in healthy SD, between `REPORTED`.
    tail : FloatArray
        Probability that a healthy person with as many cells shows as large a count or a larger one
        (mid-p).
    """

    value: FloatArray
    variance: FloatArray
    posterior: FloatArray
    posterior_variance: FloatArray
    bias: FloatArray
    tail: FloatArray


@dataclass(frozen=True)
class _Rule:
    """What each whole count, 0 to the last, becomes for one number of cells."""

    values: FloatArray
    variance: float
    posterior: FloatArray
    posterior_variance: FloatArray
    bias: float
    tail: FloatArray


def estimate_latent(
    found: FloatArray, total: FloatArray, *, centre: npt.ArrayLike, sd: float, kind: Kind
) -> Latent:
    """Estimate the true value behind each count.

    Parameters
    ----------
    found : FloatArray
        Shape (n,), positive cells, or molecules (fractions are read between whole counts); NaN for
        none read.
    total : FloatArray
        Shape (n,), cells among which they were found, or the exposure of a rate; above 0 where
        `found` is known.
    centre : FloatArray
        Healthy centre on the scale of the value, one or one for each.
    sd : float
        SD of healthy people's true values.
    kind : str
        share (binomial; the value is a logit) or rate (Poisson; the value is log(1 + rate)).
    """
    n = len(found)
    centres = np.broadcast_to(np.asarray(centre, dtype=float), (n,))
    if kind == "rate":
        # people are spread on the log scale; the value's slope there is 1 - exp(-value)
        centres = np.maximum(centres, LEAST_RATE)
        sd = sd / float(np.median(-np.expm1(-centres)))
        centres = np.log(np.expm1(centres))
    sd = float(np.clip(sd, MIN_SD, MAX_SD))
    columns = np.full((6, n), np.nan)
    is_known = np.isfinite(found) & (total > 0)
    # markers that most cells carry are estimated by the cells that do not
    is_turned = (centres > 0) if kind == "share" else np.zeros(n, dtype=bool)
    counts = np.where(is_turned, total - found, found)
    middles = np.where(is_turned, -centres, centres)
    low = middles - 1.5 * min(sd, MAX_ASKED)
    expected = total * (special.expit(low) if kind == "share" else np.exp(low))
    plain = is_known & (expected >= ENOUGH)
    columns[:, plain] = _plain(counts[plain], total[plain], middles[plain], sd, kind)
    rules: dict[tuple[float, float, bool], _Rule] = {}
    for i in np.flatnonzero(is_known & ~plain):
        key = (float(total[i]), float(middles[i]), bool(is_turned[i]))
        if key not in rules:
            rules[key] = _make_rule(*key, sd=sd, kind=kind)
        columns[:, i] = _read(rules[key], float(counts[i]), float(total[i]), kind)
    sign = np.where(is_turned, -1.0, 1.0)
    columns[0] *= sign
    columns[2] *= sign
    columns[5] = np.where(is_turned, 1 - columns[5], columns[5])
    return Latent(*columns)


def _plain(
    found: FloatArray, total: FloatArray, centre: FloatArray, sd: float, kind: Kind
) -> FloatArray:
    """Return the columns of `Latent` where cells are many: half a cell added, normal errors."""
    # mean of 1 / (n p q) over healthy people; q is 1 for rates
    inverse = np.exp(-centre + sd**2 / 2)
    if kind == "share":
        inverse = 2 + inverse + np.exp(centre + sd**2 / 2)
        value = log_ratio(found, total - found)
    else:
        value = log_rate(found, total)
    variance = inverse / total
    kept = sd**2 / (sd**2 + variance)
    tail = special.ndtr(-(value - centre) / np.sqrt(sd**2 + variance))
    posterior, doubt = centre + kept * (value - centre), kept * variance
    if kind == "rate":
        # log(1 + rate) of the rate itself, its curvature corrected to second order
        rate = found / total
        value = np.log1p(rate) + rate / total / (2 * (1 + rate) ** 2)
        variance = variance * special.expit(centre) ** 2
        doubt = doubt * special.expit(posterior) ** 2
        posterior = np.logaddexp(0, posterior)
    return np.array([value, variance, posterior, doubt, np.zeros(len(found)), tail])


def _make_rule(total: float, centre: float, is_turned: bool, *, sd: float, kind: Kind) -> _Rule:  # noqa: FBT001
    shifts = -GROUP_MEANS[::-1] if is_turned else GROUP_MEANS
    likely = -LIKELY_SHIFT if is_turned else LIKELY_SHIFT
    step = min(sd, MAX_STEP)
    means = step * shifts
    theta = centre + np.linspace(means[0] - REACH * sd, means[-1] + REACH * sd, N_POINTS)
    people = np.exp(-0.5 * ((theta - centre - means[:, None]) / sd) ** 2)
    people /= people.sum(axis=1, keepdims=True)
    log_count = _log_probability(total, theta, centre + means[-1] + sd, kind)
    by_theta = np.exp(log_count)
    by_group = people @ by_theta.T
    by_group /= by_group.sum(axis=1, keepdims=True)
    weight = np.exp(-0.5 * ((shifts - likely) / LIKELY_SD) ** 2)
    weight /= weight.sum()
    # the value of people of each true theta, from the centre's
    scale = (np.logaddexp(0, theta) - np.logaddexp(0, centre)) if kind == "rate" else theta - centre
    wanted = people @ scale
    values = _rising(by_group, wanted, weight)
    reached = by_group @ values
    reported = (-REPORTED[1], -REPORTED[0]) if is_turned else REPORTED
    inside = (shifts >= reported[0] - 1e-9) & (shifts <= reported[1] + 1e-9)
    healthy = int(np.argmin(np.abs(shifts)))
    spread = float(by_group[healthy] @ (values - reached[healthy]) ** 2)
    at_home = people[healthy] * by_theta
    evidence = np.maximum(at_home.sum(axis=1), np.finfo(float).tiny)
    posterior = (at_home @ scale) / evidence
    second = (at_home @ scale**2) / evidence
    own = by_group[healthy]
    between = float(people[healthy] @ (scale - wanted[healthy]) ** 2)
    start = float(np.logaddexp(0, centre)) if kind == "rate" else centre
    return _Rule(
        values=start + values,
        variance=max(spread - between, np.finfo(float).eps),
        posterior=start + posterior,
        posterior_variance=np.maximum(second - posterior**2, 0.0),
        bias=float(np.max(np.abs(reached - wanted)[inside]) / np.sqrt(between)),
        tail=np.cumsum(own[::-1])[::-1] - own / 2,
    )


def _log_probability(total: float, theta: FloatArray, highest: float, kind: Kind) -> FloatArray:
    """Return log P(count | theta), shape (counts, thetas), of every count that may well occur."""
    top = total * (special.expit(highest) if kind == "share" else np.exp(highest))
    last = int(np.ceil(top + 4 * np.sqrt(top))) + 3
    if kind == "share":
        last = min(last, int(total))
        k = np.arange(last + 1)[:, None]
        choose = (
            special.gammaln(total + 1) - special.gammaln(k + 1) - special.gammaln(total - k + 1)
        )
        return np.asarray(choose + k * theta - total * np.logaddexp(0, theta))
    k = np.arange(last + 1)[:, None]
    return np.asarray(k * (theta + np.log(total)) - total * np.exp(theta) - special.gammaln(k + 1))


def _rising(by_group: FloatArray, means: FloatArray, weight: FloatArray) -> FloatArray:
    """Return values of the counts that never fall, of small bias and then of small variance (least
    squares).

    Parameters
    ----------
    by_group : FloatArray
        Shape (groups, counts), probability of each count in each group.
    means : FloatArray
        Shape (groups,), what the mean of the values shall be.
    weight : FloatArray
        Shape (groups,).
    """
    between = _knots(by_group.shape[1])
    # steps of 0 or more from knot to knot, after a first value that may be anything
    steps = between @ np.tril(np.ones((between.shape[1], between.shape[1])))
    steps = np.column_stack([-np.ones(len(steps)), steps])
    bias = np.sqrt(weight * PEOPLE)
    likely = weight @ by_group
    middle = ((weight * means) @ by_group) / np.maximum(likely, np.finfo(float).tiny)
    noise = np.sqrt(likely + UNLIKELY)
    rows = np.vstack([bias[:, None] * (by_group @ steps), noise[:, None] * steps])
    wanted = np.concatenate([bias * means, noise * middle])
    # the normal equations' Cholesky factor has the same answer in a few rows
    gram = rows.T @ rows
    factor = np.linalg.cholesky(gram + UNLIKELY * np.trace(gram) / len(gram) * np.eye(len(gram)))
    found, _ = optimize.nnls(factor.T, np.linalg.solve(factor, rows.T @ wanted), maxiter=1_000)
    return np.asarray(steps @ found)


@lru_cache(maxsize=1_024)
def _knots(n: int) -> FloatArray:
    """Return how n counts lie between knots: every count up to 8, then steps of a fifth."""
    places = list(range(min(n, 9)))
    while places[-1] < n - 1:
        places.append(min(max(places[-1] + 1, int(places[-1] * 1.2)), n - 1))
    at = np.arange(n)
    return np.column_stack([np.interp(at, places, row) for row in np.eye(len(places))])


def _read(rule: _Rule, found: float, total: float, kind: Kind) -> FloatArray:
    last = len(rule.values) - 1
    at = np.arange(last + 1)
    value = float(np.interp(found, at, rule.values))
    if found > last:  # beyond what any group mean makes likely: half a cell, not below the last
        least = log_ratio(found, total - found) if kind == "share" else np.log1p(found / total)
        value = max(value, float(least))
    return np.array(
        [
            value,
            rule.variance,
            np.interp(found, at, rule.posterior),
            np.interp(found, at, rule.posterior_variance),
            rule.bias,
            np.interp(found, at, rule.tail),
        ]
    )
