"""Final gates as Gating-ML 2.0, which FlowJo, Cytobank and FlowKit open.

One file per stained tube: channels as the file names them, scales as the gates were drawn on, and
every gate with its parent. Written by hand rather than with FlowKit, whose import alone takes
longer than judging the gates of a study; the tests read the files back with FlowKit. (Spidlen 2015,
doi:10.1002/cyto.a.22690)
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Polygon,
    Rectangle,
    Threshold,
    from_json,
)
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.warp import unaligned, warps_of
from itc_analysis.tables import contract
from itc_analysis.whole_files import write_text

log = logging.getLogger(__name__)

_ISAC = "http://www.isac-net.org/std/Gating-ML/v2.0/"
#: The matrix of the file, no matrix, and the name of the study's own.
_FROM_FILE, _NO_MATRIX, _FROM_STUDY = "FCS", "uncompensated", "study_matrix"
_NAMESPACES = {
    "gating": f"{_ISAC}gating",
    "data-type": f"{_ISAC}datatypes",
    "transforms": f"{_ISAC}transformations",
}


def write_gates(
    gates: pd.DataFrame,
    template: Template,
    axes: Mapping[str, Mapping[str, Any]],
    file_ids: Iterable[str],
    folder: str | Path,
) -> list[Path]:
    """Write ``<file_id>.xml`` for each tube; returns the files.

    Parameters
    ----------
    gates : pandas.DataFrame
        `Gates`.
    template : Template
        gives the order, so that a gate stands after its parent.
    axes : mapping of str to mapping of str to object
        channels, scales and compensation of each tube, from `read_axes`.
    file_ids : iterable of str
        tubes to write. Those without axes could not be read and get no file.
    folder : str or Path
        made when it is not there; files of tubes that are not written any more are removed.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    by_tube = dict(tuple(gates.groupby("file_id", sort=True)))
    for file_id in file_ids:
        if file_id not in axes or file_id not in by_tube:
            log.info("no GatingML of %s: the tube could not be used", file_id)
            continue
        path = folder / f"{file_id}.xml"
        text = to_gatingml(by_tube[file_id], template, axes[file_id])
        write_text(path, text)
        written.append(path)
    for stale in set(folder.glob("*.xml")) - set(written):
        stale.unlink()
    return written


