"""Points of the integral over a background that is itself uncertain: a gamma.

Few cells by Gauss and Laguerre's rule, which is exact for them; many by equal steps of the
background's logarithm.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from itc_analysis.statistics.arrays import Matrix, Vector

#: Points of the integral over the background; exact for Poisson counts below twice as many.
N_BACKGROUND = 16
#: Step of the integral over the background of larger counts, in units of its narrowest feature.
BACKGROUND_STEP = 0.6
#: Most points of that integral.
MOST_POINTS = 600
#: Shape of the gamma of a background of which nothing was seen (Jeffreys' prior).
UNSEEN_SHAPE = 0.5


@lru_cache(maxsize=16384)  # a study is fitted again and again: without a participant, say
def background_points(k: float, expected: float, error: float) -> tuple[Vector, Vector]:
    """Return points of the background, and the logarithms of their weights.

    Parameters
    ----------
    k : float
        Cells counted, background included.
    expected, error : float
        Cells expected in the gate without the population, and the standard error above 0 of this.

    Returns
    -------
    background, log_weight : Vector
        Shape (n_points,), read-only.
    """
    unseen = expected <= 0
    shape = UNSEEN_SHAPE if unseen else (expected / error) ** 2
    rate = 1 / error if unseen else expected / error**2
    found = _few(shape, rate) if k < 2 * N_BACKGROUND else _many(k, error, shape, rate)
    for part in found:
        part.flags.writeable = False
    return found


def _few(shape: float, rate: float) -> tuple[Vector, Vector]:
    """The factor exp(-background) of a count is taken into the gamma: what is left is a polynomial
    of degree k.
    """
    nodes, weights = laguerre(np.array([shape]), N_BACKGROUND)
    background = nodes[0] / (rate + 1)
    with np.errstate(divide="ignore"):
        log_weight = np.log(weights[0])
    return background, background + log_weight + shape * np.log(rate / (rate + 1))


def _many(k: float, error: float, shape: float, rate: float) -> tuple[Vector, Vector]:
    low, high = (float(special.gammaincinv(shape, share)) / rate for share in (1e-9, 1 - 1e-9))
    low = max(low, 1e-3)
    high = max(min(high, k + 8 * np.sqrt(k + 1)), 2 * low)
    widest = min(float(np.sqrt(k)), error)
    n_points = int(np.clip((high - low) / (BACKGROUND_STEP * widest), 32, MOST_POINTS))
    place = np.linspace(np.log(low), np.log(high), n_points)
    background = np.exp(place)
    prior = shape * (place + np.log(rate)) - rate * background - special.gammaln(shape)
    return background, prior + np.log(place[1] - place[0])


def laguerre(shape: Vector, n_points: int) -> tuple[Matrix, Matrix]:
    """Return points and weights of integrals over gammas of rate 1, each of shape (n, n_points);
    weights sum to 1.

    Golub and Welsch 1969, doi:10.1090/S0025-5718-69-99647-1.
    """
    i = np.arange(n_points)
    table = np.zeros((len(shape), n_points, n_points))
    table[:, i, i] = 2 * i + shape[:, None]
    off = np.sqrt(i[1:] * (i[1:] + shape[:, None] - 1))
    table[:, i[1:], i[:-1]] = off
    table[:, i[:-1], i[1:]] = off
    nodes, vectors = np.linalg.eigh(table)
    return nodes, vectors[:, 0, :] ** 2
