"""The likelihood of counted cells, given the true share or concentration: what was counted, nothing
added to it.

k of n cells are binomial about ``capture * expit(theta) + background / n``; k cells in a volume are
Poisson about ``capture * exp(theta) * volume + background``. A background that is itself uncertain
is a gamma, integrated over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from itc_analysis.statistics.arrays import Matrix, Vector, Whole
from itc_analysis.statistics.backgrounds import background_points
from itc_analysis.statistics.person_integrals import average_over

#: Shares are held this far from 0 and 1, where logarithms end.
TINY = 1e-300


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
    persons = counted.persons
    at_sample = theta if counted.person is None else theta[persons]
    own = _by_sample(counted, at_sample)
    if counted.person is None:
        return own
    summed = np.zeros_like(theta)
    np.add.at(summed, persons, own)
    return summed


def _by_sample(counted: Counted, theta: Matrix) -> Matrix:
    k, n = counted.k[:, None], counted.n[:, None]
    plain = counted.background is None and counted.capture is None
    if counted.kind == "binomial" and plain:
        # log(1 + exp(theta)) once: log p = theta - it, log(1 - p) = -it
        return np.asarray(k * theta - n * np.logaddexp(0, theta))
    capture = 1.0 if counted.capture is None else counted.capture[:, None]
    signal = capture * n * (special.expit(theta) if counted.kind == "binomial" else np.exp(theta))
    if counted.background is None:
        return _of_expected(counted.kind, k, n, signal)
    expected, error = counted.background, counted.background_se
    if error is None:
        return _of_expected(counted.kind, k, n, signal + expected[:, None])
    found = np.empty_like(theta)
    exact = error <= 0
    found[exact] = _of_expected(
        counted.kind, k[exact], n[exact], signal[exact] + expected[exact, None]
    )
    for row in np.flatnonzero(~exact):
        among = n[row, 0] if counted.kind == "binomial" else np.nan
        points = background_points(counted.k[row], expected[row], error[row])
        found[row] = average_over(k[row, 0], among, signal[row], *points)
    return found


def _of_expected(kind: str, k: Matrix, n: Matrix, expected: Matrix) -> Matrix:
    """Return the log likelihood of k cells where `expected` are expected."""
    with np.errstate(divide="ignore"):
        if kind == "poisson":
            return np.asarray(special.xlogy(k, np.maximum(expected, TINY)) - expected)
        share = np.clip(expected / n, TINY, 1 - 1e-16)
        return np.asarray(special.xlogy(k, share) + (n - k) * np.log1p(-share))
