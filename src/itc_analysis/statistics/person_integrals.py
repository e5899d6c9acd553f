"""The integrals over each person's effect, and over backgrounds, in one pass over their points.

Compiled: a comparison needs some hundred passes over a few thousand points each, and numpy spends
most of such a pass on the arrays in between.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from itc_analysis.statistics.arrays import BoolArray, Matrix, Vector, Whole

#: Expected cells and shares are held this far from 0, shares so far from 1.
LEAST, MOST = 1e-300, 1 - 1e-16
#: A logarithm of a weight, relative to the largest, that is nothing beside it.
NOTHING = -40.0


class Packed(NamedTuple):
    """Counts as flat arrays, the samples of a person beside each other.

    Parameters
    ----------
    first : Whole
        Shape (n_persons + 1,), where the samples of each person begin.
    k, n, capture : Vector
        Shape (n_samples,), as in `count_likelihood.Counted`.
    is_poisson : bool
        Whether the counts are Poisson.
    background_first : Whole
        Shape (n_samples + 1,), where the points of each sample's background begin.
    background, log_weight : Vector
        Points of the backgrounds, and the logarithms of their weights.
    """

    first: Whole
    k: Vector
    n: Vector
    capture: Vector
    is_poisson: bool
    background_first: Whole
    background: Vector
    log_weight: Vector


@numba.njit(cache=True, nogil=True)
def integrate(
    points: Matrix,
    kept: Matrix,
    held: Matrix,
    known: Vector,
    eta: Vector,
    sd: Vector,
    s: Vector,
    step: Vector,
    rows: Whole,
    found: Matrix,
    values: Vector,
    slopes: Vector,
    curves: Vector,
    farthest: float,
    table_step: float,
) -> None:
    """Integrate each person's likelihood against the distribution of the person effects.

    Parameters
    ----------
    points, kept : Matrix
        Shape (n, n_points), places and the log likelihood of the person's counts there.
    held : Matrix
        Shape (n, n_points), what the table's log density differed from the normal one where it was
        learned, times `known`.
    known : Vector
        Shape (n,), 0 to 1: the part of the log density that is the normal one about the mean and
        what is held; the rest is that of the table about the mean.
    eta, sd, s : Vector
        Shape (n,), mean, SD between persons, and SD with the gate's error.
    step : Vector
        Shape (n,), distance of the points.
    rows : Whole
        Persons that are wanted.
    found : Matrix
        Shape (8, n), filled for these persons: log likelihood; its derivatives by the mean and by
        the log SD; second derivatives (mean twice, mean and log SD, log SD twice); mean and
        variance of the posterior.
    values, slopes, curves : Vector
        Table of the log density of an effect of SD 1, from ``-farthest`` in steps of `table_step`:
        the density is a parabola within each step. Empty for the normal distribution.
    farthest, table_step : float
        Of the table.
    """
    n_points = points.shape[1]
    height, first, second = np.empty(n_points), np.empty(n_points), np.empty(n_points)
    is_normal = len(curves) == 0
    last, per_step = len(curves) - 1, 1 / table_step
    log_sqrt_2pi = 0.5 * np.log(2 * np.pi)
    for i in rows:
        top, per_s = -np.inf, 1 / s[i]
        for j in range(n_points):
            u = (points[i, j] - eta[i]) * per_s
            if is_normal:
                height[j] = kept[i, j] - u**2 / 2 - log_sqrt_2pi
                first[j], second[j] = -u, -1.0
            else:
                left = min(int(max((u + farthest) * per_step, 0.0)), last)
                inside = u - (left * table_step - farthest)
                slope, rest = slopes[left] + curves[left] * inside, 1 - known[i]
                first[j] = rest * slope - known[i] * u
                second[j] = rest * curves[left] - known[i]
                of_table = values[left] + inside * (slopes[left] + slope) / 2
                of_normal = -(u**2) / 2 - log_sqrt_2pi
                height[j] = kept[i, j] + held[i, j] + rest * of_table + known[i] * of_normal
            top = max(top, height[j])
        total = m1 = m2 = f = uf = ff = fuf = ufuf = g = ug = uug = 0.0
        for j in range(n_points):
            if height[j] - top < NOTHING:
                continue
            u = (points[i, j] - eta[i]) * per_s
            weight = np.exp(height[j] - top)
            outward = u * first[j]
            total += weight
            m1 += weight * u
            m2 += weight * u**2
            f += weight * first[j]
            uf += weight * outward
            ff += weight * first[j] ** 2
            fuf += weight * first[j] * outward
            ufuf += weight * outward**2
            g += weight * second[j]
            ug += weight * u * second[j]
            uug += weight * u**2 * second[j]
        m1, m2, f, uf, ff = m1 / total, m2 / total, f / total, uf / total, ff / total
        fuf, ufuf, g, ug, uug = fuf / total, ufuf / total, g / total, ug / total, uug / total
        r = (sd[i] / s[i]) ** 2  # derivative of log s by the log SD
        by_log_s = -uf - 1
        found[0, i] = top + np.log(total * step[i] / s[i])
        found[1, i], found[2, i] = -f / s[i], r * by_log_s
        found[3, i] = (g + ff - f**2) / s[i] ** 2
        found[4, i] = r * (ug + f + fuf - f * uf) / s[i]
        found[5, i] = r**2 * (uf + uug + ufuf - uf**2) + 2 * r * (1 - r) * by_log_s
        found[6, i] = eta[i] + s[i] * m1
        found[7, i] = s[i] ** 2 * max(m2 - m1**2, 1e-16)


@numba.njit(cache=True, nogil=True)
def curvature(
    points: Matrix,
    kept: Matrix,
    held: Matrix,
    known: Vector,
    eta: Vector,
    s: Vector,
    values: Vector,
    slopes: Vector,
    curves: Vector,
    farthest: float,
    table_step: float,
) -> Vector:
    """Return each person's second derivative by the mean alone, shape (n,).

    Parameters are those of `integrate`.
    """
    n, n_points = points.shape
    found = np.empty(n)
    height, first, second = np.empty(n_points), np.empty(n_points), np.empty(n_points)
    is_normal = len(curves) == 0
    last, per_step = len(curves) - 1, 1 / table_step
    log_sqrt_2pi = 0.5 * np.log(2 * np.pi)
    for i in range(n):
        top, per_s = -np.inf, 1 / s[i]
        for j in range(n_points):
            u = (points[i, j] - eta[i]) * per_s
            if is_normal:
                height[j] = kept[i, j] - u**2 / 2
                first[j], second[j] = -u, -1.0
            else:
                left = min(int(max((u + farthest) * per_step, 0.0)), last)
                inside = u - (left * table_step - farthest)
                slope, rest = slopes[left] + curves[left] * inside, 1 - known[i]
                first[j] = rest * slope - known[i] * u
                second[j] = rest * curves[left] - known[i]
                of_table = values[left] + inside * (slopes[left] + slope) / 2
                of_normal = -(u**2) / 2 - log_sqrt_2pi
                height[j] = kept[i, j] + held[i, j] + rest * of_table + known[i] * of_normal
            top = max(top, height[j])
        total = f = ff = g = 0.0
        for j in range(n_points):
            weight = np.exp(height[j] - top)
            total += weight
            f += weight * first[j]
            ff += weight * first[j] ** 2
            g += weight * second[j]
        found[i] = (g / total + ff / total - (f / total) ** 2) * per_s**2
    return found


@numba.njit(cache=True, nogil=True)
def hold(
    rows: Whole,
    points: Matrix,
    held: Matrix,
    known: Vector,
    centre: Vector,
    scale: Vector,
    values: Vector,
    slopes: Vector,
    curves: Vector,
    farthest: float,
    table_step: float,
) -> None:
    """Fill what the table's log density differs from the normal one, of some persons.

    Parameters
    ----------
    centre, scale : Vector
        Shape (n,), mean and SD of each person where the table was learned.
    rows, points, held, known, values, slopes, curves, farthest, table_step : Any
        As in `integrate`; `held` is filled.
    """
    last, per_step = len(curves) - 1, 1 / table_step
    log_sqrt_2pi = 0.5 * np.log(2 * np.pi)
    for i in rows:
        for j in range(points.shape[1]):
            held[i, j] = 0.0
            if last < 0 or known[i] == 0.0:
                continue
            u = (points[i, j] - centre[i]) / scale[i]
            left = min(int(max((u + farthest) * per_step, 0.0)), last)
            inside = u - (left * table_step - farthest)
            of_table = values[left] + inside * (slopes[left] + curves[left] * inside / 2)
            held[i, j] = known[i] * (of_table + u**2 / 2 + log_sqrt_2pi)


@numba.njit(cache=True, nogil=True)
def has_moved(
    middle: Vector,
    variance: Vector,
    centre: Vector,
    scale: Vector,
    most_moved: float,
    most_stretched: float,
) -> BoolArray:
    """Return whose posterior has moved away from its points, or become wider or narrower.

    Parameters
    ----------
    middle, variance : Vector
        Shape (n,), of the posterior.
    centre, scale : Vector
        Shape (n,), of the points.
    most_moved, most_stretched : float
        In units of `scale`, and as a factor.
    """
    moved = np.zeros(len(middle), dtype=np.bool_)
    for i in range(len(middle)):
        ratio = np.sqrt(variance[i]) / scale[i]
        moved[i] = (
            abs(middle[i] - centre[i]) > most_moved * scale[i]
            or ratio > most_stretched
            or ratio * most_stretched < 1
        )
    return moved


@numba.njit(cache=True, nogil=True)
def height_of_sample(
    k: float,
    n: float,
    is_poisson: bool,  # noqa: FBT001
    capture: float,
    background: Vector,
    log_weight: Vector,
    theta: float,
) -> float:
    """Return the log likelihood of one count, averaged over its background, without the constant.

    Parameters
    ----------
    k, n : float
        Cells counted, and those of the denominator or the volume.
    is_poisson : bool
        Whether k is Poisson about ``exp(theta) * n``; else binomial about ``expit(theta)``.
    capture : float
        Share of the population that lies inside of the gate.
    background, log_weight : Vector
        Shape (n_points,), cells expected without the population, and the logarithms of the weights.
    theta : float
        Logit of the share, or logarithm of the concentration.
    """
    if not is_poisson and capture == 1.0 and len(background) == 1 and background[0] == 0.0:
        # log(1 + exp(theta)) once: log p = theta - it, log(1 - p) = -it
        return float(k * theta - n * (max(theta, 0.0) + np.log1p(np.exp(-abs(theta)))))
    signal = capture * n * (np.exp(theta) if is_poisson else 1 / (1 + np.exp(-theta)))
    top, total = -np.inf, 0.0
    for j in range(len(background)):
        expected = signal + background[j]
        if is_poisson:
            height = (k * np.log(max(expected, LEAST)) if k > 0 else 0.0) - expected
        else:
            share = min(max(expected / n, LEAST), MOST)
            height = k * np.log(share) if k > 0 else 0.0
            height += (n - k) * np.log1p(-share) if n > k else 0.0
        height += log_weight[j]
        if height <= top:
            total += np.exp(height - top)
        else:
            total = total * np.exp(top - height) + 1.0
            top = height
    return float(top + np.log(total))


@numba.njit(cache=True, nogil=True)
def count_heights(rows: Whole, points: Matrix, kept: Matrix, packed: Packed) -> None:
    """Fill the log likelihood of the counts of some persons at their points.

    Parameters
    ----------
    rows : Whole
        Persons that are wanted.
    points, kept : Matrix
        Shape (n, n_points), places, and what is filled; the samples of a person are added.
    packed : Packed
        The counts.
    """
    for i in rows:
        for j in range(points.shape[1]):
            total = 0.0
            for sample in range(packed.first[i], packed.first[i + 1]):
                at = slice(packed.background_first[sample], packed.background_first[sample + 1])
                total += height_of_sample(
                    packed.k[sample],
                    packed.n[sample],
                    packed.is_poisson,
                    packed.capture[sample],
                    packed.background[at],
                    packed.log_weight[at],
                    points[i, j],
                )
            kept[i, j] = total
