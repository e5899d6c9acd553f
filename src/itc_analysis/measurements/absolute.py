"""T cells per microlitre: from counting beads in the tube, or from the haematology analyser.

Single platform: cells/uL = (cell events / bead events) x (beads per tube / blood volume) x dilution
(BD Trucount, IFU 23-3483). Dual platform: cells/uL = WBC x 1000 x lymphocyte share x (T events /
lymphocyte events). The two are never mixed silently: a sample whose tubes should hold beads never
falls back to the analyser, and every number carries its method.

The lymphocyte gate of the dual platform holds whatever has the scatter of a lymphocyte, dead cells
and debris included, and the analyser's lymphocytes are defined otherwise; so dual-platform counts
run somewhat low, and their level must not be compared with that of bead counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Measure
from itc_analysis.measurements.columns import records
from itc_analysis.plural import plural

#: 10^9 cells per litre are 1000 cells per microlitre.
PER_UL = 1000.0


class Events(NamedTuple):
    """Events of one population in one tube, and the error that the cut adds to their logarithm."""

    n: float
    gate_se_log: float


@dataclass(frozen=True)
class TCount:
    """T cells per microlitre of blood for one tube; `cells_per_ul` is None when there is none.

    Parameters
    ----------
    cells_per_ul : float, optional
        T cells per microlitre.
    standard_error_log : float, optional
        of its logarithm: T events, bead or lymphocyte events, T gate. The errors of pipetting, of
        the bead lot and of the analyser are not known and not in it.
    method : str, optional
        beads, dual_platform or via_counting_tube; None without a count.
    n_cells, n_denominator : int, optional
        T events, and bead or lymphocyte events, of the tube that was counted.
    reason : str, optional
        why there is no count.
    """

    cells_per_ul: float | None = None
    standard_error_log: float | None = None
    method: str | None = None
    n_cells: int | None = None
    n_denominator: int | None = None
    reason: str | None = None


def cells_per_ul_from_beads(
    n_cells: float,
    n_beads: float,
    *,
    beads_per_tube: float,
    blood_volume_ul: float,
    dilution: float = 1.0,
) -> float:
    """Return cells per microlitre of blood by the beads in the same tube."""
    return n_cells / n_beads * beads_per_tube / blood_volume_ul * dilution


def cells_per_ul_from_analyser(
    n_cells: float, n_lymphocytes: float, *, wbc_10e9_per_l: float, lymphocyte_share: float
) -> float:
    """Return cells per microlitre of blood by the analyser's lymphocytes."""
    return n_cells / n_lymphocytes * wbc_10e9_per_l * PER_UL * lymphocyte_share


def lymphocytes_per_ul(samples: pd.DataFrame) -> dict[str, float]:
    """Return the lymphocytes of the haematology analyser, by sample_id, where both its numbers
    are known.
    """
    counts = samples["wbc_10e9_per_l"] * PER_UL * samples["lymphocyte_share"]
    return dict(zip(samples["sample_id"][counts > 0], counts[counts > 0], strict=True))


def count_t_cells(
    tubes: pd.DataFrame, counts: pd.DataFrame, samples: pd.DataFrame, settings: Measure
) -> dict[str, TCount]:
    """Return the T count of each tube, by source_id.

    Parameters
    ----------
    tubes : pandas.DataFrame
        stained tubes, of `sources.flow_sources`: source_id, sample_id, status, beads_per_tube,
        blood_volume_ul, dilution (missing means 1).
    counts : pandas.DataFrame
        Counts rows of the populations t_cells, beads and lymphocytes.
    samples : pandas.DataFrame
        SampleSheet.
    settings : Measure
        the measure section.

    Notes
    -----
    A tube with beads is counted by them. A tube without takes the count of its sample's counting
    tubes (geometric mean when there are several): via_counting_tube. A sample without beads at all
    is counted by the analyser where WBC and lymphocyte share are given.
    """
    events = _events(counts)
    facts = ["draw_to_stain_hours", "wbc_10e9_per_l", "lymphocyte_share"]
    people = {row.pop("sample_id"): row for row in records(samples[["sample_id", *facts]])}
    found: dict[str, TCount] = {}
    for sample_id, own in tubes.groupby("sample_id"):
        person = people[sample_id]
        hours = person["draw_to_stain_hours"]  # NaN, not known, is not late
        if hours > settings.max_draw_to_stain_hours:
            limit = settings.max_draw_to_stain_hours
            late = TCount(reason=f"stained {hours:g} h after the draw, limit {limit:g} h")
            found.update(dict.fromkeys(own["source_id"], late))
        elif own["beads_per_tube"].notna().any():
            found.update(_count_by_beads(own, events, settings))
        else:
            for row in own.itertuples():
                found[str(row.source_id)] = _count_by_analyser(
                    events.get(str(row.source_id), {}), person
                )
    return found


