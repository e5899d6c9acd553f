"""Gating method `quadrant`: one of four fields, the second cut learned on either side of the first.

One cross for all four would assume that brightness in one marker says nothing about the other; with
spillover or dim receptors it does (openCyto's quadGate.seq).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Rectangle, Threshold
from itc_analysis.flow.gating.methods import density_minimum
from itc_analysis.flow.gating.shape_error import one_bound_away


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    n_bootstrap: int,
    seed: int,
    quadrant: Literal["++", "+-", "-+", "--"],
) -> Fitted:
    """Cut first in the marker that separates best, then in the other one among that side's events.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, shape (2, n_events).
    quadrant : {"++", "+-", "-+", "--"}
        side of the first and of the second marker.

    Notes
    -----
    Where the events of that side show one peak only, the second cut is that of all events and the
    gate is weak. The errors are those of the two cuts.
    """
    whole = [_cut(values[i], markers[i], quadrant[i], n_bootstrap, seed) for i in (0, 1)]
    if all(found.cut is None for found in whole):
        return refuse(f"neither {markers[0]} nor {markers[1]} shows two peaks")
    first = max((0, 1), key=lambda i: -1.0 if whole[i].cut is None else whole[i].quality or 0.0)
    second = 1 - first
    clear = whole[first].geometry
    assert isinstance(clear, Threshold)  # one of the two has a cut, and the deeper valley is it
    side = clear.contains(values[first : first + 1])
    within = refuse("no events")
    if side.any():
        within = _cut(values[second][side], markers[second], quadrant[second], n_bootstrap, seed)
    doubts = [whole[first].reason, within.reason]
    if within.cut is None:
        if whole[second].cut is None:
            return refuse(f"{markers[second]} shows one peak only")
        within = whole[second]
        place = f"{markers[first]}{quadrant[first]}"
        doubts = [
            whole[first].reason,
            f"no valley of {markers[second]} in {place}: cut of all events",
        ]
    cuts = {first: whole[first], second: within}
    bounds = [(cuts[i].cut, None) if quadrant[i] == "+" else (None, cuts[i].cut) for i in (0, 1)]
    reasons = [doubt for doubt in doubts if doubt]
    shape = Rectangle(
        markers, lowest=(bounds[0][0], bounds[1][0]), highest=(bounds[0][1], bounds[1][1])
    )
    # one bound of each marker, the lower ones first
    bounded = sorted((0, 1), key=lambda i: quadrant[i] != "+")
    return Fitted(
        geometry=shape,
        cut=None,
        cut_se=None,
        quality=min(found.quality or 0.0 for found in cuts.values()),
        status="weak" if reasons else "ok",
        reason="; ".join(reasons) or None,
        shape_errors=one_bound_away(shape, [cuts[i].cut_se or 0.0 for i in bounded]),
    )


def _cut(
    values: npt.NDArray[np.float32], marker: str, sign: str, n_bootstrap: int, seed: int
) -> Fitted:
    return density_minimum.fit(
        values[None],
        markers=(marker,),
        side="above" if sign == "+" else "below",
        n_bootstrap=n_bootstrap,
        seed=seed,
    )


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="quadrant",
        fit=fit,
        n_markers=2,
        takes_side=False,
        reads_as=(
            "one of four fields of two markers, the second cut learned on the first one's side"
        ),
        source="10.1371/journal.pcbi.1003806",
    )
