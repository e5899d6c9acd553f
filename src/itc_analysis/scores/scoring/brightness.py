"""iMFI: how many cells are positive times how bright these are, of each single marker.

Shooshtari and others 2010 (PMC2930075). Instrument units: compared within one batch and instrument
only.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.scores.samples.profiles import FlowTables, judge_tube
from itc_analysis.tables.columns import floats

METHOD = "imfi"


def imfi_rows(tables: FlowTables) -> pd.DataFrame:
    """Return a ScoreTable row per stained tube, population and marker that has a threshold.

    Returns
    -------
    pandas.DataFrame
        Rows with the marker as the signature; 0 where no cell is positive. No standard error: batch
        and reagents, not the count of cells, limit the number.
    """
    stained = tables.stained.rename(columns={"file_id": "source_id"})
    rows = tables.intensity[tables.intensity["source_id"].isin(stained["source_id"])]
    rows = rows[rows["n_positive"].notna()]
    judged = [
        judge_tube(n, tables.counted.get(population, {}).get(source))
        for source, population, n in zip(
            rows["source_id"], rows["population"], rows["n_events"], strict=True
        )
    ]
    n = floats(rows["n_events"])
    positive = floats(rows["n_positive"])
    bright = np.where(positive > 0, rows["median_positive"].to_numpy(dtype=float), 0.0)
    is_ok = np.array([status == "ok" for status, _ in judged], dtype=bool)
    value = np.where(is_ok, positive / np.where(n > 0, n, np.nan) * bright, np.nan)
    status = pd.Series([status for status, _ in judged], index=rows.index, dtype="string")
    reason = pd.Series([why for _, why in judged], index=rows.index, dtype="string")
    # tables made before the positives' median was stored
    is_old = is_ok & ~np.isfinite(value)
    return rows[["source_id", "sample_id", "population"]].assign(
        assay="flow",
        signature=rows["marker"],
        method=METHOD,
        value=value,
        unit="instrument units",
        standard_error=np.nan,
        n_cells=rows["n_events"],
        n_features_found=1,
        n_features=1,
        status=status.mask(is_old, "not_estimable"),
        reason=reason.mask(is_old, "the median of the positive cells was not stored"),
    )
