"""Could somebody be recognised in a table that leaves the study? Small cells, and a table without
them.

People of one hospital with a rare disease are few: group, sex and five-year age band may name one.
Nothing here is a proof of anonymity; pseudonymised data remain personal data.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis.tables import contract
from itc_analysis.tables.cohort.decisions import Disclosure
from itc_analysis.whole_files import write_text

BAND_YEARS = 5
UNKNOWN = "unknown"
WITHHELD = "withheld"
#: What a shared table may hold beside the coarsened age: no free text, no dates, no other detail.
SHARED_COLUMNS = (
    "participant_id",
    "group",
    "sex",
    "age_band",
    "cmv_igg",
    "decision",
    "is_analysed",
)
_QUASI = ["group", "sex", "age_band"]


def age_band(years: float | None) -> str:
    """Return the five-year band of an age, ``"45-49"``; unknown when missing."""
    if years is None or pd.isna(years):
        return UNKNOWN
    low = int(years) // BAND_YEARS * BAND_YEARS
    return f"{low}-{low + BAND_YEARS - 1}"


def count_cells(participants: pd.DataFrame, *, min_cell_size: int) -> pd.DataFrame:
    """Count the people who share group, sex and age band.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants` or `ParticipantSheet`, everybody enrolled.
    min_cell_size : int
        k of k-anonymity; smaller cells are marked.

    Returns
    -------
    pandas.DataFrame
        `Disclosure`, one row per cell that has anybody; the numbers add up to everybody.
    """
    if participants.empty:
        return contract.empty(Disclosure)
    cells = _quasi_identifiers(participants).groupby(_QUASI).size().reset_index(name="n")
    cells["is_small"] = cells["n"] < min_cell_size
    return contract.make(cells, Disclosure)


def prepare_for_sharing(participants: pd.DataFrame, *, min_cell_size: int) -> pd.DataFrame:
    """Return the participants without free text, ages in bands, and no cell that is small.

    Bands of small cells are withheld; where that leaves too few, so is the sex of the whole group;
    a group of fewer people than `min_cell_size` is left out.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants`.
    min_cell_size : int
        each combination of group, sex and age band in the result has as many people.

    Returns
    -------
    pandas.DataFrame
        Table with `SHARED_COLUMNS`, in the order of `participants`.
    """
    table = participants.assign(**_quasi_identifiers(participants))
    parts = [_coarsen(rows, min_cell_size) for _, rows in table.groupby("group")]
    kept = [part for part in parts if len(part)]
    shared = pd.concat(kept).sort_index() if kept else table.iloc[:0]
    return shared[list(SHARED_COLUMNS)].reset_index(drop=True)


def write_shared_sheet(participants: pd.DataFrame, path: str | Path, *, min_cell_size: int) -> None:
    """Write the result of `prepare_for_sharing` as tab-separated text."""
    shared = prepare_for_sharing(participants, min_cell_size=min_cell_size)
    write_text(path, shared.to_csv(sep="\t", index=False, lineterminator="\n"))


def describe_small_cells(cells: pd.DataFrame, *, min_cell_size: int) -> str:
    """Return one sentence on the small cells; empty when there is none."""
    small = cells[cells["is_small"]]
    if small.empty:
        return ""
    return (
        f"{int(small['n'].sum())} of {int(cells['n'].sum())} participants share group, sex and "
        f"{BAND_YEARS}-year age band with fewer than {min_cell_size} people"
    )


def _quasi_identifiers(participants: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "group": participants["group"],
            "sex": participants["sex"].fillna(UNKNOWN),
            "age_band": participants["age_years"].map(age_band).astype("string"),
        }
    )


def _coarsen(rows: pd.DataFrame, k: int) -> pd.DataFrame:
    """Return the people of one group with small cells withheld; no rows for a group that is
    small.
    """
    if len(rows) < k:
        return rows.iloc[:0]
    if rows["sex"].value_counts().min() < k:
        rows = rows.assign(sex=WITHHELD)
    parts = []
    for _, same_sex in rows.groupby("sex"):
        sizes = same_sex["age_band"].value_counts().sort_values(kind="stable")
        hidden: list[str] = []
        n_hidden = 0
        # Smallest first: hide until those hidden are themselves many enough, or none is small.
        for band, n in sizes.items():
            if n >= k and (n_hidden == 0 or n_hidden >= k):
                break
            hidden.append(str(band))
            n_hidden += int(n)
        bands = same_sex["age_band"].mask(same_sex["age_band"].isin(hidden), WITHHELD)
        parts.append(same_sex.assign(age_band=bands))
    return pd.concat(parts)
