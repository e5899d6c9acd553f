"""Read an FCS file (2.0 to 3.2), or say in words why it cannot be read.

Nothing is guessed: a file that contradicts itself is refused, and where the standard is broken in a
known harmless way, the file is read and a remark says so.
"""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.data_segment import Channel, event_dtype, read_events
from itc_analysis.flow.fcs.text_segment import Header, read_header, read_keywords, truncated

log = logging.getLogger(__name__)

#: More channels than any cytometer has: the number is damaged.
_MAX_CHANNELS = 1000


@dataclass(frozen=True)
class FcsFile:
    """What an FCS file holds.

    Parameters
    ----------
    name : file name without folder.
    keywords : TEXT keywords, upper case, without the leading '$'.
    channels : how each channel is stored; name, label and range.
    events : float32, shape (n_channels, n_events), each row contiguous; instrument units: bit masks,
        logarithmic amplifiers, gain and time step applied; not compensated.
    remarks : things to know about the file.
    """

    name: str
    keywords: dict[str, str]
    channels: tuple[Channel, ...]
    events: npt.NDArray[np.float32]
    remarks: tuple[str, ...]

    @property
    def channel_names(self) -> tuple[str, ...]:
        """$PnN of every channel."""
        return tuple(channel.name for channel in self.channels)

    @property
    def channel_labels(self) -> tuple[str, ...]:
        """$PnS of every channel; empty where there is none."""
        return tuple(channel.label for channel in self.channels)

    @property
    def n_events(self) -> int:
        """Events in the file."""
        return int(self.events.shape[1])


def read_fcs(path: str | Path) -> FcsFile:
    """Read the first data set of an FCS file.

    Raises
    ------
    UnreadableFile : the file is not there, not FCS, empty, cut short, of an unsupported kind, or
        contradicts itself (channels without a name or range, segments that do not fit together).
    """
    path = Path(path)
    source = path.name
    try:
        with path.open("rb") as stream:
            return _read(stream, source)
    except FileNotFoundError:
        what = "the file is not there"
        remedy = "check `path` in the sheet and study.data_folder in the settings"
        raise UnreadableFile(source, [Fault("", what, remedy)]) from None
    except OSError as error:
        what = f"the file cannot be opened ({error.strerror or type(error).__name__})"
        raise UnreadableFile(source, [Fault("", what, "check its rights and the disk")]) from None


