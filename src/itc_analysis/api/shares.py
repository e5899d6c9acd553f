"""From counts to shares of the T cells, the way the measurements are made."""

from __future__ import annotations

import pandas as pd

from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.measurements.abundance import DENOMINATOR, expected_counts, share_rows

_SOURCE = "counts"
_COLUMNS = ("population", "n_events", "n_t", "value", "lower", "upper", "status", "reason")


def shares(counts: pd.DataFrame, *, lod_events: int | None = None) -> pd.DataFrame:
    """Return the share of the T cells of every measured population.

    Parameters
    ----------
    counts : pandas.DataFrame
        Counts of `gate` or of a finished run.
    lod_events : int, optional
        The limit of detection that the counts were made with; left out, as their provenance says.

    Returns
    -------
    pandas.DataFrame
        One row per tube and population: `tube`, `population`, `n_events`, `n_t_cells`, `share` (0
        to 1, less background), `lower` and `upper` (95 %), `status` and `reason`. Below the limit
        of detection there is no share: `status` is below_lod and `upper` the limit.

    Raises
    ------
    ItcError
        The counts hold no T cells.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> gates, counts = itc.gate(itc.example_fcs(seed=1), "panel_a", "panel_a")
    >>> found = itc.shares(counts).set_index("population")
    >>> bool((found["lower"] <= found["upper"]).all())
    True
    >>> round(float(found.loc["cd4_t_cells", "share"]), 1)
    0.6
    """
    if not (counts["population"] == DENOMINATOR).any():
        what = f"there is no population '{DENOMINATOR}', so there are no shares of it"
        raise ItcError(_SOURCE, what)
    described = counts.attrs.get("itc_analysis", {})
    known = described.get("parameters", {}).get("flow", {})
    limit = lod_events or known.get("lod_events", Flow().lod_events)
    tubes = pd.DataFrame({"source_id": counts["source_id"].unique()}).assign(
        panel="panel", status="ok", reason=None
    )
    rows = share_rows(
        expected_counts(tubes, counts.drop(columns="panel", errors="ignore")), lod=limit
    )
    table = rows[["source_id", *_COLUMNS]].rename(
        columns={"source_id": "tube", "n_t": "n_t_cells", "value": "share"}
    )
    table.attrs["itc_analysis"] = described
    return table.reset_index(drop=True)
