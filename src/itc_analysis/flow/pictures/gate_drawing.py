"""What is drawn of a gate: its parent's density, what lies inside, its edges and how sure they are.

Made from the tables alone, for figures (`plots`) and for the overview pages (`overview`). A
population that combines others is drawn where its parts were cut.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

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
    from_json,
)
from itc_analysis.statistics.arrays import BoolArray, FloatArray

#: The band around a cut, in standard errors.
BAND = 2
#: Labels of an axis nearer than this share of its length would touch.
_LEAST_GAP = 0.13
_THOUSAND = 1000
#: Corners of a drawn ellipse.
_N_CORNERS = 72
#: Where an open side of a rectangle is drawn: far outside every view, transformed units.
_OUTSIDE = 10.0


@dataclass(frozen=True)
class Gate:
    """A row of `Gates`, as far as it is drawn.

    Parameters
    ----------
    population, parent, state : str
        as in the table.
    shape : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or None
        None when not estimable.
    cut_se, cut_tube : float or None
        None where the table has none.
    reason : str or None
        why this state; None for none.
    """

    population: str
    parent: str
    state: str
    shape: Geometry | None
    cut_se: float | None
    cut_tube: float | None
    reason: str | None


@dataclass(frozen=True)
class ParentDensity:
    """The parent's events over one or two markers.

    Parameters
    ----------
    markers : tuple of str
        the x and, for two dimensions, the y marker.
    spans : tuple of tuple of (float, float)
        lowest and highest value of each, transformed units.
    counts : numpy.ndarray
        events per bin, shape (n_x,) or (n_x, n_y).
    ticks : tuple of tuple of tuple of (float, float)
        of each axis, places (transformed units) and values (instrument units) that may be marked;
        see `free_ticks`.
    """

    markers: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]
    counts: npt.NDArray[np.int64]
    ticks: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True)
class Line:
    """A cut across an axis.

    Parameters
    ----------
    axis : int
        0 for a cut of the x marker, 1 of the y marker.
    at : float
        the final cut; `reach` half the width of its band; `own` the cut that the tube alone gave.
    state : str
        of the gate that the cut belongs to.
    """

    axis: int
    at: float
    reach: float | None
    own: float | None
    state: str


@dataclass(frozen=True)
class Outline:
    """The edge of a two-dimensional gate, closed; shape (n, 2), transformed units."""

    corners: FloatArray
    state: str


@dataclass(frozen=True)
class Drawing:
    """A population in one tube, ready to be drawn.

    Parameters
    ----------
    density : ParentDensity
        of the parent's events.
    inside : numpy.ndarray or None
        bins whose middle lies in the gate, shape as `density.counts`; None where the gate looks at
        markers that the view does not show, or there is no gate.
    lines, outlines : tuple of Line or tuple of Outline
        its edges; several for a combination.
    """

    density: ParentDensity
    inside: BoolArray | None
    lines: tuple[Line, ...]
    outlines: tuple[Outline, ...]


def gates_of_tubes(gates: pd.DataFrame) -> dict[str, dict[str, Gate]]:
    """Return the rows of `Gates` by tube and population."""
    columns = [
        "file_id",
        "population",
        "parent",
        "state",
        "geometry",
        "cut_se",
        "cut_tube",
        "reason",
    ]
    found: dict[str, dict[str, Gate]] = {}
    for file_id, population, parent, state, geometry, *numbers, reason in gates[columns].itertuples(
        index=False, name=None
    ):
        cut_se, cut_tube = (None if pd.isna(number) else float(number) for number in numbers)
        found.setdefault(str(file_id), {})[str(population)] = Gate(
            population=str(population),
            parent=str(parent),
            state=str(state),
            shape=None if pd.isna(geometry) else from_json(str(geometry)),
            cut_se=cut_se,
            cut_tube=cut_tube,
            reason=None if pd.isna(reason) else str(reason),
        )
    return found


def in_tree_order(gates: pd.DataFrame) -> list[str]:
    """Return populations so that each follows its parent: the order in which one gates."""
    children: dict[str, list[str]] = {}
    for population, parent in sorted(zip(gates["population"], gates["parent"], strict=True)):
        children.setdefault(parent, []).append(population)
    populations = set(gates["population"])
    waiting = [name for parent in sorted(set(children) - populations) for name in children[parent]]
    ordered: list[str] = []
    while waiting:
        population = waiting.pop(0)
        if population not in ordered:
            ordered.append(population)
            waiting = children.get(population, []) + waiting
    return ordered


def view_name(population: str, gates: Mapping[str, Gate], drawn: set[str]) -> str | None:
    """Return the population whose view shows this one, None when none does.

    Parameters
    ----------
    gates : mapping of str to Gate
        of one tube.
    drawn : set of str
        populations that have a view in it.
    """
    if population in drawn:
        return population
    shape = gates[population].shape
    parts = shape.populations if isinstance(shape, Combination) else ()
    for part in parts:
        for name in _up_to(part, gates[population].parent, gates):
            # the part that was cut within the same parent shows all of that parent's events
            if gates[name].parent == gates[population].parent:
                return view_name(name, gates, drawn)
    return None


def parts_of(population: str, gates: Mapping[str, Gate]) -> list[str]:
    """Return the gates in marker space that decide on a population within its parent."""
    shape = gates[population].shape
    if not isinstance(shape, Combination):
        return [population]
    return [
        leaf
        for part in shape.populations
        for name in _up_to(part, gates[population].parent, gates)
        for leaf in parts_of(name, gates)
    ]


def draw_gate(population: str, gates: Mapping[str, Gate], histogram: Mapping[str, Any]) -> Drawing:
    """Return the drawing of a population.

    Parameters
    ----------
    gates : mapping of str to Gate
        of one tube.
    histogram : mapping of str to object
        row of `Histograms` that shows it, see `view_name`.
    """
    density = read_density(histogram)
    shape = gates[population].shape
    if shape is None:
        return Drawing(density, None, (), ())
    decisive = [gates[name] for name in dict.fromkeys(parts_of(population, gates))]
    inside = _contains(population, gates, density)
    return Drawing(
        density,
        inside,
        tuple(line for gate in decisive for line in _lines(gate, density.markers)),
        tuple(edge for gate in decisive for edge in _outlines(gate, density.markers)),
    )


def read_density(row: Mapping[str, Any]) -> ParentDensity:
    """Return the histogram of a row of `Histograms`."""
    content = json.loads(str(row["histogram"]))
    markers = [str(row["marker_x"])]
    spans, shape = [content["x_edges"]], [content["n_x"]]
    if not pd.isna(row["marker_y"]):
        markers.append(str(row["marker_y"]))
        spans.append(content["y_edges"])
        shape.append(content["n_y"])
    ticks = [
        tuple((float(at), float(unit)) for at, unit in content[f"{axis}_ticks"])
        for axis, _ in zip("xy", markers, strict=False)
    ]
    return ParentDensity(
        tuple(markers),
        tuple((float(low), float(high)) for low, high in spans),
        np.array(content["counts"], dtype=np.int64).reshape(shape),
        tuple(ticks),
    )


def free_ticks(
    ticks: Iterable[tuple[float, float]], span: tuple[float, float]
) -> list[tuple[float, str]]:
    """Return places and labels of those marks that do not touch: 0 first, then the roundest, then
    the largest.
    """
    kept: list[tuple[float, float]] = []
    for place, unit in sorted(ticks, key=lambda tick: _roundness(tick[1])):
        gap = _LEAST_GAP * (span[1] - span[0])
        if all(abs(place - other) > gap for other, _ in kept):
            kept.append((place, unit))
    return [(place, _label(unit)) for place, unit in sorted(kept)]


def _roundness(unit: float) -> tuple[int, float]:
    if unit == 0:
        return 0, 0.0
    digits = f"{abs(unit):.6e}".split("e")[0].rstrip("0").rstrip(".")
    return {"1": 1, "2": 2, "5": 2}.get(digits, 3), -unit


def _label(unit: float) -> str:
    size, letter = abs(unit), ""
    for more in ("k", "M"):
        if size >= _THOUSAND:
            size, letter = size / _THOUSAND, more
    return f"{'−' if unit < 0 else ''}{size:g}{letter}"


def _up_to(name: str, ancestor: str, gates: Mapping[str, Gate]) -> Iterator[str]:
    """Give a population and its parents below an ancestor, nearest first."""
    while name in gates and name != ancestor:
        yield name
        name = gates[name].parent


def _contains(
    population: str, gates: Mapping[str, Gate], density: ParentDensity
) -> BoolArray | None:
    shape = gates[population].shape
    if shape is None:
        return None
    if not isinstance(shape, Combination):
        return _on_grid(shape, density)
    parent = gates[population].parent
    members: dict[str, BoolArray] = {}
    for part in shape.populations:
        masks = [_contains(name, gates, density) for name in _up_to(part, parent, gates)]
        known = [mask for mask in masks if mask is not None]
        if len(known) < len(masks):
            return None
        members[part] = np.logical_and.reduce(known)
    inside = np.ones(density.counts.shape, dtype=bool)
    for part in shape.all_of:
        inside &= members[part]
    if shape.any_of:
        inside &= np.logical_or.reduce([members[part] for part in shape.any_of])
    for part in shape.none_of:
        inside &= ~members[part]
    return inside


def _on_grid(
    shape: Threshold | AllAbove | Rectangle | Polygon | Ellipse, density: ParentDensity
) -> BoolArray | None:
    if isinstance(shape, AllAbove):
        # beads shine in more detectors than a picture has axes: what can be seen of them
        shape = replace(shape, markers=tuple(m for m in shape.markers if m in density.markers))
    if not shape.markers or any(marker not in density.markers for marker in shape.markers):
        return None
    middles = [
        low + (np.arange(n) + 0.5) * (high - low) / n
        for (low, high), n in zip(density.spans, density.counts.shape, strict=True)
    ]
    grid = np.meshgrid(*middles, indexing="ij")
    values = np.stack([grid[density.markers.index(marker)].ravel() for marker in shape.markers])
    return shape.contains(values).reshape(density.counts.shape)


def _lines(gate: Gate, markers: tuple[str, ...]) -> list[Line]:
    if isinstance(gate.shape, Rectangle) and len(gate.shape.markers) == 1:
        bounds = (*gate.shape.lowest, *gate.shape.highest)
        axis = markers.index(gate.shape.markers[0]) if gate.shape.markers[0] in markers else None
        return [
            Line(axis, bound, None, None, gate.state)
            for bound in bounds
            if axis is not None and bound is not None
        ]
    if not isinstance(gate.shape, (Threshold, AllAbove)):
        return []
    reach = None if gate.cut_se is None else BAND * gate.cut_se
    return [
        Line(markers.index(marker), gate.shape.cut, reach, gate.cut_tube, gate.state)
        for marker in gate.shape.markers
        if marker in markers
    ]


def _outlines(gate: Gate, markers: tuple[str, ...]) -> list[Outline]:
    shape = gate.shape
    if not isinstance(shape, (Rectangle, Polygon, Ellipse)):
        return []
    if len(shape.markers) != 2 or set(shape.markers) != set(markers):  # the two axes of a picture
        return []
    corners = _corners(shape)
    return [Outline(corners[:, [shape.markers.index(m) for m in markers]], gate.state)]


def _corners(shape: Rectangle | Polygon | Ellipse) -> FloatArray:
    if isinstance(shape, Rectangle):
        (left, bottom), (right, top) = (
            [outside if bound is None else bound for bound in bounds]
            for bounds, outside in ((shape.lowest, -_OUTSIDE), (shape.highest, _OUTSIDE))
        )
        return np.array(
            [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        )
    if isinstance(shape, Polygon):
        return np.array([*shape.vertices, shape.vertices[0]])
    angle = np.linspace(0, 2 * np.pi, _N_CORNERS)
    circle = np.stack([np.cos(angle), np.sin(angle)]) * math.sqrt(shape.distance_square)
    root = np.linalg.cholesky(np.array(shape.covariance))
    return np.asarray((np.array(shape.centre)[:, None] + root @ circle).T)
