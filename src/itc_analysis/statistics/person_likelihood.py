"""The likelihood of everybody's counts: each person's effect integrated over.

By equal steps about the person's own posterior, which for smooth functions converges like Gauss and
Hermite's rule and lets the likelihood of the counts be computed once and kept. First and second
derivatives are exact (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.count_likelihood import Counted, Matrix, Vector, log_likelihood

Stack = npt.NDArray[np.float64]

#: Points of the integral over a person, and how many posterior SDs they reach to either side.
N_POINTS = 41
REACH = 7.0
#: The points of a person are set again when its posterior has moved this far (posterior SDs) or its
#: SD by this factor.
MOVED, STRETCHED = 0.5, 1.4
#: Times that points are set again at most.
MAX_SETTINGS = 100


@dataclass(frozen=True)
class Moments:
    """What the integrals of the persons give at one set of parameters.

    Parameters
    ----------
    log_density : Vector
        Shape (n,), log likelihood of each person.
    m : Matrix
        Shape (4, n), posterior means of the powers 1 to 4 of the person effect.
    """

    log_density: Vector
    m: Matrix


class PersonLikelihood:
    """Likelihood of everybody's counts, with points of the integrals that follow the parameters."""

    def __init__(self, counted: Counted, X: Matrix, Z: Matrix) -> None:
        if counted.n_persons != len(X):
            msg = f"{counted.n_persons} persons for {len(X)} rows of the design"
            raise ValueError(msg)
        self.counted, self.X, self.Z = counted, X, Z
        self.p = X.shape[1]
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
        beta = np.linalg.lstsq(self.X * root[:, None], rough * root, rcond=None)[0]
        eta = self.X @ beta
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
        eta, _, v = self._law(theta)
        e = self.points - eta[:, None]
        height = self.kept - e**2 / (2 * v[:, None])
        top = height.max(axis=1)
        weight = np.exp(height - top[:, None])
        total = weight.sum(axis=1)
        step = self.scale * (self.unit[1] - self.unit[0])
        log_density = top + np.log(total * step) - 0.5 * np.log(2 * np.pi * v)
        weight /= total[:, None]
        m = np.empty((4, len(e)))
        power = weight
        for i in range(4):
            power = power * e
            m[i] = power.sum(axis=1)
        return Moments(log_density, m)

    def settle(self, theta: Vector, found: Moments) -> Moments:
        """Set the points of those whose posterior has moved away from them, and integrate again."""
        for _ in range(MAX_SETTINGS):
            eta = self.X @ theta[: self.p]
            middle = eta + found.m[0]
            sd = np.sqrt(np.maximum(found.m[1] - found.m[0] ** 2, 1e-14))
            ratio = sd / self.scale
            moved = (np.abs(middle - self.centre) > MOVED * self.scale) | (
                np.abs(np.log(ratio)) > np.log(STRETCHED)
            )
            if not moved.any():
                break
            self._set_points(moved, middle[moved], sd[moved])
            found = self.moments(theta)
        return found

    def derivatives(self, theta: Vector, found: Moments) -> tuple[Matrix, Stack]:
        """Return first and second derivatives of each person's log likelihood."""
        _, sd, v = self._law(theta)
        m1, m2, m3, m4 = found.m
        r = sd**2 / v
        by_mean, by_sd = m1 / v, r * (m2 / v - 1)
        mean2 = (m2 - m1**2) / v**2 - 1 / v
        cross = r * (m3 - m1 * m2) / v**2 - 2 * r * m1 / v
        sd2 = 2 * r * (1 - r) * (m2 / v - 1) - 2 * r**2 * m2 / v + r**2 * (m4 - m2**2) / v**2
        X, Z = self.X, self.Z
        scores = np.hstack([by_mean[:, None] * X, by_sd[:, None] * Z])
        n, k = scores.shape
        p = self.p
        hessians = np.empty((n, k, k))
        hessians[:, :p, :p] = mean2[:, None, None] * X[:, :, None] * X[:, None, :]
        hessians[:, :p, p:] = cross[:, None, None] * X[:, :, None] * Z[:, None, :]
        hessians[:, p:, :p] = hessians[:, :p, p:].transpose(0, 2, 1)
        hessians[:, p:, p:] = sd2[:, None, None] * Z[:, :, None] * Z[:, None, :]
        return scores, hessians

    def summed(self, theta: Vector, found: Moments) -> tuple[Vector, Matrix]:
        """Return gradient and Hessian of everybody's log likelihood."""
        _, sd, v = self._law(theta)
        m1, m2, m3, m4 = found.m
        r = sd**2 / v
        mean2 = (m2 - m1**2) / v**2 - 1 / v
        cross = r * (m3 - m1 * m2) / v**2 - 2 * r * m1 / v
        sd2 = 2 * r * (1 - r) * (m2 / v - 1) - 2 * r**2 * m2 / v + r**2 * (m4 - m2**2) / v**2
        X, Z = self.X, self.Z
        gradient = np.concatenate([X.T @ (m1 / v), Z.T @ (r * (m2 / v - 1))])
        corner = X.T @ (cross[:, None] * Z)
        hessian = np.block(
            [[X.T @ (mean2[:, None] * X), corner], [corner.T, Z.T @ (sd2[:, None] * Z)]]
        )
        return gradient, hessian

    def posterior(self, theta: Vector, found: Moments) -> tuple[Vector, Vector]:
        """Return posterior mean and variance of each true theta, without the gate's error."""
        eta, sd, v = self._law(theta)
        r = sd**2 / v
        spread = np.maximum(found.m[1] - found.m[0] ** 2, 0)
        return eta + r * found.m[0], r**2 * spread + sd**2 * (1 - r)

    def _law(self, theta: Vector) -> tuple[Vector, Vector, Vector]:
        """Return mean, SD between persons, and variance with the gate's error."""
        sd = np.exp(self.Z @ theta[self.p :])
        return self.X @ theta[: self.p], sd, sd**2 + self.error**2

    def _set_points(self, rows: npt.NDArray[np.bool_], centre: Vector, scale: Vector) -> None:
        self.centre[rows], self.scale[rows] = centre, scale
        self.points[rows] = self.centre[rows, None] + self.scale[rows, None] * self.unit
        if rows.all():
            self.kept = log_likelihood(self.counted, self.points)
        else:
            self.kept[rows] = log_likelihood(_those(self.counted, rows), self.points[rows])


def _those(counted: Counted, persons: npt.NDArray[np.bool_]) -> Counted:
    """Return the counts of some persons, numbered anew."""
    rows = persons[counted.persons]

    def part(column: Vector | None) -> Vector | None:
        return None if column is None else column[rows]

    number = np.cumsum(persons) - 1
    return Counted(
        counted.k[rows],
        counted.n[rows],
        counted.kind,
        part(counted.background),
        part(counted.background_se),
        part(counted.capture),
        part(counted.log_error),
        None if counted.person is None else number[counted.person[rows]],
    )
