"""Gates as shapes in transformed units: evaluate them on events, write and read them as JSON.

Edges follow Gating-ML 2.0: an event on a lower bound is inside, on an upper bound outside. Bounds
are compared in the precision of the events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import BoolArray

#: float32; float64 for gates of other programs that are checked to the last digit.
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Threshold:
    """Events at or above a cut, or below it.

    Parameters
    ----------
    markers : tuple of str
        one marker.
    side : {"above", "below"}
        above (cut included) or below (cut excluded).
    cut : float
        transformed units.
    """

    markers: tuple[str, ...]
    side: Literal["above", "below"]
    cut: float

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (1, n_events)."""
        inside: BoolArray = values[0] >= values.dtype.type(self.cut)
        return inside if self.side == "above" else ~inside


@dataclass(frozen=True)
class AllAbove:
    """Events at or above one cut in every marker, such as counting beads.

    Parameters
    ----------
    markers : tuple of str
        one or more markers.
    cut : float
        transformed units, the same for all.
    """

    markers: tuple[str, ...]
    cut: float

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (n_markers, n_events)."""
        inside: BoolArray = np.min(values, axis=0) >= values.dtype.type(self.cut)
        return inside


@dataclass(frozen=True)
class Rectangle:
    """Events between bounds in every marker.

    Parameters
    ----------
    markers : tuple of str
        one or more markers.
    lowest, highest : tuple of (float or None)
        bounds of each marker, transformed units; the lower ones are inside, the upper ones outside;
        None where it is open.
    """

    markers: tuple[str, ...]
    lowest: tuple[float | None, ...]
    highest: tuple[float | None, ...]

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (n_markers, n_events)."""
        inside: BoolArray = np.ones(values.shape[1], dtype=bool)
        for row, low, high in zip(values, self.lowest, self.highest, strict=True):
            if low is not None:
                inside &= row >= row.dtype.type(low)
            if high is not None:
                inside &= row < row.dtype.type(high)
        return inside


@dataclass(frozen=True)
class Polygon:
    """Events inside a polygon.

    Parameters
    ----------
    markers : tuple of str
        the x and the y marker.
    vertices : tuple of tuple of (float, float)
        corners in order, transformed units; closed by itself.
    """

    markers: tuple[str, ...]
    vertices: tuple[tuple[float, float], ...]

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (2, n_events)."""
        from flowutils.gating import points_in_polygon

        points = np.ascontiguousarray(values.T, dtype=np.float64)
        corners = np.asarray(self.vertices, dtype=np.float64)
        return np.asarray(points_in_polygon(corners, points), dtype=bool)


@dataclass(frozen=True)
class Ellipse:
    """Events within a Mahalanobis distance of a centre.

    Parameters
    ----------
    markers : tuple of str
        two or more markers.
    centre : tuple of float
        transformed units, one number per marker.
    covariance : tuple of tuple of float
        as many rows and columns, transformed units squared.
    distance_square : float
        squared Mahalanobis distance of the edge.
    """

    markers: tuple[str, ...]
    centre: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    distance_square: float

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (n_markers, n_events)."""
        inside: BoolArray = self.distances(values) <= values.dtype.type(self.distance_square)
        return inside

    def distances(self, values: Values) -> Values:
        """Return squared Mahalanobis distances, shape (n_events,), for values of shape (n_markers,
        n_events).
        """
        number = values.dtype.type
        precision = np.linalg.inv(np.asarray(self.covariance)).astype(number)
        off = values - np.asarray(self.centre, dtype=number)[:, None]
        distance = np.zeros(values.shape[1], dtype=number)
        for i, x in enumerate(off):
            distance += precision[i, i] * x * x
            for j in range(i):
                distance += (precision[i, j] + precision[j, i]) * x * off[j]
        return distance


@dataclass(frozen=True)
class Combination:
    """Events of the parent that are in all, any and none of other populations.

    Parameters
    ----------
    all_of, any_of, none_of : tuple of str
        names of populations within the same parent; an empty list asks nothing.
    """

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()

    @property
    def populations(self) -> tuple[str, ...]:
        """All populations the combination looks at."""
        return (*self.all_of, *self.any_of, *self.none_of)

    def contains(self, masks: Mapping[str, BoolArray], n_events: int) -> BoolArray:
        """Return a mask over the events of the parent, shape (n_events,).

        Parameters
        ----------
        masks : mapping of str to numpy.ndarray
            which of the parent's events belong to each of the populations.
        n_events : int
            events of the parent.
        """
        inside = np.ones(n_events, dtype=np.bool_)
        for name in self.all_of:
            inside &= masks[name]
        if self.any_of:
            inside &= np.logical_or.reduce([masks[name] for name in self.any_of])
        for name in self.none_of:
            inside &= ~masks[name]
        return inside


#: Gates in several markers.
Shape = Rectangle | Polygon | Ellipse
Geometry = Threshold | AllAbove | Shape | Combination
_KINDS: dict[str, Any] = {
    "threshold": Threshold,
    "all_above": AllAbove,
    "rectangle": Rectangle,
    "polygon": Polygon,
    "ellipse": Ellipse,
    "combination": Combination,
}
_NAMES = {shape: name for name, shape in _KINDS.items()}


def to_dict(geometry: Geometry) -> dict[str, Any]:
    """Return the gate as plain data, with its kind."""
    return {"kind": _NAMES[type(geometry)], **vars(geometry)}


def to_json(geometry: Geometry) -> str:
    """Return the gate as JSON with its kind; numbers keep all their digits."""
    return json.dumps(to_dict(geometry), sort_keys=True)


def from_json(text: str) -> Geometry:
    """Return the gate that `to_json` wrote.

    Raises
    ------
    ValueError
        the text is not such a gate.
    """
    return _shape_of(json.loads(text))


def _shape_of(data: dict[str, Any]) -> Geometry:
    kind = data.pop("kind", None)
    if kind not in _KINDS:
        msg = f"unknown kind of gate {kind!r}; known: {', '.join(_KINDS)}"
        raise ValueError(msg)
    shape: Geometry = _KINDS[kind](**{name: _tuples(value) for name, value in data.items()})
    return shape


def many_to_json(shapes: Sequence[Geometry]) -> str | None:
    """Return gates as a JSON list, None for none."""
    return f"[{', '.join(map(to_json, shapes))}]" if shapes else None


def many_from_json(text: str | None) -> tuple[Geometry, ...]:
    """Return the gates that `many_to_json` wrote."""
    return () if text is None else tuple(map(_shape_of, json.loads(text)))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
