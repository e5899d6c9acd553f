"""Adjusting a family of the plan: its p values, and the level at which each interval agrees with
its p.

Every method answers two questions per comparison: the smallest family-wise (or false discovery)
level at which it would be claimed, and the level of its own interval that leaves out "no
difference" exactly when it is claimed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from itc_analysis.statistics.arrays import Matrix, Vector
from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.multiplicity.gatekeeping import adjust_by_graph, gates
from itc_analysis.stats.multiplicity.simultaneous import dunnett_critical, dunnett_p

#: Methods that need the correlation of the contrasts of an endpoint.
JOINT = ("dunnett", "bh_dunnett")


@dataclass(frozen=True)
class Joint:
    """Joint distribution of the contrasts of one endpoint.

    Parameters
    ----------
    t : numpy.ndarray
        shape (m,), estimate over standard error.
    correlation : Matrix
        shape (m, m).
    df : float
        degrees of freedom.
    """

    t: Vector
    correlation: Matrix
    df: float


#: Takes the row numbers of one endpoint's comparisons; None when one of them has no standard error.
JointOf = Callable[[npt.NDArray[np.int64]], Joint | None]


def adjust_families(rows: pd.DataFrame, joint_of: JointOf, *, alpha: float) -> pd.DataFrame:
    """Return adjusted p and the level of the agreeing interval.

    Parameters
    ----------
    rows : pandas.DataFrame
        comparisons with `family`, `adjustment`, `p_value` (NaN: no claim was made, it does not
        count), `endpoint` and `stage` (both int; stage: the place of the contrast in the plan's
        family, for gatekeeping).
    joint_of : callable
        see `JointOf`.
    alpha : float
        one minus the confidence of the intervals.

    Returns
    -------
    pandas.DataFrame
        Table with the index of `rows`: `p_adjusted` and `level` (0-1, NaN without p).
    """
    found = pd.DataFrame(np.nan, index=rows.index, columns=["p_adjusted", "level"])
    for _, family in rows.groupby("family", sort=False):
        tested = family[family["p_value"].notna()]
        if tested.empty:
            continue
        method = str(family["adjustment"].iloc[0])
        if method in JOINT:
            p_adjusted, level = _dunnett(
                tested, joint_of, alpha, is_screened=method == "bh_dunnett"
            )
        else:
            p = tested["p_value"].to_numpy(dtype=float)
            p_adjusted = (
                _gatekeeping(tested) if method == "gatekeeping" else adjust(p, method=method)
            )
            level = _agreeing_level(p, p_adjusted, alpha)
        found.loc[tested.index, "p_adjusted"] = p_adjusted
        found.loc[tested.index, "level"] = level
    return found


def _agreeing_level(p: Vector, p_adjusted: Vector, alpha: float) -> Vector:
    """Return the level at which a test of its own claims exactly when p_adjusted <= alpha."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(p_adjusted > 0, p / p_adjusted, 1 / len(p))
    level: Vector = alpha * np.clip(ratio, 1e-12, 1)
    return level


def _gatekeeping(rows: pd.DataFrame) -> Vector:
    shares, arrows = gates(rows["endpoint"].tolist(), rows["stage"].tolist())
    return adjust_by_graph(rows["p_value"].to_numpy(dtype=float), shares, arrows)


def _dunnett(
    rows: pd.DataFrame, joint_of: JointOf, alpha: float, *, is_screened: bool
) -> tuple[Vector, Vector]:
    """Dunnett within each endpoint; screened, at the level that BH over the endpoints leaves.

    Screened: Benjamini-Hochberg on the endpoints' smallest Dunnett p claims R of K endpoints, and
    Dunnett's test within an endpoint is then made at alpha R / K (Benjamini and Bogomolov 2014,
    doi:10.1111/rssb.12028).
    """
    endpoint = rows["endpoint"].to_numpy()
    names = list(dict.fromkeys(endpoint))
    within = np.empty(len(rows))
    joints: dict[int, Joint | None] = {}
    for name in names:
        mine = np.flatnonzero(endpoint == name)
        joint = joints[name] = joint_of(rows.index.to_numpy()[mine])
        p = rows["p_value"].to_numpy(dtype=float)[mine]
        # without a standard error (profile likelihood) there is no correlation to use: Bonferroni
        within[mine] = (
            np.minimum(p * len(p), 1)
            if joint is None
            else np.maximum(dunnett_p(joint.t, joint.correlation, joint.df), p)
        )
    p_adjusted, share = within, 1.0
    if is_screened:
        smallest = np.array([within[endpoint == name].min() for name in names])
        p_adjusted, share = _screened(within, smallest, alpha)
    level = np.empty(len(rows))
    for name in names:
        mine = np.flatnonzero(endpoint == name)
        joint = joints[name]
        if joint is None:
            level[mine] = alpha * share / len(mine)
        else:
            critical = dunnett_critical(joint.correlation, joint.df, alpha=alpha * share)
            level[mine] = 2 * stats.t.sf(critical, joint.df)
    return p_adjusted, level


def _screened(within: Vector, smallest: Vector, alpha: float) -> tuple[Vector, float]:
    """Return the smallest alpha at which each is claimed, and the share R / K at this alpha (at
    least 1 / K).
    """
    n = len(smallest)
    ranks = np.arange(1, n + 1)
    # alpha at which at least r endpoints are claimed
    needed = np.minimum.accumulate((n * np.sort(smallest) / ranks)[::-1])[::-1]
    both = np.maximum(needed[None, :], within[:, None] * n / ranks[None, :])
    n_claimed = int(np.sum(needed <= alpha))
    return np.minimum(both.min(axis=1), 1), max(n_claimed, 1) / n
