"""Marker positivity and medians within populations, a row for every expected marker."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.measurements.columns import records, text
from itc_analysis.measurements.shares import Shares, capture_of, share_interval
from itc_analysis.measurements.thresholds import LEAST_OF_SHARE, is_unsure
from itc_analysis.plural import plural
from itc_analysis.statistics.binomial import Z
from itc_analysis.statistics.half_cell import log_ratio
from itc_analysis.tables.columns import floats


def phenotype_rows(
    sources: pd.DataFrame, intensity: pd.DataFrame, counts: pd.DataFrame, *, min_events: int
) -> pd.DataFrame:
    """Return the share_positive and median_intensity rows.

    Parameters
    ----------
    sources : pandas.DataFrame
        of `sources.flow_sources`.
    intensity : pandas.DataFrame
        Intensity of the tubes.
    counts : pandas.DataFrame
        Counts of the tubes; why a population has no events.
    min_events : int
        populations with fewer events have no median: few_cells. Positivity counts every event, with
        its interval.

    Returns
    -------
    pandas.DataFrame
        Two rows per source and (population, marker) of its panel. The interval of a median is that
        of the count of cells alone: the tube's batch and reagents shift it as well, which only
        other people of the batch show. Its standard error is that of the logarithm; none where the
        interval reaches zero.
    """
    panel_of = sources.set_index("source_id")["panel"]
    known = intensity[intensity["source_id"].isin(panel_of.index)]
    expected = known.assign(panel=known["source_id"].map(panel_of))
    expected = expected[["panel", "population", "marker"]].drop_duplicates()
    rows = sources.merge(expected, on="panel").merge(
        known.drop(columns="sample_id").rename(columns={"reason": "marker_reason"}),
        on=["source_id", "population", "marker"],
        how="left",
        indicator="found",
        validate="one_to_one",
    )
    own = counts[["source_id", "population", "status", "reason", "detection", "n_lower"]].rename(
        columns={"status": "count_status", "reason": "count_reason", "n_lower": "count_lower"}
    )
    rows = rows.merge(own, on=["source_id", "population"], how="left", validate="many_to_one")
    return pd.concat([_positivity(rows), _medians(rows, min_events)], ignore_index=True)


def positive_shares(intensity: pd.DataFrame) -> Shares:
    """Return the share of positive cells, negatives above the threshold taken off.

    Parameters
    ----------
    intensity : pandas.DataFrame
        `Intensity`; rows without n_positive have no share.

    Notes
    -----
    The interval joins counting, the background, the positives missed, and what the standard error
    of the threshold changes.
    """
    return share_interval(
        floats(intensity["n_positive"]),
        floats(intensity["n_events"]),
        background=floats(intensity["n_background"]),
        background_se=floats(intensity["background_se"]),
        n_lower=floats(intensity["n_lower"]),
        n_upper=floats(intensity["n_upper"]),
        gate_se_log=_threshold_error(intensity),
        missed=floats(intensity["n_missed"]),
        missed_se=floats(intensity["missed_se"]),
    )


def _positivity(rows: pd.DataFrame) -> pd.DataFrame:
    judged = [_judge(row, 1, needs_threshold=True) for row in records(rows)]
    usable = np.array([status == "ok" for status, _ in judged], dtype=bool)
    shares = positive_shares(
        rows.assign(
            n_positive=rows["n_positive"].where(pd.Series(usable, index=rows.index)),
        )
    )
    capture, capture_error = capture_of(
        floats(rows["n_positive"]),
        background=floats(rows["n_background"]),
        missed=floats(rows["n_missed"]),
        missed_se=floats(rows["missed_se"]),
        gate_se_log=0.0,
    )
    # too few for a share of their own, but counted all the same
    few = np.array([status == "few_cells" for status, _ in judged], dtype=bool)
    is_foreign = (rows["detection"] == "below_lod").fillna(value=False).to_numpy(dtype=bool)
    positive = floats(rows["n_positive"])
    is_counted = (usable | (few & ~is_foreign)) & np.isfinite(positive)
    is_counted &= floats(rows["n_events"]) > 0
    return _finish(rows, judged, "share_positive", "share").assign(
        value=shares.value,
        standard_error=shares.standard_error,
        lower=shares.lower,
        upper=shares.upper,
        n_cells=rows["n_positive"],
        n_events=rows["n_positive"].where(is_counted),
        n_denominator=rows["n_events"],
        n_background=rows["n_background"].where(is_counted),
        background_se=rows["background_se"].where(is_counted),
        capture=np.where(is_counted, capture, np.nan),
        error_log=np.where(is_counted, capture_error, np.nan),
    )


def _threshold_error(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the standard error of the log share that comes from the place of the threshold.

    By the positive cells that are left when negatives are taken off: where the two overlap, moving
    the threshold changes both alike.
    """
    low, high = floats(rows["n_net_low"]), floats(rows["n_net_high"])
    return np.nan_to_num(np.abs(log_ratio(high, low)) / 2)


