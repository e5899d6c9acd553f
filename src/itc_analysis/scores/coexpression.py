"""Share of cells that carry two or more inhibitory receptors at once.

The mean number of receptors per cell is the sum of the single positivities and says nothing about
co-expression; the share with two or more does. It depends on how many receptors the panel has, so
it is compared within one panel only (study/domain.md 5.1).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.scores.profiles import FlowTables

SIGNATURE = "coexpression"
METHOD = "share_two_or_more"

#: Receptors on one cell that count as co-expression.
AT_LEAST = 2


def score_coexpression(tables: FlowTables, *, min_events: int) -> pd.DataFrame:
    """Return one ScoreTable row per stained tube and population with a table of combinations.

    Parameters
    ----------
    tables : of the flow arm; `combinations` must add up to the population.
    min_events : populations with fewer events: few_cells.

    Returns
    -------
    Rows with `value` a share of 0 to 1 and its binomial standard error; no rows when there is no
    table of combinations (the panel has fewer than two receptors).
    """
    stained = tables.stained
    table = tables.combinations[tables.combinations["source_id"].isin(stained["file_id"])]
    if table.empty:
        return pd.DataFrame()
    keys = ["source_id", "sample_id", "population"]
    # 'PD-1+ TIM-3- LAG-3-' names three receptors
    n_receptors = table["combination"].str.split().str.len()
    several = table["n_events"].where(table["n_receptors"] >= AT_LEAST, 0)
    summed = (
        table.assign(n_features=n_receptors, several=several)
        .groupby(keys, as_index=False)
        .agg(
            n_cells=("n_events", "sum"),
            several=("several", "sum"),
            n_features=("n_features", "max"),
        )
    )
    enough = (summed["n_cells"] >= min_events).to_numpy(dtype=bool)
    n = summed["n_cells"].to_numpy(dtype=float)
    share = np.full(len(summed), np.nan)
    share[enough] = summed["several"].to_numpy(dtype=float)[enough] / n[enough]
    error = np.full(len(summed), np.nan)
    # Agresti-Coull's two added cells of each kind, so that 0 of n is not certain
    shrunk = (share[enough] * n[enough] + 2) / (n[enough] + 4)
    error[enough] = np.sqrt(shrunk * (1 - shrunk) / (n[enough] + 4))
    reason = [
        None if ok else f"{int(k)} events, {min_events} needed"
        for ok, k in zip(enough, n, strict=True)
    ]
    return summed.drop(columns="several").assign(
        assay="flow",
        signature=SIGNATURE,
        method=METHOD,
        value=share,
        unit="share",
        standard_error=error,
        n_features_found=summed["n_features"],
        status=np.where(enough, "ok", "few_cells"),
        reason=pd.Series(reason, dtype="string"),
    )
