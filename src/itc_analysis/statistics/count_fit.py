"""Counted cells of people who differ: a normal person effect on the logit or log scale.

The mean follows a design, the SD of the person effect a design of its own (a column per side). The
person effect is integrated over, and a count of 0 is a count like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from itc_analysis.statistics.arrays import Matrix, Stack, Vector
from itc_analysis.statistics.climb import LARGEST_LOG_STEP, LEAST_LOG_SD, Added, height_of
from itc_analysis.statistics.count_likelihood import Counted
from itc_analysis.statistics.person_likelihood import (
    NO_MAXIMUM,
    Moments,
    NoMaximum,
    PersonLikelihood,
)

#: Times that the shape of the person effects is estimated and everything else after it.
N_SHAPES = 2
#: Newton stops when a step promises less log-likelihood than this.
ENOUGH = 1e-8
#: The same where the maximum is only a place to go on from.
ROUGHLY_ENOUGH = 1e-4
#: SD from which the restricted likelihood begins when the likelihood sees no difference between
#: people.
BEGIN_SD = 0.2
#: The restricted likelihood is found when no log SD moves further than this.
SAME_LOG_SD = 2e-3
#: Plain steps to it; then every second one is lengthened by what is left of the way if the steps go
#: on to shrink as they do, by so many times at most; by half as many each time that went too far.
N_PLAIN_STEPS, MOST_STRETCHED = 3, 9.0
#: Steps at most with a learned shape and with the normal one. Where people hardly differ the
#: integrals of a learned shape, a table, do not tell its curvature: the steps would wander on.
MAX_STEPS_LEARNED, MAX_STEPS_NORMAL = 10, 60
#: A curvature below this, relative to that of the same people exactly known, is none.
FLAT = 1e-4


@dataclass(frozen=True)
class CountFit:
    """A fitted model of counted cells.

    Parameters
    ----------
    coefficients : Vector
        Shape (p,), of the mean of theta (logit of the share, or logarithm of the concentration).
    log_sd : Vector
        Shape (q,), coefficients of the logarithm of the SD of the person effect.
    covariance : Matrix
        Shape (p + q, p + q), of both, from the observed information.
    scattered : Matrix
        Shape (p, p), covariance of the means by how the persons' scores scatter; see `covary`.
    covariance_slopes : Stack
        Shape (q, p, p), derivative of the means' covariance by each coefficient of the log SD.
    log_likelihood : float
        At the estimate, without the constant of the counts.
    scores, hessians : Matrix, Stack
        Shapes (n, p + q) and (n, p + q, p + q), derivatives of each person's log likelihood.
    posterior_mean, posterior_variance : Vector
        Shape (n,), of each person's true theta, given its counts and everybody's.
    """

    coefficients: Vector
    log_sd: Vector
    covariance: Matrix
    scattered: Matrix = field(repr=False)
    covariance_slopes: Stack = field(repr=False)
    log_likelihood: float
    scores: Matrix = field(repr=False)
    hessians: Stack = field(repr=False)
    posterior_mean: Vector = field(repr=False)
    posterior_variance: Vector = field(repr=False)

    def covary(self, contrasts: Matrix) -> Matrix:
        """Return the covariance of contrasts of the means.

        A contrast has the larger of two variances: that of the observed information, which is right
        where people are distributed as the model says, and that of the scatter of their scores,
        which needs no distribution (White 1982, doi:10.2307/1912526). By the first alone two kinds
        of people made the mean seem more certain than it is, and equal groups were called different
        in 5 to 13 % (docs/decisions.md, 2026-11-29).

        Parameters
        ----------
        contrasts : Matrix
            Shape (m, p).

        Returns
        -------
        Matrix
            Shape (m, m).
        """
        p = len(self.coefficients)
        found = contrasts @ self.covariance[:p, :p] @ contrasts.T
        scattered = np.einsum("mi,ij,mj->m", contrasts, self.scattered, contrasts)
        variance = np.diag(found)
        ratio = np.divide(scattered, variance, out=np.ones_like(variance), where=variance > 0)
        wider = np.sqrt(np.maximum(ratio, 1.0))
        return np.asarray(found * np.outer(wider, wider))

    def degrees_of_freedom(self, weights: Vector) -> float:
        """Return Satterthwaite's degrees of freedom of a contrast of the means.

        Twice the square of its variance over the variance of this estimate, because the SDs of the
        persons were estimated as well (Satterthwaite 1946, doi:10.2307/3002019).
        """
        p = len(self.coefficients)
        variance = float(weights @ self.covariance[:p, :p] @ weights)
        slope = np.einsum("i,jik,k->j", weights, self.covariance_slopes, weights)
        uncertain = float(slope @ self.covariance[p:, p:] @ slope)
        return 2 * variance**2 / uncertain if uncertain > 0 else np.inf


def fit_counts(
    counted: Counted,
    X: Matrix,
    *,
    spread: Matrix | None = None,
    spread_precision: Vector | None = None,
    is_restricted: bool = True,
    is_normal: bool = True,
) -> CountFit:
    """Fit counts with a normal person effect.

    Parameters
    ----------
    counted : Counted
        Counts, of n persons.
    X : Matrix
        Shape (n, p), full column rank, design of the mean.
    spread : Matrix or None
        Shape (n, q), design of the log SD; None for one SD for all.
    spread_precision : Vector or None
        Shape (q,), precision of a normal prior about 0 of each coefficient of the log SD, 0 for
        none: an own SD of a group, as a column beside that of everybody, is drawn to everybody's
        where the group says little. None for none.
    is_restricted : bool
        Whether the SD maximises the restricted likelihood (Cox and Reid 1987,
        doi:10.1111/j.2517-6161.1987.tb01422.x; for exactly known values REML), which a small group
        needs.
    is_normal : bool
        Whether the person effect is normal; else its shape is learned from everybody's counts
        (`effect_shape`), the same for all but for mean and SD.

    Returns
    -------
    CountFit
        Estimates, their covariance, and what is known of each person.

    Raises
    ------
    NoMaximum
        The likelihood has no maximum.
    """
    how = (spread, spread_precision, is_restricted)
    if not is_normal:
        try:
            return _fit_counts(counted, X, *how, is_normal=False)
        except NoMaximum:
            # a learned shape may leave none where the normal one has it, or not let it be found; if
            # it has none either, the counts are to blame
            pass
    return _fit_counts(counted, X, *how, is_normal=True)


def _fit_counts(
    counted: Counted,
    X: Matrix,
    spread: Matrix | None,
    spread_precision: Vector | None,
    is_restricted: bool,  # noqa: FBT001
    *,
    is_normal: bool,
) -> CountFit:
    Z = np.ones((len(X), 1)) if spread is None else spread
    likelihood = PersonLikelihood(counted, X, Z)
    none = np.zeros(Z.shape[1])
    prior = Added(none if spread_precision is None else spread_precision, none)
    n_shapes = 0 if is_normal else N_SHAPES
    is_last = [left == 0 and not is_restricted for left in range(n_shapes, -1, -1)]
    enough = [ENOUGH if last else ROUGHLY_ENOUGH for last in is_last]
    theta, state = likelihood.climb(likelihood.start(), prior, enough[0])
    normal = (theta, *likelihood.derivatives(state))
    for closely in enough[1:]:
        likelihood.learn_shape(theta, state)
        theta, state = likelihood.climb(theta, prior, closely)
    if is_restricted:
        most = MAX_STEPS_NORMAL if is_normal else MAX_STEPS_LEARNED
        theta, state = _restrict(likelihood, theta, state, prior, most)
    p = X.shape[1]
    scores, hessians = likelihood.derivatives(state)
    information = -hessians.sum(axis=0)
    information[p:, p:] += np.diag(prior.precision)
    # people who hardly differ do not make one cell say less of the mean
    sd = max(np.exp(float(np.mean(Z @ theta[p:]))), BEGIN_SD)
    _check_maximum(information[:p, :p], X, np.sqrt(sd**2 + np.mean(likelihood.error**2)))
    covariance = _covariance(information, theta, p)
    mean, variance = likelihood.posterior(theta, state)
    slopes = likelihood.weight_slopes(theta, state)[1]
    of_means = covariance[:p, :p]
    moved = np.stack([X.T @ (slope[:, None] * X) for slope in slopes.T])
    return CountFit(
        theta[:p],
        theta[p:],
        covariance,
        _scattered(of_means, *normal, prior, X),
        -of_means @ moved @ of_means,
        float(state.log_density.sum()),
        scores,
        hessians,
        mean,
        variance,
    )


class CountProfile:
    """Height of the likelihood where one direction of the mean is held; all else is maximised.

    Each height begins where the one before ended. A flat end is not refused: a profile may go
    there.

    Parameters
    ----------
    counted : Counted
        Counts, of n persons.
    free : Matrix
        Shape (n, p - 1), design of the mean but for the direction that is held.
    along : Vector
        Shape (n,), what a unit of the held direction adds to the mean.
    spread, spread_precision : Matrix, Vector
        As in `fit_counts`.
    """

    def __init__(
        self,
        counted: Counted,
        free: Matrix,
        along: Vector,
        *,
        spread: Matrix,
        spread_precision: Vector,
    ) -> None:
        self.along = along
        self.likelihood = PersonLikelihood(counted, free, spread)
        self.prior = Added(spread_precision, np.zeros(len(spread_precision)))
        self.theta: Vector | None = None

    def __call__(self, value: float) -> float:
        """Return the height at a value of the direction; may raise `NoMaximum`."""
        self.likelihood.shift(self.along * value)
        start = self.likelihood.start() if self.theta is None else self.theta
        self.theta, found = self.likelihood.climb(start, self.prior, ENOUGH)
        return float(height_of(self.theta, found.of_persons, self.prior))


def _restrict(
    likelihood: PersonLikelihood, theta: Vector, found: Moments, prior: Added, most: int
) -> tuple[Vector, Moments]:
    """Go from the maximum on to that of the restricted likelihood of the log SDs.

    Half the log determinant of the means' information is taken off; its slope is held while the
    rest is maximised, and taken anew, until it stays. Few cells leave the likelihood so flat that
    this alone takes hundreds of steps.

    Raises
    ------
    NoMaximum
        It does not stay within so many steps.
    """
    p = likelihood.p
    # people who seem alike may only seem so: the restricted likelihood begins where they differ
    beginning = np.maximum(likelihood.Z @ theta[p:], np.log(BEGIN_SD))
    theta = np.concatenate([theta[:p], np.linalg.lstsq(likelihood.Z, beginning, rcond=None)[0]])
    found = likelihood.moments(theta)
    last: Vector | None = None
    ahead, longest = np.zeros(len(theta) - p), MOST_STRETCHED
    for n_steps in range(most):
        before = theta[p:]
        prior = prior._replace(slope=_determinant_slope(likelihood, theta, found))
        theta, found = likelihood.climb(theta, prior, ENOUGH)
        step = theta[p:] - before
        if float(np.max(np.abs(likelihood.Z @ step))) < SAME_LOG_SD:
            return theta, found
        if n_steps < N_PLAIN_STEPS or last is None:
            longest /= 2 if last is None and step @ ahead < 0 else 1
            last = step
            continue
        left = float(step @ last) / float(last @ last)
        stretch = min(left / (1 - left), longest) if left < 1 else longest
        further = np.clip(stretch * step, -LARGEST_LOG_STEP, LARGEST_LOG_STEP)
        ahead = further
        theta = np.concatenate([theta[:p], np.maximum(theta[p:] + further, LEAST_LOG_SD)])
        found, last = likelihood.moments(theta), None
    msg = f"{NO_MAXIMUM} of the restricted kind that could be found: people hardly seem to differ"
    raise NoMaximum(msg)


def _determinant_slope(likelihood: PersonLikelihood, theta: Vector, found: Moments) -> Vector:
    """Return the derivative of half the log determinant of the means' information by log SDs."""
    weight, slopes = likelihood.weight_slopes(theta, found)
    X = likelihood.X
    inverse = np.linalg.pinv(X.T @ (weight[:, None] * X))
    return np.asarray(0.5 * ((X @ inverse) * X).sum(axis=1) @ slopes)


