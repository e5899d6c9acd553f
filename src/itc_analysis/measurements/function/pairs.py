"""Which stimulated tube is read against which control, and whether the pair can be used."""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.config.sections import Function
from itc_analysis.measurements.columns import join_reasons, records, text
from itc_analysis.tables.conditions import conditions_of

#: What the two tubes of a pair have in common: the person's cells, the reagents, the thresholds.
PAIRED_BY = ["sample_id", "panel", "batch"]
_COLUMNS = [
    *("source_id", "control_id", *PAIRED_BY, "condition", "control", "culture_hours"),
    *("viability", "status", "reason"),
]


def pair_tubes(tubes: pd.DataFrame, quality: pd.DataFrame, settings: Function) -> pd.DataFrame:
    """Return one row per stimulated stained tube, with its control.

    Parameters
    ----------
    tubes : pandas.DataFrame
        Tubes.
    quality : pandas.DataFrame
        TubeQuality; a tube without a row there is taken as usable.
    settings : Function
        which condition is the control of which, and what a cultured tube must be like.

    Returns
    -------
    pandas.DataFrame
        source_id, control_id, sample_id, panel, batch, condition, control, culture_hours,
        viability, and status and reason: no_control without a control tube, otherwise the state of
        the worse tube of the two.
    """
    stained = tubes[tubes["tube"] == "stained"]
    judged = quality.set_index("file_id")
    rows = [
        _judged(row, judged, settings)
        for row in records(stained.assign(condition=conditions_of(stained)))
    ]
    by_place: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: str(row["file_id"])):
        by_place.setdefault((*(row[name] for name in PAIRED_BY), row["condition"]), []).append(row)
    pairs = []
    for row in rows:
        control = settings.controls.get(row["condition"])
        if control is not None:
            found = by_place.get((*(row[name] for name in PAIRED_BY), control), [])
            pairs.append(_pair(row, control, found))
    table = pd.DataFrame(pairs, columns=_COLUMNS)
    return table.sort_values("source_id", ignore_index=True)


def _judged(row: dict[str, Any], judged: pd.DataFrame, settings: Function) -> dict[str, Any]:
    """Return a tube with its viability, status and reason."""
    name = row["file_id"]
    known = judged.loc[name] if name in judged.index else None
    status, reason = "ok", None
    viability = float("nan")
    if known is not None:
        viability = 1 - float(known["share_dead"])
        status, reason = str(known["status"]), text(known["reason"])
    recovered = row["recovered_share"]
    if status == "ok" and viability < settings.min_viability:
        status = "failed_quality"
        reason = (
            f"{100 * viability:.0f} % of the cells of {name} live, "
            f"{100 * settings.min_viability:g} % needed"
        )
    if status == "ok" and not pd.isna(recovered) and recovered < settings.min_recovery:
        status = "failed_quality"
        reason = (
            f"{100 * recovered:.0f} % of the cells of {name} were recovered after culture, "
            f"{100 * settings.min_recovery:g} % needed"
        )
    return {**row, "viability": viability, "status": status, "reason": reason}


def _pair(row: dict[str, Any], control: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a stimulated tube with its control; the first usable one where there are several."""
    own = {name: row[name] for name in (*PAIRED_BY, "condition", "culture_hours", "viability")}
    own |= {"source_id": row["file_id"], "control": control, "control_id": None}
    if not found:
        why = (
            f"no unstimulated control: sample '{row['sample_id']}' has no tube of condition "
            f"'{control}' in panel {row['panel']}, batch {row['batch']}"
        )
        return {**own, "status": "no_control", "reason": why}
    usable = [other for other in found if other["status"] == "ok"]
    other = (usable or found)[0]
    own |= {"control_id": other["file_id"]}
    own["viability"] = min(row["viability"], other["viability"])
    if row["status"] != "ok":
        return {**own, "status": row["status"], "reason": row["reason"]}
    if other["status"] != "ok":
        why = f"its control {other['file_id']}: {other['reason']}"
        return {**own, "status": other["status"], "reason": why}
    unequal = _apart(row["culture_hours"], other["culture_hours"])
    return {**own, "status": "ok", "reason": join_reasons(unequal)}


def _apart(hours: float, others: float) -> str | None:
    """Return a remark where the two tubes were not in culture for the same time."""
    if pd.isna(hours) or pd.isna(others) or hours == others:
        return None
    return f"{hours:g} h in culture, its control {others:g} h"
