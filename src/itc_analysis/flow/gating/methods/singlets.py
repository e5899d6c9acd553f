"""Gating method `singlets`: one cell at a time, by pulse height against pulse area."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Polygon
from itc_analysis.statistics.robust import MAD_TO_SD

#: Area is cut into this many slices of equal event number; the line goes through their medians.
_N_SLICES = 30
#: Two cells in a row: twice the area at the height of one.
_DOUBLET_HEIGHT = 0.5
#: The polygon ends this far outside the scale, where no event lies.
_OUTSIDE = 2.0


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    n_bootstrap: int,  # noqa: ARG001  (every method is called alike)
    seed: int,  # noqa: ARG001
    z: float = 4.0,
) -> Fitted:
    """Keep events near the line of height on area, fitted robustly.

    Parameters
    ----------
    values : numpy.ndarray
        area and height, transformed (linear) units, shape (2, n_events).
    z : float
        width of the band in robust standard deviations of height relative to the line.
    """
    area, height = values.astype(np.float64)
    inside = (area > 0) & (height > 0) & (area < 1) & (height < 1)  # 1: the detector is saturated
    if inside.sum() < 2 * _N_SLICES:
        return refuse(
            f"{int(inside.sum())} events with area and height inside the detector's range"
        )
    area, height = area[inside], height[inside]
    intercept, slope = _line(area, height)
    expected = intercept + slope * area
    if slope <= 0 or np.any(expected <= 0):
        return refuse("height does not rise with area; are the channels mixed up?")
    relative = height / expected - 1
    spread = MAD_TO_SD * float(np.median(np.abs(relative)))
    band = z * max(spread, float(np.finfo(np.float32).eps))
    corners = []
    for side, ends in ((1 - band, (0.0, _OUTSIDE)), (1 + band, (_OUTSIDE, 0.0))):
        corners += [(end, side * (intercept + slope * end)) for end in ends]
    quality = float(np.clip(1 - band / _DOUBLET_HEIGHT, 0, 1))
    reason = None if quality > 0 else "the band of single cells is as wide as doublets are far"
    return Fitted(
        geometry=Polygon(markers, tuple((float(x), float(y)) for x, y in corners)),
        cut=None,
        cut_se=None,
        quality=quality,
        status="weak" if reason else "ok",
        reason=reason,
    )


def _line(area: npt.NDArray[np.float64], height: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return intercept and slope of Theil and Sen's line through the medians of slices.

    The slices of largest area may hold doublets only; up to 29 % of such slices do not matter.
    """
    order = np.lexsort((height, area))
    slices = np.array_split(order, _N_SLICES)
    x = np.array([np.median(area[part]) for part in slices])
    y = np.array([np.median(height[part]) for part in slices])
    i, j = np.triu_indices(_N_SLICES, k=1)
    apart = x[j] > x[i]
    if not apart.any():
        return 0.0, 0.0
    slope = float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart]))
    return float(np.median(y - slope * x)), slope


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="singlets",
        fit=fit,
        n_markers=2,
        takes_side=False,
        reads_as=(
            "keeps single cells: pulse height as expected from pulse area (markers: area, height)"
        ),
    )