def _check_maximum(information: Matrix, X: Matrix, sd: float) -> None:
    """Refuse a flat end of the likelihood."""
    _, r = np.linalg.qr(X)
    inverse = np.linalg.inv(r)
    relative = (
        sd**2 * inverse.T @ information @ inverse
    )  # the identity were everybody exactly known
    if not np.all(np.isfinite(relative)) or float(np.linalg.eigvalsh(relative)[0]) < FLAT:
        msg = f"{NO_MAXIMUM}: a group or category without a cell, or with nothing else"
        raise NoMaximum(msg)


def _scattered(
    of_means: Matrix,
    theta: Vector,
    scores: Matrix,
    hessians: Stack,
    prior: Added,
    X: Matrix,
) -> Matrix:
    """Return the means' covariance by the scatter of scores (White 1982, doi:10.2307/1912526).

    A learned shape is fitted to the people whose scores it is judged by: they scatter too little
    about it. So the scatter is that about the normal one, in relation to what its information says,
    and carried over. Both are those of the largest likelihood, not of the restricted one: there
    scatter and information are too small by the same leverage, and their ratio is 1 on average
    where people are normal, in groups of any size.
    """
    p = X.shape[1]
    information = -hessians.sum(axis=0)
    information[p:, p:] += np.diag(prior.precision)
    whole = _covariance(information, theta, p)
    moved = scores @ whole[:, :p]
    try:
        inverse = np.linalg.inv(np.linalg.cholesky(whole[:p, :p]))
        root = np.linalg.cholesky(of_means)
    except np.linalg.LinAlgError:  # the counts say too little for a scatter
        return of_means
    relative = root @ (inverse @ (moved.T @ moved) @ inverse.T) @ root.T
    return np.asarray(relative)


def _covariance(information: Matrix, theta: Vector, p: int) -> Matrix:
    """Return the inverse of the information; an SD at its least is taken as known."""
    k = len(theta)
    free = np.ones(k, dtype=bool)
    free[p:] = theta[p:] > LEAST_LOG_SD + 1e-9
    covariance = np.zeros((k, k))
    covariance[np.ix_(free, free)] = np.linalg.pinv(information[np.ix_(free, free)])
    return covariance
