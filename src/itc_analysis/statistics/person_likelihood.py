"""The likelihood of everybody's counts: each person's effect integrated over.

By equal steps about the person's own posterior, which for smooth functions converges like Gauss and
Hermite's rule and lets the likelihood of the counts be computed once and kept. First and second
derivatives are exact (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from itc_analysis.statistics.arrays import Matrix, Stack, Vector
from itc_analysis.statistics.climb import (
    Added,
    People,
    Places,
    Shape,
    climb,
    hold_shape,
    means_and_sds,
    set_points,
    settled,
    summed,
)
from itc_analysis.statistics.count_likelihood import Counted
from itc_analysis.statistics.effect_shape import (
    FARTHEST,
    NORMAL,
    TABLE_STEP,
    EffectShape,
    estimate_shape,
)
from itc_analysis.statistics.person_integrals import curvature

#: Points of the integral over a person, and how many posterior SDs they reach to either side.
N_POINTS = 41
REACH = 7.0
#: Step of derivatives by differences: wider than one of the table of the distribution, within which
#: the curvature is the same.
STEP = 4e-2
NO_MAXIMUM = "the likelihood of the counts has no maximum"


class NoMaximum(ValueError):
    """The likelihood rises for ever (a group without a cell, say); the message says so."""


@dataclass(frozen=True)
class Moments:
    """What the integrals of the persons give at one set of parameters.

    Parameters
    ----------
    of_persons : Matrix
        Shape (8, n), as `person_integrals.integrate` fills it.
    """

    of_persons: Matrix

    @property
    def log_density(self) -> Vector:
        """Log likelihood of each person, shape (n,)."""
        found: Vector = self.of_persons[0]
        return found

    @property
    def slopes(self) -> Matrix:
        """Its derivatives by the mean and by the log SD, shape (2, n)."""
        found: Matrix = self.of_persons[1:3]
        return found

    @property
    def curves(self) -> Matrix:
        """Its second derivatives: mean twice, mean and log SD, log SD twice; shape (3, n)."""
        found: Matrix = self.of_persons[3:6]
        return found

    @property
    def middle(self) -> Vector:
        """Posterior mean of the mean and the person effect, the gate's error with it."""
        found: Vector = self.of_persons[6]
        return found

    @property
    def variance(self) -> Vector:
        """Variance of the same."""
        found: Vector = self.of_persons[7]
        return found


