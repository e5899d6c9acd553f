"""Gatekeeping as a weighted graph: a rejected hypothesis hands its share of alpha on along its
arrows.

Bretz 2009, doi:10.1002/sim.3495. Every graph is a shortcut of a closed test, so the family-wise
error is kept whatever the dependence of the tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import Matrix, Vector


def adjust_by_graph(
    p_values: npt.ArrayLike, shares: npt.ArrayLike, arrows: npt.ArrayLike
) -> Vector:
    """Return adjusted p of a graphical procedure.

    Parameters
    ----------
    p_values : array_like
        shape (m,), 0-1.
    shares : array_like
        shape (m,), of alpha at the beginning; add up to at most 1.
    arrows : array_like
        shape (m, m), the part of its share that i hands to j when rejected; rows add up to at most
        1, the diagonal is 0.

    Returns
    -------
    numpy.ndarray
        Shape (m,): the smallest alpha at which each hypothesis would be rejected, at most 1.

    Raises
    ------
    ValueError
        shares or arrows add up to more than 1.
    """
    p = np.asarray(p_values, dtype=float)
    share = np.array(shares, dtype=float)
    arrow = np.array(arrows, dtype=float)
    _check(share, arrow)
    adjusted = np.ones(len(p))
    open_ = list(range(len(p)))
    reached = 0.0
    while open_:
        with np.errstate(divide="ignore", invalid="ignore"):
            need = np.where(share[open_] > 0, p[open_] / share[open_], np.inf)
        first = open_[int(np.argmin(need))]
        if not np.isfinite(need.min()):
            break
        reached = max(reached, float(need.min()))
        adjusted[first] = min(reached, 1.0)
        open_.remove(first)
        share, arrow = without(first, share, arrow)
    return adjusted


def without(gone: int, share: Vector, arrow: Matrix) -> tuple[Vector, Matrix]:
    """Return shares and arrows after one hypothesis left: its share goes along its arrows, its
    arrows are closed.
    """
    new_share = share + share[gone] * arrow[gone]
    new_share[gone] = 0
    through = arrow + np.outer(arrow[:, gone], arrow[gone])
    # from i through the rejected one back to i would be a circle: what is left is scaled up
    left = 1 - arrow[:, gone] * arrow[gone]
    new_arrow = np.where(left[:, None] > 0, through / np.where(left > 0, left, 1)[:, None], 0.0)
    np.fill_diagonal(new_arrow, 0)
    new_arrow[gone] = 0
    new_arrow[:, gone] = 0
    return new_share, new_arrow


def gates(endpoints: Sequence[int], stages: Sequence[int]) -> tuple[Vector, Matrix]:
    """Return shares and arrows of the gates within each endpoint.

    Each endpoint starts with the same share of alpha, on its first stage. A rejected stage hands it
    to the next one (several comparisons of one stage share it); the last stage hands it to the
    first stage of the other endpoints.

    Parameters
    ----------
    endpoints : sequence of int
        number of the endpoint of each hypothesis.
    stages : sequence of int
        its stage, from 0.
    """
    endpoint, stage = np.asarray(endpoints), np.asarray(stages)
    m = len(endpoint)
    names = np.unique(endpoint)
    first = {name: stage[endpoint == name].min() for name in names}
    is_first = np.array([stage[i] == first[endpoint[i]] for i in range(m)], dtype=bool)
    share = np.zeros(m)
    arrow = np.zeros((m, m))
    for name in names:
        mine = is_first & (endpoint == name)
        share[mine] = 1 / (len(names) * mine.sum())
    for i in range(m):
        later = stage[(endpoint == endpoint[i]) & (stage > stage[i])]
        if len(later):
            targets = (endpoint == endpoint[i]) & (stage == later.min())
        else:
            targets = is_first & (endpoint != endpoint[i])
        beside = (endpoint == endpoint[i]) & (stage == stage[i])
        beside[i] = False
        if not len(later) and beside.any():  # comparisons of the last stage help one another first
            targets = beside
        if targets.any():
            arrow[i, targets] = 1 / targets.sum()
    return share, arrow


def _check(share: Vector, arrow: Matrix) -> None:
    too_much = 1 + 1e-9
    if share.sum() > too_much or (arrow.sum(axis=1) > too_much).any() or np.diag(arrow).any():
        msg = (
            "shares and the arrows of a hypothesis must not add up to more than 1, and none may "
            "point at itself"
        )
        raise ValueError(msg)
