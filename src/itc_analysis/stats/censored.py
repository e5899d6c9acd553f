"""Regression when some participants lie below the limit of detection: known to be low, not how low.

A censored participant adds the probability of lying at or below the limit; nobody is set to zero or
left out. Tobin 1958, doi:10.2307/1907382; robust covariance for a likelihood: White 1982,
doi:10.2307/1912526, here from one-step deletions of each participant, which for uncensored data is HC3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, stats
from scipy.special import log_ndtr

from itc_analysis.stats.models import Estimate, Fit, Matrix, NotEstimable, Vector

Rows = npt.NDArray[np.bool_]
Stack = npt.NDArray[np.float64]

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
MAX_STEPS = 100
#: Newton stops when a step promises less log-likelihood than this.
ENOUGH_LIKELIHOOD = 1e-10
#: Curvature of the likelihood, relative to that of the same people uncensored, that counts as none.
FLAT = 1e-4
#: Widest bracket of a profile limit, in residual SDs; further out there is no limit to report.
WIDEST_SDS = 50.0


@dataclass(frozen=True)
class CensoredFit:
    """A censored Gaussian fit.

    Parameters
    ----------
    fit : coefficients (p,), robust covariance and df n - p.
    log_sd : shape (q,), coefficients of the log SD.
    log_likelihood : at the maximum.
    """

    fit: Fit
    log_sd: Vector
    log_likelihood: float


def fit_censored(
    y: Vector,
    is_censored: Rows,
    X: Matrix,
    *,
    spread: Matrix | None = None,
) -> CensoredFit:
    """Fit ``y ~ N(X b, sd)`` where ``y`` is only an upper bound for censored rows.

    Parameters
    ----------
    y : shape (n,); the value, or the upper bound where censored; on the model's scale.
    is_censored : shape (n,), bool.
    X : shape (n, p), full column rank.
    spread : shape (n, q), design of the log SD; None for one SD for all. Censoring makes the mean depend
        on the SD, so a group that varies more needs an SD of its own.

    Raises
    ------
    NotEstimable : no maximum (a group wholly below the limit) or too few participants above it.
    """
    n, p = X.shape
    Z = np.ones((n, 1)) if spread is None else spread
    n_parameters = p + Z.shape[1]
    if int(np.sum(~is_censored)) <= n_parameters:
        msg = f"only {int(np.sum(~is_censored))} participants lie above the limit of detection, for {n_parameters} parameters"
        raise NotEstimable(msg)
    beta, log_sd, value = _maximise(y, is_censored, X, Z)
    scores, hessians = _scores_and_hessians(y, is_censored, X, Z, beta, log_sd)
    total = hessians.sum(axis=0)
    _check_maximum(total[:p, :p], X, float(np.exp(np.mean(Z @ log_sd))))
    # each participant's own curvature without its mean-SD part, whose sum is next to nothing but which
    # throws single deletions far in small groups; uncensored, this is HC3 exactly
    own = hessians.copy()
    own[:, :p, p:] = own[:, p:, :p] = 0
    try:
        moves = np.linalg.solve(total[None] - own, scores[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        msg = "too few participants above the limit of detection to tell how sure the estimate is"
        raise NotEstimable(msg) from None
    covariance = (moves.T @ moves)[:p, :p]
    fit = Fit(
        coefficients=beta,
        covariance=covariance,
        df=n - p,
        residual_sd=float(np.exp(np.mean(Z @ log_sd))),
        exact_rows=np.empty((0, p)),
        moves=moves[:, :p],
    )
    return CensoredFit(fit, log_sd, value)


def profile_contrast(
    y: Vector,
    is_censored: Rows,
    X: Matrix,
    weights: Vector,
    *,
    spread: Matrix | None = None,
    confidence: float,
    df: float,
    log_likelihood: float,
    start: float,
    is_bounded: bool,
) -> Estimate:
    """Interval and p from the profile likelihood, which may be open to one side.

    For heavy censoring, where the likelihood is lopsided, and for a group that lies wholly below its limit:
    there the likelihood rises for ever in one direction and only the other side has a limit.

    Parameters
    ----------
    y, is_censored, X, spread : as in `fit_censored`, all participants.
    weights : shape (p,), the contrast.
    df : degrees of freedom of the reference t distribution (its square for the likelihood ratio).
    log_likelihood : the supremum, from `fit_censored` (without the wholly censored groups).
    start : the estimate, or where to begin when there is none.
    is_bounded : whether the likelihood has a maximum in the contrast.

    Returns
    -------
    Estimate with NaN for the estimate when unbounded, NaN for a limit that does not exist, and a NaN
    standard error: a lopsided likelihood has none.
    """
    n = len(y)
    Z = np.ones((n, 1)) if spread is None else spread
    base = weights / (weights @ weights)
    free = X @ linalg.null_space(weights[None, :])
    along = X @ base

    def drop(value: float) -> float:
        """Return twice the log-likelihood lost when the contrast is held at `value`."""
        return 2 * (log_likelihood - _maximise(y - along * value, is_censored, free, Z)[2])

    threshold = float(stats.t.ppf((1 + confidence) / 2, df) ** 2)
    step = _typical_sd(y, X)
    lower = _crossing(drop, threshold, start, -step)
    upper = _crossing(drop, threshold, start, step)
    p_value = float(2 * stats.t.sf(np.sqrt(max(drop(0.0), 0)), df))
    return Estimate(start if is_bounded else np.nan, np.nan, lower, upper, p_value)


def _crossing(drop: Callable[[float], float], threshold: float, start: float, step: float) -> float:
    """Where `drop` rises through the threshold going from `start` by `step`; NaN when it never does."""
    inside = start
    while drop(inside) > threshold:  # begin where the likelihood still supports the value
        inside -= step
        if abs(inside - start) > WIDEST_SDS * abs(step):
            return np.nan
    outside = inside + step
    while drop(outside) < threshold:
        inside, outside = outside, outside + step
        if abs(outside - start) > WIDEST_SDS * abs(step):
            return np.nan
    root: float = optimize.brentq(lambda value: drop(value) - threshold, inside, outside, xtol=1e-6)
    return root


def _check_maximum(curvature: Matrix, X: Matrix, sd: float) -> None:
    """Refuse a flat end of the likelihood: a group or category wholly below the limit."""
    _, r = np.linalg.qr(X)
    inverse = np.linalg.inv(r)
    relative = -(sd**2) * inverse.T @ curvature @ inverse  # the identity when nobody is censored
    if float(np.linalg.eigvalsh(relative)[0]) < FLAT:
        msg = "a group or category lies wholly below the limit of detection"
        raise NotEstimable(msg)


def _maximise(y: Vector, is_censored: Rows, X: Matrix, Z: Matrix) -> tuple[Vector, Vector, float]:
    """Maximise the log-likelihood by Newton steps, damped until each one climbs."""
    p = X.shape[1]
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    log_sd = np.linalg.lstsq(Z, np.full(len(y), np.log(_typical_sd(y, X))), rcond=None)[0]
    theta = np.concatenate([beta, log_sd])
    value = _log_likelihood(y, is_censored, X, Z, theta)
    damping = 0.0
    for _ in range(MAX_STEPS):
        scores, hessians = _scores_and_hessians(y, is_censored, X, Z, theta[:p], theta[p:])
        gradient, information = scores.sum(axis=0), -hessians.sum(axis=0)
        scale = np.abs(np.diag(information)) + 1e-12
        while True:
            step = _solve_positive(information + np.diag(damping * scale), gradient)
            if step is not None:
                tried = _log_likelihood(y, is_censored, X, Z, theta + step)
                if tried >= value - ENOUGH_LIKELIHOOD:
                    break
            damping = max(4 * damping, 1e-3)
            if damping > 1e12:
                msg = "the censored likelihood has no maximum"
                raise NotEstimable(msg)
        theta, value = theta + step, tried
        promised = float(gradient @ step)
        damping = damping / 8 if damping > 1e-6 else 0.0
        if promised < ENOUGH_LIKELIHOOD and damping == 0:
            return theta[:p], theta[p:], value
    msg = "the censored likelihood has no maximum"
    raise NotEstimable(msg)


def _solve_positive(matrix: Matrix, vector: Vector) -> Vector | None:
    """Solve with a positive definite matrix; None when it is not."""
    try:
        solved: Vector = linalg.cho_solve(linalg.cho_factor(matrix), vector)
    except (linalg.LinAlgError, ValueError):
        return None
    return solved if np.all(np.isfinite(solved)) else None


def _log_likelihood(y: Vector, is_censored: Rows, X: Matrix, Z: Matrix, theta: Vector) -> float:
    p = X.shape[1]
    log_sd = Z @ theta[p:]
    if np.max(np.abs(log_sd)) > 50:  # exp would overflow; the step is refused
        return -np.inf
    standard = (y - X @ theta[:p]) * np.exp(-log_sd)
    rows = np.where(is_censored, log_ndtr(standard), -0.5 * standard**2 - log_sd - LOG_SQRT_2PI)
    return float(rows.sum())


def _scores_and_hessians(
    y: Vector, is_censored: Rows, X: Matrix, Z: Matrix, beta: Vector, log_sd: Vector
) -> tuple[Matrix, Stack]:
    """First and second derivatives per participant in (mean, log SD), as (n, k) and (n, k, k)."""
    sd = np.exp(Z @ log_sd)
    w = (y - X @ beta) / sd
    hazard = np.exp(-0.5 * w**2 - LOG_SQRT_2PI - log_ndtr(w))
    curve = hazard * (w + hazard)
    d_mean = np.where(is_censored, -hazard, w) / sd
    d_log_sd = np.where(is_censored, -hazard * w, w**2 - 1)
    d_mean2 = np.where(is_censored, -curve, -1.0) / sd**2
    d_cross = np.where(is_censored, hazard - curve * w, -2 * w) / sd
    d_log_sd2 = np.where(is_censored, hazard * w - curve * w**2, -2 * w**2)
    scores = np.hstack([d_mean[:, None] * X, d_log_sd[:, None] * Z])
    top = np.concatenate(
        [
            d_mean2[:, None, None] * X[:, :, None] * X[:, None, :],
            d_cross[:, None, None] * X[:, :, None] * Z[:, None, :],
        ],
        axis=2,
    )
    bottom = np.concatenate(
        [
            d_cross[:, None, None] * Z[:, :, None] * X[:, None, :],
            d_log_sd2[:, None, None] * Z[:, :, None] * Z[:, None, :],
        ],
        axis=2,
    )
    return scores, np.concatenate([top, bottom], axis=1)


def _typical_sd(y: Vector, X: Matrix) -> float:
    residuals = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(np.sqrt(np.mean(residuals**2))) or 1.0
