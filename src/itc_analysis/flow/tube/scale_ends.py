"""Where the scale of each tube ends: a tube whose $PnR, $PnG or $PnE are not those of its batch.

One cut serves all tubes of a panel, so it must mean one brightness. A single tube that was exported
in another way is named and left out, and the others go on; batches that differ from one another are
refused, because nobody can tell which of them is right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.fcs.data_segment import Channel
from itc_analysis.flow.fcs.layout import locate_events
from itc_analysis.flow.panel.markers import resolve_markers
from itc_analysis.flow.scale.scales import TransformSettings, choose_transforms
from itc_analysis.plural import first_names

#: From so many tubes on, most of a batch say what is usual; of fewer, the panel does.
_FEWEST_OF_A_BATCH = 3

REMEDY = (
    "export it as the others were; if it was measured as they were, set t under transform in the "
    "gating template"
)

#: Top of the scale of each marker, instrument units.
Tops = dict[str, float]


def open_tops(
    roles: Mapping[str, str], channels: Mapping[str, Channel], transform: TransformSettings
) -> Tops:
    """Return the top of each marker's scale that the template leaves to the tube.

    Parameters
    ----------
    roles : mapping of str to str
        role of each marker in the panel sheet.
    channels : mapping of str to Channel
        the channel of each of these markers.
    transform : TransformSettings
        the gating template's block.
    """
    ranges = {marker: channels[marker].scaled_range for marker in roles}
    made = choose_transforms(roles, ranges, transform)
    return {
        marker: made[marker].t
        for marker, role in roles.items()
        if role != "time" and is_open(transform, marker, role)
    }


def is_open(transform: TransformSettings, marker: str, role: str) -> bool:
    """Whether the top of a scale comes from the tube's $PnR."""
    scale = transform.scale_of(marker, role)
    return scale.t is None and scale.kind != "asinh"


def read_tops(
    rows: Iterable[Mapping[str, Any]], panel: pd.DataFrame, transform: TransformSettings
) -> dict[str, Tops]:
    """Return the tops of each tube by file_id, from what stands before its events.

    A tube that cannot be read has none: reading it will say why.
    """
    found = {}
    role_of = dict(zip(panel["marker"], panel["role"], strict=True))
    for row in rows:
        source = str(row["file_id"])
        try:
            with Path(row["path"]).open("rb") as stream:
                channels = locate_events(stream, source).channels
            names, labels = [c.name for c in channels], [c.label for c in channels]
            columns = resolve_markers(names, labels, panel, source=source, allow_missing=True)
        except (ItcError, OSError):
            continue
        of_marker = {marker: channels[column] for marker, column in columns.items()}
        if any(channel.channel_range <= 0 for channel in of_marker.values()):
            continue
        found[source] = open_tops({m: role_of[m] for m in of_marker}, of_marker, transform)
    return found


def usual_tops(tops: Iterable[Tops]) -> Tops:
    """Return the most frequent top of each marker; of several, the highest."""
    counts: dict[str, Counter[float]] = {}
    for own in tops:
        for marker, top in own.items():
            counts.setdefault(marker, Counter())[top] += 1
    return {
        marker: max(counted, key=lambda top: (counted[top], top))
        for marker, counted in counts.items()
    }


def find_odd_tops(
    tops: Mapping[str, Tops], batches: Mapping[str, str], usual: Mapping[str, float]
) -> dict[str, str]:
    """Return what is odd about the scale of each tube that is not as its batch.

    Parameters
    ----------
    tops : mapping of str to dict
        of the tubes of one panel by file_id, see `open_tops`.
    batches : mapping of str to str
        batch of each tube.
    usual : mapping of str to float
        top of each marker in the panel, which decides where a batch has fewer than three tubes or
        is halved.
    """
    of_batch: dict[str, list[str]] = {}
    for file_id in tops:
        of_batch.setdefault(batches[file_id], []).append(file_id)
    found = {}
    for file_ids in of_batch.values():
        expected = _expected([tops[file_id] for file_id in file_ids], usual)
        for file_id in file_ids:
            odd = [m for m, top in tops[file_id].items() if top != expected.get(m, top)]
            if odd:
                found[file_id] = (
                    f"the scale of {first_names(odd)} ends at {tops[file_id][odd[0]]:g}, that of "
                    f"the other tubes at {expected[odd[0]]:g} ($PnR, $PnG or $PnE differ)"
                )
    return found


def refuse_unlike_batches(tops: Mapping[str, Tops], batches: Mapping[str, str], panel: str) -> None:
    """Refuse a panel whose batches end their scales in different places.

    Parameters
    ----------
    tops : mapping of str to dict
        of the tubes that are as their batch.
    batches : mapping of str to str
        batch of each tube.
    panel : str
        its name, for the message.

    Raises
    ------
    ItcError
        which batches differ from the most frequent scale.
    """
    usual = usual_tops(tops.values())
    unlike: dict[tuple[float, float], tuple[dict[str, None], dict[str, None]]] = {}
    for file_id, own in tops.items():
        for marker, top in own.items():
            if top != usual[marker]:
                named = unlike.setdefault((top, usual[marker]), ({}, {}))
                named[0][batches[file_id]] = None
                named[1][marker] = None
    faults = [
        Fault(
            f"batch {first_names(sorted(of_batches))}",
            f"the scale of {first_names(list(markers))} ends at {top:g}, in other batches at "
            f"{most:g}; their $PnR differ",
            "set t under transform in the gating template",
        )
        for (top, most), (of_batches, markers) in unlike.items()
    ]
    if faults:
        raise ItcError(panel, faults)


def _expected(tops: list[Tops], usual: Mapping[str, float]) -> Tops:
    """Return what a batch's tubes are compared with, by marker."""
    expected = dict(usual)
    most = usual_tops(tops)
    for marker, top in most.items():
        own = [tube[marker] for tube in tops if marker in tube]
        is_most = 2 * own.count(top) > len(own)
        if is_most and (len(own) >= _FEWEST_OF_A_BATCH or marker not in usual):
            expected[marker] = top
    return expected
