"""Every tube and library that a number is expected from, readable or not."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from itc_analysis.tables.conditions import RESTING, conditions_of

#: What measurements need to know of a tube; a study without a tube sheet has no beads.
TUBE_COLUMNS = ["beads_per_tube", "blood_volume_ul", "dilution"]

#: Statuses of numbers that could enter statistics, and are held instead.
COULD_BE_HELD = ("ok", "below_lod", "few_cells")

#: Panel of a library, so that tubes and libraries can be treated alike.
LIBRARY_PANEL = "library"


def flow_sources(
    tubes: pd.DataFrame | None, quality: pd.DataFrame, *, resting: str = RESTING
) -> pd.DataFrame:
    """Return one row per stained tube of resting cells; FMO and unstained tubes are controls, and
    stimulated tubes and theirs give responses.

    Parameters
    ----------
    tubes : pandas.DataFrame or None
        Tubes, or None: then the tubes are those of `quality`.
    quality : pandas.DataFrame
        TubeQuality; a tube without a row there is taken as usable, its counts will tell.
    resting : str
        the condition that is measured.

    Returns
    -------
    pandas.DataFrame
        source_id, sample_id, panel, batch, status, reason, missing_markers and `TUBE_COLUMNS`.
    """
    judged = quality[["file_id", "status", "reason", "missing_markers"]]
    if tubes is None:
        named = quality[["file_id", "sample_id", "panel", "batch", "tube"]].assign(
            **{column: float("nan") for column in TUBE_COLUMNS}
        )
    else:
        tubes = tubes[(conditions_of(tubes) == resting).to_numpy(dtype=bool)]
        named = tubes[["file_id", "sample_id", "panel", "batch", "tube", *TUBE_COLUMNS]]
    stained = named[named["tube"] == "stained"]
    joined = stained.merge(judged, on="file_id", how="left", validate="one_to_one")
    joined["status"] = joined["status"].fillna("ok")
    return joined.drop(columns="tube").rename(columns={"file_id": "source_id"})


def with_held(sources: pd.DataFrame, held: Mapping[str, str]) -> pd.DataFrame:
    """Return sources in which those that are held have status held, and why.

    Parameters
    ----------
    sources : pandas.DataFrame
        of `flow_sources`, or rows of `Measurements`.
    held : mapping of str to str
        why, by source_id.
    """
    is_held = sources["source_id"].isin(list(held)) & sources["status"].isin(COULD_BE_HELD)
    why = sources["source_id"].map(dict(held)).astype("string")
    return sources.assign(
        status=sources["status"].mask(is_held, "held"),
        reason=sources["reason"].mask(is_held, why),
    )


def library_sources(
    libraries: pd.DataFrame | None, quality: pd.DataFrame, counts: pd.DataFrame
) -> pd.DataFrame:
    """Return one row per library: source_id, sample_id, panel, batch, status, reason,
    molecules_per_t_cell and share_ambient.

    Parameters
    ----------
    libraries : pandas.DataFrame or None
        Libraries, or None: then the libraries are those of `quality` and `counts`.
    quality : pandas.DataFrame
        LibraryQuality.
    counts : pandas.DataFrame
        Counts of the libraries.
    """
    named = [quality[["library_id", "sample_id", "batch"]]]
    if libraries is not None:
        named = [libraries[["library_id", "sample_id", "batch"]]]
    counted = counts[["source_id", "sample_id"]].rename(columns={"source_id": "library_id"})
    counted = counted.assign(batch="-").astype("string")
    table = pd.concat([*named, counted], ignore_index=True)
    table = table.drop_duplicates("library_id")  # the sheet comes first and knows the batch
    judged = ["library_id", "status", "reason", "molecules_per_t_cell", "share_ambient"]
    joined = table.merge(quality[judged], on="library_id", how="left", validate="one_to_one")
    joined["status"] = joined["status"].fillna("ok")
    return joined.assign(panel=LIBRARY_PANEL).rename(columns={"library_id": "source_id"})
