"""Move the events of a batch so that the bridge control's peaks lie where the reference batch has
them.

Piecewise linear on the transformed scale of each marker, through the negative and the positive peak
of the bridge control, and a plain shift beyond them (landmark registration, Hahne 2010,
doi:10.1002/cyto.a.20823). Where only one peak is known its shift fades to nothing at the other end
of the scale. Here such maps are only applied; `batches.alignment` finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
)

Float: TypeAlias = npt.NDArray[Any]

#: Where a shift has faded when a peak is not known: the ends of the scale.
LOWER_END, UPPER_END = (0.0, 0.0), (1.0, 1.0)
#: Pieces per edge of a polygon whose straight edges an alignment bends, and corners of an ellipse.
_PIECES, _CORNERS = 16, 128


@dataclass(frozen=True)
class Warp:
    """A map of one marker's transformed values.

    Parameters
    ----------
    places : tuple of float
        where the peaks of the batch lie, ascending; one or more.
    targets : tuple of float
        where they shall lie, ascending.
    """

    places: tuple[float, ...]
    targets: tuple[float, ...]

    def apply(self, values: npt.ArrayLike) -> Float:
        """Return the values moved, in the precision they have."""
        return _moved(np.asarray(values), self.places, self.targets)

    def inverse(self, values: npt.ArrayLike) -> Float:
        """Return moved values where they came from."""
        return _moved(np.asarray(values), self.targets, self.places)

    def to_dict(self) -> dict[str, list[float]]:
        """Return the map as plain data."""
        return {"places": list(self.places), "targets": list(self.targets)}


#: Batch → marker → map; a marker that is not in it stays.
Alignment: TypeAlias = Mapping[str, Mapping[str, Warp]]


def read_alignment(landmarks: pd.DataFrame) -> dict[str, dict[str, Warp]]:
    """Return the maps of every batch.

    Parameters
    ----------
    landmarks : pandas.DataFrame
        `Landmarks`; those left out are passed over, those not moved hold their place.
    """
    found: dict[str, dict[str, Warp]] = {str(batch): {} for batch in landmarks["batch"].unique()}
    held = landmarks[landmarks["state"] != "left_out"]
    for (batch, marker), rows in held.groupby(["batch", "marker"], sort=True):
        target = rows["target"].where(rows["state"] == "moved", rows["place"])
        pairs = sorted(zip(rows["place"].astype(float), target.astype(float), strict=True))
        if all(place == there for place, there in pairs):
            continue
        # What one peak did says little about the other: offset and gain are two things.
        peaks = set(rows["peak"])
        if peaks == {"positive"}:
            pairs = [LOWER_END, *pairs]
        if peaks == {"negative"}:
            pairs = [*pairs, UPPER_END]
        places, targets = zip(*pairs, strict=True)
        found[str(batch)][str(marker)] = Warp(places, targets)
    return found


def warps_of(axes: Mapping[str, Any]) -> dict[str, Warp]:
    """Return the maps that were stored with a tube's axes; {} when its batch was not moved."""
    return {
        marker: Warp(tuple(plain["places"]), tuple(plain["targets"]))
        for marker, plain in axes.get("alignment", {}).items()
    }


def unaligned(shape: Geometry, warps: Mapping[str, Warp]) -> Geometry:
    """Return a gate of moved events as a gate of the events as the file has them.

    Parameters
    ----------
    shape : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination
        the gate, transformed units.
    warps : mapping of str to Warp
        of the tube's batch.

    Notes
    -----
    Cuts and bounds are exact. The edges of a polygon bend, and are followed in short pieces; an
    ellipse becomes such a polygon.

    Raises
    ------
    ValueError
        an ellipse in more than two dimensions lies on moved markers.
    """
    if isinstance(shape, Combination) or not any(marker in warps for marker in shape.markers):
        return shape

    def back(value: float | None, marker: str) -> float | None:
        if value is None or marker not in warps:
            return value
        return float(warps[marker].inverse(value))

    if isinstance(shape, Threshold):
        (marker,) = shape.markers
        return replace(shape, cut=float(warps[marker].inverse(shape.cut)))
    if isinstance(shape, AllAbove):
        lowest = tuple(back(shape.cut, marker) for marker in shape.markers)
        return Rectangle(shape.markers, lowest, (None,) * len(lowest))
    if isinstance(shape, Rectangle):
        bounds = [
            tuple(back(value, marker) for value, marker in zip(row, shape.markers, strict=True))
            for row in (shape.lowest, shape.highest)
        ]
        return Rectangle(shape.markers, *bounds)
    corners = _outline(shape) if isinstance(shape, Ellipse) else np.array(shape.vertices)
    along = (np.arange(_PIECES) / _PIECES)[None, :, None]
    pieces = corners[:, None] * (1 - along) + np.roll(corners, -1, axis=0)[:, None] * along
    points = pieces.reshape(-1, 2)
    for place, marker in enumerate(shape.markers):
        if marker in warps:
            points[:, place] = warps[marker].inverse(points[:, place])
    return Polygon(shape.markers, tuple((float(x), float(y)) for x, y in points))


def _outline(shape: Ellipse) -> Float:
    """Return points on the edge of an ellipse, shape (n_points, 2)."""
    if len(shape.markers) != 2:
        msg = f"an ellipse on {', '.join(shape.markers)} cannot follow the alignment"
        raise ValueError(msg)
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)]) * np.sqrt(shape.distance_square)
    edge: Float = np.array(shape.centre)[:, None] + np.linalg.cholesky(shape.covariance) @ circle
    return edge.T


def _moved(values: Float, places: tuple[float, ...], targets: tuple[float, ...]) -> Float:
    """Return values moved from places to targets; beyond the outermost ones by their shift."""
    shifts = np.subtract(targets, places)
    # the shift is linear between two places as the map itself is, and constant beyond them
    shift = np.interp(values, places, shifts)
    return np.asarray(values + shift, dtype=values.dtype if values.dtype.kind == "f" else float)
