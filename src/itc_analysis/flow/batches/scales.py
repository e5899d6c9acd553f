"""Learn the width of every logicle scale on the study's own tubes, once per panel.

A logicle scale is linear around zero over w decades. Too narrow, and the events that scatter around
zero split into two peaks; too wide, and dim positives are pressed into the negatives. The width
that just holds the negative events is known in closed form (Parks 2006, doi:10.1002/cyto.a.20258;
flowCore's estimateLogicle). It is estimated in a fixed number of tubes, the median is taken for the
whole study, and the result is frozen in a table: one width per channel, so that a cut means the
same in every tube.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mode
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import TubeReading
from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.scale.scales import Scale, TransformSettings
from itc_analysis.flow.scale.transform import DEFAULT_LINEARISATION, DEFAULT_RANGE
from itc_analysis.flow.spillover.residual_spill import OVER, UNDER, residual_spill
from itc_analysis.flow.tube.choice import MAX_TUBES, choose_tubes
from itc_analysis.flow.tube.load import load_tube
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import ResidualSpill, Scales

log = logging.getLogger(__name__)

#: Events of each tube, evenly spread over the acquisition.
EVENTS_PER_TUBE = 50_000
#: Events of each tube that residual spill is looked for in: 400 pairs of channels in two tenths
#: of a second.
SPILL_EVENTS = 20_000
#: The reference value r of flowCore's estimateLogicle: this quantile of the events below zero.
REFERENCE_QUANTILE = 0.05
#: A tube with fewer events below zero says nothing about a channel: five or fewer would lie beyond
#: r.
MIN_NEGATIVE = 100
#: At most this share of the decades around zero, on either side, is linear: beyond, two thirds of
#: the scale are, and dim positives have no room. Channels that want more are compensated badly
#: (spill.parquet).
WIDEST = 1 / 3
#: Widths are written in these steps: finer ones change no gate, and a study that grows by a batch
#: keeps its scales unless they really move.
STEP = 0.05

_SOURCE = "scales"

METHODS_TEXT = (
    "Where the gating template left it open, the width of a logicle scale was estimated from the "
    f"compensated events below zero in up to {MAX_TUBES} tubes spread evenly over the batches, w = "
    "(m - log10(t / |r|)) / 2 with r their 5th percentile, and the median over tubes was used for "
    "the whole study."
)
CITATIONS = ("hahne2009", "moore2012", "parks2006")


@dataclass
class _Seen:
    """What the tubes show of one marker.

    Parameters
    ----------
    tops : list of float
        upper end of its scale in each tube that has it, instrument units.
    widths : list of float
        estimate of each tube that has enough events below zero.
    """

    tops: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)


def learn_scales(
    rows: Sequence[Mapping[str, Any]],
    panel: pd.DataFrame,
    transform: TransformSettings,
    settings: TubeReading,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scale of every marker of a panel, and what spill its compensation leaves.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        rows of the tube sheet; `choose_tubes` takes some of them.
    panel : pandas.DataFrame
        the panel sheet.
    transform : TransformSettings
        the gating template's block. A scale that it states stays as it is (state ``given``), and
        without a logicle scale (mass cytometry) no tube is read.
    settings : TubeReading
        the flow section.

    Returns
    -------
    scales : pandas.DataFrame
        `Scales`. State ``estimated`` where at least one tube has `MIN_NEGATIVE` events below zero,
        else ``default`` (w of 0.5) with the reason.
    spill : pandas.DataFrame
        `ResidualSpill` of the markers on logicle scales.

    Notes
    -----
    A tube that cannot be read is passed over here: fitting will name it.

    Raises
    ------
    ItcError
        `rows` is empty.
    """
    if not rows:
        what = "no tube is listed, so there is nothing to learn scales on"
        raise ItcError(_SOURCE, [Fault("", what, "give the panel's tubes")])
    roles = {
        str(marker): str(role)
        for marker, role in zip(panel["marker"], panel["role"], strict=True)
        if role != "time"
    }
    scales = {marker: transform.scale_of(marker, role) for marker, role in roles.items()}
    logicle = [marker for marker, scale in scales.items() if scale.kind == "logicle"]
    seen = {marker: _Seen() for marker in roles}
    left: list[pd.DataFrame] = []
    # linear, so that the tube keeps its compensated values (over t)
    plain = TransformSettings(fluorescence=Scale(kind="linear"))
    for row in choose_tubes(rows) if logicle else ():
        try:
            tube = load_tube(row, panel, plain, settings)
        except ItcError as error:
            log.info("no scales from %s: %s", row["file_id"], error)
            continue
        there = [marker for marker in logicle if marker in tube.markers]
        for marker in there:
            _look(tube, marker, scales[marker], seen[marker])
        step = max(1, tube.n_events // SPILL_EVENTS)
        if there:
            units = np.stack([tube.values(m)[::step] * tube.transforms[m].t for m in there])
            left.append(residual_spill(units, there))
    made = contract.make(
        [
            {"panel": rows[0]["panel"], "role": role, **_row(marker, scales[marker], seen[marker])}
            for marker, role in roles.items()
        ],
        Scales,
    )
    counted = made["state"].value_counts().to_dict()
    log.info("scales: %s", ", ".join(f"{n} {state}" for state, n in sorted(counted.items())))
    return made, contract.make(_spill(left, str(rows[0]["panel"])), ResidualSpill)


def estimate_width(negative: npt.NDArray[np.float64], *, t: float, m: float) -> float:
    """Return the decades w of the linear part that hold these events below zero.

    Parameters
    ----------
    negative : numpy.ndarray
        compensated values below 0, instrument units.
    t, m : float
        top of the scale in instrument units, and its decades.

    Returns
    -------
    float
        w in 0..m/3: 0 where they lie so close to zero that a scale without linear part holds them,
        m/3 (`WIDEST`) where they would fill most of the scale.
    """
    reference = abs(float(np.quantile(negative, REFERENCE_QUANTILE)))
    return float(np.clip((m - np.log10(t / reference)) / 2, 0, WIDEST * m))


def _look(tube: Tube, marker: str, scale: Scale, seen: _Seen) -> None:
    """Add to `seen` what one tube shows of a marker."""
    highest = tube.transforms[marker].t
    top = highest if scale.t is None else scale.t
    seen.tops.append(top)
    some = tube.values(marker)[:: max(1, tube.n_events // EVENTS_PER_TUBE)]
    negative = some[some < 0].astype(np.float64) * highest
    if negative.size >= MIN_NEGATIVE:
        seen.widths.append(estimate_width(negative, t=top, m=scale.m))


def _spill(left: Sequence[pd.DataFrame], panel: str) -> list[dict[str, Any]]:
    """Return every pair once, over all tubes."""
    if not left:
        return []
    found = []
    for (source, detector), part in pd.concat(left).groupby(["source", "detector"], sort=False):
        known = part["slope"].notna()
        found.append(
            {
                "panel": panel,
                "source": source,
                "detector": detector,
                "slope": part.loc[known, "slope"].median() if known.any() else None,
                "n_tubes": int(known.sum()),
                "n_over": int((part["reading"] == OVER).sum()),
                "n_above": int((part["reading"] == UNDER).sum()),
                "reason": None if known.any() else part["reason"].mode().iloc[0],
            }
        )
    return found


def _row(marker: str, scale: Scale, seen: _Seen) -> dict[str, Any]:
    # one tube that was exported in another way is no reason to draw all others on its scale
    most = mode(sorted(seen.tops, reverse=True)) if seen.tops else None
    row: dict[str, Any] = {
        "marker": marker,
        "kind": scale.kind,
        "t": DEFAULT_RANGE if scale.kind == "asinh" and scale.t is None else scale.t or most,
        "cofactor": scale.cofactor if scale.kind == "asinh" else None,
        "state": "given",
    }
    if scale.kind != "logicle":
        return row
    row |= {"w": scale.w, "m": scale.m, "a": scale.a}
    if scale.w is not None:
        return row
    if not seen.widths:
        why = f"no tube has {MIN_NEGATIVE} events below zero in this channel"
        why = why if seen.tops else "no tube with this channel could be read"
        narrowest = min(DEFAULT_LINEARISATION, scale.m / 2)
        return {**row, "w": narrowest, "n_tubes": 0, "state": "default", "reason": why}
    width = round(float(np.median(seen.widths)) / STEP) * STEP
    return {
        **row,
        "w": round(width, 2),  # STEP has no more digits
        "n_tubes": len(seen.widths),
        "w_lowest": min(seen.widths),
        "w_highest": max(seen.widths),
        "state": "estimated",
    }
