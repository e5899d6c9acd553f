"""How people differ about their mean: the normal distribution, or what the counts of everybody say.

The distribution is a mixture of normal ones on a grid (Komarek and Lesaffre 2008,
doi:10.1016/j.csda.2007.10.024), drawn to the normal distribution as if so many normal people had
been seen as well; its mean is 0 and its SD 1, so that mean and SD of a group keep their meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from itc_analysis.statistics.arrays import Matrix, Vector

#: Middles of the parts of the mixture, in SDs, and the SD of each part.
MIDDLES = np.linspace(-4.8, 4.8, 17)
WIDTH = 0.5
#: Places at which the likelihoods of people are brought together.
PLACES = np.linspace(-8, 8, 321)
#: Density of each part at each place, shape (n_places, n_parts), up to a factor.
AT_PLACES = np.exp(-0.5 * ((PLACES[:, None] - MIDDLES) / WIDTH) ** 2)
#: Weights of the parts that make the normal distribution.
NORMAL_WEIGHTS = np.exp(-0.5 * MIDDLES**2 / (1 - WIDTH**2))
NORMAL_WEIGHTS /= NORMAL_WEIGHTS.sum()
#: Normal people that are added to those who were counted when the mixture is estimated.
N_NORMAL = 20.0
#: Steps of the estimate (expectation and maximisation).
N_STEPS = 40
LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
#: The density is tabulated to this distance, in steps so small.
FARTHEST, TABLE_STEP = 12.0, 0.02


@dataclass(frozen=True)
class EffectShape:
    """A distribution of mean 0 and SD 1.

    Parameters
    ----------
    middles, weights : Vector
        Shape (n_parts,), of the normal parts; weights sum to 1.
    width : float
        SD of every part.
    """

    middles: Vector
    weights: Vector
    width: float

    @property
    def is_normal(self) -> bool:
        """Whether this is the normal distribution itself."""
        return len(self.middles) == 1

    def log_density(self, u: Matrix) -> Matrix:
        """Return the log density at places in SDs from the mean."""
        found = np.full(u.shape, -np.inf)
        for middle, weight in zip(self.middles, self.weights, strict=True):
            np.logaddexp(found, np.log(weight) - ((u - middle) / self.width) ** 2 / 2, out=found)
        return np.asarray(found - np.log(self.width) - LOG_SQRT_2PI)

    @cached_property
    def table(self) -> tuple[Vector, Vector, Vector]:
        """Log density, slope, curvature from -FARTHEST in steps of TABLE_STEP; empty when normal.

        Parabolas, so that the three agree between places too.
        """
        if self.is_normal:
            return (np.empty(0),) * 3
        u = np.arange(-FARTHEST, FARTHEST + TABLE_STEP, TABLE_STEP)
        z = (u[:, None] - self.middles) / self.width
        height = -(z**2) / 2 + np.log(self.weights)
        share = np.exp(height - height.max(axis=1, keepdims=True))
        slopes = -(share * z).sum(axis=1) / share.sum(axis=1) / self.width
        steps = (slopes[1:] + slopes[:-1]) / 2 * TABLE_STEP
        values = np.concatenate([[0.0], np.cumsum(steps)])
        values -= values.max()
        values -= np.log(np.exp(values).sum() * TABLE_STEP)
        return values, slopes, np.diff(slopes) / TABLE_STEP


NORMAL = EffectShape(np.zeros(1), np.ones(1), 1.0)


def estimate_shape(u: Matrix, weight: Matrix) -> EffectShape:
    """Return the distribution of people of whom each is known by a likelihood.

    Parameters
    ----------
    u : Matrix
        Shape (n, n_points), places in SDs from the mean, in equal steps.
    weight : Matrix
        Shape (n, n_points), likelihood of the person's counts there, up to a factor.
    """
    place = (np.clip(u, PLACES[0], PLACES[-1]) - PLACES[0]) / (PLACES[1] - PLACES[0])
    left = np.minimum(place.astype(np.int64), len(PLACES) - 2)
    index = left + len(PLACES) * np.arange(len(u))[:, None]
    size = len(u) * len(PLACES)
    share = weight * (place - left)
    at_place = np.bincount(index.ravel(), (weight - share).ravel(), size)
    at_place = at_place + np.bincount(index.ravel() + 1, share.ravel(), size)
    at_place = at_place.reshape(len(u), len(PLACES))
    parts = at_place @ AT_PLACES
    weights = NORMAL_WEIGHTS
    for _ in range(N_STEPS):
        # the share of each part in each person, summed over the persons
        seen = weights * ((1 / (parts @ weights)) @ parts)
        weights = (seen + N_NORMAL * NORMAL_WEIGHTS) / (len(u) + N_NORMAL)
    mean = float(weights @ MIDDLES)
    sd = float(np.sqrt(weights @ (MIDDLES - mean) ** 2 + WIDTH**2))
    return EffectShape((MIDDLES - mean) / sd, weights, WIDTH / sd)
