"""Freedman-Lane permutation of a studentised contrast: a p value without a distribution.

The residuals of the model *without* the contrast are permuted, put back on its fit, and the full
model is fitted again with HC3: https://doi.org/10.2307/1391660 (Freedman and Lane 1983);
doi:10.1016/j.neuroimage.2014.01.060 (Winkler 2014). Studentising keeps it valid when groups differ
in spread.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.stats.models.linear import FULL_LEVERAGE, NotEstimable, project, without_rounding

#: Ties between the observed and a permuted statistic are ties, whatever the rounding.
RELATIVE_TIE = 1e-9


def freedman_lane(
    y: Vector,
    X: Matrix,
    weights: npt.ArrayLike,
    *,
    n_permutations: int,
    seed: int | tuple[int, ...],
) -> float:
    """Return the two-sided permutation p of ``weights @ coefficients == 0``.

    Parameters
    ----------
    y : numpy.ndarray
        shape (n,), uncensored values on the model's scale.
    X : Matrix
        shape (n, p), full column rank.
    weights : array_like
        shape (p,), the contrast.
    n_permutations : int
        at least 1; p is ``(b + 1) / (n_permutations + 1)``, so never 0.
    seed : int or tuple of int
        of ``numpy.random.default_rng``.

    Raises
    ------
    NotEstimable
        the observed statistic is not a number: no residual is left to judge the contrast by.
    """
    c = np.asarray(weights, dtype=float)
    reduced = X @ linalg.null_space(c[None, :])
    q, _ = np.linalg.qr(reduced)
    fitted = q @ (q.T @ y)
    residuals = y - fitted
    observed = abs(studentised(y[:, None], X, c)[0])
    if not np.isfinite(observed):
        msg = "the values do not vary between participants"
        raise NotEstimable(msg)
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(len(y)), (n_permutations, 1)), axis=1)
    permuted = fitted[:, None] + residuals[order].T
    drawn = np.abs(studentised(permuted, X, c))
    # without an error, the statistic is infinite or not a number: no argument for a small p
    n_as_large = int(np.sum(~(drawn < observed * (1 - RELATIVE_TIE))))
    return (n_as_large + 1) / (n_permutations + 1)


def studentised(Y: Matrix, X: Matrix, weights: Vector) -> Vector:
    """Return estimate over HC3 standard error for each column of `Y` (shape n, m); not finite where
    there is no error.
    """
    hat_to_beta, leverage = project(X)
    influence = hat_to_beta @ weights
    residuals = without_rounding(Y - X @ (hat_to_beta.T @ Y), Y)
    exact = leverage > FULL_LEVERAGE
    factor = np.where(exact, 0, influence / np.where(exact, 1, 1 - leverage)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Vector = (influence @ Y) / np.sqrt(factor @ residuals**2)
    return result
