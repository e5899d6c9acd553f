"""Receptors that come together on one cell: how many cells carry several, and beyond what chance
would give.

The mean number of receptors per cell is the sum of the single positivities and says nothing about
co-expression; the share with two or more does. It depends on how many receptors the panel has and
on how many cells carry each, so it is compared within one panel only. What is beyond independence
is the log odds ratio of two receptors on the same cells, averaged over the pairs.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.scores.samples.profiles import Counted, FlowTables, judge_tube
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.half_cell import HALF_CELL

SIGNATURE = "coexpression"
METHOD = "share_two_or_more"
#: Method of co-expression beyond independence.
ODDS = "log_odds_beyond_independence"

#: Receptors on one cell that count as co-expression.
AT_LEAST = 2

#: Fewest cells of each of the four kinds that chance would give a pair of receptors: below it, half
#: a cell added to each count moves the log odds ratio (docs/decisions.md, 2026-11-30).
MIN_EXPECTED = 2.0


def score_coexpression(tables: FlowTables) -> pd.DataFrame:
    """Return two ScoreTable rows per stained tube and population of which its panel has
    combinations.

    Parameters
    ----------
    tables : FlowTables
        of the flow arm; `combinations` must add up to the population.

    Returns
    -------
    pandas.DataFrame
        Rows of `METHOD`: `value` a share of 0 to 1 with its binomial standard error. Rows of
        `ODDS`: the mean over the pairs of receptors of the log odds ratio (half a cell added to
        each of the four counts, Haldane 1956) with its standard error; 0 is independence; few_cells
        where chance would give fewer than `MIN_EXPECTED` cells of a kind. No rows when there is no
        table of combinations (the panels have fewer than two receptors).
    """
    keys = ["source_id", "population"]
    rows = _expected(tables).merge(_summed(tables), on=keys, how="left", validate="one_to_one")
    judged = [
        _judge(n, tables.counted.get(population, {}).get(source))
        for source, population, n in zip(
            rows["source_id"], rows["population"], rows["n_cells"], strict=True
        )
    ]
    rows["status"] = [status for status, _ in judged]
    rows["reason"] = pd.Series([reason for _, reason in judged], dtype="string")
    n = rows["n_cells"].where(rows["status"] == "ok").astype(float)
    # Agresti-Coull's two added cells of each kind, so that 0 of n is not certain
    shrunk = (rows["several"] + 2) / (n + 4)
    receptors = rows.groupby("panel")["n_features"].transform("max").fillna(0).astype(int)
    shared = rows.drop(columns=["several", "panel"]).assign(
        assay="flow",
        signature=SIGNATURE,
        n_features_found=rows["n_features"].fillna(0).astype(int),
        n_features=receptors,
    )
    together = shared.assign(
        method=METHOD,
        value=rows["several"] / n,
        unit="share",
        standard_error=np.sqrt(shrunk * (1 - shrunk) / (n + 4)),
    )
    return pd.concat([together, _beyond(tables, shared)], ignore_index=True)


def pair_table(rows: pd.DataFrame) -> dict[tuple[str, str], FloatArray]:
    """Return the counts of both, first only, second only and neither, for each pair of receptors.

    Parameters
    ----------
    rows : pandas.DataFrame
        of `Combinations`, one tube and population.
    """
    signs = [{word[:-1]: word[-1] == "+" for word in text.split()} for text in rows["combination"]]
    n = rows["n_events"].to_numpy(dtype=float)
    names = list(signs[0]) if signs else []
    tables = {}
    for first, second in combinations(names, 2):
        one = np.array([sign[first] for sign in signs])
        other = np.array([sign[second] for sign in signs])
        cells = [one & other, one & ~other, ~one & other, ~one & ~other]
        tables[first, second] = np.array([n[cell].sum() for cell in cells])
    return tables


def log_odds(tables: dict[tuple[str, str], FloatArray]) -> tuple[float, float]:
    """Return the mean log odds ratio of the pairs and its standard error; NaN without a pair.

    The pairs share cells: their errors are added, which is safe and somewhat too wide.
    """
    if not tables:
        return np.nan, np.nan
    padded = [table + HALF_CELL for table in tables.values()]
    value = [np.log(t[0] * t[3] / (t[1] * t[2])) for t in padded]
    error = [np.sqrt(np.sum(1 / t)) for t in padded]
    return float(np.mean(value)), float(np.mean(error))


def too_few_together(tables: dict[tuple[str, str], FloatArray]) -> str | None:
    """Return why the log odds ratio of a population cannot be told from its counts.

    What chance would give depends on how many cells carry each receptor alone, not on how they come
    together: whoever is left out is not chosen by the odds.
    """
    found = []
    for pair, (both, first, second, neither) in tables.items():
        n = both + first + second + neither
        one, other = both + first, both + second
        rarest = min(one, n - one) * min(other, n - other) / max(n, 1.0)
        found.append((rarest, pair))
    if not found or min(found)[0] >= MIN_EXPECTED:
        return None
    rarest, (first_name, second_name) = min(found)
    return (
        f"chance alone would give {rarest:.1f} cells of the rarest combination of {first_name} and "
        f"{second_name}, {MIN_EXPECTED:g} needed for an odds ratio"
    )


def marker_correlation(
    tables: FlowTables, population: str, features: tuple[str, ...]
) -> FloatArray:
    """Return the correlation of being positive for two markers on the cells of one tube, averaged
    over tubes.

    Markers without a table of combinations are taken as independent.
    """
    together = np.eye(len(features))
    sums: dict[tuple[str, str], list[FloatArray]] = {}
    mine = tables.receptors[tables.receptors["population"] == population]
    for _, rows in mine.groupby("source_id"):
        for pair, cells in pair_table(rows).items():
            sums.setdefault(pair, []).append(cells)
    for (first, second), found in sums.items():
        if first not in features or second not in features:
            continue
        cells = np.array(found)
        n = cells.sum(axis=1)
        one, other = (cells[:, 0] + cells[:, 1]) / n, (cells[:, 0] + cells[:, 2]) / n
        product = np.sum(n * (cells[:, 0] / n - one * other))
        scale = np.sqrt(np.sum(n * one * (1 - one)) * np.sum(n * other * (1 - other)))
        at, by = features.index(first), features.index(second)
        together[at, by] = together[by, at] = product / scale if scale > 0 else 0.0
    return together


def _beyond(tables: FlowTables, rows: pd.DataFrame) -> pd.DataFrame:
    pairs = {
        key: pair_table(own)
        for key, own in tables.receptors.groupby(["source_id", "population"], sort=True)
    }
    keys = list(zip(rows["source_id"], rows["population"], strict=True))
    judged = [
        _judge_pairs(pairs.get(key, {})) if status == "ok" else (status, reason)
        for key, status, reason in zip(keys, rows["status"], rows["reason"], strict=True)
    ]
    status = pd.Series([one[0] for one in judged], index=rows.index)
    odds = [
        log_odds(pairs[key]) if state == "ok" else (np.nan, np.nan)
        for key, state in zip(keys, status, strict=True)
    ]
    return rows.assign(
        method=ODDS,
        value=[one[0] for one in odds],
        unit="log odds ratio",
        standard_error=[one[1] for one in odds],
        status=status,
        reason=pd.Series([one[1] for one in judged], index=rows.index, dtype="string"),
    )


def _judge_pairs(pairs: dict[tuple[str, str], FloatArray]) -> tuple[str, str | None]:
    """Return status and reason of the odds of a population that was tabulated."""
    if not pairs:
        return "no_panel", "one receptor alone has nothing to come together with"
    why = too_few_together(pairs)
    return ("few_cells", why) if why else ("ok", None)


def _expected(tables: FlowTables) -> pd.DataFrame:
    """Return source_id, sample_id, panel and population of every row expected."""
    stained = tables.stained.rename(columns={"file_id": "source_id"})
    tubes = stained[["source_id", "sample_id", "panel"]]
    tabulated = tables.receptors[["source_id", "population"]].merge(tubes, on="source_id")
    return tubes.merge(tabulated[["panel", "population"]].drop_duplicates(), on="panel")


def _summed(tables: FlowTables) -> pd.DataFrame:
    """Return cells, cells with several receptors, and receptors of each tabulated population."""
    table = tables.receptors
    return (
        table.assign(
            # 'PD-1+ TIM-3- LAG-3-' names three receptors
            n_features=table["combination"].str.split().map(len).astype("Int64"),
            several=table["n_events"].where(table["n_receptors"] >= AT_LEAST, 0),
        )
        .groupby(["source_id", "population"], as_index=False)
        .agg(
            n_cells=("n_events", "sum"),
            several=("several", "sum"),
            n_features=("n_features", "max"),
        )
        .astype({"n_cells": "Int64"})
    )


def _judge(n_cells: Any, own: Counted | None) -> tuple[str, str | None]:
    """Return status and reason; the count stands in where the combinations were not tabulated."""
    is_tabulated = not pd.isna(n_cells)
    if not is_tabulated and own is not None:
        n_cells = own.n_events
    status, reason = judge_tube(n_cells, own)
    if status == "ok" and not is_tabulated:
        return "not_estimable", "the receptors' combinations were not tabulated"
    return status, reason
