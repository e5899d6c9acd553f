"""The likelihood of everybody's counts: each person's effect integrated over.

By equal steps about the person's own posterior, which for smooth functions converges like Gauss and
Hermite's rule and lets the likelihood of the counts be computed once and kept. First and second
derivatives are exact (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import Matrix, Stack, Vector, Whole
from itc_analysis.statistics.count_likelihood import Counted, log_likelihood
from itc_analysis.statistics.effect_shape import (
    FARTHEST,
    NORMAL,
    TABLE_STEP,
    EffectShape,
    estimate_shape,
)
from itc_analysis.statistics.person_integrals import curvature, has_moved, integrate

#: Points of the integral over a person, and how many posterior SDs they reach to either side.
N_POINTS = 29
REACH = 7.0
#: The points of a person are set again when its posterior has moved this far (posterior SDs) or its
#: SD by this factor.
MOVED, STRETCHED = 0.5, 1.4
#: Step of derivatives by differences.
STEP = 1e-2
#: Times that points are set again at most.
MAX_SETTINGS = 100


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
        self.counted, self.X, self.Z = counted, X, Z
        self.p = X.shape[1]
        self.offset = np.zeros(len(X)) if offset is None else offset
        self.shape = shape
        self.error = counted.error_by_person()
        self.everybody = np.arange(len(X))
        self.unit = np.linspace(-REACH, REACH, N_POINTS)
        self.centre, self.scale = np.zeros(len(X)), np.ones(len(X))
        self.points = np.zeros((len(X), N_POINTS))
        self.of_counts = np.zeros((len(X), N_POINTS))
        self.kept = np.zeros((len(X), N_POINTS))
        #: Part of each person's density that is normal about the mean, and where the rest was
        #: learned.
        self.known = np.zeros(len(X))
        self.learned_at = (np.zeros(len(X)), np.ones(len(X)))

    def start(self) -> Vector:
        """Return parameters to begin with, and set the first points."""
        rough, by_counting = self.counted.rough()
        weight = 1 / (0.5 + by_counting)
        root = np.sqrt(weight)
        above = rough - self.offset
        beta = np.linalg.lstsq(self.X * root[:, None], above * root, rcond=None)[0]
        eta = self.offset + self.X @ beta
        left = float(np.average((rough - eta) ** 2, weights=weight))
        between = max(left - float(np.average(by_counting, weights=weight)), 0.1 * left, 0.02)
        share = between / (between + by_counting)
        self._set_points(
            np.ones(len(rough), dtype=bool),
            eta + share * (rough - eta),
            np.sqrt(share * by_counting),
        )
        log_sd = np.linalg.lstsq(self.Z, np.full(len(rough), 0.5 * np.log(between)), rcond=None)[0]
        return np.concatenate([beta, log_sd])

    def moments(self, theta: Vector) -> Moments:
        """Return the integrals at some parameters, on the present points."""
        found = np.empty((8, len(self.X)))
        self._integrate(theta, self.everybody, found)
        return Moments(found)

    def _integrate(self, theta: Vector, rows: Whole, found: Matrix) -> None:
        """Fill what `Moments` holds of some persons."""
        integrate(
            self.points,
            self.kept,
            *self._law(theta),
            self.scale * (self.unit[1] - self.unit[0]),
            rows,
            found,
            self.known,
            *self.shape.table,
            FARTHEST,
            TABLE_STEP,
        )

    def settle(self, theta: Vector, found: Moments) -> Moments:
        """Set the points of those whose posterior has moved away from them, and integrate again."""
        for _ in range(MAX_SETTINGS):
            moved = has_moved(
                found.middle, found.variance, self.centre, self.scale, MOVED, STRETCHED
            )
            if not moved.any():
                break
            self._set_points(moved, found.middle[moved], np.sqrt(found.variance[moved]))
            self._integrate(theta, np.flatnonzero(moved), found.of_persons)
        return found

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
        X, Z = self.X, self.Z
        mean2, cross, sd2 = found.curves
        p, k = self.p, self.p + Z.shape[1]
        gradient, hessian = np.empty(k), np.empty((k, k))
        gradient[:p], gradient[p:] = found.slopes[0] @ X, found.slopes[1] @ Z
        hessian[:p, :p] = X.T @ (mean2[:, None] * X)
        hessian[:p, p:] = X.T @ (cross[:, None] * Z)
        hessian[p:, :p] = hessian[:p, p:].T
        hessian[p:, p:] = Z.T @ (sd2[:, None] * Z)
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
            eta, _, s = self._law(theta, by_mean, by_log_sd)
            table = self.shape.table
            law = (eta, s, self.known)
            return -curvature(self.points, self.kept, *law, *table, FARTHEST, TABLE_STEP)

        by_mean = (weight(STEP, 0.0) - weight(-STEP, 0.0)) / (2 * STEP)
        by_log_sd = (weight(0.0, STEP) - weight(0.0, -STEP)) / (2 * STEP)
        return -found.curves[0], by_log_sd[:, None] * self.Z + by_mean[:, None] * path

    def posterior(self, theta: Vector, found: Moments) -> tuple[Vector, Vector]:
        """Return posterior mean and variance of each true theta, without the gate's error."""
        eta, sd, s = self._law(theta)
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
        eta, _, s = self._law(theta)
        u = (self.points - eta[:, None]) / s[:, None]
        weight = np.exp(self.of_counts - self.of_counts.max(axis=1, keepdims=True))
        self.shape = estimate_shape(u, weight)
        self.known = np.clip(1 - found.variance / s**2, 0.0, 1.0) ** 2
        self.learned_at = eta, s
        self.kept = self.of_counts + self._difference(self.everybody)

    def _difference(self, rows: Whole) -> Matrix:
        """Return what is held of the learned log density less the normal one."""
        eta, s = (part[rows, None] for part in self.learned_at)
        u = (self.points[rows] - eta) / s
        return self.known[rows, None] * (self.shape.log_density(u) - NORMAL.log_density(u))

    def _law(
        self, theta: Vector, by_mean: float = 0.0, by_log_sd: float = 0.0
    ) -> tuple[Vector, Vector, Vector]:
        """Return mean, SD between persons, and SD with the gate's error."""
        sd = np.exp(self.Z @ theta[self.p :] + by_log_sd)
        return self.offset + self.X @ theta[: self.p] + by_mean, sd, np.hypot(sd, self.error)

    def _set_points(self, rows: npt.NDArray[np.bool_], centre: Vector, scale: Vector) -> None:
        self.centre[rows], self.scale[rows] = centre, scale
        self.points[rows] = self.centre[rows, None] + self.scale[rows, None] * self.unit
        counted = self.counted if rows.all() else self.counted.of(rows)
        self.of_counts[rows] = log_likelihood(counted, self.points[rows])
        self.kept[rows] = self.of_counts[rows]
        if not self.shape.is_normal:
            self.kept[rows] += self._difference(np.flatnonzero(rows))
