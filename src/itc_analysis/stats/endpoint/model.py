"""The model of one endpoint, chosen by the kind of measurement, behind one question: compare
groups.

Cells counted of everybody: the likelihood of the counts (`counted`). Values only: least squares
with HC3; CR2 where people gave several samples or a group is small; anybody below the limit of
detection: censored regression (`censored`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from itc_analysis.statistics.arrays import BoolArray, Matrix, Vector
from itc_analysis.stats.endpoint.caveats import FEW_PARTICIPANTS
from itc_analysis.stats.endpoint.censored import Answer, CensoredEndpoint, pad
from itc_analysis.stats.endpoint.counted import CountedEndpoint, has_counts, words_of
from itc_analysis.stats.models.cluster_robust import fit_clustered
from itc_analysis.stats.models.linear import (
    Fit,
    contrast,
    fit_least_squares,
)
from itc_analysis.stats.people.design import Design
from itc_analysis.stats.people.responses import SCALES


@dataclass(frozen=True)
class EndpointModel:
    """A fitted endpoint.

    Parameters
    ----------
    words : str
        the model, in words.
    allows_permutation : bool
        values of everybody are known.
    compare : callable
        takes weights over the groups (shape n_groups) and the confidence level; may raise
        `NotEstimable`.
    estimate : callable
        takes the weights; the estimate alone, NaN when there is none.
    covary : callable
        takes weights of several comparisons (shape m, n_groups), which must have standard errors;
        their covariance (m, m) and degrees of freedom.
    move : callable
        takes the weights; shape (n,), how far the estimate moves when a participant is left out; 0
        for one who has no part in it.
    needed : callable, optional
        takes the weights; shape (n,), without whom a group of the comparison would lie at an end,
        so that there were no estimate. None where no group can.
    residual_sd : float
        SD of the participants about the fit, on the model's scale.
    is_exact_move : bool
        whether `move` is exact; else the most influential participants are left out in earnest.
    is_counted : bool
        whether it is the likelihood of counts.
    truth : Matrix, optional
        of counts, mean and variance of what is known of each participant's true value, shape (2,
        n), NaN for those of groups without a cell, or with nothing else; else None.
    """

    words: str
    allows_permutation: bool
    compare: Callable[[Vector, float], Answer]
    estimate: Callable[[Vector], float]
    covary: Callable[[Matrix], tuple[Matrix, float]]
    move: Callable[[Vector], Vector]
    residual_sd: float
    needed: Callable[[Vector], BoolArray] | None = None
    is_exact_move: bool = True
    is_counted: bool = False
    truth: Matrix | None = None


#: Counting and gating make up less than this share of the variance in every group: values are as
#: good as known.
NEARLY_KNOWN = 0.1


def fit_endpoint(design: Design, X: Matrix, *, measure: str, index_group: str) -> EndpointModel:
    """Fit the model that suits the measure: counts as counts where everybody's are known.

    Parameters and refusals are those of `fit_values`.
    """
    if has_counts(design, measure):
        return fit_counted(design, X, measure=measure)
    return fit_values(design, X, measure=measure, index_group=index_group)


def fit_counted(design: Design, X: Matrix, *, measure: str) -> EndpointModel:
    """Fit the likelihood of the counts.

    Raises
    ------
    NotEstimable
        no model can be fitted; with the reason.
    """
    counted = CountedEndpoint(design, X, measure=measure)
    return EndpointModel(
        words_of(counted.counted),
        allows_permutation=counted.counting_share < NEARLY_KNOWN and not design.is_censored.any(),
        compare=counted.compare,
        estimate=counted.estimate,
        covary=counted.covary,
        move=counted.move,
        residual_sd=counted.residual_sd,
        needed=counted.needed,
        is_exact_move=False,
        is_counted=True,
        truth=counted.truth,
    )


def fit_values(design: Design, X: Matrix, *, measure: str, index_group: str) -> EndpointModel:
    """Fit the model that suits values, limits and standard errors.

    Parameters
    ----------
    design : Design
        participants, values and groups.
    X : Matrix
        ``design.matrix``, or ``design.group_matrix`` for the estimate without covariates.
    measure : str
        as in measurements.
    index_group : str
        gets an SD of its own in censored models when there are people enough.

    Raises
    ------
    NotEstimable
        no model can be fitted; with the reason.
    """
    scale = SCALES[measure].words
    if design.is_censored.any():
        censored = CensoredEndpoint(
            design, X, index_group=index_group, is_count=measure == "cells_per_ul"
        )
        return EndpointModel(
            f"{scale}, censored regression (log-gamma, shrunk to normal), robust covariance "
            "(one-step deletion)",
            allows_permutation=False,
            compare=censored.compare,
            estimate=censored.estimate,
            covary=censored.covary,
            move=censored.move,
            residual_sd=censored.fitted.fit.residual_sd,
            needed=censored.needed,
            is_exact_move=False,
        )
    # scores have errors, but people are not weighed by them: few cells may be part of being ill,
    # and weights that go with the value bias the mean (docs/decisions.md, 2026-11-30)
    plain = fit_least_squares(design.y, X)
    words = f"{scale}, least squares"
    is_repeated = bool((design.people["n_samples"] > 1).any())
    smallest = min(int(design.in_group(group).sum()) for group in design.groups)
    if is_repeated or smallest < FEW_PARTICIPANTS:
        fit = fit_cr2(design, X)
        words = f"{words}, CR2 by participant with Satterthwaite degrees of freedom"
    else:
        fit = plain
        words = f"{words}, HC3"

    def compare(weights: Vector, confidence: float) -> Answer:
        found = contrast(fit, pad(weights, X.shape[1]), confidence=confidence)
        return Answer(found, found.estimate / plain.residual_sd)

    def estimate(weights: Vector) -> float:
        return float(weights @ fit.coefficients[: len(weights)])

    def covary(weights: Matrix) -> tuple[Matrix, float]:
        n_groups = weights.shape[1]
        # one multivariate t for all: the fewest degrees of freedom promise the least
        df = min(fit.df_of(pad(row, X.shape[1])) for row in weights)
        return weights @ fit.covariance[:n_groups, :n_groups] @ weights.T, df

    def move(weights: Vector) -> Vector:
        return np.asarray(plain.influence @ pad(weights, X.shape[1]))

    return EndpointModel(
        words,
        allows_permutation=True,
        compare=compare,
        estimate=estimate,
        covary=covary,
        move=move,
        residual_sd=plain.residual_sd,
    )


def fit_cr2(design: Design, X: Matrix) -> Fit:
    """Fit with CR2: every sample a row, every participant counting the same.

    The coefficients are those of the participants' averages.
    """
    people = design.people
    n_samples = people["n_samples"].to_numpy(dtype=int)
    if (n_samples == 1).all():
        return fit_clustered(design.y, X, people.index.tolist())
    row = np.repeat(np.arange(len(people)), n_samples)
    y = np.concatenate(people["sample_y"].tolist())
    return fit_clustered(y, X[row], row.tolist(), weights=1 / n_samples[row])
