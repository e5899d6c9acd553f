"""Gates that a person drew, in place of the learned ones: state ``manual``.

Read from a FlowJo workspace, or from a folder of Gating-ML files: ``<file_id>.xml`` for one tube,
``<panel>.xml`` for every tube of a panel, and any .wsp, whose samples are matched to tubes by the name of
the FCS file. A gate replaces the population of its own name. It is brought onto the tube's scale: straight
edges of a polygon drawn on another scale are followed by short pieces.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.drawn_gates import DrawnAxis, DrawnGate, DrawnTree, Ratio
from itc_analysis.flow.gating.geometry import (
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
    to_json,
)
from itc_analysis.flow.gatingml_read import read_gatingml
from itc_analysis.flow.transform import Transform

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

#: Pieces per edge of a polygon, and corners of an ellipse, that is moved to another scale.
_PIECES, _CORNERS = 16, 128
#: Two scales that agree to this, transformed units, are the same: float32 rounding.
_SAME = 1e-6
#: How FlowJo names a compensated channel.
_PREFIX = "Comp-"
_SOURCE = "manual gates"

METHODS_TEXT = (
    "Gates that an analyst had drawn in FlowJo or as Gating-ML took the place of the learned ones."
)


@dataclass(frozen=True)
class ManualGates:
    """Gates by whom they are for.

    Parameters
    ----------
    by_tube, by_panel, by_file : file_id, panel or name of the FCS file → its gates.
    """

    by_tube: dict[str, DrawnTree]
    by_panel: dict[str, DrawnTree]
    by_file: dict[str, DrawnTree]

    def of(self, file_id: str, panel: str, file_name: str | None) -> DrawnTree | None:
        """Return the gates of a tube, the most particular first, or None."""
        if file_id in self.by_tube:
            return self.by_tube[file_id]
        if file_name is not None and file_name in self.by_file:
            return self.by_file[file_name]
        return self.by_panel.get(panel)


def read_manual(path: str | Path, *, file_ids: set[str], panels: set[str]) -> ManualGates:
    """Read a workspace, or a folder of Gating-ML files and workspaces.

    Raises
    ------
    ItcError : nothing is there; a file cannot be read; an .xml is named after no tube and no panel.
    """
    path = Path(path)
    found = ManualGates({}, {}, {})
    files = [path] if path.is_file() else sorted((*path.glob("*.xml"), *path.glob("*.wsp")))
    if not files:
        what = "no gates are there: neither a .wsp nor a folder with .xml or .wsp files"
        raise ItcError(path.name, [Fault("", what, "check study.manual_gates or --manual")])
    faults = []
    for file in files:
        if file.suffix == ".wsp":
            from itc_analysis.flow.flowjo_read import read_workspace

            found.by_file.update(read_workspace(file))
        elif file.stem in file_ids:
            found.by_tube[file.stem] = read_gatingml(file)
        elif file.stem in panels:
            found.by_panel[file.stem] = read_gatingml(file)
        else:
            remedy = did_you_mean(file.stem, [*file_ids, *panels])
            faults.append(Fault("", f"'{file.name}' is named after no tube and no panel", remedy))
    if faults:
        raise ItcError(path.name, faults)
    return found


def with_manual(
    gates: Iterable[Mapping[str, Any]],
    axes: Mapping[str, Mapping[str, Any]],
    manual: ManualGates,
) -> list[dict[str, Any]]:
    """Return rows of `Gates` with the gates that a person drew in their places.

    Parameters
    ----------
    gates : rows as pooled; tubes that could not be used and combinations stay as they are.
    axes : channels and scales of each tube, from `gatingml.read_axes`; `file` is its FCS file.

    Raises
    ------
    ItcError : a gate looks at a channel that the panel does not name, or at a ratio of two; all such.
    """
    rows = [dict(row) for row in gates]
    faults: dict[str, Fault] = {}
    used: set[str] = set()
    for row in rows:
        file_id = str(row["file_id"])
        axis = axes.get(file_id)
        if axis is None:
            continue
        tree = manual.of(file_id, str(row["panel"]), axis.get("file"))
        gate = None if tree is None else tree.gates.get(str(row["population"]))
        if tree is None or gate is None or isinstance(gate.shape, Combination):
            continue
        try:
            shape = to_own_scale(gate, axis)
        except ValueError as error:
            remedy = "draw it on channels of the panel sheet"
            faults[f"{tree.source} {gate.name}"] = Fault(f"gate '{gate.name}'", str(error), remedy)
            continue
        used.add(gate.name)
        row |= {
            "geometry": to_json(shape),
            "cut": getattr(shape, "cut", None),
            "cut_se": None,
            "weight": 0.0,
            "state": "manual",
            "reason": f"drawn by a person ({tree.source})",
        }
    if faults:
        raise ItcError(_SOURCE, list(faults.values()))
    log.info("manual gates in use: %s", ", ".join(sorted(used)) or "none")
    return rows


def to_own_scale(gate: DrawnGate, axis: Mapping[str, Any]) -> Geometry:
    """Return a gate in the tube's markers and transformed units.

    Parameters
    ----------
    gate : a gate drawn on channels, no combination.
    axis : the tube's channels and transforms.

    Raises
    ------
    ValueError : one of its channels has no marker in the tube.
    """
    marker_of = {channel: marker for marker, channel in axis["channels"].items()}
    markers = tuple(_marker(drawn, marker_of) for drawn in gate.axes)
    scales = [Transform.from_dict(axis["transforms"][marker]) for marker in markers]

    def moved(values: FloatArray, place: int) -> FloatArray:
        scale = gate.axes[place].scale
        units = values if scale is None else scale.inverse(values)
        return np.asarray(scales[place].apply(units), dtype=float)

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


def _marker(drawn: DrawnAxis, marker_of: Mapping[str, str]) -> str:
    if isinstance(drawn.channel, Ratio):
        msg = "it looks at a ratio of two channels"
        raise ValueError(msg)
    for name in (drawn.channel, drawn.channel.removeprefix(_PREFIX)):
        if name in marker_of:
            return marker_of[name]
    msg = f"channel '{drawn.channel}' has no marker in the tube; " + did_you_mean(
        drawn.channel, marker_of
    )
    raise ValueError(msg)


def _rectangle(shape: Rectangle, markers: tuple[str, ...], moved: Any) -> Geometry:
    bounds = [
        tuple(
            None if bound is None else float(moved(np.array([bound]), place)[0])
            for place, bound in enumerate(row)
        )
        for row in (shape.lowest, shape.highest)
    ]
    (lowest, highest) = bounds
    if len(markers) == 1:
        if highest[0] is None and lowest[0] is not None:
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
