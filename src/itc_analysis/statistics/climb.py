"""Newton's steps to the maximum of the likelihood of everybody's counts, compiled.

A fit takes some hundred steps of a few microseconds each; interpreted, most of a step would go into
the calls between.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from itc_analysis.statistics.arrays import BoolArray, Matrix, Vector, Whole
from itc_analysis.statistics.person_integrals import (
    Packed,
    count_heights,
    has_moved,
    hold,
    integrate,
)

#: Newton steps at most.
MAX_STEPS = 100
#: Largest step of a mean and of a log SD.
LARGEST_STEP, LARGEST_LOG_STEP = 2.0, 1.0
#: People who differ by less than this (log SD) do not differ: the SD is held here.
LEAST_LOG_SD = -3.5
#: Rounding of a log likelihood, relative to it.
ROUNDING = 1e-12
#: Damping at which no step climbs, and the gradient per person that is then flat enough.
MOST_DAMPING, ROUGHLY_FLAT = 1e8, 1e-4
#: The points of a person are set again when its posterior has moved this far (posterior SDs) or its
#: SD by this factor.
MOVED, STRETCHED = 0.5, 1.4
#: Times that points are set again at most.
MAX_SETTINGS = 100
#: A posterior narrower than this many steps of the points is seen as narrow as a step lets see; one
#: that lies so many units from their middle may lie beyond their end.
LEAST_STEPS, NEAR_END = 0.5, 4.0


class People(NamedTuple):
    """Designs and counts of everybody.

    Parameters
    ----------
    X, Z : Matrix
        Shapes (n, p) and (n, q), designs of the mean and of the log SD.
    offset, error : Vector
        Shape (n,), added to the mean; the gate's error.
    counts : Packed
        What was counted.
    """

    X: Matrix
    Z: Matrix
    offset: Vector
    error: Vector
    counts: Packed


class Places(NamedTuple):
    """Points of the integrals, which follow the parameters: filled anew as they move.

    Parameters
    ----------
    points, kept : Matrix
        Shape (n, n_points), places, and the log likelihood of the counts there.
    held : Matrix
        Shape (n, n_points), what is held of the distribution there, as `person_integrals.hold`
        fills it.
    centre, scale : Vector
        Shape (n,), middle and unit of each person's places.
    unit : Vector
        Shape (n_points,), places about the middle, in units.
    """

    points: Matrix
    kept: Matrix
    held: Matrix
    centre: Vector
    scale: Vector
    unit: Vector


class Shape(NamedTuple):
    """Table of the distribution of the person effects, as `effect_shape.EffectShape.table`.

    Parameters
    ----------
    values, slopes, curves : Vector
        Log density and its derivatives; empty for the normal distribution.
    farthest, step : float
        Of the table.
    known : Vector
        Shape (n,), 0 to 1: the part of each person's log density that is normal about the mean.
    centre, scale : Vector
        Shape (n,), mean and SD of each person where the table was learned.
    """

    values: Vector
    slopes: Vector
    curves: Vector
    farthest: float
    step: float
    known: Vector
    centre: Vector
    scale: Vector


class Added(NamedTuple):
    """What is added to the log likelihood: a normal prior of log SDs, and a slope.

    Parameters
    ----------
    precision : Vector
        Shape (q,), of the normal prior about 0.
    slope : Vector
        Shape (q,), taken off per unit of each log SD.
    """

    precision: Vector
    slope: Vector


@numba.njit(cache=True, nogil=True)
def means_and_sds(theta: Vector, people: People) -> tuple[Vector, Vector, Vector]:
    """Return mean, SD between persons, and SD with the gate's error, each of shape (n,)."""
    n, p = people.X.shape
    eta, sd, s = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        mean, log_sd = people.offset[i], 0.0
        for j in range(p):
            mean += people.X[i, j] * theta[j]
        for j in range(people.Z.shape[1]):
            log_sd += people.Z[i, j] * theta[p + j]
        eta[i], sd[i] = mean, np.exp(log_sd)
        s[i] = np.hypot(sd[i], people.error[i])
    return eta, sd, s


