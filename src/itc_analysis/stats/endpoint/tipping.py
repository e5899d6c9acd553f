"""How far those without a number would have to lie from those with one before a conclusion changes.

Delta adjustment (National Research Council 2010, doi:10.17226/12955; ICH E9(R1)): those without a
number are thought `delta` away from those of their group, against the difference on both sides at
once; the estimate then moves by delta times their share of the group. Those below the limit of
detection can only be lower than the model predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from itc_analysis.plural import plural
from itc_analysis.statistics.arrays import Vector
from itc_analysis.stats.models.linear import Estimate


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Parameters
    ----------
    missing, low : float
        Share of the participants without a number, of those in the model below the limit of
        detection (of several groups the weighted mean).
    n_missing, n_low : int
        How many these are.
    """

    missing: float
    low: float
    n_missing: int
    n_low: int


@dataclass(frozen=True)
class Tipping:
    """Where the conclusion changes.

    Parameters
    ----------
    missing, low : float
        Distance in SDs between participants; NaN where nobody is missing or low, or nothing they
        could be changes the conclusion.
    words : str
        Both in a sentence; empty when nobody is missing or low.
    """

    missing: float
    low: float
    words: str


def tipping_point(
    found: Estimate, residual_sd: float, index: Side, reference: Side, *, is_ratio: bool
) -> Tipping:
    """Return how far the missing and the low must lie before the interval says otherwise.

    The error of the estimate is taken as it is: people without a number add no information.

    Parameters
    ----------
    found : Estimate
        The comparison, on the model's scale.
    residual_sd : float
        SD between participants on this scale.
    index, reference : Side
        Who is missing or low.
    is_ratio : bool
        Whether the scale is logarithmic, so that distances are ratios as well.
    """
    if not np.isfinite([found.lower, found.upper]).all():
        return Tipping(np.nan, np.nan, "")
    is_shown = found.lower > 0 or found.upper < 0
    up, down = -found.lower, found.upper
    if is_shown:
        # only towards no difference
        up, down = (np.inf, found.lower) if found.lower > 0 else (-found.upper, np.inf)
    both = index.missing + reference.missing
    missing = min(up, down) / both if both > 0 else np.nan
    # the low of the index group lower still: the estimate falls; those of the reference: it rises
    falls = down / index.low if index.low > 0 else np.inf
    rises = up / reference.low if reference.low > 0 else np.inf
    low = min(falls, rises)
    low = low if np.isfinite(low) else np.nan
    goes_down = down <= up
    change = "would no longer show a difference" if is_shown else "would show a difference"

    def far(distance: float) -> str:
        by = f" ({np.exp(distance):.3g}-fold)" if is_ratio else ""
        return f"{distance / residual_sd:.2g} SD{by}"

    said = []
    if both > 0:
        sides = [
            (index, "lower" if goes_down else "higher", "in the index group"),
            (reference, "higher" if goes_down else "lower", "in the reference"),
        ]
        where = " and ".join(
            f"{far(missing)} {way} {place} ({side.n_missing})"
            for side, way, place in sides
            if side.n_missing
        )
        n = index.n_missing + reference.n_missing
        said.append(
            f"the interval {change} if the {plural(n, 'participant')} without a number were "
            f"{where} than those of their group with one"
        )
    if np.isfinite(low):
        side, place = (index, "the index group") if falls <= rises else (reference, "the reference")
        said.append(
            f"the interval {change} if the {plural(side.n_low, 'participant')} of {place} below "
            f"the limit of detection were {far(low)} lower than the model predicts"
        )
    return Tipping(missing / residual_sd, low / residual_sd, "; ".join(said))


def sides_of(weights: Vector, enrolled: Vector, present: Vector, low: Vector) -> tuple[Side, Side]:
    """Return index and reference of a contrast.

    Parameters
    ----------
    weights : Vector
        Shape (n_groups,), of the contrast: above 0 the index group.
    enrolled, present, low : Vector
        Shape (n_groups,), participants that are analysed, in the model, and in it below the limit
        of detection.
    """

    def side(share: Vector) -> Side:
        mine = share > 0
        gone = enrolled - present
        return Side(
            float(share[mine] @ (gone[mine] / enrolled[mine])),
            float(share[mine] @ (low[mine] / enrolled[mine])),
            int(gone[mine].sum()),
            int(low[mine].sum()),
        )

    return side(np.maximum(weights, 0)), side(np.maximum(-weights, 0))
