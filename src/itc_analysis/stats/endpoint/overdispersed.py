"""Count models beside the primary ones: beta-binomial for shares, negative binomial for counts per
microlitre.

The beta-binomial is for shares with many zeros, where adding half a cell draws an odds ratio
towards 1. Its likelihood ratio compares the model with one in which the contrast is 0. Both are a
second opinion, never the only test: when spread differs between groups they test the mean, not the
typical participant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, optimize, special, stats

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.statistics.beta_binomial import beta_binomial
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.design import Design

#: Over-dispersion beyond which the beta distribution has all its mass at 0 and 1, or none at all
#: (log of the precision).
LOG_PRECISION_BOUNDS = (-10.0, 25.0)
#: Log of alpha, from where people are Poisson (the variance of 10,000 cells is 1.0002 times theirs)
#: to where nearly everybody has no cell.
LOG_ALPHA_BOUNDS = (-18.0, 10.0)
#: Largest gradient, per participant, at a maximum; steps to it at most.
FLAT_ENOUGH, MAX_STEPS = 1e-4, 2000
#: Log of the cells expected of a participant below which only an end of the likelihood lies: a
#: group with one cell among thousands of people is above it.
LEAST_LOG_CELLS = -12.0
NO_MAXIMUM = "its likelihood has no maximum"


@dataclass(frozen=True)
class OverdispersedFit:
    """A fitted count model: coefficients (p,), log dispersion, log-likelihood."""

    coefficients: Vector
    log_dispersion: float
    log_likelihood: float


@dataclass(frozen=True)
class SecondOpinion:
    """Contrast on the log scale with its likelihood ratio p; NaN and a remark where there is
    none.
    """

    words: str
    estimate: float
    p_value: float
    remark: str = ""


def second_model(design: Design, weights: Vector, *, measure: str) -> SecondOpinion:
    """Fit the count model that stands beside the primary one.

    Parameters
    ----------
    design : Design
        participants with `n_found` and `n_total`: cells, and the cells or the volume among which
        they were found.
    weights : numpy.ndarray
        shape (n_groups,), the contrast.
    measure : str
        share_of_t, share_positive or cells_per_ul; others have no second model.
    """
    if measure not in ("share_of_t", "share_positive", "response", "cells_per_ul"):
        return SecondOpinion("", np.nan, np.nan)
    words = "negative binomial" if measure == "cells_per_ul" else "beta-binomial"
    k = design.people["n_found"].to_numpy(dtype=float)
    n = design.people["n_total"].to_numpy(dtype=float)
    if not np.all(np.isfinite(k) & (n > 0)):
        said = (
            f"no {words} for comparison: it is not made where participants are below the limit of "
            "detection"
        )
        return SecondOpinion("", np.nan, np.nan, said)
    X = design.matrix
    padded = np.concatenate([weights, np.zeros(X.shape[1] - len(weights))])

    def fit(columns: Matrix) -> OverdispersedFit:
        if measure == "cells_per_ul":
            return fit_negative_binomial(k, columns, offset=np.log(n))
        return fit_beta_binomial(k, n, columns)

    try:
        full, reduced = fit(X), fit(X @ linalg.null_space(padded[None, :]))
    except NotEstimable as why:
        return SecondOpinion("", np.nan, np.nan, f"no {words} for comparison: {why}")
    ratio = max(2 * (full.log_likelihood - reduced.log_likelihood), 0.0)
    estimate = float(padded @ full.coefficients)
    return SecondOpinion(f"{words}, likelihood ratio", estimate, float(stats.chi2.sf(ratio, 1)))


def fit_beta_binomial(k: Vector, n: Vector, X: Matrix) -> OverdispersedFit:
    """Fit k of n cells with a share that varies between participants by a beta distribution.

    Parameters
    ----------
    k : numpy.ndarray
        shape (n_people,), cells found; background may have left fractions.
    n : numpy.ndarray
        shape (n_people,), cells of the denominator, above 0.
    X : Matrix
        shape (n_people, p), full column rank; logit of the mean share is ``X b``.

    Returns
    -------
    OverdispersedFit
        With the log of the precision phi (the beta distribution is (mu phi, (1 - mu) phi)) as
        dispersion.

    Raises
    ------
    NotEstimable
        the likelihood has no maximum (a group without a cell).
    """

    def likelihood(eta: Vector, log_phi: float) -> tuple[Vector, Vector, Vector]:
        return beta_binomial(k, n, eta, log_phi)

    start = special.logit((k + 0.5) / (n + 1))
    found = _climb(likelihood, X, start, (float(np.log(50.0)), LOG_PRECISION_BOUNDS))
    eta = X @ found.coefficients
    _check_cells(np.log(n) + np.minimum(special.log_expit(eta), special.log_expit(-eta)))
    chosen = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return replace(found, log_likelihood=found.log_likelihood + float(chosen.sum()))


def fit_negative_binomial(counts: Vector, X: Matrix, *, offset: Vector) -> OverdispersedFit:
    """Fit counts with variance mu + alpha mu^2 and log mean ``X b + offset`` (NB2).

    Counts that vary no more than Poisson ones end at the least alpha, which is as good as none.

    Returns
    -------
    OverdispersedFit
        With the log of alpha as dispersion.

    Raises
    ------
    NotEstimable
        the likelihood has no maximum (a group without a cell).
    """

    def likelihood(eta: Vector, log_alpha: float) -> tuple[Vector, Vector, Vector]:
        return negative_binomial(counts, eta + offset, log_alpha)

    start = np.log(counts + 0.5) - offset
    found = _climb(likelihood, X, start, (float(np.log(0.5)), LOG_ALPHA_BOUNDS))
    _check_cells(X @ found.coefficients + offset)
    return found


def negative_binomial(
    k: Vector, log_mean: Vector, log_alpha: float
) -> tuple[Vector, Vector, Vector]:
    """Return the log likelihood of each count and its slopes by log mean and log alpha."""
    r = np.exp(-log_alpha)
    mu = np.exp(log_mean)
    # log Gamma(k + r) - log Gamma(r) - log k!, which keeps its digits where r is large
    some = np.where(k > 0, k, 1.0)
    chosen = np.where(k > 0, -np.log(some) - special.betaln(some, r), 0.0)
    spread = np.log1p(mu / r)
    value = chosen - r * spread + k * (log_mean + log_alpha - spread)
    by_r = special.digamma(k + r) - special.digamma(r) - spread + (mu - k) / (r + mu)
    return value, (k - mu) / (1 + mu / r), -r * by_r


def _climb(
    likelihood: Callable[[Vector, float], tuple[Vector, Vector, Vector]],
    X: Matrix,
    start: Vector,
    dispersion: tuple[float, tuple[float, float]],
) -> OverdispersedFit:
    """Maximise over coefficients and dispersion.

    Parameters
    ----------
    likelihood : callable
        takes ``X b`` and the dispersion; gives value and slopes per participant.
    X : Matrix
        shape (n_people, p), full column rank.
    start : numpy.ndarray
        shape (n_people,), values of ``X b`` to begin near.
    dispersion : tuple
        where to begin, and its bounds, at which it may end.

    Raises
    ------
    NotEstimable
        no maximum was found.
    """
    people, p = X.shape
    q, r = np.linalg.qr(X)  # an orthonormal block: one step length for all coefficients
    q, r = q * np.sqrt(people), r / np.sqrt(people)

    def loss(theta: Vector) -> tuple[float, Vector]:
        value, by_eta, by_dispersion = likelihood(q @ theta[:p], float(theta[p]))
        gradient = np.append(q.T @ by_eta, by_dispersion.sum())
        return -float(value.sum()) / people, -gradient / people

    first, (low, high) = dispersion
    found = optimize.minimize(
        loss,
        np.append(q.T @ start / people, first),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * p + [(low, high)],
        options={"maxiter": MAX_STEPS, "ftol": 1e-15, "gtol": 1e-9},
    )
    theta, slope = found.x, found.jac
    # at a bound the slope may point beyond it
    slope[p] = theta[p] - np.clip(theta[p] - slope[p], low, high)
    if not np.max(np.abs(slope)) <= FLAT_ENOUGH:  # nor does NaN pass
        raise NotEstimable(NO_MAXIMUM)
    return OverdispersedFit(
        np.linalg.solve(r, theta[:p]), float(theta[p]), -float(found.fun) * people
    )


def _check_cells(log_expected: Vector) -> None:
    """Refuse an end of the likelihood, from the log of the cells expected of each participant."""
    if not np.min(log_expected) >= LEAST_LOG_CELLS:
        msg = "its likelihood is flat (a group without a cell)"
        raise NotEstimable(msg)