class PersonLikelihood:
    """Likelihood of everybody's counts, with points of the integrals that follow the parameters."""

    def __init__(
        self,
        counted: Counted,
        X: Matrix,
        Z: Matrix,
        *,
        offset: Vector | None = None,
        shape: EffectShape = NORMAL,
    ) -> None:
        if counted.n_persons != len(X):
            msg = f"{counted.n_persons} persons for {len(X)} rows of the design"
            raise ValueError(msg)
        self.p = X.shape[1]
        self.counted = counted
        self.people = People(
            np.ascontiguousarray(X, dtype=float),
            np.ascontiguousarray(Z, dtype=float),
            np.zeros(len(X)) if offset is None else np.asarray(offset, dtype=float),
            counted.error_by_person(),
            counted.packed,
        )
        self.X, self.Z, self.error = self.people.X, self.people.Z, self.people.error
        n = len(X)
        unit = np.linspace(-REACH, REACH, N_POINTS)
        points, kept, held = (np.zeros((n, N_POINTS)) for _ in range(3))
        self.places = Places(points, kept, held, np.zeros(n), np.ones(n), unit)
        self.shape = shape
        #: Part of each person's density that is normal, and where the shape was learned.
        self.known = np.zeros(n)
        self.learned_at: tuple[Vector, Vector] = (np.zeros(n), np.ones(n))

    @property
    def table(self) -> Shape:
        """Table of the distribution of the person effects."""
        return Shape(*self.shape.table, FARTHEST, TABLE_STEP, self.known, *self.learned_at)

    def shift(self, offset: Vector) -> None:
        """Add something known to the means."""
        self.people = self.people._replace(offset=offset)

    def start(self) -> Vector:
        """Return parameters to begin with, and set the first points."""
        rough, by_counting = self.counted.rough()
        weight = 1 / (0.5 + by_counting)
        root = np.sqrt(weight)
        above = rough - self.people.offset
        beta = np.linalg.lstsq(self.X * root[:, None], above * root, rcond=None)[0]
        eta = self.people.offset + self.X @ beta
        left = float(np.average((rough - eta) ** 2, weights=weight))
        between = max(left - float(np.average(by_counting, weights=weight)), 0.1 * left, 0.02)
        share = between / (between + by_counting)
        self.places.centre[:] = eta + share * (rough - eta)
        self.places.scale[:] = np.sqrt(share * by_counting)
        set_points(np.ones(len(rough), dtype=bool), self.people, self.places, self.table)
        log_sd = np.linalg.lstsq(self.Z, np.full(len(rough), 0.5 * np.log(between)), rcond=None)[0]
        return np.concatenate([beta, log_sd])

    def moments(self, theta: Vector) -> Moments:
        """Return the integrals at some parameters; points that no longer fit are set again."""
        return Moments(settled(theta, self.people, self.places, self.table))

    def climb(self, theta: Vector, added: Added, enough: float) -> tuple[Vector, Moments]:
        """Return the parameters of the maximum, and the integrals there.

        Raises
        ------
        NoMaximum
            The likelihood has none.
        """
        theta, found, is_maximum = climb(theta, self.people, self.places, self.table, added, enough)
        if not is_maximum:
            raise NoMaximum(NO_MAXIMUM)
        return theta, Moments(found)

    def derivatives(self, found: Moments) -> tuple[Matrix, Stack]:
        """Return first and second derivatives of each person's log likelihood."""
        X, Z, p = self.X, self.Z, self.p
        by_mean, by_sd = found.slopes
        mean2, cross, sd2 = found.curves[:, :, None, None]
        scores = np.hstack([by_mean[:, None] * X, by_sd[:, None] * Z])
        n, k = scores.shape
        hessians = np.empty((n, k, k))
        hessians[:, :p, :p] = mean2 * X[:, :, None] * X[:, None, :]
        hessians[:, :p, p:] = cross * X[:, :, None] * Z[:, None, :]
        hessians[:, p:, :p] = hessians[:, :p, p:].transpose(0, 2, 1)
        hessians[:, p:, p:] = sd2 * Z[:, :, None] * Z[:, None, :]
        return scores, hessians

    def summed(self, found: Moments) -> tuple[Vector, Matrix]:
        """Return gradient and Hessian of everybody's log likelihood."""
        gradient, hessian = summed(found.of_persons, self.people)
        return gradient, hessian

    def weight_slopes(self, theta: Vector, found: Moments) -> tuple[Vector, Matrix]:
        """Return how much each person says of the mean, and how that follows the log SDs.

        Along the path on which the means follow the log SDs.

        Returns
        -------
        weight : Vector
            Shape (n,), the mean's information is ``X' weight X``.
        slopes : Matrix
            Shape (n, q).
        """
        hessian = self.summed(found)[1]
        p = self.p
        path = self.X @ np.linalg.lstsq(-hessian[:p, :p], hessian[:p, p:], rcond=None)[0]

        def weight(by_mean: float, by_log_sd: float) -> Vector:
            eta, _, s = self._means_and_sds(theta, by_mean, by_log_sd)
            table = self.shape.table
            at = (self.places.points, self.places.kept, self.places.held, self.known)
            return -curvature(*at, eta, s, *table, FARTHEST, TABLE_STEP)

        by_mean = (weight(STEP, 0.0) - weight(-STEP, 0.0)) / (2 * STEP)
        by_log_sd = (weight(0.0, STEP) - weight(0.0, -STEP)) / (2 * STEP)
        return -found.curves[0], by_log_sd[:, None] * self.Z + by_mean[:, None] * path

    def posterior(self, theta: Vector, found: Moments) -> tuple[Vector, Vector]:
        """Return posterior mean and variance of each true theta, without the gate's error."""
        eta, sd, s = self._means_and_sds(theta)
        r = (sd / s) ** 2
        return eta + r * (found.middle - eta), r**2 * found.variance + sd**2 * (1 - r)

    def learn_shape(self, theta: Vector, found: Moments) -> None:
        """Estimate the distribution of the person effects at some parameters.

        It says what counts of few cells leave open. A mean of people who are nearly exactly known
        needs no distribution: with the likelihood of a learned one it would follow every dent of
        it, and seem more certain than it is (exponential effects, 5,000 cells: rejected in 18 to 23
        %). So the density of each person is, to the part that counting leaves open, the learned one
        about the mean; to the rest the normal one, by what the learned one differs from it here.
        Both have the same posterior, and the score of the rest is that of the posterior mean: it is
        unbiased too, and with countless cells it is least squares, whatever the distribution.
        """
        eta, _, s = self._means_and_sds(theta)
        u = (self.places.points - eta[:, None]) / s[:, None]
        kept = self.places.kept
        weight = np.exp(kept - kept.max(axis=1, keepdims=True))
        self.shape = estimate_shape(u, weight)
        self.known = np.clip(1 - found.variance / s**2, 0.0, 1.0) ** 2
        self.learned_at = eta, s
        hold_shape(np.arange(len(u)), self.places, self.table)

    def _means_and_sds(
        self, theta: Vector, by_mean: float = 0.0, by_log_sd: float = 0.0
    ) -> tuple[Vector, Vector, Vector]:
        """Return mean, SD between persons, and SD with the gate's error."""
        eta, sd, s = means_and_sds(theta, self.people)
        if by_mean or by_log_sd:
            sd = sd * np.exp(by_log_sd)
            return eta + by_mean, sd, np.hypot(sd, self.error)
        return eta, sd, s
