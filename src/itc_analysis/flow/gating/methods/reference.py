"""Gating method `reference`: the cut of another population, on the same marker.

For a parent too small or too one-sided to place a cut of its own: a CD8 cut learned on all T cells
serves within the few that are MAIT. Where the other's cut is pooled, borrowed or drawn by hand,
this one follows.
"""

from __future__ import annotations

from typing import Literal

from itc_analysis.flow.gating.fitted import NO_CHANNEL, Fitted, refuse
from itc_analysis.flow.gating.geometry import Threshold


def follow(
    other: Fitted, *, of: str, markers: tuple[str, ...], side: Literal["above", "below"]
) -> Fitted:
    """Return the gate at another population's cut.

    Parameters
    ----------
    other : Fitted
        how the other population was learned in this tube.
    of : str
        its name.
    markers, side : tuple of str or {"above", "below"}
        of the population that follows.
    """
    if not isinstance(other.geometry, Threshold):
        method = NO_CHANNEL if other.method == NO_CHANNEL else None
        reason = f"'{of}' has no cut to take over"
        return refuse(
            reason if other.reason is None else f"{reason}: {other.reason}", method=method
        )
    cut = other.geometry.cut
    return Fitted(
        geometry=Threshold(markers, side, cut),
        cut=cut,
        cut_se=other.cut_se,
        quality=other.quality,
        status=other.status,
        reason=other.reason,
    )
