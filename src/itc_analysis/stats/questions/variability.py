"""Does the index group vary more between its participants than the other groups: a result of its
own.

Brown and Forsythe 1974 (doi:10.1080/01621459.1974.10482955) on the residuals of the model, so that
neither age nor a difference in level counts as spread: absolute deviations from the group's median
residual, compared with HC3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

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


@dataclass(frozen=True)
class Spread:
    """Mean absolute deviation of the index group over that of the others, with interval and p."""

    ratio: float
    lower: float
    upper: float
    p_value: float


def compare_spread(design: Design, index_group: str, *, confidence: float) -> Spread:
    """Compare the spread of the index group with the average of the other groups, each counting the
    same.

    Parameters
    ----------
    design : Design
        participants, values and groups; nobody below the limit of detection.
    confidence : float
        level of the interval, on the log scale of the ratio.

    Raises
    ------
    NotEstimable
        values known only to be low, or a group of fewer than five.
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
    means = fit.coefficients
    is_index = np.array([group == index_group for group in design.groups])
    others = np.where(is_index, 0, 1 / (~is_index).sum())
    top, bottom = float(means[is_index][0]), float(others @ means)
    if min(top, bottom) <= 0:
        msg = "spread is not compared: the values do not vary"
        raise NotEstimable(msg)
    gradient = np.where(is_index, 1 / top, -others / bottom)
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
