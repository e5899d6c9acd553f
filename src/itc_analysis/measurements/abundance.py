"""Shares of T cells and cells per microlitre, a row for every expected population.

A rare population has one of three states: quantified has a number; detected has a number and says
so; below the limit of detection has no number but an upper limit, never zero. The limits are
settings; their defaults, 20 and 50 events, follow the example of the ICCS for rare cells
(cytometry.org: 50 events are quantifiable, more than 20 detectable).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.measurements.absolute import TCount
from itc_analysis.measurements.columns import records, text, whole
from itc_analysis.measurements.shares import capture_of, share_interval, widen
from itc_analysis.plural import plural
from itc_analysis.tables.columns import floats

DENOMINATOR = "t_cells"
#: What was counted, null where nothing was.
COUNTED = ["n_events", "n_background", "background_se", "n_expected", "expected_se"]


def expected_counts(sources: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
    """Join each source with each population measured in its panel.

    Parameters
    ----------
    sources : pandas.DataFrame
        of `sources.flow_sources` or `library_sources`.
    counts : pandas.DataFrame
        Counts of one assay.

    Returns
    -------
    pandas.DataFrame
        One row per source and population: the columns of `sources`, those of `counts` (null where
        the tube was not counted), n_t (T cells of the source), count_status and count_reason, and
        is_t (the population is a part of the T cells). A panel of which no tube was counted expects
        the T cells alone.
    """
    panel_of = sources.set_index("source_id")["panel"]
    known = counts[counts["source_id"].isin(panel_of.index)]
    known = known.assign(panel=known["source_id"].map(panel_of))
    expected = known.loc[known["is_measured"], ["panel", "population"]].drop_duplicates()
    every_t = pd.DataFrame({"panel": panel_of.unique(), "population": DENOMINATOR})
    expected = pd.concat([expected, every_t], ignore_index=True).drop_duplicates()
    inside = inside_t_cells(known)
    expected["is_t"] = [
        pair in inside for pair in zip(*(expected[c] for c in expected), strict=True)
    ]
    grid = sources.merge(expected, on="panel")
    own = counts.drop(columns="sample_id").rename(
        columns={"status": "count_status", "reason": "count_reason"}
    )
    grid = grid.merge(own, on=["source_id", "population"], how="left", validate="one_to_one")
    t_cells = counts[(counts["population"] == DENOMINATOR) & (counts["status"] == "ok")]
    grid["n_t"] = grid["source_id"].map(t_cells.set_index("source_id")["n_events"]).astype("Int64")
    return grid.astype({"count_status": "string", "count_reason": "string"})


def share_rows(grid: pd.DataFrame, *, lod: int) -> pd.DataFrame:
    """Return the share_of_t rows, with standard_error_log beside the contract's columns.

    Parameters
    ----------
    grid : pandas.DataFrame
        of `expected_counts`.
    lod : int
        events below which the counts called a population below the limit of detection.
    """
    rows = grid[grid["population"] != DENOMINATOR].reset_index(drop=True)
    judged = [_judge(row) for row in records(rows)]
    rows["status"] = [status for status, _ in judged]
    rows["reason"] = pd.Series([reason for _, reason in judged], dtype="string")
    counted = rows["status"].isin(["ok", "below_lod"]).to_numpy()
    # the T cells in which the population would have been called
    caught = np.nan_to_num(floats(rows["capture"]), nan=1.0)
    caught_error = np.nan_to_num(floats(rows["capture_se_log"]))
    n_t = caught * floats(rows["n_t"])
    gate_error = np.hypot(np.nan_to_num(floats(rows["gate_se_log"])), caught_error)
    shares = share_interval(
        np.where(counted, floats(rows["n_events"]), np.nan),
        np.where(counted, n_t, np.nan),
        background=floats(rows["n_background"]),
        background_se=floats(rows["background_se"]),
        n_lower=floats(rows["n_lower"]),
        n_upper=floats(rows["n_upper"]),
        n_parent=floats(rows["n_parent"]),
        gate_se_log=gate_error,
        missed=floats(rows["n_missed"]),
        missed_se=floats(rows["missed_se"]),
    )
    low = (rows["status"] == "below_lod").to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):  # sources without T cells have no limit
        n_limit = np.fmax(lod, floats(rows["n_lod"]))  # the tube's own, where background raises it
        # 18 cells agree with 28: the limit of detection alone would promise too much
        ceiling = np.minimum(np.fmax(n_limit / n_t, shares.upper), 1.0)
        # Models of values ask what the count lay below: the limit; of more events than that, which
        # the background explains, the upper confidence limit.
        few = floats(rows["n_events"]) < n_limit
        limit = np.where(few, np.minimum(n_limit / n_t, 1.0), ceiling)
    net = np.where(counted, shares.value * n_t, np.nan)
    capture, error = capture_of(
        floats(rows["n_events"]),
        background=floats(rows["n_background"]),
        missed=floats(rows["n_missed"]),
        missed_se=floats(rows["missed_se"]),
        gate_se_log=gate_error,
    )
    for name in COUNTED:
        rows[name] = rows[name].where(counted)
    return rows.assign(
        measure="share_of_t",
        feature="-",
        unit="share",
        value=np.where(low, np.nan, shares.value),
        standard_error=np.where(low, np.nan, shares.standard_error),
        standard_error_log=shares.standard_error_log,
        lower=np.where(low, 0.0, shares.lower),
        upper=np.where(low, ceiling, shares.upper),
        limit=np.where(low, limit, np.nan),
        n_cells=whole(net),
        n_denominator=rows["n_t"],
        capture=np.where(counted, capture * caught, np.nan),
        error_log=np.where(counted, error, np.nan),
        volume_ul=np.nan,
        count_method=None,
    )


def count_rows(shares: pd.DataFrame, t_counts: dict[str, TCount]) -> pd.DataFrame:
    """Return the cells_per_ul rows of the populations: share here times T cells per microlitre.

    Parameters
    ----------
    shares : pandas.DataFrame
        of `share_rows`.
    t_counts : dict of str to TCount
        of `absolute.count_t_cells`.

    Notes
    -----
    var(ln) = var(ln share) + var(ln T/uL). For a population of the counting tube itself, T cells
    cancel: (1/n - 1/T) + (1/T + 1/beads) = 1/n + 1/beads.
    """
    table = _t_table(shares["source_id"], t_counts)
    has_share = shares["status"].isin(["ok", "below_lod"]).to_numpy()
    level, error = floats(table["cells_per_ul"]), floats(table["standard_error_log"])
    uncounted = has_share & np.isnan(level)
    reason = shares["reason"].mask(pd.Series(uncounted), table["reason"])
    joint = np.hypot(floats(shares["standard_error_log"]), error)
    with np.errstate(divide="ignore"):  # the logarithm of a limit of 0
        logs = [np.log(floats(shares[column])) for column in ("value", "lower", "upper")]
    low, high = widen(logs[0], logs[1], logs[2], error)
    is_low = (shares["status"] == "below_lod").to_numpy()
    known = has_share & (level > 0)
    # the share's denominator as a volume of blood: T cells counted, over those in a microlitre
    volume = np.where(known, floats(shares["n_denominator"]) / np.where(known, level, 1), np.nan)
    shares = shares.assign(**{name: shares[name].where(known) for name in [*COUNTED, "capture"]})
    return shares.assign(
        measure="cells_per_ul",
        volume_ul=volume,
        error_log=np.where(known, np.hypot(floats(shares["error_log"]), error), np.nan),
        unit="cells/uL",
        status=shares["status"].mask(pd.Series(uncounted), "no_count"),
        reason=reason,
        value=floats(shares["value"]) * level,
        standard_error=np.where(is_low | np.isnan(level), np.nan, joint),
        lower=np.where(is_low, 0.0 * level, np.exp(low) * level),
        upper=np.where(is_low, floats(shares["upper"]) * level, np.exp(high) * level),
        limit=floats(shares["limit"]) * level,
        count_method=table["method"].mask(pd.Series(~has_share)),
    )


def t_cell_rows(grid: pd.DataFrame, t_counts: dict[str, TCount]) -> pd.DataFrame:
    """Return the cells_per_ul rows of the T cells; a usable tube that borrows its count has
    none.
    """
    rows = grid[grid["population"] == DENOMINATOR].reset_index(drop=True)
    judged = [_judge(row) for row in records(rows)]
    repeats = [
        status == "ok" and t_counts[source].method == "via_counting_tube"
        for source, (status, _) in zip(rows["source_id"], judged, strict=True)
    ]
    rows = rows[~np.array(repeats, dtype=bool)].reset_index(drop=True)
    judged = [said for said, is_repeat in zip(judged, repeats, strict=True) if not is_repeat]
    table = _t_table(rows["source_id"], t_counts)
    status = pd.Series([status for status, _ in judged], dtype="string")
    reason = pd.Series([reason for _, reason in judged], dtype="string")
    uncounted = (status == "ok") & table["cells_per_ul"].isna()
    usable = ((status == "ok") & ~uncounted).to_numpy(dtype=bool)
    level = np.where(usable, floats(table["cells_per_ul"]), np.nan)
    error = np.where(usable, floats(table["standard_error_log"]), np.nan)
    low, high = widen(np.log(level), np.log(level), np.log(level), error)
    n_t = floats(rows["n_t"])
    rows["n_events"] = rows["n_t"].where(usable)
    return rows.assign(
        measure="cells_per_ul",
        volume_ul=np.where(usable, n_t / level, np.nan),
        n_background=np.nan,
        background_se=np.nan,
        n_expected=np.nan,
        expected_se=np.nan,
        capture=np.nan,
        # counting of the T cells themselves is in n_events
        error_log=np.sqrt(np.maximum(error**2 - 1 / np.where(n_t > 0, n_t, np.nan), 0.0)),
        feature="-",
        unit="cells/uL",
        status=status.mask(uncounted, "no_count"),
        reason=reason.mask(uncounted, table["reason"]),
        value=level,
        standard_error=error,
        lower=np.exp(low),
        upper=np.exp(high),
        n_cells=rows["n_t"],
        n_denominator=table["n_denominator"],
        count_method=table["method"],
    )


def _judge(row: dict[str, Any]) -> tuple[str, str | None]:
    """Return status and reason of one expected count."""
    if row["status"] != "ok":
        return str(row["status"]), text(row["reason"])
    if text(row["count_status"]) is None:
        return "not_estimable", "the population was not counted in this source"
    if row["count_status"] != "ok":
        return str(row["count_status"]), text(row["count_reason"])
    if not row["is_t"]:
        return "not_estimable", "not a part of the T cells, so it has no share of them"
    if text(row["n_t"]) in (None, "0"):
        return "not_estimable", "no T cells were counted in this source"
    if text(row["n_events"]) is None:
        return "not_estimable", text(row["count_reason"]) or "the gate is not estimable"
    if text(row["detection"]) == "below_lod":
        background = text(row["n_background"])
        of_which = "" if background is None else f", {float(background):.1f} of them background"
        return "below_lod", f"{plural(int(row['n_events']), 'cell')}{of_which}"
    if text(row["detection"]) == "detected":
        return "ok", "detected, but too few cells to be quantified precisely"
    if text(row.get("n_rival")) is not None:
        other = plural(int(row["n_rival"]), "event")
        return "ok", f"a cut has two likely places: {int(row['n_events'])} or {other}"
    return "ok", text(row["count_reason"])


def inside_t_cells(counts: pd.DataFrame) -> set[tuple[str, str]]:
    """Return the panel and population of the T cells and all that lies below them."""
    links = counts[["panel", "population", "parent"]].drop_duplicates()
    parents: dict[tuple[str, str], set[str]] = {}
    for panel, population, parent in links.itertuples(index=False):
        parents.setdefault((panel, population), set()).add(parent)
    inside = {(panel, DENOMINATOR) for panel in set(counts["panel"])}
    grew = True
    while grew:
        below = {pair for pair, above in parents.items() if {(pair[0], p) for p in above} & inside}
        grew = not below <= inside
        inside |= below
    return inside


def _t_table(sources: pd.Series, t_counts: dict[str, TCount]) -> pd.DataFrame:
    """Return the T counts of the sources, a row each."""
    counts = [t_counts[source] for source in sources]
    return pd.DataFrame(
        {
            "cells_per_ul": pd.array([c.cells_per_ul for c in counts], dtype="Float64"),
            "standard_error_log": pd.array([c.standard_error_log for c in counts], dtype="Float64"),
            "method": pd.array([c.method for c in counts], dtype="string"),
            "n_denominator": pd.array([c.n_denominator for c in counts], dtype="Int64"),
            "reason": pd.array([c.reason for c in counts], dtype="string"),
        }
    )
