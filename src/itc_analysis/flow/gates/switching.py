"""Which events change side when a gate moves by one standard error: the few at its edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from itc_analysis.flow.gates.error import Move
from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Threshold,
    Values,
)
from itc_analysis.flow.gating.shape_error import numbers_of
from itc_analysis.flow.tube.membership import Events, Membership
from itc_analysis.statistics.arrays import BoolArray, FloatArray


@dataclass(frozen=True)
class _EllipseEdge:
    """Events between the largest ellipse inside all places of a gate and the smallest around them,
    both of its own form.
    """

    gate: Ellipse
    nearest: float
    furthest: float

    @property
    def markers(self) -> tuple[str, ...]:
        return self.gate.markers

    def contains(self, values: Values) -> BoolArray:
        number = values.dtype.type
        distances = self.gate.distances(values)
        between: BoolArray = distances >= number(self.nearest)
        between &= distances <= number(self.furthest)
        return between


@dataclass(frozen=True)
class _PolygonEdge:
    """Events no further from an edge of a polygon than the edge moves there.

    `reach` has how far each corner moves at most, shape (n_corners,).
    """

    gate: Polygon
    reach: FloatArray

    @property
    def markers(self) -> tuple[str, ...]:
        return self.gate.markers

    def contains(self, values: Values) -> BoolArray:
        number = values.dtype.type
        corners = np.asarray(self.gate.vertices)
        found: BoolArray = np.zeros(values.shape[1], dtype=bool)
        if not found.size:
            return found
        lowest, highest = values.min(axis=1), values.max(axis=1)
        for k, (start, end) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
            first, last = self.reach[k], np.roll(self.reach, -1)[k]
            length = float(np.hypot(*(end - start)))
            reach = max(first, last)
            is_outside = np.minimum(start, end) - reach > highest
            is_outside |= np.maximum(start, end) + reach < lowest
            if length == 0 or is_outside.any():
                continue
            (x, y), (a, b) = start, (end - start) / length
            along = number(a) * (values[0] - number(x)) + number(b) * (values[1] - number(y))
            across = np.abs(
                number(a) * (values[1] - number(y)) - number(b) * (values[0] - number(x))
            )
            near = across <= number(first) + number((last - first) / length) * along
            near &= along >= number(-first)
            near &= along <= number(length + last)
            found |= near
        return found


def switching_events(
    membership: Membership, gate: Geometry | None, moves: Sequence[Move], parent: str
) -> Events:
    """Return the parent's events that some of a gate's places hold and others do not.

    Parameters
    ----------
    membership : Membership
        the tube, which holds the parent.
    gate : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or None
        the gate.
    moves : sequence of tuple of (Geometry, Geometry)
        of `FinalGate.moves`.

    Returns
    -------
    Events
        Indices into the tube; none where the gate does not move.
    """
    events = membership[parent]
    if not moves or gate is None or isinstance(gate, Combination):
        return events[:0]
    if isinstance(gate, (Threshold, AllAbove)):
        low, high = (membership.inside(one, parent) for one in moves[0])
        return events.take(np.flatnonzero(low != high))
    if isinstance(gate, Ellipse):
        events = events.take(np.flatnonzero(membership.inside(_ellipse_edge(gate, moves), parent)))
    elif isinstance(gate, Polygon):
        events = events.take(np.flatnonzero(membership.inside(_polygon_edge(gate, moves), parent)))
    values = np.stack([membership.tube.values(marker).take(events) for marker in gate.markers])
    now = gate.contains(values)
    switches = np.zeros(events.size, dtype=bool)
    for pair in moves:
        for one in pair:
            assert not isinstance(one, Combination)
            switches |= one.contains(values) != now
    return events.take(np.flatnonzero(switches))


def _ellipse_edge(gate: Ellipse, moves: Sequence[Move]) -> _EllipseEdge:
    """In the coordinates in which the gate is a circle, every other place of it lies between two
    circles about the gate's centre.
    """
    whiten = np.linalg.inv(np.linalg.cholesky(np.asarray(gate.covariance)))
    nearest = furthest = float(np.sqrt(gate.distance_square))
    for pair in moves:
        for one in pair:
            assert isinstance(one, Ellipse)
            off = float(np.linalg.norm(whiten @ (np.array(one.centre) - np.array(gate.centre))))
            axes = np.linalg.eigvalsh(whiten @ np.asarray(one.covariance) @ whiten.T)
            radii = np.sqrt(axes * one.distance_square)
            nearest = min(nearest, float(radii[0]) - off)
            furthest = max(furthest, float(radii[-1]) + off)
    return _EllipseEdge(gate, max(nearest, 0.0) ** 2, furthest**2)


def _polygon_edge(gate: Polygon, moves: Sequence[Move]) -> _PolygonEdge:
    own = numbers_of(gate)
    off = [numbers_of(one) - own for pair in moves for one in pair if isinstance(one, Polygon)]
    return _PolygonEdge(gate, np.hypot(*np.max(np.abs(off), axis=0).reshape(-1, 2).T))
