"""Gaussian mixtures of weighted points by expectation-maximisation, many fits at once.

The points are the filled bins of a histogram and the weights their counts, so a million events cost
as much as a few thousand. Starts and bootstrap replicates are fitted side by side along the first
axis.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from itc_analysis.statistics.arrays import FloatArray

#: Shares of the events at which the points are split into starting groups, rare ones included.
_SPLITS = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995)
#: Iterations of every start, of the winner, and of a replicate that starts at the answer.
_N_TRIAL, _N_FULL, _N_REPLICATE = 30, 1000, 100
#: Gain in log likelihood per event below which a fit has settled.
_CONVERGED = 1e-9
#: No posterior or share of a component falls below this.
_FEWEST = 1e-12


@dataclass(frozen=True)
class Gaussians:
    """Mixtures of K normal components in D dimensions, R of them.

    Parameters
    ----------
    shares : FloatArray
        shape (R, K), each row sums to 1.
    means : FloatArray
        shape (R, K, D).
    covariances : FloatArray
        shape (R, K, D, D).
    log_likelihoods : FloatArray
        shape (R,), of all events together.
    """

    shares: FloatArray
    means: FloatArray
    covariances: FloatArray
    log_likelihoods: FloatArray

    def pick(self, which: int) -> Gaussians:
        """Return one of the mixtures, R = 1."""
        part = slice(which, which + 1)
        return Gaussians(
            self.shares[part],
            self.means[part],
            self.covariances[part],
            self.log_likelihoods[part],
        )

    def log_densities(self, points: FloatArray) -> FloatArray:
        """Return log(share x density) of each component at each point, shape (R, K, n_points)."""
        precision = np.linalg.inv(self.covariances)
        off = points - self.means[:, :, None, :]
        square = np.einsum("rkpi,rkij,rkpj->rkp", off, precision, off, optimize=True)
        _, log_det = np.linalg.slogdet(self.covariances)
        constant = (
            np.log(np.maximum(self.shares, _FEWEST))
            - (log_det + points.shape[1] * np.log(2 * np.pi)) / 2
        )
        return np.asarray(constant[:, :, None] - square / 2, dtype=np.float64)

    def posteriors(self, points: FloatArray) -> FloatArray:
        """Return the probability of each component given a point, shape (R, K, n_points)."""
        logs = self.log_densities(points)
        logs -= logs.max(axis=1, keepdims=True)
        shares = np.exp(logs)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_gaussians(
    points: FloatArray, weights: FloatArray, n_components: int, narrowest: float
) -> Gaussians:
    """Fit a mixture from many starts; the most likely one.

    Parameters
    ----------
    points : FloatArray
        shape (n_points, D).
    weights : FloatArray
        events at each point, shape (n_points,).
    n_components : int
        normal components.
    narrowest : float
        their standard deviations never fall below this, so that none sinks into one bin.

    Returns
    -------
    Gaussians
        R = 1. The same points in another order give the same fit.
    """
    starts = _starts(points, weights, n_components)
    trials = _maximise(points, weights[None], starts, narrowest, n_iterations=_N_TRIAL)
    best = trials.pick(int(np.argmax(trials.log_likelihoods)))
    posteriors = best.posteriors(points)
    return _maximise(points, weights[None], posteriors, narrowest, n_iterations=_N_FULL)


def refit(
    points: FloatArray, replicates: FloatArray, fitted: Gaussians, narrowest: float
) -> Gaussians:
    """Fit bootstrap replicates of the weights, starting at the answer; R = number of replicates.

    Parameters
    ----------
    replicates : FloatArray
        events at each point, shape (R, n_points).
    fitted : Gaussians
        of `fit_gaussians`.
    """
    start = np.broadcast_to(
        fitted.posteriors(points), (len(replicates), *fitted.shares.shape[1:], len(points))
    )
    return _maximise(points, replicates, start, narrowest, n_iterations=_N_REPLICATE)


def bayes_information(fitted: Gaussians, n_events: float) -> float:
    """Return the information criterion of a single mixture (Schwarz 1978); lower is better."""
    _, k, d = fitted.means.shape
    n_parameters = k - 1 + k * d + k * d * (d + 1) / 2
    return float(n_parameters * np.log(n_events) - 2 * fitted.log_likelihoods[0])


def _starts(points: FloatArray, weights: FloatArray, n_components: int) -> FloatArray:
    """Return starting posteriors: the points split at quantiles of each axis, sum and
    difference.
    """
    n, d = points.shape
    directions = [points[:, axis] for axis in range(d)]
    if d > 1:
        directions += [points.sum(axis=1), points[:, 0] - points[:, 1]]
    starts = []
    for along in directions:
        order = np.argsort(along, kind="stable")
        place = np.empty(n)
        place[order] = np.cumsum(weights[order]) / weights.sum()
        for splits in itertools.combinations(_SPLITS, n_components - 1):
            group = np.searchsorted(splits, place)
            starts.append(group == np.arange(n_components)[:, None])
    return np.array(starts, dtype=np.float64)


def _maximise(
    points: FloatArray,
    weights: FloatArray,
    posteriors: FloatArray,
    narrowest: float,
    *,
    n_iterations: int,
) -> Gaussians:
    """Iterate from posteriors, shape (R, K, n_points), with weights of shape (R or 1, n_points)."""
    n_events = weights.sum(axis=1)
    previous = np.full(len(posteriors), -np.inf)
    for _ in range(n_iterations):
        mass = np.maximum(posteriors * weights[:, None, :], 0)
        size = np.maximum(mass.sum(axis=2), _FEWEST)
        means = mass @ points / size[:, :, None]
        off = points - means[:, :, None, :]
        covariances = np.einsum("rkp,rkpi,rkpj->rkij", mass, off, off, optimize=True)
        covariances = _no_narrower(covariances / size[:, :, None, None], narrowest)
        fitted = Gaussians(size / size.sum(axis=1, keepdims=True), means, covariances, previous)
        logs = fitted.log_densities(points)
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        total = shares.sum(axis=1, keepdims=True)
        posteriors = shares / total
        likelihood = np.sum(weights * (top + np.log(total))[:, 0, :], axis=1)
        is_settled = likelihood - previous < _CONVERGED * n_events
        previous = likelihood
        if np.all(is_settled):
            break
    return Gaussians(fitted.shares, fitted.means, fitted.covariances, previous)


def _no_narrower(covariances: FloatArray, narrowest: float) -> FloatArray:
    """Widen components that have sunk into a bin or a line."""
    least = np.linalg.eigvalsh(covariances)[..., 0]
    lacking = np.maximum(narrowest**2 - least, 0)
    return np.asarray(
        covariances + lacking[..., None, None] * np.eye(covariances.shape[-1]), dtype=np.float64
    )
