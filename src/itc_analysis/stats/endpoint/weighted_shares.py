"""Shares weighted by how well each was measured: a second opinion beside least squares.

Where gates are blurred or cells few, participants are known unequally well. Weights come from the
standard error of the gate and from the counting error that a share of the average size would have:
a participant's own counting error falls as the share rises, and weights that follow the value would
draw the estimate (docs/decisions.md has figures).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.endpoint.censored import pad
from itc_analysis.stats.models.linear import Estimate, NotEstimable, contrast, fit_meta_regression
from itc_analysis.stats.people.design import Design
from itc_analysis.stats.people.responses import HALF_CELL


def weigh_shares(design: Design, weights: Vector, *, confidence: float) -> Estimate | None:
    """Return the contrast of shares, weighted by REML meta-regression with HC3.

    Parameters
    ----------
    design : Design
        participants with `n_found`, `n_total` and `standard_error`.
    weights : numpy.ndarray
        shape (n_groups,), the contrast.
    confidence : float
        level of the interval.

    Returns
    -------
    Estimate or None
        None when somebody is below the limit of detection or has no standard error, or there is no
        contrast.
    """
    errors = measurement_errors(design)
    if design.is_censored.any() or not np.all(errors > 0):
        return None
    X = design.matrix
    try:
        fit = fit_meta_regression(design.y, errors, X)
        return contrast(fit, pad(weights, X.shape[1]), confidence=confidence)
    except NotEstimable:
        return None


def measurement_errors(design: Design) -> Vector:
    """Return each participant's standard error of the logit: its gate's, and the counting error at
    the average share.
    """
    people = design.people
    n, k = (people[column].to_numpy(dtype=float) for column in ("n_total", "n_found"))
    n_samples = people["n_samples"].to_numpy(dtype=float)
    stated = people["standard_error"].to_numpy(dtype=float) ** 2
    average = special.expit(np.mean(design.y))
    own, expected = (
        (1 / (cells + HALF_CELL) + 1 / (n - cells + HALF_CELL)) / n_samples
        for cells in (k, average * n)
    )
    # what is left of the stated error once counting is taken out: gate and background
    gate = np.maximum(stated - own, 0)
    errors: Vector = np.sqrt(expected + gate)
    return errors
