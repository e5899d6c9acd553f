"""The likelihood of everybody's counts: each person's effect integrated over.

By equal steps about the person's own posterior, which for smooth functions converges like Gauss and
Hermite's rule and lets the likelihood of the counts be computed once and kept. First and second
derivatives are exact (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import Matrix, Stack, Vector
from itc_analysis.statistics.count_likelihood import Counted, log_likelihood
from itc_analysis.statistics.effect_shape import NORMAL, EffectShape, estimate_shape

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
    log_density : Vector
        Shape (n,), log likelihood of each person.
    slopes : Matrix
        Shape (2, n), its derivatives by the mean and by the log SD.
    curves : Matrix
        Shape (3, n), its second derivatives: mean twice, mean and log SD, log SD twice.
    middle, variance : Vector
        Shape (n,), posterior of the mean and the person effect, the gate's error with it.
    """

    log_density: Vector
    slopes: Matrix
    curves: Matrix
    middle: Vector
    variance: Vector


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
        self.unit = np.linspace(-REACH, REACH, N_POINTS)
        self.centre, self.scale = np.zeros(len(X)), np.ones(len(X))
        self.points = np.zeros((len(X), N_POINTS))
        self.kept = np.zeros((len(X), N_POINTS))

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

    def moments(self, theta: Vector, *, by_mean: float = 0.0, by_log_sd: float = 0.0) -> Moments:
        """Return the integrals at some parameters, on the present points.

        With everybody's mean and log SD moved by as much as is asked for.
        """
        eta, sd, s = self._law(theta, by_mean, by_log_sd)
        u = (self.points - eta[:, None]) / s[:, None]
        value, first, second = self.shape.log_density(u)
        height = self.kept + value
        top = height.max(axis=1)
        weight = np.exp(height - top[:, None])
        total = weight.sum(axis=1)
        step = self.scale * (self.unit[1] - self.unit[0])
        log_density = top + np.log(total * step / s)
        weight /= total[:, None]

        def average(values: Matrix) -> Vector:
            return np.asarray(np.einsum("ij,ij->i", weight, values))

        outward = u * first
        m1, m2 = average(u), average(u**2)
        f, uf = average(first), average(outward)
        ff, fuf, ufuf = average(first**2), average(first * outward), average(outward**2)
        g, ug, uug = average(second), average(u * second), average(u**2 * second)
        r = (sd / s) ** 2  # derivative of log s by the log SD
        by_log_s = -uf - 1
        mean2 = (g + ff - f**2) / s**2
        cross = r * (ug + f + fuf - f * uf) / s
        sd2 = r**2 * (uf + uug + ufuf - uf**2) + 2 * r * (1 - r) * by_log_s
        return Moments(
            log_density,
            np.stack([-f / s, r * by_log_s]),
            np.stack([mean2, cross, sd2]),
            eta + s * m1,
            s**2 * np.maximum(m2 - m1**2, 1e-16),
        )

    def settle(self, theta: Vector, found: Moments) -> Moments:
        """Set the points of those whose posterior has moved away from them, and integrate again."""
        for _ in range(MAX_SETTINGS):
            sd = np.sqrt(found.variance)
            moved = (np.abs(found.middle - self.centre) > MOVED * self.scale) | (
                np.abs(np.log(sd / self.scale)) > np.log(STRETCHED)
            )
            if not moved.any():
                break
            self._set_points(moved, found.middle[moved], sd[moved])
            found = self.moments(theta)
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
        gradient = np.concatenate([X.T @ found.slopes[0], Z.T @ found.slopes[1]])
        corner = X.T @ (cross[:, None] * Z)
        hessian = np.block(
            [[X.T @ (mean2[:, None] * X), corner], [corner.T, Z.T @ (sd2[:, None] * Z)]]
        )
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

        def by(**moved: float) -> Vector:
            high = self.moments(theta, **moved).curves[0]
            low = self.moments(theta, **{name: -step for name, step in moved.items()}).curves[0]
            return np.asarray(-(high - low) / (2 * STEP))

        by_mean, by_log_sd = by(by_mean=STEP), by(by_log_sd=STEP)
        return -found.curves[0], by_log_sd[:, None] * self.Z + by_mean[:, None] * path

    def posterior(self, theta: Vector, found: Moments) -> tuple[Vector, Vector]:
        """Return posterior mean and variance of each true theta, without the gate's error."""
        eta, sd, s = self._law(theta)
        r = (sd / s) ** 2
        return eta + r * (found.middle - eta), r**2 * found.variance + sd**2 * (1 - r)

    def learn_shape(self, theta: Vector) -> None:
        """Estimate the distribution of the person effects at some parameters."""
        eta, _, s = self._law(theta)
        u = (self.points - eta[:, None]) / s[:, None]
        weight = np.exp(self.kept - self.kept.max(axis=1, keepdims=True))
        self.shape = estimate_shape(u, weight)

    def _law(
        self, theta: Vector, by_mean: float = 0.0, by_log_sd: float = 0.0
    ) -> tuple[Vector, Vector, Vector]:
        """Return mean, SD between persons, and SD with the gate's error."""
        sd = np.exp(self.Z @ theta[self.p :] + by_log_sd)
        return self.offset + self.X @ theta[: self.p] + by_mean, sd, np.hypot(sd, self.error)

    def _set_points(self, rows: npt.NDArray[np.bool_], centre: Vector, scale: Vector) -> None:
        self.centre[rows], self.scale[rows] = centre, scale
        self.points[rows] = self.centre[rows, None] + self.scale[rows, None] * self.unit
        if rows.all():
            self.kept = log_likelihood(self.counted, self.points)
        else:
            self.kept[rows] = log_likelihood(self.counted.of(rows), self.points[rows])
