"""Gates that a person drew, in place of the learned ones: state ``manual``.

Read from a FlowJo workspace, or from a folder of Gating-ML files: ``<file_id>.xml`` for one tube,
``<panel>.xml`` for every tube of a panel, and any .wsp, whose samples are matched to tubes by the
name of the FCS file, and where several have one name by what tells the files apart. Where several
hold a gate of the same name the tube's own file counts, then the workspace. A gate replaces the
population of its own name, within the parent that the template gives it. It is brought onto the
tube's scale; a Boolean gate becomes a combination of populations. Of what stands in a workspace,
results keep the gates of populations, and no name of a file, a sample or another gate.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.gating.by_hand import by_hand
from itc_analysis.flow.gating.geometry import (
    Combination,
    Geometry,
    from_json,
)
from itc_analysis.flow.manual.combinations import is_same, to_own_combination
from itc_analysis.flow.manual.files import manual_files, name_files
from itc_analysis.flow.manual.gates import (
    UNCOMPENSATED,
    ManualGate,
    ManualTree,
    why_no_gate,
)
from itc_analysis.flow.manual.gatingml_read import read_gatingml
from itc_analysis.flow.manual.onto_tube import COMPENSATED, marker_behind, to_own_scale
from itc_analysis.flow.manual.samples import FileIdentity, identify, match_samples
from itc_analysis.plural import plural

log = logging.getLogger(__name__)

_SOURCE = "manual gates"

METHODS_TEXT = (
    "Gates that an analyst had drawn in FlowJo or as Gating-ML took the place of the learned ones."
)


@dataclass(frozen=True)
class ManualGates:
    """Gates by whom they are for.

    Parameters
    ----------
    by_tube, by_panel, by_file : dict of str to ManualTree
        file_id, panel or name of the sample (usually of the FCS file) → its gates; samples of one
        name in two workspaces have the workspace in front.
    """

    by_tube: dict[str, ManualTree]
    by_panel: dict[str, ManualTree]
    by_file: dict[str, ManualTree]

    def match(self, tubes: Mapping[str, FileIdentity]) -> dict[str, ManualTree]:
        """Return the gates that workspaces hold for each tube, by file_id.

        Raises
        ------
        ItcError
            files of one name, of which it cannot be told whose gates are whose.
        """
        samples = [
            tree if tree.sample is not None else replace(tree, sample=identify(name, {}))
            for name, tree in self.by_file.items()
        ]
        found, faults = match_samples(samples, tubes)
        if faults:
            raise ItcError(_SOURCE, faults)
        return found

    @property
    def trees(self) -> list[ManualTree]:
        """All gates, file by file."""
        return [*self.by_tube.values(), *self.by_panel.values(), *self.by_file.values()]

    def of(self, file_id: str, panel: str, sample: ManualTree | None) -> list[ManualTree]:
        """Return the gates of a tube, the most particular first; no gates, an empty list.

        Parameters
        ----------
        sample : ManualTree or None
            the tube's of a workspace, from `match`.
        """
        found = (self.by_tube.get(file_id), sample, self.by_panel.get(panel))
        return [tree for tree in found if tree is not None]


def read_manual(path: str | Path, *, file_ids: set[str], panels: set[str]) -> ManualGates:
    """Read a workspace, or a folder of Gating-ML files and workspaces.

    Raises
    ------
    ItcError
        nothing is there; a file cannot be read; an .xml is named after no tube and no panel.
    """
    path = Path(path)
    found = ManualGates({}, {}, {})
    files = manual_files(path)
    if not files:
        what = "no gates are there: neither a .wsp nor a folder with .xml or .wsp files"
        raise ItcError(path.name, [Fault("", what, "check study.manual_gates or --manual")])
    faults = []
    for label, file in name_files(files).items():
        if file.suffix == ".wsp":
            from itc_analysis.flow.manual.flowjo_read import read_workspace

            for name, tree in read_workspace(file).items():
                key = name if name not in found.by_file else f"{file.name}: {name}"
                found.by_file[key] = replace(tree, label=label)
        elif file.stem in file_ids:
            found.by_tube[file.stem] = replace(read_gatingml(file), label=label)
        elif file.stem in panels:
            found.by_panel[file.stem] = replace(read_gatingml(file), label=label)
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
    *,
    files: Mapping[str, FileIdentity] | None = None,
) -> list[dict[str, Any]]:
    """Return rows of `Gates` with the gates that a person drew in their places.

    Parameters
    ----------
    gates : iterable of mapping of str to object
        rows as pooled, in the order of the template; tubes that could not be used stay as they are,
        and so do combinations that a Boolean gate only repeats.
    axes : mapping of str to mapping of str to object
        channels and scales of each tube, from `gatingml.read_axes`.
    manual : ManualGates
        from `read_manual`.
    files : mapping of str to FileIdentity, optional
        the FCS file of each tube by file_id, by which samples of a workspace find their tubes;
        None where there is no workspace.

    Raises
    ------
    ItcError
        a gate looks at a channel that the panel does not name, or at a ratio of two; a Boolean gate
        cannot be expressed as a combination of populations; a file holds no gate of any population,
        or a workspace no sample that is a tube here; all such.
    """
    rows = [dict(row) for row in gates]
    populations = list(dict.fromkeys(str(row["population"]) for row in rows))
    known = {i: file for i, file in (files or {}).items() if i in axes}
    matched = manual.match({i: file for i, file in known.items() if i not in manual.by_tube})
    used: dict[str, set[str]] = {}
    faults = _adopt(rows, axes, manual, matched, used)
    every_fault = [*faults, *unused_gates(manual, used, populations, known)]
    if every_fault:
        raise ItcError(_SOURCE, every_fault)
    for tree in {tree.source: tree for tree in manual.trees if tree.source in used}.values():
        log.info("manual gates of %s: %s", tree.label, ", ".join(sorted(used[tree.source])))
    return rows


def faults_on_tubes(
    gates: Iterable[Mapping[str, Any]],
    axes: Mapping[str, Mapping[str, Any]],
    manual: ManualGates,
    matched: Mapping[str, ManualTree],
) -> list[Fault]:
    """Return what `with_manual` would refuse of gates that have a place, before any is learned.

    Parameters
    ----------
    gates, axes, manual : iterable of mapping, mapping or ManualGates
        as there; of a row file_id, panel, population and parent are read.
    matched : mapping of str to ManualTree
        the gates of each tube in a workspace, from `ManualGates.match`.
    """
    return _adopt([dict(row) for row in gates], axes, manual, matched, {})


def _adopt(
    rows: list[dict[str, Any]],
    axes: Mapping[str, Mapping[str, Any]],
    manual: ManualGates,
    matched: Mapping[str, ManualTree],
    used: dict[str, set[str]],
) -> list[Fault]:
    """Put drawn gates into rows of `Gates`, note in `used` which, and return their faults."""
    populations = list(dict.fromkeys(str(row["population"]) for row in rows))
    faults: dict[str, Fault] = {}
    for row in rows:
        file_id = str(row["file_id"])
        axis = axes.get(file_id)
        if axis is None:
            continue
        trees = manual.of(file_id, str(row["panel"]), matched.get(file_id))
        for each in trees:
            used.setdefault(each.source, set())
        tree = next((tree for tree in trees if row["population"] in tree.gates), None)
        if tree is None:
            continue
        gate = tree.gates[str(row["population"])]
        used[tree.source].add(gate.name)
        try:
            shape = _own_shape(gate, tree, row, axis, populations)
        except ValueError as error:
            where = f"{tree.source}, gate '{gate.name}'"
            remedy = "draw it on channels of the panel sheet, or of populations of the template"
            faults[where] = Fault(where, str(error), remedy)
            continue
        if shape is not None:
            drawn = f"drawn by a person ({tree.label}){_unlike(gate, row, axis, populations)}"
            row |= by_hand(shape, drawn)
    return list(faults.values())


def idle_gates(tree: ManualTree, populations: Iterable[str]) -> list[str]:
    """Return the gates that are no population, and so have no effect; sorted."""
    return sorted(set(tree.gates) - set(populations))


def _own_shape(
    gate: ManualGate,
    tree: ManualTree,
    row: Mapping[str, Any],
    axis: Mapping[str, Any],
    populations: Sequence[str],
) -> Geometry | None:
    """Return the gate as one of ours; None for a Boolean gate that says what the template says."""
    if not isinstance(gate.shape, Combination):
        found = to_own_scale(gate, axis)
        if why := why_no_gate(found):
            raise ValueError(why)
        return found
    name = str(row["population"])
    earlier = populations[: populations.index(name)]
    shape = to_own_combination(gate, tree, earlier=earlier, parent=str(row["parent"]))
    known = row.get("geometry")
    learned = None if known is None or pd.isna(known) else from_json(str(known))
    return None if isinstance(learned, Combination) and is_same(learned, shape) else shape


def _unlike(
    gate: ManualGate, row: Mapping[str, Any], axis: Mapping[str, Any], populations: Sequence[str]
) -> str:
    """Return in which way the gate is used otherwise than it was drawn, in words.

    The name of a gate that is no population is whatever somebody typed, and is not repeated.
    """
    told = []
    drawn_in = None if gate.parent is None else gate.parent.rsplit("/", 1)[-1]
    if drawn_in not in (None, row["parent"]):
        named = f"'{drawn_in}'" if drawn_in in populations else "a gate that is no population"
        told.append(f"drawn within {named}, used within '{row['parent']}'")
    marker_of = {channel: marker for marker, channel in axis["channels"].items()}
    plain = [
        marker
        for drawn in gate.axes
        if drawn.compensation == UNCOMPENSATED and not str(drawn.channel).startswith(COMPENSATED)
        for marker in [marker_behind(drawn, marker_of)]
        if axis["transforms"][marker]["kind"] != "linear"
    ]
    if plain and axis["compensation"] in ("file", "matrix"):
        told.append(f"drawn on {', '.join(plain)} without compensation")
    return "".join(f"; {text}" for text in told)


def unused_gates(
    manual: ManualGates,
    used: Mapping[str, set[str]],
    populations: Sequence[str],
    identities: Mapping[str, FileIdentity],
) -> list[Fault]:
    """Return a fault for every file none of whose gates has a place: nobody draws gates for
    nothing.

    Parameters
    ----------
    manual : ManualGates
        from `read_manual`.
    used : mapping of str to set of str
        the populations that take a gate from it, by file; a file that is no tube's is left out.
    populations : sequence of str
        of the template.
    identities : mapping of str to FileIdentity
        FCS file of each tube.
    """
    faults = []
    samples: dict[str, list[str]] = {}
    for file_name, tree in manual.by_file.items():
        samples.setdefault(tree.source, []).append(file_name)
    for source, names in samples.items():
        if source not in used:
            files = [identity.name for identity in identities.values()]
            what = f"none of its samples ({', '.join(names)}) is the FCS file of a tube"
            faults.append(Fault(source, what, did_you_mean(names[0], files)))
    for tree in {tree.source: tree for tree in manual.trees}.values():
        if used.get(tree.source) == set():
            named = ", ".join(sorted(tree.gates)) or "none"
            what = f"no gate has the name of a population (gates: {named})"
            remedy = f"name them as in the template: {', '.join(populations)}"
            faults.append(Fault(tree.source, what, remedy))
        idle = idle_gates(tree, populations) if tree.source in used else []
        if idle:
            n_gates = plural(len(idle), "gate is", "gates are")
            log.warning("%s: %s no population and without effect", tree.label, n_gates)
    return faults
