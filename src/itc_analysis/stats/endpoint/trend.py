"""A measure per step of a number, within one group: the model that suits the measure, asked for one
column.

The counterpart of `model` where a number is looked at instead of groups: the likelihood of the
counts or least squares, both with CR2; censored regression where participants lie below the limit
of detection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.stats.endpoint.censored import HEAVY_CENSORING, CensoredEndpoint, pad
from itc_analysis.stats.endpoint.counted import CountedEndpoint, has_counts, words_of
from itc_analysis.stats.endpoint.endpoint import sentences
from itc_analysis.stats.endpoint.model import fit_cr2
from itc_analysis.stats.models.censored import profile_contrast
from itc_analysis.stats.models.linear import Estimate, contrast
from itc_analysis.stats.people.design import Design
from itc_analysis.stats.people.responses import LOG, SCALES

#: Place of the number among the columns of the design: after the group's own.
COLUMN = 1


@dataclass(frozen=True)
class Slope:
    """One slope, on the model's scale.

    Parameters
    ----------
    result : Estimate
        estimate, interval, p.
    residual_sd : float
        SD of the participants about the fit.
    words : str
        the model, in words.
    remark : str
        what must be said with it; empty for nothing.
    """

    result: Estimate
    residual_sd: float
    words: str
    remark: str = ""


def fit_slope(design: Design, X: Matrix, *, measure: str, confidence: float) -> Slope:
    """Fit and return the slope of the column `COLUMN` of `X`.

    Parameters
    ----------
    design : Design
        participants and values.
    X : Matrix
        shape (n, p), full column rank: a constant, the number, then covariates.
    measure : str
        as in measurements.
    confidence : float
        of the interval.

    Raises
    ------
    NotEstimable
        no model can be fitted; with the reason.
    """
    weights = np.zeros(X.shape[1])
    weights[COLUMN] = 1
    scale = SCALES[measure].words
    if has_counts(design, measure):
        counted = CountedEndpoint(design, X, measure=measure)
        fewest = float(counted.cells.min())
        answer = counted.contrast(weights, confidence, fewest=fewest, is_slope=True)
        words = words_of(counted.counted, is_slope=True)
        return Slope(answer.result, counted.residual_sd, words, answer.remark)
    if design.is_censored.any():
        return _censored(design, X, weights, measure, confidence)
    # a number, unlike a group, can rest on a few participants far out: their leverage is in the
    # degrees of freedom
    fit = fit_cr2(design, X)
    words = f"{scale}, least squares, CR2 by participant with Satterthwaite degrees of freedom"
    return Slope(contrast(fit, weights, confidence=confidence), fit.residual_sd, words)


def _censored(design: Design, X: Matrix, weights: Vector, measure: str, confidence: float) -> Slope:
    """Fit as for groups, all participants sharing one SD."""
    scale = SCALES[measure]
    whole = CensoredEndpoint(design, X, index_group="", is_count=scale is LOG)
    padded = pad(weights, whole.X.shape[1])
    fitted = whole.fitted
    found = contrast(fitted.fit, padded[whole.columns], confidence=confidence)
    share_low = float(design.is_censored.mean())
    remark = f"{share_low:.0%} lie below the limit of detection, one SD for all"
    if share_low > HEAVY_CENSORING:
        fitted = whole.normal
        columns = whole.X[:, whole.columns]
        found = profile_contrast(
            design.y,
            design.is_censored,
            columns,
            padded[whole.columns],
            confidence=confidence,
            df=fitted.fit.df,
            log_likelihood=fitted.log_likelihood,
            start=float(fitted.fit.coefficients @ padded[whole.columns]),
            is_bounded=True,
        )
        remark += "; interval and p from the profile likelihood"
    words = (
        f"{scale.words}, censored regression (log-gamma, shrunk to normal), robust covariance "
        "(one-step deletion)"
    )
    remarks = sentences([remark, whole.remark]) or ""
    return Slope(found, fitted.fit.residual_sd, words, remarks)
