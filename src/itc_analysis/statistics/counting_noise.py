"""What counting does to a logit with half a cell added: its mean and variance given the true share.

With a handful of cells the variance is not 1 / k, and the mean not the true logit; both are summed
over the counts that may come.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from itc_analysis.statistics.arrays import FloatArray

#: Half a cell is added to those within and to those outside (Haldane 1956).
HALF = 0.5
#: Above so many cells expected on the rarer side, mean and variance are those of a large count.
MANY = 30.0
#: Counts of the rarer side that are summed over; more are as good as impossible at `MANY`.
COUNTS = np.arange(81.0)
#: Nodes and weights of the normal distribution of true logits between people (Gauss-Hermite).
NODES, _weights = np.polynomial.hermite_e.hermegauss(9)
WEIGHTS = _weights / _weights.sum()


def logit_moments(n: FloatArray, logit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of logit((k + 1/2) / (n - k + 1/2)) of k cells among n.

    Parameters
    ----------
    n : FloatArray
        Cells, above 0, of any shape.
    logit : FloatArray
        True logit of the share, of the same shape.
    """
    n, logit = np.broadcast_arrays(n, logit)
    rare = special.expit(-np.abs(logit))
    mean, variance = np.array(logit, dtype=float), 1 / (n * rare * (1 - rare))
    few = n * rare <= MANY
    k, of, share = COUNTS, n[few][:, None], rare[few][:, None]
    left = np.maximum(of - k, 0.0)
    ways = special.gammaln(of + 1) - special.gammaln(k + 1) - special.gammaln(left + 1)
    chance = np.where(k <= of, np.exp(ways + k * np.log(share) + left * np.log1p(-share)), 0.0)
    seen = np.log((k + HALF) / (left + HALF))
    first = (chance * seen).sum(axis=1)
    mean[few] = np.where(logit[few] > 0, -first, first)
    variance[few] = (chance * (seen - first[:, None]) ** 2).sum(axis=1)
    return mean, variance


def logit_variance(n: FloatArray, centre: FloatArray, sd: float) -> FloatArray:
    """Return the variance of the logits of people whose true logits are normal about a centre.

    Parameters
    ----------
    n, centre : FloatArray
        Shape (n_people,), cells of each and centre of the people like them.
    sd : float
        SD of the true logits.
    """
    mean, variance = logit_moments(n[:, None], centre[:, None] + sd * NODES)
    middle = mean @ WEIGHTS
    return np.asarray(variance @ WEIGHTS + (mean - middle[:, None]) ** 2 @ WEIGHTS)
