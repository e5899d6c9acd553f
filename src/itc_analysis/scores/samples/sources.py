"""Which library, or libraries, each single-cell sample comes from."""

from __future__ import annotations

import pandas as pd

from itc_analysis.scores.samples.profiles import DENOMINATOR, NO_BATCH


def single_cell_sources(
    libraries: pd.DataFrame, counts: pd.DataFrame, depth: pd.DataFrame
) -> pd.DataFrame:
    """Return source_id, sample_id, batch and parts, one row per sample known to any of the tables.

    A sample with libraries in several batches has their names joined by '+' as its batch, and in
    `parts` how much each gave to its sum: its share of the T cells that were counted, as molecules
    are known by sample only (None for a sample of one batch).

    Parameters
    ----------
    libraries : pandas.DataFrame
        Libraries; the only one that knows the batch. May be empty.
    counts : pandas.DataFrame
        Counts of the libraries; knows libraries whose profiles are all empty. May be empty.
    depth : pandas.DataFrame
        PseudobulkDepth; samples that only it knows are their own source.
    """
    named = libraries[["library_id", "sample_id", "batch"]].rename(
        columns={"library_id": "source_id"}
    )
    counted = counts[["source_id", "sample_id"]].drop_duplicates()
    counted = counted[~counted["sample_id"].isin(named["sample_id"])].assign(batch=NO_BATCH)
    known = pd.concat([named, counted.astype("string")], ignore_index=True)
    others = depth[["sample_id"]].drop_duplicates()
    others = others[~others["sample_id"].isin(known["sample_id"])]
    others = others.assign(source_id=others["sample_id"], batch=NO_BATCH)
    joined = pd.concat([known, others.astype("string")], ignore_index=True)
    joined = joined.sort_values("source_id")
    t_cells = counts[counts["population"] == DENOMINATOR].set_index("source_id")["n_events"]
    joined["n_t"] = joined["source_id"].map(t_cells).astype("Float64").fillna(0.0).astype(float)
    parts = {str(sample): _parts(rows) for sample, rows in joined.groupby("sample_id")}
    table = joined.groupby("sample_id", as_index=False).agg(
        source_id=("source_id", "+".join),
        batch=("batch", lambda batches: "+".join(sorted(set(batches)))),
    )[["source_id", "sample_id", "batch"]]
    table["parts"] = pd.Series([parts[str(name)] for name in table["sample_id"]], dtype=object)
    return table


def _parts(rows: pd.DataFrame) -> dict[str, float] | None:
    """Return the share of each batch in one sample; equal ones where no T cell was counted."""
    if rows["batch"].nunique() < 2:
        return None
    weight = rows["n_t"] if rows["n_t"].sum() > 0 else pd.Series(1.0, index=rows.index)
    given = weight.groupby(rows["batch"].astype(str)).sum()
    return {str(batch): float(share) for batch, share in (given / given.sum()).items()}
