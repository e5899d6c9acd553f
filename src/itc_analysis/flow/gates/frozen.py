"""Gates of a frozen release stay; tubes that came after it are judged together with all others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.tables import contract
from itc_analysis.tables.columns import plain_rows
from itc_analysis.tables.flow.panelwide import MovedGates
from itc_analysis.tables.flow.tubes import Gates
from itc_analysis.tables.quantities import POSITIVE_OF

METHODS_TEXT = (
    "Scales and gates of the tubes of an earlier release of the study were kept as they were; "
    "tubes that were added later were judged together with all others, and read at the thresholds "
    "of positivity of their batch where it was part of the release."
)
#: What a threshold of positivity is, besides whose it is; one per marker and batch.
_THRESHOLD = ("geometry", "cut", "cut_se", "state", "reason")


def keep_frozen(fresh: pd.DataFrame, frozen: pd.DataFrame, added: Collection[str]) -> pd.DataFrame:
    """Return `Gates` in which every tube of the release has its frozen gates.

    Parameters
    ----------
    fresh : pandas.DataFrame
        `Gates` of all tubes of the panel, pooled as if nothing were frozen.
    frozen : pandas.DataFrame
        `Gates` of the release.
    added : collection of str
        file ids that take the fresh gates: tubes that came later, or hold other events now. In a
        batch of the release they take its thresholds of positivity, one per marker and batch.
    """
    is_added = fresh["file_id"].isin(list(added))
    kept = frozen[frozen["file_id"].isin(fresh.loc[~is_added, "file_id"])]
    of_batch = _thresholds(kept)
    later = [
        {**row, **of_batch.get((str(row["batch"]), str(row["population"])), {})}
        if row["geometry"] is not None
        else row
        for row in plain_rows(fresh[is_added])
    ]
    rows = {
        (str(row["file_id"]), str(row["population"])): row for row in [*plain_rows(kept), *later]
    }
    order = list(zip(fresh["file_id"].astype(str), fresh["population"].astype(str), strict=True))
    return contract.make([rows[key] for key in order if key in rows], Gates)


def keep_rows(fresh: pd.DataFrame, frozen: pd.DataFrame, added: Collection[str]) -> pd.DataFrame:
    """Return a table of one row per tube, with the frozen rows of the tubes of the release."""
    kept = frozen[frozen["file_id"].isin(fresh["file_id"]) & ~frozen["file_id"].isin(list(added))]
    later = fresh[~fresh["file_id"].isin(kept["file_id"])]
    return pd.concat([kept, later]).sort_values("file_id").reset_index(drop=True)


def moved_gates(fresh: pd.DataFrame, kept: pd.DataFrame, added: Collection[str]) -> pd.DataFrame:
    """Return `MovedGates`: where the gates of the release would lie had they not been frozen.

    Parameters
    ----------
    fresh : pandas.DataFrame
        `Gates` of all tubes of the panel, pooled as if nothing were frozen.
    kept : pandas.DataFrame
        of `keep_frozen`.
    added : collection of str
        tubes that are not looked at.
    """
    old = kept[~kept["file_id"].isin(list(added))]
    keys = ["file_id", "population"]
    both = old.merge(fresh, on=keys, suffixes=("", "_fresh"), validate="one_to_one")
    shift = (both["cut"] - both["cut_fresh"]).abs()
    own_error = both["cut_se"].fillna(0.0)
    both["shift"] = shift
    both["is_moved"] = (shift > own_error) | (both["state"] != both["state_fresh"])
    rows: list[dict[str, Any]] = []
    for (panel, batch, population), part in both.groupby(["panel", "batch", "population"]):
        known = part[part["shift"].notna()]
        furthest = known.loc[known["shift"].idxmax()] if len(known) else None
        rows.append(
            {
                "panel": panel,
                "batch": batch,
                "population": population,
                "n_tubes": len(part),
                "n_moved": int(part["is_moved"].sum()),
                "largest_shift": None if furthest is None else float(np.float64(furthest["shift"])),
                "file_id": None if furthest is None else furthest["file_id"],
            }
        )
    return contract.make(rows, MovedGates) if rows else contract.empty(MovedGates)


def _thresholds(kept: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the thresholds of positivity of the batches of a release."""
    known = kept[kept["population"].str.startswith(POSITIVE_OF) & kept["geometry"].notna()]
    return {
        (str(row["batch"]), str(row["population"])): {name: row[name] for name in _THRESHOLD}
        for row in plain_rows(known)
    }
