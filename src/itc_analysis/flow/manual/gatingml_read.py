"""Read Gating-ML 2.0: gates as another program wrote them.

All of the standard: rectangles in any number of dimensions, polygons, ellipsoids, quadrants,
Boolean gates, parents, spectrum matrices, all scales and ratios. (Spidlen 2015,
doi:10.1002/cyto.a.22690)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.gating.geometry import Combination, Ellipse, Geometry, Polygon, Rectangle
from itc_analysis.flow.manual.gates import (
    FROM_FILE,
    UNCOMPENSATED,
    DrawnAxis,
    DrawnScale,
    ManualGate,
    ManualTree,
    Matrix,
    Ratio,
    why_no_gate,
)
from itc_analysis.flow.manual.scales import KINDS

_SHAPES = ("RectangleGate", "PolygonGate", "EllipsoidGate")


def read_gatingml(path: str | Path) -> ManualTree:
    """Read all gates of a file.

    Raises
    ------
    ItcError
        the file is not there or no Gating-ML, or a gate is incomplete, or refers to a scale that is
        not defined; all such gates are named.
    """
    path = Path(path)
    try:
        root = ElementTree.parse(path).getroot()
    except FileNotFoundError:
        raise ItcError(path.name, "the file is not there; check the path") from None
    except ElementTree.ParseError as error:
        raise ItcError(path.name, f"not valid XML ({error})") from None
    if _local(root) != "Gating-ML":
        raise ItcError(path.name, f"no Gating-ML file: it begins with '{_local(root)}'")
    reader = _Reader(path.name, root)
    return reader.tree()


class _Reader:
    def __init__(self, source: str, root: Element) -> None:
        self._source, self._root = source, root
        self._scales: dict[str, DrawnScale] = {}
        self._ratios: dict[str, Ratio] = {}
        self._matrices: dict[str, Matrix] = {}
        self._gates: dict[str, ManualGate] = {}
        self._faults: list[Fault] = []

    def tree(self) -> ManualTree:
        # gates refer to matrices and scales, which may stand behind them
        for element in _children(self._root, "spectrumMatrix"):
            self._attempt("matrix", self._read_matrix, element)
        for element in _children(self._root, "transformation"):
            self._attempt("scale", self._read_scale, element)
        for element in self._root:
            self._attempt("gate", self._read_gate, element)
        if self._faults:
            raise ItcError(self._source, self._faults)
        return ManualTree(self._source, self._gates, self._matrices)

    def _attempt(self, kind: str, read: Callable[[Element], None], element: Element) -> None:
        """Read an element, or note why it cannot be read."""
        try:
            read(element)
        except (KeyError, ValueError, IndexError) as error:
            why = error.args[0] if error.args else error
            fault = Fault(
                f"{kind} '{_optional(element, 'id') or ''}'",
                f"the {kind} cannot be read ({why})",
                "export the gates again",
            )
            self._faults.append(fault)

    def _read_matrix(self, element: Element) -> None:
        self._matrices[_attribute(element, "id")] = _matrix(element)

    def _read_scale(self, holder: Element) -> None:
        name = _attribute(holder, "id")
        for element in holder:
            kind = _local(element)
            if kind == "fratio":
                x, y = (_attribute(part, "name") for part in _children(element, "fcs-dimension"))
                numbers = {key: float(_attribute(element, key.upper())) for key in "abc"}
                self._ratios[name] = Ratio(x, y, **numbers)
            elif kind in KINDS:
                scale, parameters = KINDS[kind]
                numbers = {key: float(_attribute(element, key.upper())) for key in parameters}
                self._scales[name] = scale(**numbers)

    def _read_gate(self, element: Element) -> None:
        kind = _local(element)
        if kind == "QuadrantGate":
            self._read_quadrants(element)
        elif kind == "BooleanGate":
            self._read_boolean(element)
        elif kind in _SHAPES:
            axes = tuple(self._axis(d) for d in _children(element, "dimension"))
            markers = tuple(str(number) for number in range(len(axes)))
            self._add(element, axes, _shape(kind, element, markers))

    def _read_quadrants(self, element: Element) -> None:
        dividers = {_attribute(d, "id"): d for d in _children(element, "divider")}
        parent = _optional(element, "parent_id")
        for quadrant in _children(element, "Quadrant"):
            positions = _children(quadrant, "position")
            names = [_attribute(position, "divider_ref") for position in positions]
            bounds = [
                _bounds(dividers[name], float(_attribute(position, "location")))
                for name, position in zip(names, positions, strict=True)
            ]
            own = _attribute(quadrant, "id")
            shape = Rectangle(
                tuple(str(number) for number in range(len(names))),
                tuple(low for low, _ in bounds),
                tuple(high for _, high in bounds),
            )
            axes = tuple(self._axis(dividers[name]) for name in names)
            self._keep(ManualGate(own, parent, axes, shape))

    def _read_boolean(self, element: Element) -> None:
        (operation,) = (e for e in element if _local(e) in ("and", "or", "not"))
        kind = _local(operation)
        inside: list[str] = []
        outside: list[str] = []
        for reference in _children(operation, "gateReference"):
            is_complement = _optional(reference, "use-as-complement") in ("true", "1")
            (outside if is_complement else inside).append(_attribute(reference, "ref"))
        if kind == "or" and outside:
            # an or of complements is the complement of an and: one gate for each complement
            for name in outside:
                helper = f"not {name}"
                self._gates[helper] = ManualGate(helper, None, (), Combination(none_of=(name,)))
                inside.append(helper)
            outside = []
        if not inside and not outside:
            msg = "it combines no gate"
            raise ValueError(msg)
        if kind == "not":
            inside, outside = outside, inside
        shape = (
            Combination(any_of=tuple(inside))
            if kind == "or"
            else Combination(all_of=tuple(inside), none_of=tuple(outside))
        )
        self._add(element, (), shape)

    def _add(self, element: Element, axes: tuple[DrawnAxis, ...], shape: Geometry) -> None:
        name = _attribute(element, "id")
        self._keep(ManualGate(name, _optional(element, "parent_id"), axes, shape))

    def _keep(self, gate: ManualGate) -> None:
        if gate.name in self._gates:
            msg = "two gates have this name"
            raise ValueError(msg)
        if not isinstance(gate.shape, Combination) and (why := why_no_gate(gate.shape)):
            raise ValueError(why)
        self._gates[gate.name] = gate

    def _axis(self, element: Element) -> DrawnAxis:
        reference = _optional(element, "transformation-ref")
        if reference is not None and reference not in self._scales:
            msg = f"no scale '{reference}'{'; ' + did_you_mean(reference, self._scales)}"
            raise ValueError(msg)
        channels = _children(element, "fcs-dimension")
        channel: str | Ratio
        if channels:
            channel = _attribute(channels[0], "name")
        else:
            channel = self._ratios[
                _attribute(_children(element, "new-dimension")[0], "transformation-ref")
            ]
        compensation = _optional(element, "compensation-ref") or UNCOMPENSATED
        if compensation not in (UNCOMPENSATED, FROM_FILE, *self._matrices):
            msg = f"no matrix '{compensation}'; {did_you_mean(compensation, self._matrices)}"
            raise ValueError(msg)
        scale = None if reference is None else self._scales[reference]
        return DrawnAxis(channel, compensation, scale)


def _shape(kind: str, element: Element, markers: tuple[str, ...]) -> Geometry:
    if kind == "RectangleGate":
        dimensions = _children(element, "dimension")
        bounds = [[_optional(d, bound) for d in dimensions] for bound in ("min", "max")]
        lowest, highest = (tuple(None if v is None else float(v) for v in row) for row in bounds)
        return Rectangle(markers, lowest, highest)
    if kind == "PolygonGate":
        corners = [_numbers(vertex, "coordinate") for vertex in _children(element, "vertex")]
        return Polygon(markers, tuple((x, y) for x, y in corners))
    (mean,), (matrix,) = _children(element, "mean"), _children(element, "covarianceMatrix")
    (distance,) = _children(element, "distanceSquare")
    return Ellipse(
        markers,
        centre=tuple(_numbers(mean, "coordinate")),
        covariance=tuple(tuple(_numbers(row, "entry")) for row in _children(matrix, "row")),
        distance_square=float(_attribute(distance, "value")),
    )


def _bounds(divider: Element, location: float) -> tuple[float | None, float | None]:
    """Return the dividing values around a location; an open end is None."""
    values = [float(value.text or math.nan) for value in _children(divider, "value")]
    below = [value for value in values if value <= location]
    above = [value for value in values if value > location]
    return max(below, default=None), min(above, default=None)


def _matrix(element: Element) -> Matrix:
    names = [
        tuple(
            _attribute(dimension, "name")
            for holder in _children(element, kind)
            for dimension in _children(holder, "fcs-dimension")
        )
        for kind in ("fluorochromes", "detectors")
    ]
    values = [_numbers(row, "coefficient") for row in _children(element, "spectrum")]
    if [len(row) for row in values] != [len(names[1])] * len(names[0]) or not values:
        msg = f"{len(names[0])} fluorochromes need as many rows of {len(names[1])} numbers"
        raise ValueError(msg)
    return Matrix(names[0], names[1], np.array(values, dtype=float))


def _numbers(element: Element, kind: str) -> list[float]:
    return [float(_attribute(child, "value")) for child in _children(element, kind)]


def _children(element: Element, kind: str) -> list[Element]:
    return [child for child in element if _local(child) == kind]


def _local(element: Element) -> str:
    return _without_namespace(str(element.tag))


def _attribute(element: Element, name: str) -> str:
    found = _optional(element, name)
    if found is None:
        msg = f"'{_local(element)}' has no '{name}'"
        raise KeyError(msg)
    return found


def _optional(element: Element, name: str) -> str | None:
    own: Iterable[tuple[str, str]] = element.attrib.items()
    return next((value for key, value in own if _without_namespace(key) == name), None)


def _without_namespace(name: str) -> str:
    return name.rsplit("}", 1)[-1]
