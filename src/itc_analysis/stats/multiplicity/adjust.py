"""Adjusting p values within a family of the plan: Holm and Benjamini-Hochberg.

Tests that could not be done stay null and do not count: they made no claim.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import Vector


def adjust(p_values: npt.ArrayLike, *, method: str) -> Vector:
    """Adjust the p values of one family.

    Parameters
    ----------
    p_values : array_like
        shape (n_tests,), 0-1; NaN where a comparison was not estimable.
    method : str
        ``"holm"`` (family-wise error), ``"bh"`` (false discovery rate) or ``"none"``.

    Returns
    -------
    numpy.ndarray
        Adjusted p, same shape and order, never below p, NaN where p is NaN.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    functions = {"holm": _holm, "bh": _benjamini_hochberg, "none": _unchanged}
    if method not in functions:
        msg = f"unknown adjustment {method!r}; known: {', '.join(functions)}"
        raise ValueError(msg)
    if len(tested):
        adjusted[tested] = functions[method](p[tested])
    return adjusted


def _holm(p: Vector) -> Vector:
    """Step-down Bonferroni, Holm 1979 (https://www.jstor.org/stable/4615733)."""
    order = np.argsort(p, kind="stable")
    n_left = np.arange(len(p), 0, -1)
    stepped = np.minimum(np.maximum.accumulate(p[order] * n_left), 1)
    adjusted = np.empty(len(p))
    adjusted[order] = stepped
    return adjusted


def _unchanged(p: Vector) -> Vector:
    return p.copy()


def _benjamini_hochberg(p: Vector) -> Vector:
    """Step-up false discovery rate, doi:10.1111/j.2517-6161.1995.tb02031.x."""
    order = np.argsort(p, kind="stable")[::-1]
    rank = np.arange(len(p), 0, -1)
    stepped = np.minimum(np.minimum.accumulate(p[order] * len(p) / rank), 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum(stepped, p[order])  # n p / n may round below p
    return adjusted