@dataclass(frozen=True)
class EventLayout:
    """Where the events of a file lie, and how they are stored.

    Parameters
    ----------
    version : of the standard, as in the file.
    keywords, channels, remarks : as in `FcsFile`.
    n_events : events of the first data set.
    begin, n_bytes : the bytes that hold them.
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


def locate_events(stream: BinaryIO, source: str) -> EventLayout:
    """Read everything but the events of the first data set.

    Raises
    ------
    UnreadableFile : as `read_fcs`.
    """
    header = read_header(stream, source)
    keywords, remarks = read_keywords(stream, header, source)
    mode = keywords.get("MODE", "L").upper()
    if mode != "L":
        what = f"the data are not a list of events ($MODE is '{mode}')"
        raise UnreadableFile(source, [Fault("TEXT", what, "export the tube in list mode")])
    data_type = keywords.get("DATATYPE", "").upper()
    channels = _channels(keywords, data_type, source, remarks)
    n_events = _number_of_events(keywords, source)
    byte_order = keywords.get("BYTEORD", "")
    bytes_per_event = event_dtype(
        channels, data_type=data_type, byte_order=byte_order, source=source
    ).itemsize
    size = stream.seek(0, os.SEEK_END)
    begin, end = _data_span(header, keywords, size, source)
    n_bytes = n_events * bytes_per_event
    begin = _checked_span(begin, end, n_bytes, size, source, remarks)
    if _offset(keywords, "NEXTDATA", source):
        remarks.append("the file holds several data sets; the first was read")
    names = Counter(channel.name for channel in channels)
    remarks += [f"channel name '{n}' stands {k} times" for n, k in names.items() if k > 1]
    return EventLayout(header.version, keywords, channels, remarks, n_events, begin, n_bytes)


def _read(stream: BufferedReader, source: str) -> FcsFile:
    layout = locate_events(stream, source)
    events = read_events(
        stream,
        layout.channels,
        begin=layout.begin,
        n_events=layout.n_events,
        data_type=layout.data_type,
        byte_order=layout.keywords.get("BYTEORD", ""),
        timestep=_timestep(layout.keywords, layout.remarks),
        source=source,
    )
    for remark in layout.remarks:
        log.debug("%s: %s", source, remark)
    return FcsFile(source, layout.keywords, layout.channels, events, tuple(layout.remarks))


def _channels(
    keywords: dict[str, str], data_type: str, source: str, remarks: list[str]
) -> tuple[Channel, ...]:
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
            faults.append(Fault("TEXT", what, "values cannot be told apart; export the tube again"))
        numbers = {
            letter: _number(keywords, f"P{i}{letter}", default, faults)
            for letter, default in (("B", None), ("R", None), ("G", 1.0))
        }
        if not numbers["R"] > 0:
            what = f"the range of channel {i} '{name}' ($P{i}R) is not above 0"
            faults.append(Fault("TEXT", what, "export the tube again"))
        decades, lowest = _amplifier(keywords, f"P{i}E", faults)
        if decades > 0 and data_type != "I":
            # The standard: floating point data are linear. Dividing decades again would be wrong.
            ignored_amplifiers.append(name)
            decades = 0.0
        gain = numbers["G"] if numbers["G"] > 0 else 1.0
        label = keywords.get(f"P{i}S", "")
        bits = int(numbers["B"])
        channels.append(Channel(name, label, bits, numbers["R"], decades, lowest, gain))
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


def _data_span(header: Header, keywords: dict[str, str], size: int, source: str) -> tuple[int, int]:
    """Return first and last byte of DATA; HEADER and TEXT must agree where both speak."""
    if header.version == "FCS2.0":  # had no such keywords; files that carry them mean no more by it
        return header.data
    begin = _offset(keywords, "BEGINDATA", source)
    end = _offset(keywords, "ENDDATA", source)
    if not (begin and end):
        return header.data
    if any(header.data) and (header.data[0] != begin or abs(header.data[1] - end) > 1):
        if min(header.data[1], end) > size:
            what = f"the events end at byte {end}, the file has {size}"
            raise truncated(source, "DATA", what)
        what = (
            f"HEADER says the events lie at bytes {header.data[0]} to {header.data[1]}, "
            f"TEXT says {begin} to {end}"
        )
        raise UnreadableFile(source, [Fault("", what, "one is wrong; export the tube again")])
    return begin, end


def _offset(keywords: dict[str, str], key: str, source: str) -> int:
    text = keywords.get(key, "")
    if text and not text.isdecimal():
        what = f"offset ${key} is '{text}', which is not a number"
        raise UnreadableFile(source, [Fault("TEXT", what, "export the tube again")])
    return int(text or 0)


def _checked_span(
    begin: int, end: int, needed: int, size: int, source: str, remarks: list[str]
) -> int:
    """Return where the events begin, when segment, number of events and file size agree."""
    if needed == 0:
        raise UnreadableFile(source, "the file holds no events; nothing was acquired or exported")
    if begin + needed > size:
        share = max(size - begin, 0) / needed
        what = f"the events need bytes {begin} to {begin + needed - 1}, the file has {size}"
        raise truncated(source, "DATA", f"{what}: {share:.0%} of the events are there")
    found = end - begin + 1
    # Counting the byte after the last one is a widespread slip; the events are all there.
    if found == needed + 1:
        remarks.append("the end of the data is given one byte too far, which does no harm")
    elif found != needed:
        what = f"$TOT and the widths of the channels need {needed} bytes, the segment has {found}"
        raise UnreadableFile(source, [Fault("DATA", what, "export the tube again")])
    return begin


def _timestep(keywords: dict[str, str], remarks: list[str]) -> float:
    text = keywords.get("TIMESTEP", "")
    if not text:
        return 1.0
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value > 0:
        return value
    remarks.append(f"$TIMESTEP is '{text}', not a number: Time is in ticks, not seconds")
    return 1.0