def _medians(rows: pd.DataFrame, min_events: int) -> pd.DataFrame:
    judged = [_judge(row, min_events, needs_threshold=False) for row in records(rows)]
    usable = np.array([status == "ok" for status, _ in judged], dtype=bool)
    lower, upper = (
        np.where(usable, floats(rows[f"median_{side}"]), np.nan) for side in ("lower", "upper")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(lower > 0, np.log(upper / lower) / (2 * Z), np.nan)
    return _finish(rows, judged, "median_intensity", "instrument units").assign(
        value=np.where(usable, floats(rows["median"]), np.nan),
        standard_error=error,
        lower=lower,
        upper=upper,
        n_cells=rows["n_events"],
    )


def _finish(
    rows: pd.DataFrame, judged: list[tuple[str, str | None]], measure: str, unit: str
) -> pd.DataFrame:
    return rows.assign(
        measure=measure,
        unit=unit,
        feature=rows["marker"],
        status=pd.Series([status for status, _ in judged], dtype="string"),
        reason=pd.Series([reason for _, reason in judged], dtype="string"),
        n_denominator=rows["n_events"],
        n_events=pd.array([pd.NA] * len(rows), dtype="Int64"),
        count_method=None,
    )


def _judge(
    row: dict[str, Any], min_events: int, *, needs_threshold: bool
) -> tuple[str, str | None]:
    """Return status and reason of one marker in one population."""
    if row["status"] != "ok":
        return str(row["status"]), text(row["reason"])
    if text(row["count_status"]) not in (None, "ok"):
        return str(row["count_status"]), text(row["count_reason"])
    missing = [name.strip() for name in (text(row["missing_markers"]) or "").split(",")]
    if row["marker"] in missing:
        return "no_panel", f"{row['marker']} has no channel in this tube"
    if row["found"] != "both":
        return "not_estimable", f"{row['marker']} was not read in this tube"
    n = row["n_events"]
    if n is pd.NA or n < min_events:
        return "few_cells", f"{plural(0 if n is pd.NA else n, 'event')}, {min_events} needed"
    # few events are information, events that the background alone explains are not
    if text(row["detection"]) == "below_lod" and not (row["count_lower"] > 0):
        return (
            "few_cells",
            f"{plural(n, 'event')}, most of them background: below the limit of detection",
        )
    if text(row["median"]) is None:
        return "no_panel", text(row["marker_reason"]) or f"{row['marker']} has no signal"
    if needs_threshold and text(row["n_positive"]) is None:
        return "no_control", text(row["marker_reason"]) or "no threshold for the marker"
    if needs_threshold and text(row["threshold_source"]) == "negative_population":
        unsure = _unsure(row)
        if unsure is not None:
            return "no_control", unsure
    return "ok", None


def _unsure(row: dict[str, Any]) -> str | None:
    """Return why a threshold without control does not carry a share; None where it does."""
    if text(row["threshold_state"]) == "weak":
        return text(row["marker_reason"])
    if text(row["n_positive_low"]) is None or text(row["n_positive_high"]) is None:
        return None
    share, low, high = (
        float(row[name]) / float(row["n_events"])
        for name in ("n_positive", "n_positive_low", "n_positive_high")
    )
    if is_unsure(share, low, high, least=LEAST_OF_SHARE):
        return (
            f"no control tube, and the threshold is not sure enough: within its standard error "
            f"{100 * low:.1f} to {100 * high:.1f} % would be positive; the median does not need one"
        )
    return None
