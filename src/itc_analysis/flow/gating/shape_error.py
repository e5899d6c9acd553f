"""How far a learned shape may lie off: its bootstrap replicates, as a few shapes one standard error
away.

A shape is a handful of numbers. Replicates scatter in as many directions at most; along each of the
scatter's principal directions the shape one standard error away is kept. Directions are
uncorrelated, so that the squares of what each does to a count add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from itc_analysis.flow.gating.geometry import Polygon, Rectangle, Shape
from itc_analysis.statistics.arrays import FloatArray

#: Directions kept: an ellipse in two markers has five, in three nine, and a band three; an outline
#: of many corners has more, of which the first move long stretches together and the others cancel
#: out in a count.
MOST_DIRECTIONS = 9
#: Directions with less scatter than this, and than this part of the widest, are rounding.
_LEAST = 1e-7


def numbers_of(shape: Shape) -> FloatArray:
    """Return a shape as numbers that may be added and scaled; any sum of them is a shape.

    Returns
    -------
    numpy.ndarray
        shape (n_numbers,). Polygon: its corners. Rectangle: its bounds. Ellipse: see
        `numbers_of_ellipses`.
    """
    if isinstance(shape, Polygon):
        return np.asarray(shape.vertices, dtype=np.float64).ravel()
    if isinstance(shape, Rectangle):
        bounds = (*shape.lowest, *shape.highest)
        return np.array([bound for bound in bounds if bound is not None], dtype=np.float64)
    found = numbers_of_ellipses(np.array([shape.centre]), np.array([shape.covariance]))
    return np.asarray(found[0], dtype=np.float64)


def numbers_of_ellipses(centres: FloatArray, covariances: FloatArray) -> FloatArray:
    """Return ellipses as numbers: centre, logarithms of the covariance's Cholesky diagonal, and
    what is below it.

    Parameters
    ----------
    centres, covariances : numpy.ndarray
        shapes (R, D) and (R, D, D); covariances positive definite.

    Returns
    -------
    numpy.ndarray
        shape (R, D + D (D + 1) / 2).
    """
    root = np.linalg.cholesky(covariances)
    below = np.tril_indices(root.shape[-1], k=-1)
    diagonal = np.diagonal(root, axis1=-2, axis2=-1)
    return np.concatenate([centres, np.log(diagonal), root[:, below[0], below[1]]], axis=1)


def with_numbers(shape: Shape, numbers: FloatArray) -> Shape:
    """Return a shape of the same kind with other numbers; the reverse of `numbers_of`."""
    if isinstance(shape, Polygon):
        corners = numbers.reshape(-1, 2)
        return replace(shape, vertices=tuple((float(x), float(y)) for x, y in corners))
    if isinstance(shape, Rectangle):
        left = iter(numbers.tolist())
        lowest = tuple(None if bound is None else next(left) for bound in shape.lowest)
        highest = tuple(None if bound is None else next(left) for bound in shape.highest)
        return replace(shape, lowest=lowest, highest=highest)
    n = len(shape.centre)
    root = np.diag(np.exp(numbers[n : 2 * n]))
    root[np.tril_indices(n, k=-1)] = numbers[2 * n :]
    covariance = root @ root.T
    return replace(
        shape,
        centre=tuple(float(x) for x in numbers[:n]),
        covariance=tuple(tuple(float(x) for x in row) for row in covariance),
    )


def one_error_away(shape: Shape, replicates: FloatArray) -> tuple[Shape, ...]:
    """Return the shape one standard error away along each direction in which replicates scatter.

    Parameters
    ----------
    shape : Ellipse, Polygon or Rectangle
        as it was learned.
    replicates : numpy.ndarray
        bootstrap replicates as numbers of `numbers_of`, shape (R, n_numbers).

    Returns
    -------
    tuple of (Ellipse, Polygon or Rectangle)
        widest scatter first, at most `MOST_DIRECTIONS`; none for fewer than two replicates, or
        where they do not scatter.
    """
    if len(replicates) < 2:
        return ()
    off = (replicates - replicates.mean(axis=0)) / np.sqrt(len(replicates) - 1)
    _, errors, directions = np.linalg.svd(off, full_matrices=False)
    kept = np.flatnonzero(errors > _LEAST * np.maximum(errors[0], 1))
    own = numbers_of(shape)
    return tuple(
        with_numbers(shape, own + errors[k] * directions[k]) for k in kept[:MOST_DIRECTIONS]
    )


def one_bound_away(shape: Rectangle, errors: Sequence[float]) -> tuple[Shape, ...]:
    """Return a rectangle with each bound in turn one standard error away; bounds as `numbers_of`
    orders them.
    """
    own = numbers_of(shape)
    moved = np.diag(np.asarray(errors, dtype=np.float64))
    return tuple(with_numbers(shape, own + step) for step in moved if step.any())


def opposite(shape: Shape, moved: Shape) -> Shape:
    """Return the shape as far off as another one, in the opposite direction."""
    return with_numbers(shape, 2 * numbers_of(shape) - numbers_of(moved))