def read_axes(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Return the axes of every tube, which `itc fit-gates` stored beside its fits."""
    found: dict[str, Any] = {}
    for path in paths:
        found |= contract.read_provenance(path).get("parameters", {}).get("axes", {})
    return found


def to_gatingml(gates: pd.DataFrame, template: Template, axes: Mapping[str, Any]) -> str:
    """Return the gates of one tube as Gating-ML 2.0.

    Gates that are not estimable are left out, as are those within them.

    Parameters
    ----------
    gates : pandas.DataFrame
        the tube's rows of `Gates`.
    axes : mapping of str to object
        the tube's channels, transforms and compensation.
    """
    for prefix, address in _NAMESPACES.items():
        ElementTree.register_namespace(prefix, address)
    root = ElementTree.Element(_name("gating:Gating-ML"))
    # Other programs read the file as it is, so gates of aligned events are brought back to it.
    warps = warps_of(axes)
    shapes = {
        str(population): unaligned(from_json(str(geometry)), warps)
        for population, geometry in zip(gates["population"], gates["geometry"], strict=True)
        if not pd.isna(geometry)
    }
    drawn = [p for p in template.populations if p.name in shapes]
    markers = {m for p in drawn for m in getattr(shapes[p.name], "markers", ())}
    for marker in sorted(markers):
        _add_transform(root, marker, Transform.from_dict(axes["transforms"][marker]))
    if axes["compensation"] == "matrix":
        _add_matrix(root, axes["matrix"]["channels"], axes["matrix"]["values"])
    for population in drawn:
        shape = shapes[population.name]
        parent = None if population.parent == ROOT else population.parent
        if isinstance(shape, Combination):
            _add_combination(root, population.name, parent, shape)
        else:
            _add_gate(root, population.name, parent, shape, axes)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_transform(root: ElementTree.Element, marker: str, transform: Transform) -> None:
    holder = _add(root, "transforms:transformation", {"transforms:id": _scale_id(marker)})
    if transform.kind == "logicle":
        numbers = {"T": transform.t, "W": transform.w, "M": transform.m, "A": transform.a}
        _add(holder, "transforms:logicle", {f"transforms:{k}": v for k, v in numbers.items()})
    elif transform.kind == "linear":
        _add(holder, "transforms:flin", {"transforms:T": transform.t, "transforms:A": 0})
    else:
        assert transform.cofactor is not None  # checked when the transform was made
        decades = math.asinh(transform.t / transform.cofactor) / math.log(10)
        numbers = {"T": transform.t, "M": decades, "A": 0}
        _add(holder, "transforms:fasinh", {f"transforms:{k}": v for k, v in numbers.items()})


def _add_matrix(
    root: ElementTree.Element, channels: Sequence[str], values: Sequence[Sequence[float]]
) -> None:
    matrix = _add(root, "transforms:spectrumMatrix", {"transforms:id": _FROM_STUDY})
    for kind in ("fluorochromes", "detectors"):
        holder = _add(matrix, f"transforms:{kind}")
        for channel in channels:
            _add(holder, "data-type:fcs-dimension", {"data-type:name": channel})
    for numbers in values:
        row = _add(matrix, "transforms:spectrum")
        for number in numbers:
            _add(row, "transforms:coefficient", {"transforms:value": number})


def _compensation_of(shape_markers: Sequence[str], axes: Mapping[str, Any]) -> str:
    """Return one compensation for a gate: a program may refuse a mixture, and scatter is in no
    matrix.
    """
    if all(axes["transforms"][marker]["kind"] == "linear" for marker in shape_markers):
        return _NO_MATRIX
    return {"file": _FROM_FILE, "matrix": _FROM_STUDY}.get(axes["compensation"], _NO_MATRIX)


def _add_gate(
    root: ElementTree.Element,
    name: str,
    parent: str | None,
    shape: Threshold | AllAbove | Rectangle | Polygon | Ellipse,
    axes: Mapping[str, Any],
) -> None:
    bounds: list[dict[str, float]] = [{} for _ in shape.markers]
    if isinstance(shape, Threshold):
        kind, bounds = "RectangleGate", [{("min" if shape.side == "above" else "max"): shape.cut}]
    elif isinstance(shape, AllAbove):
        kind, bounds = "RectangleGate", [{"min": shape.cut} for _ in shape.markers]
    elif isinstance(shape, Rectangle):
        kind = "RectangleGate"
        for own, low, high in zip(bounds, shape.lowest, shape.highest, strict=True):
            own |= {} if low is None else {"min": low}
            own |= {} if high is None else {"max": high}
    else:
        kind = "PolygonGate" if isinstance(shape, Polygon) else "EllipsoidGate"
    gate = _add(root, f"gating:{kind}", _identity(name, parent))
    compensation = _compensation_of(shape.markers, axes)
    for marker, own in zip(shape.markers, bounds, strict=True):
        dimension = _add(
            gate,
            "gating:dimension",
            {
                "gating:compensation-ref": compensation,
                "gating:transformation-ref": _scale_id(marker),
                **{f"gating:{bound}": value for bound, value in own.items()},
            },
        )
        channel = axes["channels"][marker]
        _add(dimension, "data-type:fcs-dimension", {"data-type:name": channel})
    if isinstance(shape, Polygon):
        for vertex in shape.vertices:
            _add_coordinates(_add(gate, "gating:vertex"), vertex)
    if isinstance(shape, Ellipse):
        _add_coordinates(_add(gate, "gating:mean"), shape.centre)
        matrix = _add(gate, "gating:covarianceMatrix")
        for numbers in shape.covariance:
            row = _add(matrix, "gating:row")
            for number in numbers:
                _add(row, "gating:entry", {"data-type:value": number})
        _add(gate, "gating:distanceSquare", {"data-type:value": shape.distance_square})


def _add_combination(
    root: ElementTree.Element, name: str, parent: str | None, shape: Combination
) -> None:
    """Add a Boolean gate; any-of beside other conditions needs one of its own before it."""
    all_of = list(shape.all_of)
    if shape.any_of and (shape.all_of or shape.none_of):
        helper = f"{name}_any"
        _add_boolean(root, helper, parent, "or", shape.any_of, ())
        all_of.append(helper)
    elif shape.any_of:
        _add_boolean(root, name, parent, "or", shape.any_of, ())
        return
    if not all_of and len(shape.none_of) == 1:
        _add_boolean(root, name, parent, "not", shape.none_of, ())
        return
    _add_boolean(root, name, parent, "and", all_of, shape.none_of)


def _add_boolean(
    root: ElementTree.Element,
    name: str,
    parent: str | None,
    operation: str,
    inside: Sequence[str],
    outside: Sequence[str],
) -> None:
    gate = _add(root, "gating:BooleanGate", _identity(name, parent))
    holder = _add(gate, f"gating:{operation}")
    for reference in inside:
        _add(holder, "gating:gateReference", {"gating:ref": reference})
    for reference in outside:
        complement = {"gating:ref": reference, "gating:use-as-complement": "true"}
        _add(holder, "gating:gateReference", complement)


def _add_coordinates(holder: ElementTree.Element, values: Sequence[float]) -> None:
    for value in values:
        _add(holder, "gating:coordinate", {"data-type:value": value})


def _identity(name: str, parent: str | None) -> dict[str, str]:
    own = {"gating:id": name}
    return own if parent is None else {**own, "gating:parent_id": parent}


def _scale_id(marker: str) -> str:
    # an XML id holds no spaces, brackets or slashes; markers may
    return "scale_" + "".join(c if c.isalnum() or c in "-." else f"_{ord(c)}_" for c in marker)


def _add(
    parent: ElementTree.Element, tag: str, attributes: Mapping[str, str | float] | None = None
) -> ElementTree.Element:
    given = {
        _name(key): value if isinstance(value, str) else repr(float(value))
        for key, value in (attributes or {}).items()
    }
    return ElementTree.SubElement(parent, _name(tag), given)


def _name(prefixed: str) -> str:
    prefix, local = prefixed.split(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"