@numba.njit(cache=True, nogil=True)
def set_points(moved: BoolArray, people: People, places: Places, shape: Shape) -> None:
    """Set the places of some persons about their middles, and count there."""
    rows = np.flatnonzero(moved)
    for i in rows:
        for j in range(len(places.unit)):
            places.points[i, j] = places.centre[i] + places.scale[i] * places.unit[j]
    count_heights(rows, places.points, places.kept, people.counts)
    hold_shape(rows, places, shape)


@numba.njit(cache=True, nogil=True)
def hold_shape(rows: Whole, places: Places, shape: Shape) -> None:
    """Fill what is held of the distribution at the places of some persons."""
    hold(
        rows, places.points, places.held, shape.known, shape.centre, shape.scale,
        shape.values, shape.slopes, shape.curves, shape.farthest, shape.step,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def integrals(theta: Vector, people: People, places: Places, shape: Shape) -> Matrix:
    """Return the integrals at some parameters, on the present points.

    Returns
    -------
    Matrix
        Shape (8, n), as `person_integrals.integrate` fills it.
    """
    n = len(people.X)
    found = np.empty((8, n))
    eta, sd, s = means_and_sds(theta, people)
    step = places.scale * (places.unit[1] - places.unit[0])
    integrate(
        places.points, places.kept, places.held, shape.known, eta, sd, s, step, np.arange(n), found,
        shape.values, shape.slopes, shape.curves, shape.farthest, shape.step,
    )  # fmt: skip
    return found


@numba.njit(cache=True, nogil=True)
def settled(theta: Vector, people: People, places: Places, shape: Shape) -> Matrix:
    """Return the integrals; the points of those whose posterior has moved away are set again."""
    found = integrals(theta, people, places, shape)
    eta, sd, s = means_and_sds(theta, people)
    for _ in range(MAX_SETTINGS):
        moved = has_moved(found[6], found[7], places.centre, places.scale, MOVED, STRETCHED)
        rows = np.flatnonzero(moved)
        if len(rows) == 0:
            break
        for i in rows:
            set_middle(int(i), found[6, i], np.sqrt(found[7, i]), places)
        set_points(moved, people, places, shape)
        step = places.scale * (places.unit[1] - places.unit[0])
        integrate(
            places.points, places.kept, places.held, shape.known, eta, sd, s, step, rows, found,
            shape.values, shape.slopes, shape.curves, shape.farthest, shape.step,
        )  # fmt: skip
    return found


@numba.njit(cache=True, nogil=True)
def set_middle(i: int, middle: float, sd: float, places: Places) -> None:
    """Set middle and unit of a person's places by what its present places show of the posterior.

    A posterior beyond their end shows as a spike on the last one. Were it taken as narrow, the
    places would walk after it in steps of their own width, for ever: they become wider instead, and
    narrow again once it lies among them.
    """
    step = places.scale[i] * (places.unit[1] - places.unit[0])
    beyond = abs(middle - places.centre[i]) / NEAR_END
    if beyond < places.scale[i]:
        beyond = 0.0
    places.centre[i] = middle
    places.scale[i] = max(sd, LEAST_STEPS * step, beyond)


@numba.njit(cache=True, nogil=True)
def summed(found: Matrix, people: People) -> tuple[Vector, Matrix]:
    """Return gradient and Hessian of everybody's log likelihood."""
    X, Z = people.X, people.Z
    n, p = X.shape
    q = Z.shape[1]
    gradient, hessian = np.zeros(p + q), np.zeros((p + q, p + q))
    for i in range(n):
        for a in range(p):
            x = X[i, a]
            if x == 0.0:
                continue
            gradient[a] += found[1, i] * x
            for b in range(a + 1):
                hessian[a, b] += found[3, i] * x * X[i, b]
            for b in range(q):
                hessian[p + b, a] += found[4, i] * x * Z[i, b]
        for a in range(q):
            z = Z[i, a]
            if z == 0.0:
                continue
            gradient[p + a] += found[2, i] * z
            for b in range(a + 1):
                hessian[p + a, p + b] += found[5, i] * z * Z[i, b]
    for a in range(p + q):
        for b in range(a):
            hessian[b, a] = hessian[a, b]
    return gradient, hessian


@numba.njit(cache=True, nogil=True)
def height_of(theta: Vector, found: Matrix, added: Added) -> float:
    """Return the log likelihood with what is added."""
    p = len(theta) - len(added.slope)
    value = found[0].sum()
    for j in range(len(added.slope)):
        at = theta[p + j]
        value -= added.slope[j] * at + 0.5 * added.precision[j] * at**2
    return float(value)


@numba.njit(cache=True, nogil=True)
def newton_step(
    hessian: Matrix, damping: float, gradient: Vector, free: BoolArray, step: Vector
) -> bool:
    """Fill a Newton step of the free parameters; False without positive information."""
    k = len(gradient)
    lower = np.zeros((k, k))
    for a in range(k):
        step[a] = 0.0
        if not free[a]:
            continue
        for b in range(a + 1):
            if not free[b]:
                continue
            value = -hessian[a, b]
            if a == b:
                value += damping * (abs(hessian[a, a]) + 1e-10)
            for c in range(b):
                value -= lower[a, c] * lower[b, c]
            if a == b:
                if not value > 0:
                    return False
                lower[a, a] = np.sqrt(value)
            else:
                lower[a, b] = value / lower[b, b]
    for a in range(k):
        if free[a]:
            value = gradient[a]
            for c in range(a):
                value -= lower[a, c] * step[c]
            step[a] = value / lower[a, a]
    for a in range(k - 1, -1, -1):
        if free[a]:
            value = step[a]
            for c in range(a + 1, k):
                value -= lower[c, a] * step[c]
            step[a] = value / lower[a, a]
    return bool(np.all(np.isfinite(step)))


@numba.njit(cache=True, nogil=True)
def shorten(step: Vector, people: People) -> None:
    """Make the step no longer than the points of the integrals reach."""
    n, p = people.X.shape
    longest = 1.0
    for i in range(n):
        mean = log_sd = 0.0
        for j in range(p):
            mean += people.X[i, j] * step[j]
        for j in range(people.Z.shape[1]):
            log_sd += people.Z[i, j] * step[p + j]
        longest = max(longest, abs(mean) / LARGEST_STEP, abs(log_sd) / LARGEST_LOG_STEP)
    step /= longest


@numba.njit(cache=True, nogil=True)
def climb(
    start: Vector, people: People, places: Places, shape: Shape, added: Added, enough: float
) -> tuple[Vector, Matrix, bool]:
    """Climb by Newton steps, damped until each one climbs.

    Parameters
    ----------
    start : Vector
        Shape (p + q,), means and log SDs to begin from.
    people, places, shape, added : People, Places, Shape, Added
        The likelihood; the places move along.
    enough : float
        Ends when a step promises less log likelihood than this.

    Returns
    -------
    theta : Vector
        The maximum.
    found : Matrix
        The integrals there.
    is_maximum : bool
        Whether there is one.
    """
    p = people.X.shape[1]
    theta = start.copy()
    found = settled(theta, people, places, shape)
    step = np.zeros(len(theta))
    damping = 0.0
    for _ in range(MAX_STEPS):
        gradient, hessian = summed(found, people)
        for j in range(len(added.slope)):
            gradient[p + j] -= added.slope[j] + added.precision[j] * theta[p + j]
            hessian[p + j, p + j] -= added.precision[j]
        value = height_of(theta, found, added)
        free = np.ones(len(theta), dtype=np.bool_)
        # all but SDs at their least that would shrink further
        for j in range(p, len(theta)):
            free[j] = not (theta[j] <= LEAST_LOG_SD + 1e-9 and gradient[j] <= 0)
        while True:
            if damping > MOST_DAMPING:
                # no step climbs: at the maximum but for rounding, or there is none
                flat = 0.0
                for j in range(len(theta)):
                    if free[j]:
                        flat = max(flat, abs(gradient[j]))
                return theta, found, flat < ROUGHLY_FLAT * len(people.X)
            if newton_step(hessian, damping, gradient, free, step):
                shorten(step, people)
                tried = theta + step
                for j in range(p, len(theta)):
                    tried[j] = max(tried[j], LEAST_LOG_SD)
                after = settled(tried, people, places, shape)
                if height_of(tried, after, added) >= value - ROUNDING * (1 + abs(value)):
                    break
            damping = max(4 * damping, 1e-3)
        promised = 0.0
        for j in range(len(theta)):
            promised += gradient[j] * step[j]
        theta, found = tried, after
        was_damped = damping > 0
        damping = damping / 8 if damping > 1e-5 else 0.0
        if promised < enough and not was_damped:
            return theta, found, True
    return theta, found, False
