"""Least squares with CR2: several samples of a person, or groups too small for HC3.

A person's residuals enter the covariance together, made as large as they would be without their own
pull on the fit (Bell and McCaffrey 2002, Survey Methodology 28:169), and every contrast has its own
degrees of freedom (Satterthwaite's; Pustejovsky and Tipton 2018,
doi:10.1080/07350015.2016.1247004). With one sample each this is HC2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.stats.models.linear import FULL_LEVERAGE, Fit, check_shape, without_rounding

#: Eigenvalues of a person's residual variance below this say nothing about the error: the person is
#: fitted exactly.
FITTED = 1 - FULL_LEVERAGE


def fit_clustered(
    y: Vector,
    X: Matrix,
    cluster: Sequence[object],
    *,
    weights: Vector | None = None,
    variance: Vector | None = None,
) -> Fit:
    """Fit weighted least squares with CR2; degrees of freedom by contrast.

    Parameters
    ----------
    y : numpy.ndarray
        shape (n,), one number per sample, on the model's scale.
    X : Matrix
        shape (n, p), full column rank.
    cluster : sequence of object
        n persons; samples of the same person may depend on one another in any way.
    weights : numpy.ndarray, optional
        shape (n,), above 0; None for 1. ``1 / samples of the person`` lets every person count the
        same.
    variance : numpy.ndarray, optional
        shape (n,), of each sample in the working model, up to a factor; None for 1.

    Returns
    -------
    Fit
        `Fit` whose `influence` are per person (first seen first): their squares are the covariance.

    Raises
    ------
    NotEstimable
        no residual degrees of freedom.
    """
    n, p = check_shape(y, X)
    w = np.ones(n) if weights is None else weights
    v = np.ones(n) if variance is None else variance
    bread = np.linalg.inv(X.T @ (w[:, None] * X))
    to_beta = bread @ (X.T * w)  # (p, n)
    coefficients = to_beta @ y
    residuals = without_rounding(y - X @ coefficients, y)
    maker = np.eye(n) - X @ to_beta  # residuals = maker @ y
    members = _members(cluster)
    influence = np.empty((len(members), p))
    turns = np.empty((len(members), n, p))
    exact = []
    for i, rows in enumerate(members):
        adjusted, fitted = _adjustment(maker[rows], v, rows)
        pull = to_beta[:, rows] @ adjusted  # how the person's residuals enter the coefficients
        influence[i] = -pull @ residuals[rows]
        turns[i] = (pull @ (maker[rows] * np.sqrt(v))).T
        exact += list((to_beta[:, rows] @ fitted).T)
    return Fit(
        coefficients=coefficients,
        covariance=influence.T @ influence,
        df=n - p,
        residual_sd=float(np.sqrt(np.sum(w * residuals**2) / np.sum(w) * n / (n - p))),
        exact_rows=np.array(exact).reshape(-1, p),
        influence=influence,
        turns=turns,
    )


def _adjustment(
    maker: Matrix, variance: Vector, rows: npt.NDArray[np.int64]
) -> tuple[Matrix, Matrix]:
    """Return the matrix that gives a person's residuals the variance of the working model.

    And the directions (columns) in which the fit follows the person exactly, so that no residual is
    left.
    """
    root = np.sqrt(variance[rows])
    own = root[:, None] * ((maker * variance) @ maker.T) * root
    values, vectors = np.linalg.eigh(own)
    is_free = values > FITTED * float(np.max(variance[rows])) ** 2
    inverse_root = np.where(is_free, 1 / np.sqrt(np.where(is_free, values, 1)), 0)
    middle = (vectors * inverse_root) @ vectors.T
    return root[:, None] * middle * root, root[:, None] * vectors[:, ~is_free]


def _members(cluster: Sequence[object]) -> list[npt.NDArray[np.int64]]:
    """Return the rows of each person."""
    found: dict[object, list[int]] = {}
    for row, person in enumerate(cluster):
        found.setdefault(person, []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in found.values()]
