"""Gates as shapes in transformed units: evaluate them on events, write and read them as JSON.

Edges follow Gating-ML 2.0: an event on a lower bound is inside, on an upper bound outside.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Threshold:
    """Events at or above a cut, or below it.

    Parameters
    ----------
    markers : one marker.
    side : above (cut included) or below (cut excluded).
    cut : transformed units.
    """

    markers: tuple[str, ...]
    side: Literal["above", "below"]
    cut: float

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (1, n_events)."""
        inside: BoolArray = values[0] >= np.float32(self.cut)
        return inside if self.side == "above" else ~inside


@dataclass(frozen=True)
class AllAbove:
    """Events at or above one cut in every marker, such as counting beads.

    Parameters
    ----------
    markers : one or more markers.
    cut : transformed units, the same for all.
    """

    markers: tuple[str, ...]
    cut: float

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (n_markers, n_events)."""
        inside: BoolArray = np.min(values, axis=0) >= np.float32(self.cut)
        return inside


@dataclass(frozen=True)
class Polygon:
    """Events inside a polygon.

    Parameters
    ----------
    markers : the x and the y marker.
    vertices : corners in order, transformed units; closed by itself.
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
    markers : the x and the y marker.
    centre : transformed units.
    covariance : 2 x 2, transformed units squared.
    distance_square : squared Mahalanobis distance of the edge.
    """

    markers: tuple[str, ...]
    centre: tuple[float, float]
    covariance: tuple[tuple[float, float], tuple[float, float]]
    distance_square: float

    def contains(self, values: Values) -> BoolArray:
        """Return a mask, shape (n_events,), for values of shape (2, n_events)."""
        (a, b), (_, c) = np.linalg.inv(np.asarray(self.covariance)).astype(np.float32)
        x = values[0] - np.float32(self.centre[0])
        y = values[1] - np.float32(self.centre[1])
        distance = a * x * x + np.float32(2) * b * x * y + c * y * y
        inside: BoolArray = distance <= np.float32(self.distance_square)
        return inside


@dataclass(frozen=True)
class Combination:
    """Events of the parent that are in all, any and none of other populations.

    Parameters
    ----------
    all_of, any_of, none_of : names of populations within the same parent; an empty list asks
        nothing.
    """

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()

    @property
    def populations(self) -> tuple[str, ...]:
        """All populations the combination looks at."""
        return (*self.all_of, *self.any_of, *self.none_of)

    def of_parent(
        self, parent: npt.NDArray[np.int64], members: dict[str, npt.NDArray[np.int64]]
    ) -> npt.NDArray[np.int64]:
        """Return the parent's event indices (sorted) that belong to the combination."""
        if parent.size == 0:
            return parent
        inside = np.ones(parent.size, dtype=bool)
        for name in self.all_of:
            inside &= _is_member(parent, members[name])
        if self.any_of:
            either = np.zeros(parent.size, dtype=bool)
            for name in self.any_of:
                either |= _is_member(parent, members[name])
            inside &= either
        for name in self.none_of:
            inside &= ~_is_member(parent, members[name])
        return parent[inside]


def _is_member(parent: npt.NDArray[np.int64], population: npt.NDArray[np.int64]) -> BoolArray:
    marked = np.zeros(int(parent[-1]) + 1, dtype=bool)  # sorted, so the last index is the highest
    marked[population] = True
    return marked[parent]


Geometry = Threshold | AllAbove | Polygon | Ellipse | Combination
_KINDS: dict[str, Any] = {
    "threshold": Threshold,
    "all_above": AllAbove,
    "polygon": Polygon,
    "ellipse": Ellipse,
    "combination": Combination,
}
_NAMES = {shape: name for name, shape in _KINDS.items()}


def to_json(geometry: Geometry) -> str:
    """Return the gate as JSON with its kind; numbers keep all their digits."""
    return json.dumps({"kind": _NAMES[type(geometry)], **asdict(geometry)}, sort_keys=True)


def from_json(text: str) -> Geometry:
    """Return the gate that `to_json` wrote.

    Raises
    ------
    ValueError : the text is not such a gate.
    """
    data = json.loads(text)
    kind = data.pop("kind", None)
    if kind not in _KINDS:
        msg = f"unknown kind of gate {kind!r}; known: {', '.join(_KINDS)}"
        raise ValueError(msg)
    shape: Geometry = _KINDS[kind](**{name: _tuples(value) for name, value in data.items()})
    return shape


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
