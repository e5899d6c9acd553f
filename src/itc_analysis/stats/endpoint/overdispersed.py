"""Count models beside the primary ones: beta-binomial for shares, negative binomial for counts per
microlitre.

The beta-binomial is for shares with many zeros, where adding half a cell draws an odds ratio
towards 1. Its likelihood ratio compares the model with one in which the contrast is 0. Both are a
second opinion, never the only test: when spread differs between groups they test the mean, not the
typical participant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, special, stats

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.stats.models.linear import NotEstimable
from itc_analysis.stats.people.design import Design

#: Over-dispersion beyond which the beta law has all its mass at 0 and 1, or none at all (log of the
#: precision).
LOG_PRECISION_BOUNDS = (-10.0, 25.0)
#: Largest gradient, per participant, at a maximum.
FLAT_ENOUGH = 1e-4


@dataclass(frozen=True)
class CountFit:
    """A fitted count model: coefficients (p,), their covariance (p, p), log dispersion,
    log-likelihood.
    """

    coefficients: Vector
    covariance: Matrix
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

    def fit(columns: Matrix) -> CountFit:
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


def fit_beta_binomial(k: Vector, n: Vector, X: Matrix) -> CountFit:
    """Fit k of n cells with a share that varies between participants by a beta law.

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
    CountFit
        `CountFit` with the log of the precision phi (the beta law is (mu phi, (1 - mu) phi)) as
        dispersion.

    Raises
    ------
    NotEstimable
        the likelihood has no maximum (a group without a cell).
    """
    p = X.shape[1]
    constant = float(np.sum(_log_choose(k, n)))
    q, r = np.linalg.qr(X)  # an orthonormal block: one step length for all coefficients
    q = q * np.sqrt(len(X))
    r = r / np.sqrt(len(X))

    def loss(theta: Vector) -> tuple[float, Vector]:
        value, by_eta, by_log_phi = _beta_binomial(k, n, q @ theta[:p], float(theta[p]))
        gradient = np.append(q.T @ by_eta, by_log_phi.sum())
        return -float(value.sum()) / len(k), -gradient / len(k)

    start = np.append(q.T @ special.logit((k + 0.5) / (n + 1)) / len(X), np.log(50.0))
    bounds = [(None, None)] * p + [LOG_PRECISION_BOUNDS]
    found = optimize.minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9},
    )
    theta = found.x
    at_bound = min(abs(theta[p] - bound) for bound in LOG_PRECISION_BOUNDS) < FLAT_ENOUGH
    if np.max(np.abs(found.jac)) > FLAT_ENOUGH and not at_bound:
        msg = "its likelihood has no maximum"
        raise NotEstimable(msg)
    coefficients = np.linalg.solve(r, theta[:p])
    information = _information(lambda t: loss(t)[1] * len(k), theta)
    try:
        inverse = np.linalg.inv(information)[:p, :p]
    except np.linalg.LinAlgError:
        msg = "its likelihood is flat (a group without a cell)"
        raise NotEstimable(msg) from None
    back = np.linalg.inv(r)
    if np.max(np.abs(X @ coefficients)) > LOG_PRECISION_BOUNDS[1]:
        msg = "its likelihood is flat (a group without a cell)"
        raise NotEstimable(msg)
    return CountFit(
        coefficients,
        back @ inverse @ back.T,
        float(theta[p]),
        -float(found.fun) * len(k) + constant,
    )


def fit_negative_binomial(counts: Vector, X: Matrix, *, offset: Vector) -> CountFit:
    """Fit counts with variance mu + alpha mu^2 and log mean ``X b + offset``, by statsmodels (NB2).

    Raises
    ------
    NotEstimable
        no convergence.
    """
    import warnings

    import statsmodels.api as sm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # judged by the gradient below
        model = sm.NegativeBinomial(counts, X, offset=offset, loglike_method="nb2")
        start = np.append(np.linalg.lstsq(X, np.log(counts + 0.5) - offset, rcond=None)[0], 0.5)
        found = model.fit(start, disp=0, maxiter=1000, method="bfgs", gtol=1e-7)
    if np.max(np.abs(model.score(found.params))) / len(counts) > FLAT_ENOUGH:
        msg = "the negative binomial likelihood has no maximum"
        raise NotEstimable(msg)
    p = X.shape[1]
    return CountFit(
        np.asarray(found.params[:p]),
        np.asarray(found.cov_params())[:p, :p],
        float(np.log(found.params[p])),
        float(found.llf),
    )


def _beta_binomial(
    k: Vector, n: Vector, eta: Vector, log_phi: float
) -> tuple[Vector, Vector, Vector]:
    """Log-likelihood of each participant (without the binomial coefficient) and its derivatives."""
    phi = np.exp(log_phi)
    mu = special.expit(eta)
    a, b = mu * phi, special.expit(-eta) * phi
    gain = special.gammaln
    value = gain(k + a) - gain(a) + gain(n - k + b) - gain(b) - (gain(n + phi) - gain(phi))
    psi = special.digamma
    by_a = psi(k + a) - psi(a)
    by_b = psi(n - k + b) - psi(b)
    by_phi = psi(phi) - psi(n + phi)
    slope = mu * special.expit(-eta) * phi
    return value, (by_a - by_b) * slope, by_a * a + by_b * b + by_phi * phi


def _log_choose(k: Vector, n: Vector) -> Vector:
    chosen: Vector = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return chosen


def _information(gradient: object, theta: Vector) -> npt.NDArray[np.float64]:
    """Second derivatives from central differences of the analytic gradient."""
    assert callable(gradient)
    step = 1e-4
    rows = []
    for i in range(len(theta)):
        move = np.zeros(len(theta))
        move[i] = step
        rows.append((gradient(theta + move) - gradient(theta - move)) / (2 * step))
    matrix = np.array(rows)
    return np.asarray((matrix + matrix.T) / 2)
