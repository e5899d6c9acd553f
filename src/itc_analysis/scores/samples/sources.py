"""Which library, or libraries, each single-cell sample comes from."""

from __future__ import annotations

import pandas as pd

from itc_analysis.scores.samples.profiles import NO_BATCH


def single_cell_sources(
    libraries: pd.DataFrame, counts: pd.DataFrame, depth: pd.DataFrame
) -> pd.DataFrame:
    """Return source_id, sample_id and batch, one row per sample known to any of the tables.

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
    return joined.groupby("sample_id", as_index=False).agg(
        source_id=("source_id", "+".join),
        batch=("batch", lambda batches: "+".join(sorted(set(batches)))),
    )[["source_id", "sample_id", "batch"]]
