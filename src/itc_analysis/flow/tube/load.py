"""From a row of the tube sheet to a tube ready for gating, and to its row in quality.parquet."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import Matrices, TubeAcceptance, TubeReading
from itc_analysis.errors import Fault, ItcError, PanelError
from itc_analysis.flow.fcs.instrument import describe_instrument
from itc_analysis.flow.fcs.read import FcsFile, read_fcs
from itc_analysis.flow.fcs.sketch import refuse_repeats, sketch_of
from itc_analysis.flow.quality.acquisition import timeline_table
from itc_analysis.flow.quality.judge import CleanEvents, find_clean_events
from itc_analysis.flow.scale.scales import TransformSettings, choose_transforms
from itc_analysis.flow.spillover.batch_agreement import measure_spill_left
from itc_analysis.flow.spillover.compensation import compensate
from itc_analysis.flow.tube.columns import choose_columns, matrix_of_study
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.plural import plural

log = logging.getLogger(__name__)

#: Events that are moved at once: 30 channels of them stay in the processor's cache.
_PIECE = 1 << 11


def load_tube(
    row: Mapping[str, Any],
    panel: pd.DataFrame,
    transform_settings: TransformSettings,
    settings: Matrices,
    *,
    keep: npt.NDArray[np.bool_] | None = None,
) -> Tube:
    """Read, clean, compensate and transform one tube.

    Parameters
    ----------
    row : mapping of str to object
        a row of the checked tube sheet (`TubeSheet`); `path` can be opened as it stands.
        `alignment`, which `batch.read_batch` may have added, holds the maps of its batch by marker.
    panel : pandas.DataFrame
        the panel sheet, from `panel.read_panel`.
    transform_settings : TransformSettings
        the gating template's `transform` block.
    settings : Matrices
        where the study's own matrices lie; `TubeReading` where events are judged here.
    keep : numpy.ndarray, optional
        shape (n_events_file,); the events that an earlier step kept. None judges margins and
        acquisition here; otherwise the tube has no `acquisition` and no remarks on what was
        removed.

    Returns
    -------
    Tube
        The tube with the markers of the panel that the file has, in the panel's order; the others
        are in `missing_markers`. Time, when the panel names it, is in seconds.

    Raises
    ------
    UnreadableFile
        the file cannot be read without guessing, its data were transformed already, or its events
        stand in it more than once.
    PanelError
        a marker fits several channels, or no marker has a channel.
    ItcError
        `keep` was judged on a file with another number of events.
    """
    file = read_fcs(row["path"], name=str(row["file_id"]))
    matrix = matrix_of_study(settings.matrices_folder, row["panel"], row["batch"], file.name)
    chosen = choose_columns(file, panel, matrix=matrix, transform=transform_settings)
    columns, roles, fluorescence = chosen.columns, chosen.roles, chosen.fluorescence
    state, spillover = chosen.state, chosen.spillover
    if keep is None:
        assert isinstance(settings, TubeReading), "judging events needs time_outlier_mads"
        clean = find_clean_events(
            file.events,
            file.channels,
            scatter=[columns[m] for m, role in roles.items() if role == "scatter"],
            fluorescence=fluorescence,
            time=_time_row(file, columns, roles),
            time_outlier_mads=settings.time_outlier_mads,
            spillover=spillover,
        )
    else:
        clean = _handed_over(keep, file)
    ranges = {marker: file.channels[columns[marker]].scaled_range for marker in roles}
    transforms = choose_transforms(roles, ranges, transform_settings)
    sketch = () if keep is not None else sketch_of(file)
    if keep is None:
        refuse_repeats(sketch, file.n_events, file.name)
    # In place from here on: a tube is in memory once.
    if spillover is not None:
        compensate(file.events, file.channel_names, spillover, source=file.name, out=file.events)
    spill_left = None
    if keep is None:
        spill_left = measure_spill_left(
            file.events[fluorescence],
            tuple(marker for marker in roles if columns[marker] in fluorescence),
            spillover=spillover,
            detectors=tuple(file.channel_names[row] for row in fluorescence),
        )
    warps = {m: warp for m, warp in (row.get("alignment") or {}).items() if m in roles}
    arranged = _arranged(file.events, [columns[marker] for marker in roles], clean.keep)
    for values, marker in zip(arranged, roles, strict=True):
        transforms[marker].apply(values, out=values)
        if marker in warps:
            values[:] = warps[marker].apply(values)
    remarks = [*file.remarks, *clean.remarks, *chosen.remarks]
    remarks += [
        f"{plural(n, 'event')} removed: {reason}" for reason, n in clean.removed.items() if n
    ]
    return Tube(
        file_id=row["file_id"],
        sample_id=row["sample_id"],
        panel=row["panel"],
        batch=row["batch"],
        kind=row["tube"],
        fmo_markers=_fmo_markers(row),
        markers=tuple(roles),
        events=arranged,
        transforms=transforms,
        n_events_file=file.n_events,
        compensation=state,
        remarks=tuple(remarks),
        missing_markers=tuple(m for m in panel["marker"] if m not in columns),
        channels={marker: file.channels[columns[marker]].name for marker in roles},
        acquisition=_acquisition_of(clean, fluorescence, columns),
        keep=clean.keep,
        instrument=describe_instrument(file, columns),
        alignment=warps,
        spillover=spillover if state == "matrix" else None,
        spill_left=spill_left,
        sketch=sketch,
        restart=clean.restart,
    )


def tube_quality_row(
    row: Mapping[str, Any], result: Tube | ItcError, settings: TubeAcceptance
) -> dict[str, Any]:
    """Return the tube's row of `TubeQuality`.

    Parameters
    ----------
    row : mapping of str to object
        the row of the tube sheet.
    result : Tube or ItcError
        the tube, or what `load_tube` raised.
    settings : TubeAcceptance
        the flow section: `min_events` and `max_share_removed` decide on failed_quality.
    """
    known = {name: row[name] for name in ("file_id", "sample_id", "panel", "batch", "tube")}
    if isinstance(result, ItcError):
        status = "no_panel" if isinstance(result, PanelError) else "unreadable"
        reason = "; ".join(str(fault) for fault in result.faults)
        # The table wants a count; an unread file has shown none, and `status` says so.
        return {**known, "status": status, "reason": reason, "n_events": 0, "n_clean": 0}
    quality_fault = quality_fault_of(result.n_events, result.n_events_file, settings)
    return {
        **known,
        "status": "failed_quality" if quality_fault else "ok",
        "reason": quality_fault,
        "n_events": result.n_events_file,
        "n_clean": result.n_events,
        "missing_markers": ", ".join(result.missing_markers) or None,
        "compensation": result.compensation,
        "remarks": "; ".join(result.remarks) or None,
        **result.instrument,
    }


def quality_fault_of(n_clean: int, n_events: int, settings: TubeAcceptance) -> str | None:
    """Return why a tube that keeps so many of its events fails quality control; None if it does
    not.
    """
    if n_clean < settings.min_events:
        return f"{plural(n_clean, 'clean event')}, fewer than min_events = {settings.min_events}"
    share = 1 - n_clean / n_events
    if share > settings.max_share_removed:
        limit = settings.max_share_removed
        return f"{share:.0%} of the events removed, more than max_share_removed = {limit:.0%}"
    return None


def _handed_over(keep: npt.NDArray[np.bool_], file: FcsFile) -> CleanEvents:
    """Return the events that an earlier step kept, if it judged this file."""
    if keep.size != file.n_events:
        n_file, n_judged = plural(file.n_events, "event"), plural(keep.size, "event")
        what = f"the file has {n_file}; which to keep was judged on {n_judged}"
        raise ItcError(file.name, [Fault("", what, "fit the gates of its batch again")])
    return CleanEvents(keep, removed={}, remarks=(), by_time=np.zeros_like(keep), acquisition=None)


def _arranged(
    events: npt.NDArray[np.float32], rows: list[int], keep: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Return the kept events of some rows in this order, each contiguous; uses up `events`."""
    kept = np.flatnonzero(keep)
    for first in range(0, len(kept), _PIECE):
        piece = kept[first : first + _PIECE]
        if piece[-1] - piece[0] < len(piece):  # all of a stretch, in most pieces
            read = events[:, piece[0] : piece[-1] + 1]
        else:
            read = events.take(piece, axis=1)
        # Events only move towards the beginning: what is overwritten has been read.
        events[: len(rows), first : first + len(piece)] = read[rows]
    return events[: len(rows), : len(kept)]


def _acquisition_of(
    clean: CleanEvents, fluorescence: list[int], columns: dict[str, int]
) -> pd.DataFrame | None:
    if clean.acquisition is None:
        return None
    marker_of = {column: marker for marker, column in columns.items()}
    return timeline_table(clean.acquisition, [marker_of[row] for row in fluorescence])


def _time_row(file: FcsFile, columns: dict[str, int], roles: dict[str, str]) -> int | None:
    named = [columns[marker] for marker, role in roles.items() if role == "time"]
    clocks = named or [i for i, channel in enumerate(file.channels) if channel.is_time]
    return clocks[0] if clocks else None


def _fmo_markers(row: Mapping[str, Any]) -> tuple[str, ...]:
    text = row.get("fmo_markers")
    if text is None or pd.isna(text):
        return ()
    return tuple(marker.strip() for marker in str(text).split(",") if marker.strip())
