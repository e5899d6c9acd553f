"""The likelihood of counted cells, given the true share or concentration: what was counted, nothing
added to it.

k of n cells are binomial about ``capture * expit(theta) + background / n``; k cells in a volume are
Poisson about ``capture * exp(theta) * volume + background``. A background that is itself uncertain
is a gamma, integrated over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from itc_analysis.statistics.arrays import Matrix, Vector, Whole
from itc_analysis.statistics.backgrounds import background_points
from itc_analysis.statistics.person_integrals import Packed, count_heights

#: Points of a background that is not there.
NO_BACKGROUND = np.zeros(1), np.zeros(1)


@dataclass(frozen=True)
class Counted:
    """Cells counted in samples.

    Parameters
    ----------
    k : Vector
        Shape (n_samples,), cells counted, background included; at least 0.
    n : Vector
        Shape (n_samples,), above 0: cells of the denominator, or the volume (microlitres) of
        Poisson counts.
    kind : str
        ``binomial``: theta is the logit of the share; ``poisson``: the logarithm of the cells per
        unit of `n`.
    background, background_se : Vector or None
        Shape (n_samples,), cells expected in the gate without the population, and the standard
        error of this expectation; None for none.
    capture : Vector or None
        Shape (n_samples,), 0 to 1, share of the population that lies inside of the gate; None for
        1.
    log_error : Vector or None
        Shape (n_samples,), standard error of theta from all that is not counting: the position of
        the gate, the volume; None for none.
    person : Whole or None
        Shape (n_samples,), number of the person, 0 to n_persons - 1, every number used; None for a
        person each.
    """

    k: Vector
    n: Vector
    kind: Literal["binomial", "poisson"] = "binomial"
    background: Vector | None = None
    background_se: Vector | None = None
    capture: Vector | None = None
    log_error: Vector | None = None
    person: Whole | None = None

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        if np.any(~(self.k >= 0)) or np.any(~(self.n > 0)):
            msg = "counts must be at least 0 and their denominators above 0"
            raise ValueError(msg)
        if self.kind == "binomial" and np.any(self.k > self.n):
            msg = "more cells counted than there are in the denominator"
            raise ValueError(msg)

    @property
    def persons(self) -> Whole:
        """Number of the person of each sample."""
        return np.arange(len(self.k)) if self.person is None else self.person

    @property
    def n_persons(self) -> int:
        """How many persons there are."""
        return int(self.persons.max()) + 1

    def error_by_person(self) -> Vector:
        """Return the standard error of each person's theta that is not counting."""
        if self.log_error is None:
            return np.zeros(self.n_persons)
        squared = np.bincount(self.persons, np.square(self.log_error), self.n_persons)
        samples = np.bincount(self.persons, minlength=self.n_persons)
        error: Vector = np.sqrt(squared) / samples
        return error

    def of(self, persons: npt.NDArray[np.bool_]) -> Counted:
        """Return the counts of some persons, numbered anew."""
        rows = persons[self.persons]

        def part(column: Vector | None) -> Vector | None:
            return None if column is None else column[rows]

        number = np.cumsum(persons) - 1
        return Counted(
            self.k[rows],
            self.n[rows],
            self.kind,
            part(self.background),
            part(self.background_se),
            part(self.capture),
            part(self.log_error),
            None if self.person is None else number[self.person[rows]],
        )

    @cached_property
    def packed(self) -> Packed:
        """The same as flat arrays, for compiled loops."""
        order = np.argsort(self.persons, kind="stable")
        number = np.bincount(self.persons, minlength=self.n_persons)
        points = [self._background(sample) for sample in order.tolist()]
        ones = np.ones(len(order))
        return Packed(
            np.append(0, np.cumsum(number)),
            self.k[order].astype(float),
            self.n[order].astype(float),
            ones if self.capture is None else self.capture[order].astype(float),
            self.kind == "poisson",
            np.append(0, np.cumsum([len(place) for place, _ in points])),
            np.concatenate([place for place, _ in points]),
            np.concatenate([weight for _, weight in points]),
        )

    def _background(self, sample: int) -> tuple[Vector, Vector]:
        """Return points of a sample's background, and the logarithms of their weights."""
        if self.background is None:
            return NO_BACKGROUND
        expected = float(self.background[sample])
        error = 0.0 if self.background_se is None else float(self.background_se[sample])
        if error <= 0:
            return np.array([expected]), np.zeros(1)
        return background_points(float(self.k[sample]), expected, error)

    def rough(self) -> tuple[Vector, Vector]:
        """Return a first guess of each person's theta and of its variance by counting, each of
        shape (n_persons,).

        Only where an iteration begins: a cell is added here, and nowhere else.
        """
        k = np.maximum(self.k - (0.0 if self.background is None else self.background), 0)
        k = k / (1.0 if self.capture is None else self.capture)
        k, n = (np.bincount(self.persons, column, self.n_persons) for column in (k, self.n))
        if self.kind == "poisson":
            return np.log((k + 0.5) / n), 1 / (k + 0.5)
        k = np.minimum(k, n)
        return special.logit((k + 0.5) / (n + 1)), 1 / (k + 0.5) + 1 / (n - k + 0.5)


def log_likelihood(counted: Counted, theta: Matrix) -> Matrix:
    """Return the log likelihood of each person's counts, without the constant, at several values of
    theta.

    Parameters
    ----------
    counted : Counted
        What was counted.
    theta : Matrix
        Shape (n_persons, n_values), logit of the share or logarithm of the concentration.

    Returns
    -------
    Matrix
        Shape (n_persons, n_values); the samples of a person are added.
    """
    points = np.array(theta, dtype=float)  # contiguous, for the compiled loop
    kept = np.empty_like(points)
    count_heights(np.arange(len(points)), points, kept, counted.packed)
    return kept
