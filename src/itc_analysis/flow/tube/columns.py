"""Which columns of a file a panel uses, and how they are compensated: for the check and for the
jobs alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.channel_names import detector_of
from itc_analysis.flow.fcs.read import FcsFile, refuse_without_range
from itc_analysis.flow.panel.markers import resolve_markers, words_of
from itc_analysis.flow.quality.judge import not_beads
from itc_analysis.flow.scale.scales import TransformSettings
from itc_analysis.flow.spillover.compensation import (
    TRANSFORMED_BELOW,
    by_column,
    find_compensation,
    looks_transformed,
)
from itc_analysis.flow.spillover.matrix_files import find_matrix
from itc_analysis.flow.spillover.matrix_text import Spillover, read_spillover_csv
from itc_analysis.plural import plural

#: Values above the range by rounding and by compensation on export: little, and few.
_ABOVE, _MOST_ABOVE = 1.05, 0.01
#: Two columns that differ do so among the first events.
_EVENTS_TO_COMPARE = 100


@dataclass(frozen=True)
class TubeColumns:
    """The columns of one file.

    Parameters
    ----------
    columns : dict of str to int
        the file's column of each marker that the file has.
    roles : dict of str to str
        role of each of these markers, in the panel's order.
    state : str
        file, matrix (of the study), identity, none or already_compensated.
    spillover : Spillover or None
        the matrix to apply, by the file's channel names; None for none.
    remarks : tuple of str
        which marker was found by its label, which of two columns is used, which matrix is not
        applied, what the matrix leaves out.
    """

    columns: dict[str, int]
    roles: dict[str, str]
    state: str
    spillover: Spillover | None
    remarks: tuple[str, ...]

    @property
    def fluorescence(self) -> list[int]:
        """Columns of the fluorochromes, in the order of `roles`."""
        return [
            self.columns[m] for m, role in self.roles.items() if role not in ("scatter", "time")
        ]


def choose_columns(
    file: FcsFile,
    panel: pd.DataFrame,
    *,
    matrix: Path | None = None,
    allow_missing: bool = True,
    transform: TransformSettings | None = None,
) -> TubeColumns:
    """Return the columns of a file that a panel uses and the matrix that they need.

    Parameters
    ----------
    panel : pandas.DataFrame
        the panel sheet, from `panel.read_panel`.
    matrix : Path, optional
        the study's own matrix, which replaces the file's.
    allow_missing : bool
        leave out markers without a channel instead of refusing.
    transform : TransformSettings, optional
        of the gating template; a linear fluorescence scale that ends at 20 or below is that of
        values which were transformed before export.

    Raises
    ------
    PanelError
        a marker fits several channels, or has none.
    UnreadableFile
        a channel that is used has no range, the data were transformed already and the template
        does not say so, or the reverse, or a matrix cannot be used on the file; two channels hold
        the same values, or many values lie above the channel's range.
    """
    columns = resolve_markers(
        file.channel_names,
        file.channel_labels,
        panel,
        source=file.name,
        allow_missing=allow_missing,
    )
    roles = {
        marker: role
        for marker, role in zip(panel["marker"], panel["role"], strict=True)
        if marker in columns
    }
    refuse_without_range(file, [columns[m] for m, role in roles.items() if role != "time"])
    coloured = [m for m, role in roles.items() if role not in ("scatter", "time")]
    _refuse_impossible(file, [columns[m] for m in coloured])
    is_transformed = looks_transformed(file, [columns[m] for m in coloured])
    _check_scale(file, is_transformed=is_transformed, transform=transform)
    found = find_compensation(file, [columns[m] for m in coloured])
    columns |= dict(zip(coloured, found.rows, strict=True))
    remarks = [*found.remarks, *_remarks_on_names(file, columns, panel)]
    state, spillover = str(found.state), found.spillover
    if is_transformed:
        remarks.append("already on a display scale (logicle, asinh or log): gated as it is")
        if spillover is not None:
            remarks.append("its matrix was not applied: values on a display scale cannot be")
        state, spillover = "already_compensated", None
    if matrix is not None:
        if state == "already_compensated":
            what = f"the file is compensated already, and '{matrix.name}' would compensate it again"
            raise UnreadableFile(file.name, [Fault("", what, "take the matrix away")])
        state = "matrix"
        spillover = by_column(read_spillover_csv(matrix), file.channel_names, file.name)
    if spillover is not None:
        outside = [m for m in coloured if file.channel_names[columns[m]] not in spillover.channels]
        if outside:
            remarks.append(f"not in the spillover matrix, left as measured: {', '.join(outside)}")
    if state == "none" and file.keywords.get("COMP"):
        remarks.append("the matrix in $COMP names no channels and was not applied")
    return TubeColumns(columns, roles, state, spillover, tuple(remarks))


def _refuse_impossible(file: FcsFile, rows: list[int]) -> None:
    """Refuse fluorescence that no detector can have measured: two with the same values, and many
    values above the range, whose events would be taken for saturated.
    """
    faults = []
    by_start: dict[bytes, list[int]] = {}
    for row in rows:
        values, name = file.events[row], file.channels[row].name
        if values.min() == values.max():
            continue  # an unused detector
        alike = by_start.setdefault(values[:_EVENTS_TO_COMPARE].tobytes(), [])
        twin = next((other for other in alike if np.array_equal(file.events[other], values)), None)
        if twin is not None:
            what = f"channels '{file.channels[twin].name}' and '{name}' hold the same values"
            faults.append(Fault("DATA", what, "one is a copy of the other; export the tube again"))
        alike.append(row)
        top = file.channels[row].scaled_range
        # counting beads may be brighter than the range after compensation on export
        above = np.flatnonzero(values > _ABOVE * top)
        n_above = not_beads(file.events, file.channels, rows, above).size
        if n_above > _MOST_ABOVE * file.n_events:
            share = f"{n_above:,} of {plural(file.n_events, 'event')}"
            what = f"{share} of channel '{name}' lie above its range, {top:g}"
            faults.append(Fault("DATA", what, "the range ($PnR, $PnG) is wrong; export it again"))
    if faults:
        raise UnreadableFile(file.name, faults)


def _check_scale(
    file: FcsFile, *, is_transformed: bool, transform: TransformSettings | None
) -> None:
    """Refuse values that would be transformed twice, or gated as if they had been."""
    scale = None if transform is None else transform.fluorescence
    is_expected = (
        scale is not None
        and scale.kind == "linear"
        and scale.t is not None
        and scale.t <= TRANSFORMED_BELOW
    )
    if is_transformed and not is_expected:
        what = "the data are already on a logarithmic or logicle scale, not in instrument units"
        remedy = (
            "export the tube without transformation (and only once compensated); or, to gate it as "
            "it is, state the top of its scale in the gating template: "
            "transform: {fluorescence: {kind: linear, t: 8}}"
        )
        raise UnreadableFile(file.name, [Fault("DATA", what, remedy)])
    if is_expected and not is_transformed:
        what = "the data are in instrument units, and the template gates them as transformed"
        remedy = "give a logicle or asinh scale in its transform block"
        raise UnreadableFile(file.name, [Fault("DATA", what, remedy)])


def matrix_of_study(folder: str | Path | None, panel: str, batch: str, source: str) -> Path | None:
    """Return the study's own matrix of a batch; None when it has none.

    Raises
    ------
    UnreadableFile
        the folder is not there.
    """
    if folder is None:
        return None
    if not Path(folder).is_dir():
        what = "the folder of compensation matrices is not there; check flow.matrices_folder"
        raise UnreadableFile(source, what)
    return find_matrix(folder, panel, batch)


def _remarks_on_names(file: FcsFile, columns: dict[str, int], panel: pd.DataFrame) -> list[str]:
    """Return a remark for each marker found by its label instead of the sheet's channel, and one
    for all channels that the sheet spells in another way.
    """
    remarks = []
    respelt = []
    for channel, marker in zip(panel["channel"], panel["marker"], strict=True):
        if marker not in columns:
            continue
        found = file.channels[columns[marker]]
        if channel in (found.name, found.label, detector_of(found.name)):
            continue
        if words_of(detector_of(channel)) == words_of(detector_of(found.name)):
            respelt.append(f"'{found.name}' for '{channel}'")
        else:
            remarks.append(f"{marker}: no channel '{channel}', taken from '{found.name}'")
    if respelt:
        more = f" and {len(respelt) - 1} more" if len(respelt) > 1 else ""
        remarks.append(f"channels spelt otherwise than in the panel sheet: {respelt[0]}{more}")
    return remarks
