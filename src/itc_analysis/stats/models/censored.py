"""Regression when some participants lie below the limit of detection: known to be low, not how low.

A censored participant adds the probability of lying at or below the limit; nobody is set to zero or
left out. Tobin 1958, doi:10.2307/1907382; robust covariance for a likelihood: White 1982,
doi:10.2307/1912526, here from one-step deletions of each participant, which for uncensored data is
HC3. The distribution of the participants may be skewed (`distributions`): how it looks below the
limit, only its shape can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import linalg, optimize, stats

from itc_analysis.statistics.arrays import BoolArray, Matrix, Stack, Vector
from itc_analysis.stats.models import distributions
from itc_analysis.stats.models.linear import Estimate, Fit, NotEstimable

MAX_STEPS = 100
#: Newton stops when a step promises less log-likelihood than this.
ENOUGH_LIKELIHOOD = 1e-10
#: Curvature of the likelihood, relative to that of the same people uncensored, that counts as none.
FLAT = 1e-4
#: Shapes further from normal than this are no shape of a blood count.
MOST_SKEWED = 3.0
#: SDs from the mean at which a step of the fit is refused.
FARTHEST = 1e6
#: Widest bracket of a profile limit, in residual SDs; further out there is no limit to report.
WIDEST_SDS = 50.0


@dataclass(frozen=True)
class CensoredFit:
    """A censored fit.

    Parameters
    ----------
    fit : Fit
        coefficients (p,) of the mean, robust covariance and df n - p.
    log_sd : numpy.ndarray
        shape (q,), coefficients of the log SD (of the distribution's scale, where it is skewed).
    log_likelihood : float
        at the maximum.
    shape : float
        0 is normal, above 0 skewed to the left.
    """

    fit: Fit
    log_sd: Vector
    log_likelihood: float
    shape: float = 0.0


def fit_censored(
    y: Vector,
    is_censored: BoolArray,
    X: Matrix,
    *,
    spread: Matrix | None = None,
    shape_sd: float | None = None,
) -> CensoredFit:
    """Fit ``y ~ X b + sd * error`` where ``y`` is only an upper bound for censored rows.

    Parameters
    ----------
    y : numpy.ndarray
        shape (n,); the value, or the upper bound where censored; on the model's scale.
    is_censored : numpy.ndarray
        shape (n,), bool.
    X : Matrix
        shape (n, p), full column rank.
    spread : Matrix, optional
        shape (n, q), design of the log SD; None for one SD for all. Censoring makes the mean depend
        on the SD, so a group that varies more needs an SD of its own. `X` must tell its groups
        apart.
    shape_sd : float, optional
        None for the normal distribution; else the shape is estimated, with a normal prior of this
        SD around the normal distribution (maximum of likelihood times prior).

    Raises
    ------
    NotEstimable
        no maximum (a group wholly below the limit) or too few participants above it.
    """
    n, p = X.shape
    Z = np.ones((n, 1)) if spread is None else spread
    n_parameters = p + Z.shape[1]
    if int(np.sum(~is_censored)) <= n_parameters:
        msg = (
            f"only {int(np.sum(~is_censored))} participants lie above the limit of detection, for "
            f"{n_parameters} parameters"
        )
        raise NotEstimable(msg)
    theta, value = _maximise(y, is_censored, X, Z, shape_sd)
    scores, hessians = _scores_and_hessians(y, is_censored, X, Z, theta)
    total = hessians.sum(axis=0)
    if shape_sd is not None:
        total[-1, -1] -= shape_sd**-2
    _check_maximum(total[:p, :p], X, float(np.exp(np.mean(Z @ theta[p:n_parameters]))))
    # each participant's own curvature in the mean alone: a deletion of the SD's and the shape's
    # part throws far in small groups; uncensored, this is HC3 exactly
    own = np.zeros_like(hessians)
    own[:, :p, :p] = hessians[:, :p, :p]
    try:
        influence = np.linalg.solve(total[None] - own, scores[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        msg = "too few participants above the limit of detection to tell how sure the estimate is"
        raise NotEstimable(msg) from None
    coefficients, influence = _of_the_mean(theta, influence, X, Z)
    fit = Fit(
        coefficients=coefficients,
        covariance=influence.T @ influence,
        df=n - p,
        residual_sd=float(np.exp(np.mean(Z @ theta[p:n_parameters]))),
        exact_rows=np.empty((0, p)),
        influence=influence,
    )
    shape = 0.0 if shape_sd is None else float(theta[-1])
    return CensoredFit(fit, theta[p:n_parameters], value, shape)


def _of_the_mean(theta: Vector, influence: Matrix, X: Matrix, Z: Matrix) -> tuple[Vector, Matrix]:
    """Return coefficients and moves of the mean, from those of the location; the normal
    distribution's are the same.
    """
    p, q = X.shape[1], Z.shape[1]
    if len(theta) == p + q:
        return theta[:p], influence[:, :p]
    shape = float(theta[-1])
    sd = np.exp(Z @ theta[p:-1])
    step = distributions.STEP
    slope = (distributions.mean(shape + step) - distributions.mean(shape - step)) / (2 * step)
    # the mean lies sd * mean(shape) from the location; as a combination of the columns of X
    by_sd = np.linalg.lstsq(X, sd[:, None] * Z, rcond=None)[0]
    by_shape = np.linalg.lstsq(X, sd, rcond=None)[0]
    coefficients = theta[:p] + distributions.mean(shape) * by_shape
    moved = influence[:, :p] + distributions.mean(shape) * influence[:, p:-1] @ by_sd.T
    return coefficients, moved + slope * np.outer(influence[:, -1], by_shape)


def profile_contrast(
    y: Vector,
    is_censored: BoolArray,
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

    For heavy censoring, where the likelihood is lopsided, and for a group that lies wholly below
    its limit: there the likelihood rises for ever in one direction and only the other side has a
    limit.

    Parameters
    ----------
    y, is_censored, X, spread : numpy.ndarray or Matrix, optional
        as in `fit_censored`, all participants.
    weights : numpy.ndarray
        shape (p,), the contrast.
    df : float
        degrees of freedom of the reference t distribution (its square for the likelihood ratio).
    log_likelihood : float
        the supremum, from `fit_censored` (without the wholly censored groups).
    start : float
        the estimate, or where to begin when there is none.
    is_bounded : bool
        whether the likelihood has a maximum in the contrast.

    Returns
    -------
    Estimate
        Estimate with NaN for the estimate when unbounded, NaN for a limit that does not exist, and
        a NaN standard error: a lopsided likelihood has none.
    """
    n = len(y)
    Z = np.ones((n, 1)) if spread is None else spread
    base = weights / (weights @ weights)
    free = X @ linalg.null_space(weights[None, :])
    along = X @ base

    def drop(value: float) -> float:
        """Return twice the log-likelihood lost when the contrast is held at `value`."""
        return 2 * (log_likelihood - _maximise(y - along * value, is_censored, free, Z, None)[1])

    threshold = float(stats.t.ppf((1 + confidence) / 2, df) ** 2)
    step = _typical_sd(y, X)
    lower = crossing(drop, threshold, start, -step)
    upper = crossing(drop, threshold, start, step)
    p_value = float(2 * stats.t.sf(np.sqrt(max(drop(0.0), 0)), df))
    return Estimate(start if is_bounded else np.nan, np.nan, lower, upper, p_value, df)


def crossing(drop: Callable[[float], float], threshold: float, start: float, step: float) -> float:
    """Where `drop` rises through the threshold going from `start` by `step`; NaN when it never
    does.

    Each place is asked for once: a likelihood that climbs on from where it was last may give
    another last digit the second time.

    Raises
    ------
    NotEstimable
        `drop` is not a number somewhere on the way.
    """

    @cache
    def above(value: float) -> float:
        height = drop(value) - threshold
        if np.isnan(height):
            msg = "the profile likelihood could not be followed"
            raise NotEstimable(msg)
        return height

    inside = start
    while above(inside) > 0:  # begin where the likelihood still supports the value
        inside -= step
        if abs(inside - start) > WIDEST_SDS * abs(step):
            return np.nan
    outside = inside + step
    while above(outside) < 0:
        inside, outside = outside, outside + step
        if abs(outside - start) > WIDEST_SDS * abs(step):
            return np.nan
    root: float = optimize.brentq(above, inside, outside, xtol=1e-6)
    return root


def _check_maximum(curvature: Matrix, X: Matrix, sd: float) -> None:
    """Refuse a flat end of the likelihood: a group or category wholly below the limit."""
    _, r = np.linalg.qr(X)
    inverse = np.linalg.inv(r)
    relative = -(sd**2) * inverse.T @ curvature @ inverse  # the identity when nobody is censored
    if float(np.linalg.eigvalsh(relative)[0]) < FLAT:
        msg = "a group or category lies wholly below the limit of detection"
        raise NotEstimable(msg)


def _maximise(
    y: Vector, is_censored: BoolArray, X: Matrix, Z: Matrix, shape_sd: float | None
) -> tuple[Vector, float]:
    """Maximise the log-likelihood (and prior) by Newton steps, damped until each one climbs."""
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    log_sd = np.linalg.lstsq(Z, np.full(len(y), np.log(_typical_sd(y, X))), rcond=None)[0]
    has_shape = shape_sd is not None
    theta = np.concatenate([beta, log_sd, np.zeros(int(has_shape))])
    weight = shape_sd**-2 if shape_sd is not None else 0.0

    def height(at: Vector) -> float:
        return _log_likelihood(y, is_censored, X, Z, at) - 0.5 * weight * float(at[-1]) ** 2

    value = height(theta)
    damping = 0.0
    for _ in range(MAX_STEPS):
        scores, hessians = _scores_and_hessians(y, is_censored, X, Z, theta)
        gradient, information = scores.sum(axis=0), -hessians.sum(axis=0)
        gradient[-1] -= weight * theta[-1]
        information[-1, -1] += weight
        scale = np.abs(np.diag(information)) + 1e-12
        while True:
            step = _solve_positive(information + np.diag(damping * scale), gradient)
            if step is not None and not (has_shape and abs(theta[-1] + step[-1]) > MOST_SKEWED):
                tried = height(theta + step)
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
            return theta, value
    msg = "the censored likelihood has no maximum"
    raise NotEstimable(msg)


def _solve_positive(matrix: Matrix, vector: Vector) -> Vector | None:
    """Solve with a positive definite matrix; None when it is not."""
    try:
        solved: Vector = linalg.cho_solve(linalg.cho_factor(matrix), vector)
    except (linalg.LinAlgError, ValueError):
        return None
    return solved if np.all(np.isfinite(solved)) else None


def _log_likelihood(
    y: Vector, is_censored: BoolArray, X: Matrix, Z: Matrix, theta: Vector
) -> float:
    p, q = X.shape[1], Z.shape[1]
    log_sd = Z @ theta[p : p + q]
    if np.max(np.abs(log_sd)) > 50:  # exp would overflow; the step is refused
        return -np.inf
    standard = (y - X @ theta[:p]) * np.exp(-log_sd)
    if np.max(np.abs(standard)) > FARTHEST:
        return -np.inf
    shape = float(theta[-1]) if len(theta) > p + q else 0.0
    rows = distributions.log_density(standard, is_censored, shape)[0] - np.where(
        is_censored, 0, log_sd
    )
    return float(rows.sum())


def _scores_and_hessians(
    y: Vector, is_censored: BoolArray, X: Matrix, Z: Matrix, theta: Vector
) -> tuple[Matrix, Stack]:
    """First and second derivatives per participant in (mean, log SD, shape), as (n, k) and (n, k,
    k).
    """
    n, p = X.shape
    q = Z.shape[1]
    has_shape = len(theta) > p + q
    shape = float(theta[-1]) if has_shape else 0.0
    sd = np.exp(Z @ theta[p : p + q])
    w = (y - X @ theta[:p]) / sd
    _, first, second = distributions.log_density(w, is_censored, shape)
    slopes = [-first / sd, -w * first - ~is_censored]
    curves = {
        (0, 0): second / sd**2,
        (0, 1): (first + w * second) / sd,
        (1, 1): w * first + w**2 * second,
    }
    blocks = [X, Z]
    if has_shape:
        by_shape, by_shape2, cross = distributions.by_shape(w, is_censored, shape)
        slopes.append(by_shape)
        curves |= {(0, 2): -cross / sd, (1, 2): -w * cross, (2, 2): by_shape2}
        blocks.append(np.ones((n, 1)))
    scores = np.hstack(
        [slope[:, None] * block for slope, block in zip(slopes, blocks, strict=True)]
    )
    rows = [
        np.concatenate(
            [
                curves[(min(i, j), max(i, j))][:, None, None] * left[:, :, None] * right[:, None, :]
                for j, right in enumerate(blocks)
            ],
            axis=2,
        )
        for i, left in enumerate(blocks)
    ]
    return scores, np.concatenate(rows, axis=1)


def _typical_sd(y: Vector, X: Matrix) -> float:
    residuals = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    return float(np.sqrt(np.mean(residuals**2))) or 1.0
