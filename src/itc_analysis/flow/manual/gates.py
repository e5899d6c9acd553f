"""Gates that people drew in another program: as they were drawn, and evaluated on a file.

Gating-ML files and FlowJo workspaces are read into `ManualGate`s. Each keeps the channels,
compensation and scales of the program it comes from, so that its events are the ones that the
analyst saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.fcs.read import FcsFile
from itc_analysis.flow.gating.geometry import (
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
)
from itc_analysis.flow.manual.samples import FileIdentity
from itc_analysis.flow.spillover.compensation import find_spillover
from itc_analysis.statistics.arrays import BoolArray, FloatArray

UNCOMPENSATED = "uncompensated"
#: The matrix in the file itself.
FROM_FILE = "FCS"
_FEWEST_CORNERS = 3


class DrawnScale(Protocol):
    """A scale of another program: forth from instrument units, and back."""

    def apply(self, values: FloatArray, /) -> FloatArray:
        """Return instrument units on the scale."""
        ...

    def inverse(self, values: FloatArray, /) -> FloatArray:
        """Return positions on the scale in instrument units."""
        ...


@dataclass(frozen=True)
class Ratio:
    """A dimension made of two channels: ``a * (x - b) / (y - c)`` (Gating-ML's fratio)."""

    x: str
    y: str
    a: float
    b: float
    c: float


@dataclass(frozen=True)
class DrawnAxis:
    """What a gate looks at.

    Parameters
    ----------
    channel : str or Ratio
        $PnN, or the fluorochrome of the matrix, or a ratio of two channels.
    compensation : str
        `UNCOMPENSATED`, `FROM_FILE`, or the name of a matrix.
    scale : DrawnScale, optional
        None for instrument units.
    """

    channel: str | Ratio
    compensation: str = UNCOMPENSATED
    scale: DrawnScale | None = None


@dataclass(frozen=True)
class Matrix:
    """A spillover or spectrum matrix.

    Parameters
    ----------
    fluorochromes, detectors : tuple of str
        names of rows and of columns.
    values : FloatArray
        shape (n_fluorochromes, n_detectors).
    """

    fluorochromes: tuple[str, ...]
    detectors: tuple[str, ...]
    values: FloatArray


@dataclass(frozen=True)
class ManualGate:
    """A gate of another program.

    Parameters
    ----------
    name : str
        unique within its tree.
    parent : str or None
        name of the parent gate; None for all events.
    axes : tuple of DrawnAxis
        one per number of the shape's points; none for combinations.
    shape : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination
        in units of the axes' scales; its `markers` only number the axes. A combination names other
        gates, whose own parents count as well.
    """

    name: str
    parent: str | None
    axes: tuple[DrawnAxis, ...]
    shape: Geometry


@dataclass(frozen=True)
class ManualTree:
    """All gates of a file or sample.

    Parameters
    ----------
    source : str
        the file they come from, for messages.
    gates : dict of str to ManualGate
        by name.
    matrices : dict of str to Matrix
        by name.
    sample : FileIdentity, optional
        which file they were drawn on, for samples of a workspace.
    label : str
        what results call the file they come from, see `files.name_files`.
    """

    source: str
    gates: dict[str, ManualGate]
    matrices: dict[str, Matrix] = field(default_factory=dict)
    sample: FileIdentity | None = None
    label: str = "gates drawn by hand"


def why_no_gate(shape: Geometry) -> str:
    """Return why no event can lie in a shape, or every event does; empty for a gate.

    Examples
    --------
    >>> why_no_gate(Rectangle(("0",), (4.0,), (2.0,)))
    'its lower bound 4 is not below its upper bound 2'
    """
    if isinstance(shape, Threshold):
        return "" if np.isfinite(shape.cut) else "its bound lies beyond the end of the scale"
    if isinstance(shape, Rectangle):
        pairs = list(zip(shape.lowest, shape.highest, strict=True))
        if any(bound is not None and not np.isfinite(bound) for pair in pairs for bound in pair):
            return "a bound is no number, or lies beyond the end of the scale"
        if all(bound is None for pair in pairs for bound in pair):
            return "it has no bounds"
        for low, high in pairs:
            if low is not None and high is not None and not low < high:
                return f"its lower bound {low:g} is not below its upper bound {high:g}"
    if isinstance(shape, Polygon):
        corners = np.array(shape.vertices, dtype=float)
        if not np.isfinite(corners).all():
            return "a corner is no number, or lies beyond the end of the scale"
        if len(corners) < _FEWEST_CORNERS or np.linalg.matrix_rank(corners - corners[0]) < 2:
            return "its corners enclose nothing"
    if isinstance(shape, Ellipse):
        n = len(shape.centre)
        covariance = np.array([row for row in shape.covariance if len(row) == n], dtype=float)
        if covariance.shape != (n, n) or n != len(shape.markers):
            return f"its covariance is not {len(shape.markers)} x {len(shape.markers)}"
        numbers = [*covariance.ravel(), *shape.centre, shape.distance_square]
        is_one = bool(np.isfinite(numbers).all()) and shape.distance_square > 0
        if is_one and n == 2:  # in three dimensions the examples of the standard are none either
            is_one = np.allclose(covariance, covariance.T) and np.linalg.det(covariance) > 0
        if not is_one:
            return "its covariance and distance describe no ellipse"
    return ""


def evaluate(tree: ManualTree, file: FcsFile) -> dict[str, BoolArray]:
    """Return for every gate which events of the file lie in it and its parents.

    Raises
    ------
    ItcError
        a channel, matrix or gate that is referred to is not there, or gates refer in a circle.
    """
    columns = _Columns(tree, file)
    found: dict[str, BoolArray] = {}
    waiting: set[str] = set()

    def members(name: str) -> BoolArray:
        if name in found:
            return found[name]
        gate = tree.gates.get(name)
        if gate is None:
            remedy = did_you_mean(name, tree.gates)
            raise ItcError(tree.source, [Fault("", f"no gate '{name}'", remedy)])
        if name in waiting:
            what = f"gate '{name}' is its own ancestor"
            raise ItcError(tree.source, [Fault("", what, "export the gates again")])
        waiting.add(name)
        inside = np.ones(file.n_events, dtype=bool)
        if gate.parent is not None:
            inside &= members(gate.parent)
        if isinstance(gate.shape, Combination):
            inside &= _combine(
                gate.shape, {other: members(other) for other in gate.shape.populations}
            )
        else:
            values = np.stack([columns.values(axis) for axis in gate.axes])
            inside &= gate.shape.contains(values)
        found[name] = inside
        return inside

    return {name: members(name) for name in tree.gates}


def _combine(shape: Combination, members: Mapping[str, BoolArray]) -> BoolArray:
    n_events = len(next(iter(members.values())))
    inside = np.ones(n_events, dtype=bool)
    for name in shape.all_of:
        inside &= members[name]
    if shape.any_of:
        inside &= np.logical_or.reduce([members[name] for name in shape.any_of])
    for name in shape.none_of:
        inside &= ~members[name]
    return inside


class _Columns:
    """Compensated and scaled values of a file, made when they are first wanted."""

    def __init__(self, tree: ManualTree, file: FcsFile) -> None:
        self._tree, self._file = tree, file
        self._events: dict[str, npt.NDArray[np.float32]] = {UNCOMPENSATED: file.events}
        self._rows: dict[str, dict[str, int]] = {UNCOMPENSATED: _rows(file.channel_names)}

    def values(self, axis: DrawnAxis) -> npt.NDArray[np.float32]:
        if isinstance(axis.channel, Ratio):
            ratio = axis.channel
            x, y = (self._row(name, axis.compensation).astype(float) for name in (ratio.x, ratio.y))
            with np.errstate(divide="ignore", invalid="ignore"):  # outside every gate then
                values = ratio.a * (x - ratio.b) / (y - ratio.c)
        else:
            values = self._row(axis.channel, axis.compensation).astype(float)
        if axis.scale is not None:
            values = axis.scale.apply(values)
        return np.asarray(values, dtype=self._file.events.dtype)

    def _row(self, name: str, compensation: str) -> npt.NDArray[np.float32]:
        if compensation not in self._events:
            self._compensate(compensation)
        rows = self._rows[compensation]
        place = rows.get(name)
        if place is None:
            labels = _rows(self._file.channel_labels)
            place = labels.get(name)
        if place is None:
            what = f"'{self._file.name}' has no channel '{name}' of the gates"
            raise ItcError(self._tree.source, [Fault("", what, did_you_mean(name, rows))])
        row: npt.NDArray[np.float32] = self._events[compensation][place]
        return row

    def _compensate(self, name: str) -> None:
        matrix = self._tree.matrices.get(name)
        if matrix is None and name != FROM_FILE:
            remedy = did_you_mean(name, self._tree.matrices)
            raise ItcError(self._tree.source, [Fault("", f"no matrix '{name}'", remedy)])
        if matrix is None:
            matrix = _matrix_of(self._file)
        rows = dict(self._rows[UNCOMPENSATED])
        events = self._file.events
        if matrix is not None:
            missing = [name for name in matrix.detectors if name not in rows]
            if missing:
                what = f"'{self._file.name}' lacks the matrix's channels {', '.join(missing)}"
                raise ItcError(self._tree.source, [Fault("", what, "check the file")])
            places = [rows[detector] for detector in matrix.detectors]
            # least squares where there are more detectors than fluorochromes
            light = np.linalg.pinv(matrix.values).T @ events[places].astype(np.float64)
            first = len(events)
            events = np.vstack([events, light.astype(events.dtype)])
            is_square = len(matrix.fluorochromes) == len(matrix.detectors)
            for number, dye in enumerate(matrix.fluorochromes):
                rows[dye] = first + number
                if is_square:
                    rows[matrix.detectors[number]] = first + number
        self._events[name], self._rows[name] = events, rows


def _matrix_of(file: FcsFile) -> Matrix | None:
    state, spillover = find_spillover(file)
    if spillover is None or state != "file":
        return None
    return Matrix(spillover.channels, spillover.channels, np.asarray(spillover.matrix, dtype=float))


def _rows(names: tuple[str, ...]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for place, name in enumerate(names):
        rows.setdefault(name, place)
    # FlowJo writes slashes of channel names as underscores
    for place, name in enumerate(names):
        rows.setdefault(name.replace("/", "_"), place)
    return rows
