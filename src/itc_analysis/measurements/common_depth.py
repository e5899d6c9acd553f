"""Cells that RNA calls, counted at one depth in all libraries of a study.

A library of half the depth finds half of the gamma-delta cells. Libraries are counted at the
deepest depth that nearly all of every group reach, each thinned to it (`singlecell.thinning`): then
a share says the same everywhere, whatever it misses. The few libraries that do not reach it are
corrected by what the others lose on the way to theirs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.binomial import count_limits

#: Part of a group's libraries that may stay below the common depth, rounded down; one may in any
#: group, and groups with fewer libraries than `FEWEST`, which are compared with nobody, do not
#: count: one poor library does not decide for a study.
STAY_BELOW, FEWEST = 0.1, 3
#: Columns of Counts that are changed, and the one that is added.
CHANGED = (
    *("n_events", "n_lower", "n_upper", "detection", "n_expected", "expected_se", "capture"),
    *("capture_se_log", "status", "reason", "counted_at"),
)
#: Begins the reason of a number that was counted in a thinned library.
AT_ONE_DEPTH = "counted as at"
#: Error of the log of what such a library lost, above which it has no number: a factor of 1.8
#: either way, more than participants differ by.
MOST_ERROR = 0.3


@dataclass(frozen=True)
class Retention:
    """What is still called of a population at lower depths, by all libraries that reach higher.

    Parameters
    ----------
    depth : FloatArray
        falling, as far down as cells are left; the first is the common depth.
    share : FloatArray
        of the cells called at the common depth, above 0 to 1.
    error_log : FloatArray
        standard error of its logarithm.
    """

    depth: FloatArray
    share: FloatArray
    error_log: FloatArray

    def at(self, depth: float) -> tuple[float, float]:
        """Return share and error at a depth, by straight lines between logarithms; an infinite
        error where nothing can tell.
        """
        logs = np.log(self.depth)[::-1]
        x = np.log(depth)
        if x < logs[0]:
            return 0.0, np.inf
        share = float(np.exp(np.interp(x, logs, np.log(self.share)[::-1])))
        return share, float(np.interp(x, logs, self.error_log[::-1]))


def choose_depth(own: pd.Series, group: pd.Series) -> float:
    """Return the deepest depth that all but a tenth of every group's libraries reach.

    Parameters
    ----------
    own : pandas.Series
        depth of each library.
    group : pandas.Series
        group of its participant, by the same index; null for nobody's (bridge controls), which do
        not count. When no group has three libraries, all libraries are one.
    """
    groups = group[group.map(group.value_counts()) >= FEWEST]
    if groups.empty:
        groups = pd.Series("all", index=own.index)
    reached = []
    for _, depths in own[groups.index].groupby(groups.astype(str)):
        may_stay = max(int(STAY_BELOW * len(depths)), int(len(depths) >= FEWEST))
        reached.append(float(np.sort(depths.to_numpy())[may_stay]))
    return min(reached)


def count_at_one_depth(
    counts: pd.DataFrame, thinned: pd.DataFrame, group_of: Mapping[str, str | None]
) -> pd.DataFrame:
    """Return the counts with those that RNA made taken at the common depth.

    Parameters
    ----------
    counts : pandas.DataFrame
        Counts of the libraries.
    thinned : pandas.DataFrame
        ThinnedCounts; a library without rows keeps its counts.
    group_of : mapping of str to (str or None)
        group by sample; None of bridge controls.

    Returns
    -------
    pandas.DataFrame
        `counts` with n_events, n_lower, n_upper, n_expected, expected_se, detection, capture,
        capture_se_log, status and reason of the populations that `thinned` holds, and counted_at,
        the common depth; capture is below 1 in libraries that are shallower.
    """
    thinned = thinned[thinned["library_id"].isin(counts["source_id"])]
    if thinned.empty:
        return counts
    own = thinned[thinned["is_own"]].drop_duplicates("library_id").set_index("library_id")
    group = own["sample_id"].astype(str).map(dict(group_of)).astype(object)
    reached = choose_depth(own["depth"], group)
    grid = thinned.loc[~thinned["is_own"] & (thinned["depth"] <= reached), "depth"]
    common = float(grid.max()) if len(grid) else reached
    changed = counts.assign(counted_at=np.nan)
    names = zip(counts["source_id"], counts["population"], strict=True)
    place = {(str(source), str(population)): i for i, (source, population) in enumerate(names)}
    columns = {name: changed[name].astype(object).to_list() for name in CHANGED}
    for population, rows in thinned.groupby("population"):
        retained = retention(rows, common)
        at_common = {
            str(row["library_id"]): row for _, row in rows[rows["depth"] == common].iterrows()
        }
        for _, mine in rows[rows["is_own"]].iterrows():
            library = str(mine["library_id"])
            i = place.get((library, str(population)))
            if i is None or counts["status"].iloc[i] != "ok":
                continue
            values: dict[str, Any] = {"counted_at": common}
            if mine["depth"] > common and library not in at_common:
                values |= _too_deep(common, mine)
            elif mine["depth"] > common:
                values |= _thinned_to(common, mine, at_common[library])
                values |= _limits(values["n_events"], counts["n_parent"].iloc[i])
            elif mine["depth"] < common:
                values |= _corrected(common, mine, retained)
            for name, value in values.items():
                columns[name][i] = value
    types = changed.dtypes.to_dict()
    filled = {
        name: pd.Series(values, index=changed.index, dtype=types[name])
        for name, values in columns.items()
    }
    return changed.assign(**filled)


def retention(rows: pd.DataFrame, common: float) -> Retention:
    """Return what is still called of one population below the common depth.

    From each depth of the grid to the next, of the cells of all libraries that reach the upper one:
    so every library tells about the steps below it, and no single one decides.

    Parameters
    ----------
    rows : pandas.DataFrame
        ThinnedCounts of one population.
    common : float
        the common depth.
    """
    grid = rows[~rows["is_own"] & (rows["depth"] <= common)]
    called = grid.pivot_table("n_called", "library_id", "depth", aggfunc="first")
    depths = sorted((float(depth) for depth in called.columns), reverse=True)
    if not depths:
        return Retention(np.array([common]), np.ones(1), np.zeros(1))
    share, variance = 1.0, 0.0
    found = [(depths[0], share, 0.0)]
    for upper, lower in itertools.pairwise(depths):
        both = called[[upper, lower]].dropna()
        before, after = float(both[upper].sum()), float(both[lower].sum())
        if after == 0:
            break
        step = min(after / before, 1.0)
        share, variance = share * step, variance + (1 - step) / after
        found.append((lower, share, float(np.sqrt(variance))))
    return Retention(*np.array(found).T)


def _thinned_to(common: float, own: pd.Series, thinned: pd.Series) -> dict[str, Any]:
    """Return what a library deeper than the common depth shows at it."""
    return {
        "n_events": int(thinned["n_called"]),
        "detection": thinned["detection"],
        "n_expected": thinned["n_expected"],
        "expected_se": thinned["expected_se"],
        "reason": (
            f"{AT_ONE_DEPTH} {common:,.0f} molecules per T cell, which the libraries of the study "
            f"reach ({int(own['n_called'])} at its own {own['depth']:,.0f}): RNA calls more of the "
            "same cells the deeper the library"
        ),
    }


def _too_deep(common: float, own: pd.Series) -> dict[str, Any]:
    """Return why a library has no number that is so much deeper than the others."""
    return {
        "status": "not_estimable",
        "reason": f"{own['depth']:,.0f} molecules per T cell, more than ten times the "
        f"{common:,.0f} at which the study is counted: what RNA calls in it is not comparable",
    }


def _limits(n_events: int, n_parent: int) -> dict[str, Any]:
    lower, upper = count_limits(n_events, int(n_parent))
    return {"n_lower": lower, "n_upper": upper}


def _corrected(common: float, own: pd.Series, retained: Retention) -> dict[str, Any]:
    """Return what a library shallower than the common depth misses, or why nobody can tell."""
    share, error = retained.at(float(own["depth"]))
    depth = f"{own['depth']:,.0f} molecules per T cell"
    if error > MOST_ERROR:
        return {
            "status": "not_estimable",
            "reason": f"{depth}, where the study is counted at {common:,.0f}: what so shallow a "
            "library misses of cells that RNA calls is not known",
        }
    return {
        "capture": share,
        "capture_se_log": error,
        "reason": f"{depth}, fewer than the {common:,.0f} at which the study is counted: corrected "
        f"for the {1 - share:.0%} that such libraries miss",
    }
