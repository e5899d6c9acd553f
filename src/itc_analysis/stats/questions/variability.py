"""Does the index group vary more between its participants than the other groups: a result of its
own.

Brown and Forsythe 1974 (doi:10.1080/01621459.1974.10482955) on the residuals of the model, so that
neither age nor a difference in level counts as spread: absolute deviations from the group's median
residual, compared with HC3. What counting adds to them, more where cells are fewer, is taken off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from itc_analysis.statistics.arrays import BoolArray, Vector
from itc_analysis.statistics.counting_noise import logit_variance
from itc_analysis.stats.endpoint.counted import CountedEndpoint, counted_of, has_counts
from itc_analysis.stats.models.linear import (
    FULL_LEVERAGE,
    ROUNDING,
    NotEstimable,
    fit_least_squares,
    project,
    without_rounding,
)
from itc_analysis.stats.people.design import Design

#: With fewer participants in a group, the deviations from its median are too few to have a mean.
MIN_PARTICIPANTS = 5
#: Where counting makes up more than this part of the variance of a group, what is left of it says
#: little of how people differ.
MOST_COUNTING = 0.5
#: Mean absolute deviation of a normal distribution of SD 1.
DEVIATION = float(np.sqrt(2 / np.pi))
#: Step by which the slope of a group's deviation on the logarithm of its SD is found.
_STEP = 1e-3

#: Variance of the values of some participants where those of a group differ with this SD.
Variance = Callable[[float, BoolArray], Vector]


@dataclass(frozen=True)
class Spread:
    """SD between participants of the index group over that of the others, with interval and p."""

    ratio: float
    lower: float
    upper: float
    p_value: float


def compare_spread(design: Design, index_group: str, *, measure: str, confidence: float) -> Spread:
    """Compare the spread of the index group with the average of the other groups, each counting the
    same.

    Parameters
    ----------
    design : Design
        participants, values and groups; nobody below the limit of detection.
    measure : str
        as in measurements; what counting adds depends on it.
    confidence : float
        level of the interval, on the log scale of the ratio.

    Raises
    ------
    NotEstimable
        values known only to be low, a group of fewer than five, or one of which counting makes up
        most of the variance.
    """
    if design.is_censored.any():
        msg = (
            "spread is not compared: it is of values, and participants below the limit of "
            "detection have none"
        )
        raise NotEstimable(msg)
    sizes = [int(design.in_group(group).sum()) for group in design.groups]
    if index_group not in design.groups or min(sizes) < MIN_PARTICIPANTS:
        msg = f"spread is not compared: fewer than {MIN_PARTICIPANTS} participants in a group"
        raise NotEstimable(msg)
    X = design.matrix
    to_beta, leverage = project(X)
    residuals = without_rounding(design.y - X @ (to_beta.T @ design.y), design.y)
    is_free = leverage < FULL_LEVERAGE
    # a residual of a participant with leverage is drawn towards 0
    residuals = residuals / np.sqrt(np.where(is_free, 1 - leverage, 1))
    deviation = np.empty(len(residuals))
    for group in design.groups:
        mine = design.in_group(group)
        distance = np.abs(residuals[mine] - np.median(residuals[mine]))
        # the median takes one participant's deviation (odd n) to 0: n - 1 are left to average
        deviation[mine] = distance * mine.sum() / (mine.sum() - 1)
    fit = fit_least_squares(deviation, design.group_matrix)
    if np.min(fit.coefficients) <= 0:
        msg = "spread is not compared: the values do not vary"
        raise NotEstimable(msg)
    variance = variance_of(design, measure)
    found = [
        _without_counting(float(mean), variance, design.in_group(group))
        for group, mean in zip(design.groups, fit.coefficients, strict=True)
    ]
    means = np.array([one[0] for one in found])
    to_sd = np.array([one[1] for one in found])
    is_index = np.array([group == index_group for group in design.groups])
    others = np.where(is_index, 0, 1 / (~is_index).sum())
    top, bottom = float(means[is_index][0]), float(others @ means)
    gradient = np.where(is_index, 1 / top, -others / bottom) * to_sd
    error = float(np.sqrt(gradient @ fit.covariance @ gradient))
    if error <= ROUNDING:
        msg = "spread is not compared: everybody of a group lies equally far from its median"
        raise NotEstimable(msg)
    log_ratio = np.log(top / bottom)
    half = stats.t.ppf((1 + confidence) / 2, fit.df) * error
    p_value = float(2 * stats.t.sf(abs(log_ratio) / error, fit.df))
    return Spread(
        float(np.exp(log_ratio)),
        float(np.exp(log_ratio - half)),
        float(np.exp(log_ratio + half)),
        p_value,
    )


def variance_of(design: Design, measure: str) -> Variance:
    """Return how the variance of the participants' values depends on the SD between them.

    For each SD the variances of the participants asked for. Of counts it is that of the logit with
    half a cell added, at the share that is typical of the participant's group and covariates: a
    participant's own would tie error and value. Where values have standard errors of their own
    (scores, medians), these are added; where nothing is known, nothing is.
    """
    n = len(design.y)
    if not has_counts(design, measure):
        errors = design.people["standard_error"].to_numpy(dtype=float)
        noise = np.where(np.isfinite(errors), errors, 0.0) ** 2
        return lambda sd, mine: sd**2 + noise[mine]
    endpoint = CountedEndpoint(design, design.matrix, measure=measure)
    centre = endpoint.X[:, endpoint.columns] @ endpoint.fitted.coefficients
    counted = counted_of(design, measure)
    persons = counted.persons
    total = np.bincount(persons, counted.n, n).astype(float)
    rate = np.exp(centre) if counted.kind == "poisson" else special.expit(centre)
    zero = np.zeros(len(persons))
    background = zero if counted.background is None else counted.background
    doubt = zero if counted.background_se is None else counted.background_se
    added = np.bincount(persons, background + doubt**2, n) / np.maximum(total * rate, 1.0) ** 2
    added += counted.error_by_person() ** 2
    if counted.kind == "poisson":
        return lambda sd, mine: sd**2 + (np.exp(sd**2 / 2) / (total * rate) + added)[mine]
    return lambda sd, mine: logit_variance(total[mine], centre[mine], sd) + added[mine]


def _without_counting(deviation: float, variance: Variance, mine: BoolArray) -> tuple[float, float]:
    """Return the SD between participants behind a mean absolute deviation, and its slope on that.

    Raises
    ------
    NotEstimable
        counting makes up most of the variance.
    """

    def expected(log_sd: float) -> float:
        return DEVIATION * float(np.mean(np.sqrt(variance(float(np.exp(log_sd)), mine))))

    highest = np.log(deviation / DEVIATION)
    lowest = highest + np.log(1 - MOST_COUNTING) / 2
    if expected(lowest) > deviation:
        msg = (
            f"spread is not compared: in a group more than {MOST_COUNTING:.0%} of the variance is "
            "that of counting few cells"
        )
        raise NotEstimable(msg)
    while expected(highest) < deviation:  # half a cell draws values together
        highest += 0.1
    log_sd = float(optimize.brentq(lambda at: expected(at) - deviation, lowest, highest, xtol=1e-5))
    slope = (expected(log_sd + _STEP) - expected(log_sd - _STEP)) / (2 * _STEP)
    return float(np.exp(log_sd)), float(np.exp(log_sd)) / slope
