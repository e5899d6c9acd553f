"""Share of cells that carry two or more inhibitory receptors at once.

The mean number of receptors per cell is the sum of the single positivities and says nothing about
co-expression; the share with two or more does. It depends on how many receptors the panel has, so
it is compared within one panel only (study/domain.md 5.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.scores.profiles import FlowTables, judge_tube

SIGNATURE = "coexpression"
METHOD = "share_two_or_more"

#: Receptors on one cell that count as co-expression.
AT_LEAST = 2


def score_coexpression(tables: FlowTables, *, min_events: int) -> pd.DataFrame:
    """Return a ScoreTable row per stained tube and population of which its panel has combinations.

    Parameters
    ----------
    tables : of the flow arm; `combinations` must add up to the population.
    min_events : populations with fewer events: few_cells.

    Returns
    -------
    Rows with `value` a share of 0 to 1 and its binomial standard error; no rows when there is no
    table of combinations (the panels have fewer than two receptors).
    """
    rows = _expected(tables).merge(_summed(tables), on=["source_id", "population"], how="left")
    by_population = {
        name: own.set_index("source_id") for name, own in tables.counts.groupby("population")
    }
    nobody = tables.counts.head(0).set_index("source_id")
    judged = [
        _judge(source, n, by_population.get(population, nobody), min_events)
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
    return rows.drop(columns=["several", "panel"]).assign(
        assay="flow",
        signature=SIGNATURE,
        method=METHOD,
        value=rows["several"] / n,
        unit="share",
        standard_error=np.sqrt(shrunk * (1 - shrunk) / (n + 4)),
        n_features_found=rows["n_features"].fillna(0).astype(int),
        n_features=receptors,
    )


def _expected(tables: FlowTables) -> pd.DataFrame:
    """Return source_id, sample_id, panel and population of every row expected."""
    stained = tables.stained.rename(columns={"file_id": "source_id"})
    tubes = stained[["source_id", "sample_id", "panel"]]
    tabulated = tables.combinations[["source_id", "population"]].merge(tubes, on="source_id")
    return tubes.merge(tabulated[["panel", "population"]].drop_duplicates(), on="panel")


def _summed(tables: FlowTables) -> pd.DataFrame:
    """Return cells, cells with several receptors, and receptors of each tabulated population."""
    table = tables.combinations
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


def _judge(source: str, n_cells: Any, own: pd.DataFrame, min_events: int) -> tuple[str, str | None]:
    """Return status and reason; the count stands in where the combinations were not tabulated."""
    is_tabulated = not pd.isna(n_cells)
    if not is_tabulated and source in own.index:
        n_cells = own.loc[source, "n_events"]
    status, reason = judge_tube(source, n_cells, own, min_events)
    if status == "ok" and not is_tabulated:
        return "not_estimable", "the receptors' combinations were not tabulated"
    return status, reason
