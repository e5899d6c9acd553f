"""Numbers outside the plausible range: flagged in words, or held until a person confirms them.

The limits of a flag lie just beyond the highest values published of healthy adults: 3.84 % of the T
cells for iNKT, 16.09 % for gamma-delta and 18.36 % for MAIT cells in 202 (Singh 2022,
doi:10.1002/JLB.5A1121-583RR), 21.7 % for MAIT in 133 (Lee 2014, Exp Gerontol 49:47). Beyond them a
gate is more often wrong than the person is rare. No source gives the limits from which on a number
is held: they were chosen far beyond these (docs/decisions.md, 2026-11-29).
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import pandas as pd

from itc_analysis.measurements.columns import join_reasons
from itc_analysis.measurements.sources import COULD_BE_HELD
from itc_analysis.tables.held import HELD_UNTIL

#: Largest plausible share of the T cells.
MAX_SHARE = {"inkt": 0.04, "gd_t_cells": 0.20, "mait": 0.22}

#: Share of the T cells beyond which a number is held (chosen; a rare person must not be taken for a
#: swapped stain), and the range in healthy adults (Singh 2022, doi:10.1002/JLB.5A1121-583RR).
IMPOSSIBLE = {
    "inkt": (0.05, "0.007 to 3.8 % in healthy people"),
    "mait": (0.50, "0.1 to 18 % in healthy people"),
    # infections expand them several times over
    "gd_t_cells": (0.70, "0.08 to 16 % in healthy people"),
    "vd2_gd": (0.70, "0.08 to 16 % in healthy people"),
}

#: Plausible T cells per microlitre of blood: chosen, beyond the 880 to 2,623 of 129 healthy adults
#: (MEDICC Rev 2019).
T_PER_UL = (400.0, 3000.0)

#: Plausible ratio of CD4 to CD8 T cells: chosen, no published limit.
CD4_CD8 = (0.3, 6.0)

#: T cells per lymphocyte of the analyser. Counts by beads scatter by a fifth, T cells are a
#: twentieth of the lymphocytes at the very least, and never more than all of them: beyond, a volume
#: or bead number is wrong.
T_OF_LYMPHOCYTES = (0.05, 1.5)


def hold_impossible(rows: pd.DataFrame, confirmed: Set[str]) -> pd.DataFrame:
    """Return `rows` in which populations that are too many to be true have status held.

    That is share, count, phenotype and scores; the reason says what was found and what is usual.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows of `Measurements`.
    confirmed : set of str
        sources that a person confirmed; none of their numbers is held.
    """
    share = _is_share(rows) & (rows["status"] == "ok") & ~rows["source_id"].isin(list(confirmed))
    why: dict[tuple[str, str], str] = {}
    for population, (limit, usual) in IMPOSSIBLE.items():
        here = rows[share & (rows["population"] == population) & (rows["value"] > limit)]
        for source, value in zip(here["source_id"], here["value"], strict=True):
            why[(str(source), population)] = (
                f"{HELD_UNTIL}: {100 * value:.1f} % of T, beyond {100 * limit:g} % ({usual}); "
                "are stains swapped, or compensation or gate wrong?"
            )
    if not why:
        return rows
    reasons = [why.get(key) for key in zip(rows["source_id"], rows["population"], strict=True)]
    reason = pd.Series(reasons, index=rows.index, dtype="string")
    is_held = reason.notna() & rows["status"].isin(COULD_BE_HELD)
    return rows.assign(
        status=rows["status"].mask(is_held, "held"), reason=rows["reason"].mask(is_held, reason)
    )


def flag_implausible(
    rows: pd.DataFrame, lymphocytes_per_ul: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return `rows` with a remark added to the reason of each implausible number.

    Parameters
    ----------
    rows : pandas.DataFrame
        rows with the columns source_id, population, measure, value, status and reason.
    lymphocytes_per_ul : mapping of str to float, optional
        lymphocytes by the haematology analyser, by sample_id (a column of `rows` then).
    """
    ok = rows["status"] == "ok"
    remarks = pd.Series(None, index=rows.index, dtype="string")
    for population, limit in MAX_SHARE.items():
        here = _at(rows, population, "share_of_t") & ok & (rows["value"] > limit)
        remarks[here] = f"above {100 * limit:g} % of T: check the gate"
    low, high = T_PER_UL
    here = _at(rows, "t_cells", "cells_per_ul") & ok & ~rows["value"].between(low, high)
    remarks[here] = f"T cells outside {low:g} to {high:g} per uL: check the count"
    if lymphocytes_per_ul:
        known = rows["sample_id"].map(lymphocytes_per_ul).astype(float)
        ratio = rows["value"] / known
        low, high = T_OF_LYMPHOCYTES
        here = _at(rows, "t_cells", "cells_per_ul") & ok & known.notna() & ~ratio.between(low, high)
        told = [
            f"{share:.2g} T cells for every lymphocyte of the haematology analyser ({n:.0f} "
            "per uL): check "
            "beads_per_tube, blood_volume_ul and their units"
            for share, n in zip(ratio[here], known[here], strict=True)
        ]
        remarks.loc[here] = pd.array(told, dtype="string")
    odd = _odd_ratios(rows[ok])
    for population in ("cd4_t_cells", "cd8_t_cells"):
        here = _at(rows, population, "share_of_t") & ok & rows["source_id"].isin(odd)
        remarks[here] = f"CD4:CD8 outside {CD4_CD8[0]:g} to {CD4_CD8[1]:g}: check the gates"
    joined = [
        join_reasons(reason, remark) for reason, remark in zip(rows["reason"], remarks, strict=True)
    ]
    return rows.assign(reason=pd.Series(joined, index=rows.index, dtype="string"))


def _is_share(rows: pd.DataFrame) -> pd.Series:
    return (rows["assay"] == "flow") & (rows["measure"] == "share_of_t")


def _at(rows: pd.DataFrame, population: str, measure: str) -> pd.Series:
    return (rows["population"] == population) & (rows["measure"] == measure)


def _odd_ratios(rows: pd.DataFrame) -> set[str]:
    """Return the sources whose CD4:CD8 ratio is implausible."""
    cd4, cd8 = (
        rows[_at(rows, population, "share_of_t")].set_index("source_id")["value"]
        for population in ("cd4_t_cells", "cd8_t_cells")
    )
    ratio = (cd4 / cd8).dropna()
    return set(ratio[~ratio.between(*CD4_CD8)].index)
