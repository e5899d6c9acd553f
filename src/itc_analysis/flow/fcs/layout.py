"""Where the events of an FCS file lie and how they are stored: everything but the events.

Of several data sets the first is meant, unless another holds the same events in a finer resolution,
as Beckman's .lmd files do.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.data_segment import Channel, event_dtype, read_events
from itc_analysis.flow.fcs.offsets import locate_data, read_offset
from itc_analysis.flow.fcs.text_segment import VERSIONS, read_header, read_keywords

#: More channels than any cytometer has: the number is damaged.
_MAX_CHANNELS = 1000
#: More data sets than any file has: the chain of $NEXTDATA is damaged.
_MAX_DATA_SETS = 64
#: Bytes behind the events that may hold a checksum, analyses, or another file that was joined on.
_BEHIND = 1 << 16
_JOINED = "another file was joined behind the events, and was not read: $NEXTDATA does not name it"
#: Bits of a floating point value.
_MANTISSA = {"F": 24, "D": 53}
#: The ranks of the same events in two resolutions are the same but for ties; of others they are
#: not.
_SAME_RANKS = 0.9
_EVENTS_TO_COMPARE = 1000


@dataclass(frozen=True)
class EventLayout:
    """Where the events of a file lie, and how they are stored.

    Parameters
    ----------
    version : str
        of the standard, as in the file.
    keywords, channels, remarks : dict of str to str or tuple of Channel or list of str
        as in `FcsFile`.
    n_events : int
        events of the data set.
    begin, n_bytes : int
        the bytes of the file that hold them.
    """

    version: str
    keywords: dict[str, str]
    channels: tuple[Channel, ...]
    remarks: list[str]
    n_events: int
    begin: int
    n_bytes: int

    @property
    def data_type(self) -> str:
        """$DATATYPE."""
        return self.keywords.get("DATATYPE", "").upper()

    @property
    def resolution(self) -> float:
        """Bits of a value in the middle one of the channels."""
        bits = [
            _MANTISSA[channel.data_type]
            if channel.data_type in _MANTISSA
            else math.log2(channel.channel_range or 1 << channel.bits)
            for channel in self.channels
        ]
        return float(np.median(bits))


def locate_events(stream: BinaryIO, source: str) -> EventLayout:
    """Read everything but the events of the data set that `read_fcs` reads.

    Raises
    ------
    UnreadableFile
        as `read_fcs`.
    """
    first = _locate(stream, source, 0)
    following = _following(stream, source, first)
    if not following and not read_offset(first.keywords, "NEXTDATA", source):
        if _has_another_behind(stream, first):
            first.remarks.append(_JOINED)
        return first
    best, number = first, 1
    for place, other in enumerate(following, start=2):
        if other.resolution > best.resolution and _same_events(stream, first, other, source):
            best, number = other, place
    if not following:
        what = "$NEXTDATA names another data set, which is not there or cannot be read"
        first.remarks.append(f"{what}; the first was read")
    elif best is first:
        first.remarks.append("the file holds several data sets; the first was read")
    else:
        best.remarks.append(
            f"the file holds the same events several times; data set {number} was read, which "
            "has the "
            f"finer resolution ({best.resolution:.0f} bits; the first has {first.resolution:.0f})"
        )
    return best


def _has_another_behind(stream: BinaryIO, layout: EventLayout) -> bool:
    """Return whether a data set of which $NEXTDATA knows nothing begins behind the events."""
    stream.seek(layout.begin + layout.n_bytes)
    behind = stream.read(_BEHIND)
    return any(f"{version}    ".encode() in behind for version in VERSIONS)


def _locate(stream: BinaryIO, source: str, base: int) -> EventLayout:
    """Read everything but the events of the data set that begins at byte `base`."""
    header = read_header(stream, source, base)
    keywords, remarks = read_keywords(stream, header, source, base)
    mode = keywords.get("MODE", "L").upper()
    if mode != "L":
        what = f"the data are not a list of events ($MODE is '{mode}')"
        raise UnreadableFile(source, [Fault("TEXT", what, "export the tube in list mode")])
    channels = _channels(keywords, source, remarks)
    n_events = _number_of_events(keywords, source)
    byte_order = keywords.get("BYTEORD", "")
    bytes_per_event = event_dtype(channels, byte_order=byte_order, source=source).itemsize
    size = stream.seek(0, os.SEEK_END) - base
    n_bytes = n_events * bytes_per_event
    begin = base + locate_data(header, keywords, n_bytes, size, source, remarks)
    names = Counter(channel.name for channel in channels)
    remarks += [f"channel name '{n}' stands {k} times" for n, k in names.items() if k > 1]
    return EventLayout(header.version, keywords, channels, remarks, n_events, begin, n_bytes)


def _following(stream: BinaryIO, source: str, first: EventLayout) -> list[EventLayout]:
    """Return the data sets behind the first, as far as they can be read."""
    found: list[EventLayout] = []
    base, layout = 0, first
    size = stream.seek(0, os.SEEK_END)
    while len(found) < _MAX_DATA_SETS:
        offset = read_offset(layout.keywords, "NEXTDATA", source)
        base += offset
        if not offset or base >= size:
            break
        try:
            layout = _locate(stream, source, base)
        except UnreadableFile:
            break  # what stands behind the first data set is no reason to refuse it
        found.append(layout)
    return found


def _same_events(stream: BinaryIO, first: EventLayout, other: EventLayout, source: str) -> bool:
    """Return whether two data sets hold the same events, in the same order, in another
    resolution.
    """
    if first.n_events != other.n_events:
        return False
    n = min(first.n_events, _EVENTS_TO_COMPARE)
    ranks = []
    for layout in (first, other):
        events, _ = read_events(
            stream,  # type: ignore[arg-type]
            layout.channels,
            begin=layout.begin,
            n_events=n,
            byte_order=layout.keywords.get("BYTEORD", ""),
            timestep=1.0,
            source=source,
        )
        ranks.append(dict(zip((_plain(c.name) for c in layout.channels), events, strict=True)))
    shared = [name for name in ranks[0] if name in ranks[1]]
    alike = []
    for name in shared:
        one, two = (each[name].argsort(kind="stable").argsort() for each in ranks)
        if np.ptp(ranks[0][name]) > 0 and np.ptp(ranks[1][name]) > 0:
            alike.append(float(np.corrcoef(one, two)[0, 1]))
    return bool(alike) and float(np.median(alike)) > _SAME_RANKS


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _channels(keywords: dict[str, str], source: str, remarks: list[str]) -> tuple[Channel, ...]:
    text = keywords.get("PAR", "")
    if not text.isdecimal() or not 0 < int(text) <= _MAX_CHANNELS:
        what = f"the number of channels ($PAR) is '{text}'"
        raise UnreadableFile(source, [Fault("TEXT", what, "export the tube again")])
    n_channels = int(text)
    faults: list[Fault] = []
    if keywords.get(f"P{n_channels + 1}N"):
        what = f"there are {n_channels} columns ($PAR), but a name for channel {n_channels + 1} too"
        remedy = "names may not belong to their columns; export the tube again"
        faults.append(Fault("TEXT", what, remedy))
    channels = []
    ignored_amplifiers = []
    for i in range(1, n_channels + 1):
        name = keywords.get(f"P{i}N", "")
        if not name:
            what = f"channel {i} of {n_channels} has no name ($P{i}N)"
            faults.append(
                Fault("TEXT", what, "values cannot be distinguished; export the tube again")
            )
        # A range that is missing or 0 is refused where it is used: by nobody for the clock.
        numbers = {
            letter: _number(keywords, f"P{i}{letter}", default, faults)
            for letter, default in (("B", None), ("R", 0.0), ("G", 1.0))
        }
        data_type = (keywords.get(f"P{i}DATATYPE") or keywords.get("DATATYPE", "")).upper()
        decades, lowest = _amplifier(keywords, f"P{i}E", faults)
        if decades > 0 and data_type != "I":
            # The standard: floating point data are linear. Dividing decades again would be wrong.
            ignored_amplifiers.append(name)
            decades = 0.0
        if decades > 0 and not numbers["R"] > 0:
            faults.append(without_range(i, name, keywords))
        gain = numbers["G"] if numbers["G"] > 0 else 1.0
        label = keywords.get(f"P{i}S", "")
        bits = int(numbers["B"])
        channel_range = max(numbers["R"], 0.0)
        channels.append(Channel(name, label, bits, channel_range, decades, lowest, gain, data_type))
    # The same keyword may be missing in every channel: the first few tell the story.
    shown = 4
    if len(faults) > shown:
        faults = [*faults[:shown], Fault("TEXT", f"and {len(faults) - shown} more of this kind")]
    if faults:
        raise UnreadableFile(source, faults)
    if ignored_amplifiers:
        remarks.append(
            "logarithmic amplifiers ($PnE) of floating point channels ignored: "
            + ", ".join(ignored_amplifiers)
        )
    return tuple(channels)


def without_range(number: int, name: str, keywords: dict[str, str]) -> Fault:
    """Return the fault of a channel without $PnR, or with one that is not above 0."""
    text = keywords.get(f"P{number}R", "")
    what = f"the range of channel {number} '{name}' ($P{number}R) is not above 0"
    if not text:
        what = f"$P{number}R is missing (the range of channel {number} '{name}')"
    return Fault("TEXT", what, "export the tube again")


def _number(
    keywords: dict[str, str], key: str, default: float | None, faults: list[Fault]
) -> float:
    """Return a finite number; 1 beside a new fault when there is none."""
    text = keywords.get(key, "")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and abs(value) < 1 << 64:  # the widest integers have 64 bits
        return value
    what = f"${key} is '{text}', which is not a number" if text else f"${key} is missing"
    faults.append(Fault("TEXT", what, "export the tube again"))
    return 1.0


def _amplifier(keywords: dict[str, str], key: str, faults: list[Fault]) -> tuple[float, float]:
    text = keywords.get(key) or "0,0"
    try:
        decades, lowest = (float(part) for part in text.split(","))
    except ValueError:
        decades = lowest = math.nan
    # More than 20 decades is no amplifier, and would overflow.
    if not (0 <= decades <= 20 and 0 <= lowest < math.inf):
        faults.append(Fault("TEXT", f"the amplifier ${key} is '{text}'", "export the tube again"))
        return 0.0, 1.0
    return decades, lowest or 1.0  # the standard: read 0 as 1


def _number_of_events(keywords: dict[str, str], source: str) -> int:
    text = keywords.get("TOT", "")
    if not text.isdecimal():
        what = f"the number of events ($TOT) is '{text}'" if text else "$TOT is missing"
        raise UnreadableFile(source, [Fault("TEXT", what, "export the tube again")])
    return int(text)