def _count_by_beads(
    own: pd.DataFrame, events: dict[str, dict[str, Events]], settings: Measure
) -> dict[str, TCount]:
    """Count the tubes of one sample that should hold beads; the others take their count."""
    counted = {
        str(row["source_id"]): _count_one(row, events.get(str(row["source_id"]), {}), settings)
        for _, row in own[own["beads_per_tube"].notna()].iterrows()
    }
    usable = [count for count in counted.values() if count.cells_per_ul is not None]
    if usable:
        logs = np.log(np.array([count.cells_per_ul for count in usable], dtype=float))
        errors = np.array([count.standard_error_log for count in usable], dtype=float)
        borrowed = TCount(
            cells_per_ul=float(np.exp(np.mean(logs))),
            standard_error_log=float(np.sqrt(np.sum(np.square(errors))) / len(usable)),
            method="via_counting_tube",
        )
    else:
        reasons = "; ".join(f"{name}: {count.reason}" for name, count in sorted(counted.items()))
        borrowed = TCount(reason=f"no usable counting tube ({reasons})")
    others = own.loc[own["beads_per_tube"].isna(), "source_id"]
    return counted | {str(name): borrowed for name in others}


def _count_one(tube: pd.Series, events: dict[str, Events], settings: Measure) -> TCount:
    """Count one tube by its beads."""
    if tube["status"] != "ok":
        return TCount(reason=f"the counting tube is {tube['status']}")
    if pd.isna(tube["blood_volume_ul"]):
        return TCount(reason="the volume of blood is missing in the tube sheet")
    t_cells, beads = events.get("t_cells"), events.get("beads")
    if t_cells is None or t_cells.n <= 0:
        return TCount(reason="no T cells counted in the counting tube")
    if beads is None:
        return TCount(reason="the beads of the counting tube were not gated")
    if beads.n < settings.min_bead_events:
        need = settings.min_bead_events
        return TCount(reason=f"{plural(int(beads.n), 'bead event')}, {need} needed")
    dilution = 1.0 if pd.isna(tube["dilution"]) else float(tube["dilution"])
    return TCount(
        cells_per_ul=cells_per_ul_from_beads(
            t_cells.n,
            beads.n,
            beads_per_tube=float(tube["beads_per_tube"]),
            blood_volume_ul=float(tube["blood_volume_ul"]),
            dilution=dilution,
        ),
        standard_error_log=float(np.sqrt(1 / t_cells.n + 1 / beads.n + t_cells.gate_se_log**2)),
        method="beads",
        n_cells=int(t_cells.n),
        n_denominator=int(beads.n),
    )


def _count_by_analyser(events: dict[str, Events], person: dict[str, float]) -> TCount:
    """Count one tube of a sample without beads by WBC and lymphocyte share."""
    wbc, share = person["wbc_10e9_per_l"], person["lymphocyte_share"]
    if pd.isna(wbc) or pd.isna(share):
        return TCount(reason="neither counting beads nor WBC and lymphocyte share are given")
    t_cells, lymphocytes = events.get("t_cells"), events.get("lymphocytes")
    if t_cells is None or t_cells.n <= 0:
        return TCount(reason="no T cells counted in the tube")
    if lymphocytes is None or lymphocytes.n < t_cells.n:
        return TCount(reason="the panel's template has no lymphocyte gate above the T cells")
    n, total = t_cells.n, lymphocytes.n
    return TCount(
        cells_per_ul=cells_per_ul_from_analyser(
            n, total, wbc_10e9_per_l=wbc, lymphocyte_share=share
        ),
        standard_error_log=float(np.sqrt(1 / n - 1 / total + t_cells.gate_se_log**2)),
        method="dual_platform",
        n_cells=int(n),
        n_denominator=int(total),
    )


def _events(counts: pd.DataFrame) -> dict[str, dict[str, Events]]:
    """Return the events by tube and population, counted populations only."""
    usable = counts[(counts["status"] == "ok") & counts["n_events"].notna()]
    usable = usable[usable["population"].isin(["t_cells", "beads", "lymphocytes"])]
    found: dict[str, dict[str, Events]] = {}
    columns = usable[["source_id", "population", "n_events", "gate_se_log"]]
    for source, population, n, error in columns.itertuples(index=False):
        at_source = found.setdefault(str(source), {})
        at_source[str(population)] = Events(float(n), 0.0 if pd.isna(error) else float(error))
    return found
