"""Points of the integral over a background that is itself uncertain: a gamma.

Few cells by Gauss and Laguerre's rule, which is exact for them; many by equal steps of a function
of the background.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special

from itc_analysis.statistics.arrays import Vector

#: Points of the integral over the background; exact for Poisson counts below twice as many.
N_BACKGROUND = 16
#: Step of the integral over the background of larger counts, in SDs of its narrowest feature.
BACKGROUND_STEP = 1.0
#: Fewest and most points of that integral.
N_POINTS = (24, 600)
#: Parts of a background that are left out below and above it.
LEFT_BELOW, LEFT_ABOVE = 1e-9, 1e-13
#: Backgrounds below this, in cells, are none.
LOWEST = 1e-3
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
    found = _few(shape, rate) if k < 2 * N_BACKGROUND else _many(k, shape, rate)
    for part in found:
        part.flags.writeable = False
    return found


def _few(shape: float, rate: float) -> tuple[Vector, Vector]:
    """The factor exp(-background) of a count is taken into the gamma: what is left is a polynomial
    of degree k.
    """
    nodes, weights = laguerre(shape, N_BACKGROUND)
    background = nodes / (rate + 1)
    with np.errstate(divide="ignore"):
        log_weight = np.log(weights)
    return background, background + log_weight + shape * np.log(rate / (rate + 1))


def _many(k: float, shape: float, rate: float) -> tuple[Vector, Vector]:
    """Steps of the square root, and of the logarithm of small backgrounds; what is smaller still
    counts as a background of 0.

    With `j` of the `k` cells taken as background, the background is a gamma of shape ``shape + j``
    and rate ``rate + 1``: from none of them to all, this says how far to go. The square root of
    such a gamma times its rate has an SD of 1/2, wherever it lies.
    """
    low, high = special.gammaincinv(shape, [LEFT_BELOW, 1 - LEFT_ABOVE]) / rate
    most = special.gammaincinv(shape + k, 1 - LEFT_ABOVE) / (rate + 1)
    if k < shape / rate:  # fewer cells than background is expected: as little as that can be
        low = special.gammaincinv(shape, LEFT_BELOW) / (rate + 1)
    low, high = max(low, LOWEST), max(min(high, most), 2 * LOWEST)
    # softplus: exp where negative, else the number itself
    root = np.sqrt(np.array([low, high]) * (rate + 1))
    first, last = root + np.log(-np.expm1(-root))
    n_points = int(np.clip((last - first) / (BACKGROUND_STEP / 2), *N_POINTS))
    place, step = np.linspace(first, last, n_points, retstep=True)
    root = np.logaddexp(0.0, place)
    background = root**2 / (rate + 1)
    log_weight = shape * np.log(rate * background) - rate * background - special.gammaln(shape)
    log_weight += np.log(2 * special.expit(place) / root * step)
    if low > LOWEST:
        return background, log_weight
    # the step ends there; what rises within it by Euler and Maclaurin
    log_weight[0] += np.log(1 / 2 + step * 2 * max(shape - rate * low, 0.0) / 12)
    below = np.log(special.gammainc(shape, rate * low))
    return np.append(0.0, background), np.append(below, log_weight)


def laguerre(shape: float, n_points: int) -> tuple[Vector, Vector]:
    """Return points and weights of an integral over a gamma of rate 1, each of shape (n_points,);
    weights sum to 1.

    Golub and Welsch 1969, doi:10.1090/S0025-5718-69-99647-1.
    """
    i = np.arange(n_points)
    table = np.diag(2 * i + shape)
    off = np.sqrt(i[1:] * (i[1:] + shape - 1))
    table[i[1:], i[:-1]] = off
    table[i[:-1], i[1:]] = off
    nodes, vectors = np.linalg.eigh(table)
    return nodes, vectors[0] ** 2
