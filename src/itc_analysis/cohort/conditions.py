"""Conditions of tubes: their names, and that every stimulated tube has its unstimulated control.

Light enough for the Snakefile: no pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from itc_analysis.config.sections import Conditions
from itc_analysis.errors import Fault, did_you_mean

#: What makes a pair of tubes comparable: the same person's cells, reagents and thresholds.
_PAIR = ("sample_id", "panel", "batch")


def condition_faults(
    numbered: Sequence[tuple[int, Mapping[str, Any]]], conditions: Conditions
) -> list[Fault]:
    """Return conditions that the settings do not name, and stimulations without any control tube.

    Parameters
    ----------
    numbered : sequence of (int, mapping)
        rows of the tube sheet with their numbers.
    """
    faults = []
    seen = {row["condition"] for _, row in numbered if row["tube"] == "stained"}
    told: set[str] = set()
    for number, row in numbered:
        name = row["condition"]
        if name is None or name in told:
            continue
        where = f"row {number}"
        if name not in conditions.known:
            what = f"condition '{name}' is not in the settings (function.controls)"
            remedy = (
                did_you_mean(str(name), conditions.known)
                or f"name its unstimulated control there: {{{name}: unstimulated}}"
            )
            faults.append(Fault(where, what, remedy))
            told.add(name)
        elif name in conditions.controls and conditions.controls[name] not in seen:
            control = conditions.controls[name]
            what = f"no stained tube is of condition '{control}', the control of '{name}'"
            remedy = "without it no response can be measured: add these tubes, or leave out both"
            faults.append(Fault(where, what, remedy))
            told.add(name)
    return faults


def tubes_without_control(
    rows: Sequence[Mapping[str, Any]], conditions: Conditions
) -> Iterator[tuple[str, str]]:
    """Yield each stimulated tube whose control is missing, and what is missing, in words.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        the tube sheet.
    """
    stained = [row for row in rows if row["tube"] == "stained"]
    there = {(row["condition"], *(row[name] for name in _PAIR)) for row in stained}
    for row in stained:
        control = conditions.controls.get(str(row["condition"]))
        if control is not None and (control, *(row[name] for name in _PAIR)) not in there:
            yield (
                str(row["file_id"]),
                f"no tube of condition '{control}' of sample '{row['sample_id']}' in panel "
                f"{row['panel']}, batch {row['batch']}",
            )
