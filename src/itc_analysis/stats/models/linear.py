"""Linear models with one row per participant: least squares with HC3.

They give a `Fit`; `contrast` turns a fit into one estimate with interval and p. The design has one
column per group (a cell mean each) and then the covariates, so a contrast is a vector over columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import stats

from itc_analysis.statistics.arrays import Matrix, Stack, Vector

#: A leverage this close to one: the row is fitted exactly and says nothing about its own error.
FULL_LEVERAGE = 1 - 1e-9
#: Weights of a contrast below this are rounding.
NEGLIGIBLE = 1e-8
#: Standard errors below this, relative to the SD of the residuals, are rounding.
ROUNDING = 1e-9
#: Units of the last place, for each value that is summed, up to which a residual is rounding.
LAST_PLACES = 8


class NotEstimable(Exception):
    """A comparison that the data cannot decide; the message says why."""


@dataclass(frozen=True)
class Fit:
    """A fitted linear model.

    Parameters
    ----------
    coefficients : numpy.ndarray
        shape (p,), on the model's scale.
    covariance : Matrix
        shape (p, p).
    df : float
        degrees of freedom of the t distribution, n - p.
    residual_sd : float
        SD of the participants about the fit, on the model's scale.
    exact_rows : Matrix
        shape (m, p); how each row that is fitted exactly enters the coefficients.
    influence : Matrix
        shape (n, p); how far the coefficients move when a participant is left out (0 for exact
        rows): their squares are the robust covariance.
    turns : numpy.ndarray or None
        shape (n_persons, n, p) when the degrees of freedom are each contrast's own: how the errors
        of the working model enter each person's move; None when they are `df`.
    """

    coefficients: Vector
    covariance: Matrix
    df: float
    residual_sd: float
    exact_rows: Matrix = field(repr=False)
    influence: Matrix = field(repr=False)
    turns: Stack | None = field(default=None, repr=False)

    def df_of(self, weights: Vector) -> float:
        """Degrees of freedom of a contrast: Satterthwaite's under the working model, or n - p."""
        if self.turns is None:
            return self.df
        turn = self.turns @ weights
        gram = turn @ turn.T
        return float(np.trace(gram) ** 2 / np.sum(gram**2))


@dataclass(frozen=True)
class Estimate:
    """One contrast on the model's scale, with its degrees of freedom. A missing limit is NaN: the
    data set none.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    p_value: float
    df: float


def contrast(fit: Fit, weights: npt.ArrayLike, *, confidence: float) -> Estimate:
    """Estimate ``weights @ coefficients`` with a t interval.

    Raises
    ------
    NotEstimable
        the contrast depends on a participant who is fitted exactly (the only one of a batch, say),
        so its error cannot be known; or the values do not vary within the groups.
    """
    c = np.asarray(weights, dtype=float)
    if len(fit.exact_rows) and np.max(np.abs(fit.exact_rows @ c)) > NEGLIGIBLE:
        msg = "the comparison depends on a single participant who is alone in a batch or category"
        raise NotEstimable(msg)
    estimate = float(c @ fit.coefficients)
    error = float(np.sqrt(max(c @ fit.covariance @ c, 0)))
    if not np.isfinite(error) or error <= ROUNDING * fit.residual_sd:
        msg = "the values do not vary between participants"
        raise NotEstimable(msg)
    return from_t(estimate, error, fit.df_of(c), confidence=confidence)


def from_t(estimate: float, error: float, df: float, *, confidence: float) -> Estimate:
    """Return the estimate with interval and p from the t distribution."""
    half = float(stats.t.ppf((1 + confidence) / 2, df)) * error
    p_value = float(2 * stats.t.sf(abs(estimate) / error, df))
    return Estimate(estimate, error, estimate - half, estimate + half, p_value, df)


def fit_least_squares(y: Vector, X: Matrix) -> Fit:
    """Fit by least squares; covariance HC3, which needs no equal spread between groups.

    Parameters
    ----------
    y : numpy.ndarray
        shape (n,), one number per participant on the model's scale (logit, log or as is).
    X : Matrix
        shape (n, p), full column rank.

    Notes
    -----
    HC3: MacKinnon and White 1985, doi:10.1016/0304-4076(85)90158-7; recommended for small n by
    Long and Ervin 2000, doi:10.1080/00031305.2000.10474549.
    """
    n, p = check_shape(y, X)
    hat_to_beta, leverage = project(X)
    coefficients = hat_to_beta.T @ y
    residuals = without_rounding(y - X @ coefficients, y)
    exact = leverage > FULL_LEVERAGE
    inflated = np.where(exact, 0, residuals / np.where(exact, 1, 1 - leverage))
    influence = -hat_to_beta * inflated[:, None]
    return Fit(
        coefficients=coefficients,
        covariance=influence.T @ influence,
        df=n - p,
        residual_sd=float(np.sqrt(residuals @ residuals / (n - p))),
        exact_rows=hat_to_beta[exact],
        influence=influence,
    )


def without_rounding(residuals: Matrix, y: Matrix) -> Matrix:
    """Return the residuals of values `y` (both of shape (n, ...)), 0 where they are only what
    rounding left of equal values, in whatever unit.
    """
    least = LAST_PLACES * len(y) * np.finfo(float).eps * np.max(np.abs(y), axis=0)
    return np.where(np.abs(residuals) <= least, 0.0, residuals)


def project(X: Matrix) -> tuple[Matrix, Vector]:
    """Return ``X (X'X)^-1`` (shape n, p: coefficients are its transpose times y) and the
    leverages.
    """
    q, r = np.linalg.qr(X)
    return np.linalg.solve(r, q.T).T, np.einsum("ij,ij->i", q, q)


def check_shape(y: Vector, X: Matrix) -> tuple[int, int]:
    """Return n and p; refuse a design of another length, or without residual degrees of freedom."""
    n, p = X.shape
    if len(y) != n:
        msg = f"{len(y)} values for {n} rows of the design"
        raise ValueError(msg)
    if n <= p:
        msg = f"{n} participants are too few for {p} parameters"
        raise NotEstimable(msg)
    return n, p
