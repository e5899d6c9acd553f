"""Rubin's rules: one answer from the answers of several imputations.

The variance is that within the imputations plus that between them; degrees of freedom for small
samples after Barnard and Rubin 1999, doi:10.1093/biomet/86.4.948.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.stats.endpoint.censored import Answer
from itc_analysis.stats.endpoint.model import EndpointModel
from itc_analysis.stats.models.linear import from_t


def pool_models(models: Sequence[EndpointModel], complete: EndpointModel) -> EndpointModel:
    """Return the model that answers with what the models of the imputations say together.

    Parameters
    ----------
    models : sequence of EndpointModel
        one for each imputation, of the same participants.
    complete : EndpointModel
        the model of the participants whose covariates are known; answers where an imputation has an
        interval without a standard error (from the profile likelihood), which has no rule to be
        pooled by.
    """

    def compare(weights: Vector, confidence: float) -> Answer:
        answers = [model.compare(weights, confidence) for model in models]
        results = [answer.result for answer in answers]
        if not all(np.isfinite(result.standard_error) for result in results):
            alone = complete.compare(weights, confidence)
            said = (
                "participants without a covariate are left out: an interval without standard error "
                "is not pooled"
            )
            return Answer(
                alone.result,
                alone.effect_size,
                "; ".join(part for part in (alone.remark, said) if part),
            )
        estimate, error, df = pool(
            [result.estimate for result in results],
            [result.standard_error for result in results],
            [result.df for result in results],
        )
        result = from_t(estimate, error, df, confidence=confidence)
        return Answer(result, estimate / residual_sd, answers[0].remark)

    def estimate(weights: Vector) -> float:
        return float(np.mean([model.estimate(weights) for model in models]))

    def covary(weights: Matrix) -> tuple[Matrix, float]:
        found = [model.covary(weights) for model in models]
        estimates = np.array([[model.estimate(row) for row in weights] for model in models])
        within = np.mean([covariance for covariance, _ in found], axis=0)
        total = within + (1 + 1 / len(models)) * np.atleast_2d(np.cov(estimates.T))
        least = min(
            pool(estimates[:, i], [np.sqrt(c[i, i]) for c, _ in found], [df for _, df in found])[2]
            for i in range(len(weights))
        )
        return total, least

    def move(weights: Vector) -> Vector:
        return np.asarray(np.mean([model.move(weights) for model in models], axis=0))

    residual_sd = float(np.mean([model.residual_sd for model in models]))
    return EndpointModel(
        f"{models[0].words}, pooled over {len(models)} imputations of missing covariates (Rubin's "
        "rules)",
        allows_permutation=False,
        compare=compare,
        estimate=estimate,
        covary=covary,
        move=move,
        residual_sd=residual_sd,
        needed=models[0].needed,
        is_counted=models[0].is_counted,
    )


def pool(
    estimates: Sequence[float] | Vector,
    standard_errors: Sequence[float],
    complete_df: Sequence[float],
) -> tuple[float, float, float]:
    """Return estimate, standard error and degrees of freedom of one number over the imputations.

    Parameters
    ----------
    estimates, standard_errors : sequence of float or numpy.ndarray or sequence of float
        of each imputation.
    complete_df : sequence of float
        degrees of freedom each would have if nothing had been missing.
    """
    m = len(estimates)
    within = float(np.mean(np.square(standard_errors)))
    between = float(np.var(estimates, ddof=1))
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total  # of the variance, because covariates are missing
    df = float(np.mean(complete_df))
    observed = (df + 1) / (df + 3) * df * (1 - share)
    if share > 0:
        observed = 1 / (1 / observed + share**2 / (m - 1))
    return float(np.mean(estimates)), float(np.sqrt(total)), observed
