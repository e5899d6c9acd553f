"""Bring a gate that a person drew onto the tube's own markers and scale.

Straight edges of a polygon drawn on another scale are followed by short pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from itc_analysis.errors import did_you_mean
from itc_analysis.flow.gating.geometry import Ellipse, Geometry, Polygon, Rectangle, Threshold
from itc_analysis.flow.manual.gates import DrawnAxis, ManualGate, Ratio
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.warp import warps_of
from itc_analysis.statistics.arrays import FloatArray

#: Pieces per edge of a polygon, and corners of an ellipse, that is moved to another scale.
_PIECES, _CORNERS = 16, 128
#: Two scales that agree to this, transformed units, are the same: float32 rounding.
_SAME = 1e-6
#: Where every scale has the top of the detector's range.
_TOP = 1.0
#: How FlowJo names a compensated channel.
COMPENSATED = "Comp-"


def to_own_scale(gate: ManualGate, axis: Mapping[str, Any]) -> Geometry:
    """Return a gate in the tube's markers and transformed units.

    Parameters
    ----------
    gate : ManualGate
        a gate drawn on channels, no combination.
    axis : mapping of str to object
        the tube's channels and transforms.

    Raises
    ------
    ValueError
        one of its channels has no marker in the tube.
    """
    marker_of = {channel: marker for marker, channel in axis["channels"].items()}
    markers = tuple(marker_behind(drawn, marker_of) for drawn in gate.axes)
    scales = [Transform.from_dict(axis["transforms"][marker]) for marker in markers]
    warps = warps_of(axis)

    def moved(values: FloatArray, place: int) -> FloatArray:
        scale = gate.axes[place].scale
        # a bound beyond the end of a scale is infinite in instrument units
        with np.errstate(over="ignore", invalid="ignore"):
            units = values if scale is None else scale.inverse(values)
            on_scale = np.asarray(scales[place].apply(units), dtype=float)
        warp = warps.get(markers[place])
        return on_scale if warp is None else warp.apply(on_scale)

    shape = gate.shape
    if isinstance(shape, Rectangle):
        return _rectangle(shape, markers, moved)
    if isinstance(shape, Polygon):
        corners = np.array(shape.vertices, dtype=float)
    elif isinstance(shape, Ellipse) and len(markers) == 2:
        angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)]) * np.sqrt(shape.distance_square)
        root = np.linalg.cholesky(np.array(shape.covariance))
        corners = (np.array(shape.centre)[:, None] + root @ circle).T
    else:
        msg = f"a gate in {len(markers)} dimensions cannot take the place of a population's"
        raise ValueError(msg)
    if isinstance(shape, Polygon) and not _is_same_scale(corners, moved):
        corners = _in_pieces(corners)
    points = np.column_stack([moved(corners[:, place], place) for place in range(2)])
    return Polygon(markers, tuple((float(x), float(y)) for x, y in points))


def marker_behind(drawn: DrawnAxis, marker_of: Mapping[str, str]) -> str:
    """Return the marker of a drawn axis.

    Raises
    ------
    ValueError
        it is a ratio, or its channel has no marker in the tube.
    """
    if isinstance(drawn.channel, Ratio):
        msg = "it looks at a ratio of two channels"
        raise ValueError(msg)
    for name in (drawn.channel, drawn.channel.removeprefix(COMPENSATED)):
        if name in marker_of:
            return marker_of[name]
    msg = f"channel '{drawn.channel}' has no marker in the tube; " + did_you_mean(
        drawn.channel, marker_of
    )
    raise ValueError(msg)


def _rectangle(shape: Rectangle, markers: tuple[str, ...], moved: Any) -> Geometry:
    bounds = [
        [
            None if bound is None else float(moved(np.array([bound]), place)[0])
            for place, bound in enumerate(row)
        ]
        for row in (shape.lowest, shape.highest)
    ]
    # a gate that was drawn on beyond the end of the scale leaves nothing out there
    lowest, highest = (
        tuple(None if bound == beyond else bound for bound in row)
        for row, beyond in zip(bounds, (-np.inf, np.inf), strict=True)
    )
    if len(markers) == 1:
        # FlowJo's gates end somewhere; beyond the detector's top nothing is left out
        if lowest[0] is not None and (highest[0] is None or highest[0] >= _TOP):
            return Threshold(markers, "above", lowest[0])
        if lowest[0] is None and highest[0] is not None:
            return Threshold(markers, "below", highest[0])
    return Rectangle(markers, lowest, highest)


def _is_same_scale(corners: FloatArray, moved: Any) -> bool:
    """Return whether a line between corners stays one: both scales then differ by a linear map."""
    for place in range(2):
        ends = np.array([corners[:, place].min(), corners[:, place].max()])
        along = np.linspace(0, 1, _PIECES)
        line = ends[0] + (ends[1] - ends[0]) * along
        first, last = moved(ends, place)
        expected = first + (last - first) * along
        if np.max(np.abs(moved(line, place) - expected)) > _SAME:
            return False
    return True


def _in_pieces(corners: FloatArray) -> FloatArray:
    following = np.roll(corners, -1, axis=0)
    along = (np.arange(_PIECES) / _PIECES)[None, :, None]
    pieces = corners[:, None, :] * (1 - along) + following[:, None, :] * along
    return np.asarray(pieces.reshape(-1, 2))
