"""Open every tube of a study before anything runs: what the jobs would refuse is refused here.

Beside each tube by itself the tubes of a panel are compared: one that is not compensated as the
others are would be gated without a word, and its numbers would be wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.config.sections import GateFitting
from itc_analysis.errors import Fault, ItcError, UnreadableFile, collecting
from itc_analysis.flow.fcs.deidentify import identifying_keywords
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.fcs.sketch import refuse_repeats, sketch_of
from itc_analysis.flow.quality.judge import inside_margins
from itc_analysis.flow.scale.scales import TransformSettings, choose_transforms
from itc_analysis.flow.spillover.batch_agreement import (
    SpillLeft,
    find_odd_states,
    find_odd_tubes,
    measure_spill_left,
)
from itc_analysis.flow.spillover.compensation import compensate
from itc_analysis.flow.tube.columns import choose_columns, matrix_of_study
from itc_analysis.flow.tube.load import quality_fault_of
from itc_analysis.flow.tube.scale_ends import (
    REMEDY,
    Tops,
    find_odd_tops,
    open_tops,
    refuse_unlike_batches,
    usual_tops,
)
from itc_analysis.plural import first_names


@dataclass
class FirstLook:
    """What the tubes of a study show.

    Parameters
    ----------
    errors : list of ItcError
        one for each tube that cannot be used.
    remarks : dict of str to list of str
        what a person should look at, by remark: the tubes.
    states : dict of str to dict of str to str
        state of compensation of each tube, by panel and file_id.
    tops : dict of str to dict of str to dict
        top of the scale of each marker that the template leaves open, by panel and file_id.
    axes : dict of str to dict of str to object
        channels and scales of each tube by file_id, as `gatingml.read_axes` has them.
    sketches : dict of str to tuple of int
        of the events of each tube, by file_id.
    identifying : Counter
        keywords that may identify people, and in how many tubes they stand.
    """

    errors: list[ItcError] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    states: dict[str, dict[str, str]] = field(default_factory=dict)
    tops: dict[str, dict[str, Tops]] = field(default_factory=dict)
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
    sketches: dict[str, tuple[int, ...]] = field(default_factory=dict)
    identifying: Counter[str] = field(default_factory=Counter)
    n_identifying: int = 0


def look_at_tubes(
    rows: Sequence[Mapping[str, Any]],
    panels: Mapping[str, pd.DataFrame],
    settings: GateFitting,
    transforms: Mapping[str, TransformSettings] | None = None,
    *,
    watch: Callable[[Sequence[Any], str], Iterable[Any]] | None = None,
) -> FirstLook:
    """Open every tube as the jobs will, one at a time, and compare those of a panel.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        rows of the tube sheet; `path` can be opened as it stands. Those that a person confirmed
        may be compensated in another way than the rest.
    panels : mapping of str to pandas.DataFrame
        the panel sheet of each panel.
    settings : Matrices
        the flow section.
    transforms : mapping of str to TransformSettings, optional
        the scales of each panel's gating template.
    watch : callable, optional
        passes the rows through and says how far it is.
    """
    look = FirstLook()
    left: dict[str, dict[str, SpillLeft]] = {}
    names = Counter(Path(row["path"]).name for row in rows)
    source_of = {}
    for row in rows if watch is None else watch(rows, "tubes opened"):
        name = Path(row["path"]).name
        # names of files may repeat in the folders of two runs
        source_of[row["file_id"]] = name if names[name] == 1 else f"{row['file_id']}, {name}"
        try:
            scales = (transforms or {}).get(row["panel"])
            spill = _look_at(row, panels[row["panel"]], settings, scales, look)
        except ItcError as error:
            look.errors.append(type(error)(source_of[row["file_id"]], error.faults))
            continue
        if row["tube"] == "stained" and spill is not None:
            left.setdefault(row["panel"], {})[row["file_id"]] = spill
    batches = {str(row["file_id"]): str(row["batch"]) for row in rows}
    confirmed = {str(row["file_id"]) for row in rows if row.get("confirmed")}
    remedy = "export it as the others were, or name a matrix in flow.matrices_folder"
    found = {
        name: Fault("", what, remedy)
        for panel, states in look.states.items()
        for name, what in find_odd_states(states, panel=panel).items()
    }
    for tubes in left.values():
        for file_id, what in find_odd_tubes(tubes, batches).items():
            remedy = "mend it or leave it out; if it is right, write yes under confirmed"
            found.setdefault(file_id, Fault("", what, remedy))
    look.errors += [
        UnreadableFile(source_of.get(name, name), [fault])
        for name, fault in found.items()
        if name not in confirmed
    ]
    look.errors += _unlike_scales(look.tops, batches, source_of)
    return look


def _unlike_scales(
    tops: Mapping[str, Mapping[str, Tops]],
    batches: Mapping[str, str],
    source_of: Mapping[str, str],
) -> list[ItcError]:
    """Return an error for each tube whose scale ends elsewhere, and for each panel whose batches
    differ.
    """
    errors: list[ItcError] = []
    for panel, of_tubes in tops.items():
        odd = find_odd_tops(of_tubes, batches, usual_tops(of_tubes.values()))
        errors += [
            UnreadableFile(source_of[file_id], [Fault("TEXT", what, REMEDY)])
            for file_id, what in odd.items()
        ]
        with collecting(errors):
            rest = {file_id: own for file_id, own in of_tubes.items() if file_id not in odd}
            refuse_unlike_batches(rest, batches, panel)
    return errors


def _look_at(
    row: Mapping[str, Any],
    panel: pd.DataFrame,
    settings: GateFitting,
    transform: TransformSettings | None,
    look: FirstLook,
) -> SpillLeft | None:
    """Open one tube; returns what its compensation leaves, where it has enough events."""
    file = read_fcs(row["path"])
    matrix = matrix_of_study(settings.matrices_folder, row["panel"], row["batch"], file.name)
    chosen = choose_columns(file, panel, matrix=matrix, allow_missing=False, transform=transform)
    look.states.setdefault(row["panel"], {})[row["file_id"]] = chosen.state
    if transform is not None:
        of_marker = {marker: file.channels[chosen.columns[marker]] for marker in chosen.roles}
        own = open_tops(chosen.roles, of_marker, transform)
        look.tops.setdefault(row["panel"], {})[row["file_id"]] = own
        ranges = {marker: channel.scaled_range for marker, channel in of_marker.items()}
        made = choose_transforms(chosen.roles, ranges, transform)
        look.axes[str(row["file_id"])] = {
            "channels": {marker: channel.name for marker, channel in of_marker.items()},
            "transforms": {marker: scale.to_dict() for marker, scale in made.items()},
            "compensation": chosen.state,
        }
    fluorescence = chosen.fluorescence
    scatter = [chosen.columns[m] for m, role in chosen.roles.items() if role == "scatter"]
    keep, _, lost = inside_margins(file.events, file.channels, scatter, fluorescence)
    poor = quality_fault_of(int(keep.sum()), file.n_events, settings)
    if poor is not None:
        lost.append(f"will be left out: {poor}")
    look.sketches[row["file_id"]] = sketch_of(file)
    refuse_repeats(look.sketches[row["file_id"]], file.n_events, file.name)
    for remark in (*file.remarks, *chosen.remarks, *lost):
        look.remarks.setdefault(remark, []).append(row["file_id"])
    found = identifying_keywords(file.keywords, study_codes=(row["file_id"], row["sample_id"]))
    look.n_identifying += bool(found)
    look.identifying.update(found)
    if poor is not None:
        return None  # says nothing of its compensation either
    if chosen.spillover is not None:
        compensate(
            file.events, file.channel_names, chosen.spillover, source=file.name, out=file.events
        )
    markers = tuple(m for m in chosen.roles if chosen.columns[m] in fluorescence)
    detectors = tuple(file.channel_names[column] for column in fluorescence)
    events = file.events[fluorescence]
    return measure_spill_left(events, markers, spillover=chosen.spillover, detectors=detectors)


def describe_states(states: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a line on each panel: how its tubes are compensated, and which are so in another
    way.
    """
    lines = []
    for panel, of_tubes in sorted(states.items()):
        counts = Counter(of_tubes.values()).most_common()
        told = [f"{state} {n}" for state, n in counts[:1]]
        for state, n in counts[1:]:
            tubes = [name for name, own in of_tubes.items() if own == state]
            told.append(f"{state} {n} ({first_names(tubes)})")
        lines.append(f"compensation, {panel}: {', '.join(told)}")
    return lines


def describe_remarks(remarks: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a line for each remark, with the tubes it was made on."""
    return [f"look at: {first_names(list(tubes))}: {remark}" for remark, tubes in remarks.items()]
