"""Read the gates of a FlowJo workspace (.wsp, FlowJo 10), through FlowKit."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.gating.geometry import Combination, Geometry, Polygon, Rectangle
from itc_analysis.flow.manual.gates import (
    UNCOMPENSATED,
    DrawnAxis,
    DrawnScale,
    ManualGate,
    ManualTree,
    Matrix,
)
from itc_analysis.flow.manual.samples import FileIdentity, identify
from itc_analysis.statistics.arrays import FloatArray

#: How FlowJo names a compensated channel.
_PREFIX = "Comp-"
#: Name of the sample's matrix in the tree.
_MATRIX = "workspace"


def read_workspace(path: str | Path) -> dict[str, ManualTree]:
    """Return the gates of every sample of a workspace, by the sample's name (usually the file's).

    Samples of one name, from the folders of two runs, are told apart by their folder or number.
    Gates whose name stands under several parents are named by their whole path, with slashes.

    Raises
    ------
    ItcError
        the file is not there or cannot be read, or a gate is of a kind that FlowKit does not know;
        of all samples together.
    """
    from flowkit import Workspace

    path = Path(path)
    if not path.is_file():
        raise ItcError(path.name, "the workspace is not there; check the path")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the FCS files are not loaded is what is wanted
        try:
            content, identities = _with_unique_names(path.read_bytes())
            workspace = Workspace(io.BytesIO(content), load_missing_file_data=True)
        except Exception as error:
            what = f"FlowKit cannot read the workspace ({type(error).__name__}: {error})"
            fault = Fault("", what, "save it with FlowJo 10, or export the gates as Gating-ML 2.0")
            raise ItcError(path.name, [fault]) from error
    samples = sorted(workspace.get_sample_ids(loaded_only=False))
    return {
        sample: replace(
            _tree(workspace, sample, path.name), sample=identities.get(sample, identify(sample, {}))
        )
        for sample in samples
    }


def _with_unique_names(content: bytes) -> tuple[bytes, dict[str, FileIdentity]]:
    """Return a workspace whose samples all have names of their own, and which file each was drawn
    on.

    FlowKit keeps samples by name: of two with one name it would keep the last.
    """
    from lxml import etree

    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, huge_tree=True))
    nodes = [
        (sample, node)
        for sample in root.iter("Sample")
        if (node := sample.find("SampleNode")) is not None
    ]
    times = Counter(node.get("name") for _, node in nodes)
    identities = {}
    for sample, node in nodes:
        name = str(node.get("name"))
        data_set = sample.find("DataSet")
        uri = "" if data_set is None else str(data_set.get("uri") or "")
        keywords = {
            str(keyword.get("name")).removeprefix("$").upper(): str(keyword.get("value") or "")
            for keyword in sample.iter("Keyword")
        }
        identity = identify(uri or name, keywords)
        if times[name] > 1:
            folder = PurePosixPath(unquote(uri.removeprefix("file:"))).parent.name
            unique = f"{folder}/{name}" if folder else f"{name} ({node.get('sampleID')})"
            if unique in identities:
                unique = f"{unique} ({node.get('sampleID')})"
            node.set("name", unique)
            identities[unique] = replace(identity, name=name)
        else:
            identities[name] = replace(identity, name=name)
    changed = etree.tostring(root) if any(n > 1 for n in times.values()) else content
    return changed, identities


class _FlowKitScale:
    """A FlowKit transform as a `DrawnScale`."""

    def __init__(self, transform: Any) -> None:
        self._transform = transform

    def apply(self, values: FloatArray) -> FloatArray:
        """Return instrument units on the scale."""
        flat = np.ascontiguousarray(values, dtype=float)
        return np.asarray(self._transform.apply(flat), dtype=float)

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return positions on the scale in instrument units."""
        flat = np.ascontiguousarray(values, dtype=float)
        return np.asarray(self._transform.inverse(flat), dtype=float)


def _tree(workspace: Any, sample: str, source: str) -> ManualTree:
    strategy = workspace.get_gating_strategy(sample)
    ids = [(str(name), tuple(path)) for name, path in strategy.get_gate_ids()]
    times = Counter(name for name, _ in ids)

    def unique(name: str, path: tuple[str, ...]) -> str:
        return name if times[name] == 1 else "/".join((*path, name))

    scales: dict[str, DrawnScale] = {
        name: _FlowKitScale(transform) for name, transform in strategy.transformations.items()
    }
    gates: dict[str, ManualGate] = {}
    faults = []
    for name, path in ids:
        own = unique(name, path)
        parent = None if len(path) <= 1 else unique(path[-1], path[:-1])
        gate = strategy.get_gate(name, path)
        kind = type(gate).__name__
        if kind == "BooleanGate":
            gates[own] = ManualGate(own, parent, (), _combination(gate, unique))
            continue
        shape = _shape(gate)
        if shape is None:
            what = f"gate '{name}' of sample '{sample}' is a {kind}, which is not read"
            faults.append(Fault("", what, "draw it as rectangle, polygon or ellipse"))
            continue
        axes = tuple(_axis(dimension, scales) for dimension in gate.dimensions)
        if getattr(gate, "use_complement", False):
            inner = f"{own} (inside)"
            gates[inner] = ManualGate(inner, parent, axes, shape)
            gates[own] = ManualGate(own, parent, (), Combination(none_of=(inner,)))
        else:
            gates[own] = ManualGate(own, parent, axes, shape)
    if faults:
        raise ItcError(source, faults)
    matrix = workspace.get_comp_matrix(sample)
    matrices = {}
    if matrix is not None:
        detectors = tuple(matrix.detectors)
        values = np.asarray(matrix.matrix, dtype=float)
        matrices[_MATRIX] = Matrix(tuple(_PREFIX + d for d in detectors), detectors, values)
    return ManualTree(source, gates, matrices)


def _axis(dimension: Any, scales: dict[str, DrawnScale]) -> DrawnAxis:
    is_compensated = dimension.compensation_ref not in (None, UNCOMPENSATED)
    scale = None
    if dimension.transformation_ref is not None:
        scale = scales[dimension.transformation_ref]
    return DrawnAxis(str(dimension.id), _MATRIX if is_compensated else UNCOMPENSATED, scale)


def _shape(gate: Any) -> Geometry | None:
    markers = tuple(str(number) for number in range(len(gate.dimensions)))
    kind = type(gate).__name__
    if kind == "RectangleGate":
        bounds = [[getattr(d, bound) for d in gate.dimensions] for bound in ("min", "max")]
        lowest, highest = (tuple(None if v is None else float(v) for v in row) for row in bounds)
        return Rectangle(markers, lowest, highest)
    if kind == "PolygonGate":
        return Polygon(markers, tuple((float(x), float(y)) for x, y in gate.vertices))
    return None


def _combination(gate: Any, unique: Any) -> Combination:
    names = [
        (unique(str(reference["ref"]), tuple(reference["path"])), bool(reference["complement"]))
        for reference in gate.gate_refs
    ]
    inside = tuple(name for name, is_complement in names if not is_complement)
    outside = tuple(name for name, is_complement in names if is_complement)
    if gate.type == "or":
        assert not outside  # FlowJo's Or node has no complements
        return Combination(any_of=inside)
    if gate.type == "not":
        return Combination(none_of=inside)
    return Combination(all_of=inside, none_of=outside)
