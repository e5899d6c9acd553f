"""The DATA segment of an FCS file: bytes to float32 events in instrument units.

Scaled as the standard says (FCS 3.1, doi:10.1002/cyto.a.20825): bit masks, logarithmic amplifiers
($PnE), gain ($PnG) and the clock ($TIMESTEP). Read in pieces: the file is never in memory twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.text_segment import truncated

#: Bytes per piece when reading: what stays in the processor's cache while rows are turned into
#: columns.
_PIECE = 1 << 19

#: Pieces of a small file: the file is not in memory beside its events.
_MIN_PIECES = 8

#: Bytes of one integer at most.
_WIDEST_BYTES = 8
_FLOAT_WIDTHS = {"F": 32, "D": 64}
#: Widths that numpy reads by itself; others of whole bytes (24 bits) are put together.
_NATIVE_BYTES = (1, 2, 4, 8)
#: A detector saturates in few events. Where more integers than this lie above $PnR, the bits above
#: it are another channel's or noise, which the standard masks.
_MOST_SATURATED = 0.1


@dataclass(frozen=True)
class Channel:
    """How one channel is stored: $PnN, $PnS, $PnB, $PnR, $PnE and $PnG.

    Parameters
    ----------
    name, label : str
        $PnN and $PnS; the label is empty when there is none.
    bits : int
        width in the file.
    channel_range : float
        $PnR, the number of steps of the detector; 0 where the file gives none.
    decades, lowest : float
        $PnE; decades is 0 for a linear amplifier.
    gain : float
        $PnG; 1 when there is none.
    data_type : str
        I, F or D: $PnDATATYPE of FCS 3.2, else $DATATYPE.
    """

    name: str
    label: str
    bits: int
    channel_range: float
    decades: float
    lowest: float
    gain: float
    data_type: str = ""

    @property
    def is_time(self) -> bool:
        """Whether the channel is the clock."""
        return self.name.strip().casefold() == "time"

    @property
    def scaled_range(self) -> float:
        """Upper end of the detector in instrument units."""
        if self.decades > 0:
            return float(10**self.decades * self.lowest)
        return self.channel_range if self.is_time else self.channel_range / self.gain

    @property
    def highest_value(self) -> float:
        """Largest value that the detector can record, in instrument units."""
        # A range below 10 bits is no digitiser's: such data were rescaled, and R - 1 says nothing.
        digitised = self.channel_range >= 1 << 10
        top = self.channel_range - 1 if digitised else self.channel_range
        if self.decades > 0:
            return float(10 ** (self.decades * top / self.channel_range) * self.lowest)
        return top if self.is_time else top / self.gain


def read_events(
    stream: BufferedReader,
    channels: tuple[Channel, ...],
    *,
    begin: int,
    n_events: int,
    byte_order: str,
    timestep: float,
    source: str,
) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Read events, scaled, as float32 of shape (n_channels, n_events), each row contiguous.

    Returns
    -------
    tuple of (numpy.ndarray, list of str)
        The events, and remarks on channels with integers above $PnR: few of them are saturated and
        read as the top of the range; of many the bits above it are masked, as the standard says.

    Raises
    ------
    UnreadableFile
        the data type or byte order is not supported, or the file ends too early.
    """
    stored = event_dtype(channels, byte_order=byte_order, source=source)
    reading = _Reading(stream, channels, stored, begin, n_events, byte_order, timestep, source)
    events = np.empty((len(channels), n_events), dtype=np.float32)
    above = reading.fill(events, range(len(channels)), is_masked=False)
    # a clock that runs on beyond its range is in order; one that jumps has other bits in it
    running = [row for row in above if channels[row].is_time and _is_rising(events[row])]
    masked = [
        row
        for row, n in above.items()
        if row not in running and (channels[row].is_time or n > _MOST_SATURATED * n_events)
    ]
    if masked:
        reading.fill(events, masked, is_masked=True)
    saturated = [row for row in above if row not in running and row not in masked]
    remarks = []
    for rows, what in (
        (saturated, "read as the top of the range (saturated)"),
        (masked, "the bits above it were masked, as the standard says"),
        (running, "the clock runs on, and was read as it is"),
    ):
        counts = [f"{above[row]} of {channels[row].name}" for row in rows]
        if counts:
            remarks.append(f"integers above the range ($PnR), {what}: {', '.join(counts)}")
    return events, remarks


def _is_rising(values: npt.NDArray[np.float32]) -> bool:
    return bool(np.all(values[1:] >= values[:-1]))


@dataclass(frozen=True)
class _Reading:
    """The events of a file, read piece by piece."""

    stream: BufferedReader
    channels: tuple[Channel, ...]
    stored: np.dtype[np.void]
    begin: int
    n_events: int
    byte_order: str
    timestep: float
    source: str

    def fill(
        self, events: npt.NDArray[np.float32], rows: Iterable[int], *, is_masked: bool
    ) -> dict[int, int]:
        """Read some channels into their rows; returns how many integers lie above the range,
        where any do.
        """
        rows = list(rows)
        above = dict.fromkeys(rows, 0)
        per_piece = max(1, min(_PIECE // self.stored.itemsize, self.n_events // _MIN_PIECES))
        piece = np.empty(per_piece, dtype=self.stored)
        is_little = _is_little_endian(self.byte_order)
        as_stored = {row for row in rows if _is_as_stored(self.channels[row], self.timestep)}
        self.stream.seek(self.begin)
        # Absurd numbers from a damaged file become infinite and are removed by the quality step.
        with np.errstate(over="ignore", invalid="ignore"):
            for first in range(0, self.n_events, per_piece):
                wanted = min(per_piece, self.n_events - first)
                n_read = self.stream.readinto(piece[:wanted].view(np.uint8).data)
                if n_read < wanted * self.stored.itemsize:
                    found = first + n_read // self.stored.itemsize
                    what = f"{found} of {self.n_events} events are there"
                    raise truncated(self.source, "DATA", what)
                for row in rows:
                    channel = self.channels[row]
                    values = piece[f"f{row}"][:wanted]
                    if row in as_stored:
                        events[row, first : first + wanted] = values
                        continue
                    if channel.data_type == "I":
                        values = _as_integers(values, is_little=is_little)
                        values, n = _within_range(values, channel, is_masked=is_masked)
                        above[row] += n
                    events[row, first : first + wanted] = _scaled(values, channel, self.timestep)
        return {row: n for row, n in above.items() if n}


def event_dtype(
    channels: tuple[Channel, ...], *, byte_order: str, source: str
) -> np.dtype[np.void]:
    """Return the layout of one event in the file.

    Raises
    ------
    UnreadableFile
        a data type, byte order or width that is not supported or contradicts itself.
    """
    is_little = _is_little_endian(byte_order)
    order = "<" if is_little else ">"
    faults = []
    narrow: dict[tuple[str, int, int], list[int]] = {}
    formats: list[Any] = []
    if is_little is None:
        faults.append(Fault("TEXT", f"byte order '{byte_order}' ($BYTEORD) is not supported"))
    for number, channel in enumerate(channels, start=1):
        data_type = channel.data_type
        n_bytes, odd_bits = divmod(channel.bits, 8)
        if data_type == "I":
            if odd_bits or not 0 < n_bytes <= _WIDEST_BYTES:
                what = f"channel {number} '{channel.name}' has {channel.bits} bits ($P{number}B)"
                faults.append(Fault("TEXT", what, "export the tube as floating point FCS 3.1"))
            elif n_bytes in _NATIVE_BYTES:
                formats.append(f"{order}u{n_bytes}")
            else:
                formats.append(("u1", (n_bytes,)))
        elif data_type in _FLOAT_WIDTHS:
            width = _FLOAT_WIDTHS[data_type]
            if channel.bits != width:
                narrow.setdefault((data_type, width, channel.bits), []).append(number)
            formats.append(f"{order}f{width // 8}")
        else:
            what = f"data type '{data_type}' ($DATATYPE) is not supported"
            fault = Fault("TEXT", what, "export the tube as floating point FCS 3.1")
            if fault not in faults:
                faults.append(fault)
    for (data_type, width, bits), numbers in narrow.items():
        named = f"channel {numbers[0]} '{channels[numbers[0] - 1].name}' says"
        if len(numbers) > 1:
            named = f"{len(numbers)} channels, from {numbers[0]} on, say"
        what = f"data of type {data_type} need {width} bits, but {named} {bits} ($P{numbers[0]}B)"
        faults.append(Fault("TEXT", what, "export the tube again"))
    if faults:
        raise UnreadableFile(source, faults)
    return np.dtype([(f"f{i}", *_shaped(f)) for i, f in enumerate(formats)])


def _shaped(layout: Any) -> tuple[Any, ...]:
    return layout if isinstance(layout, tuple) else (layout,)


def _is_little_endian(byte_order: str) -> bool | None:
    """Return whether the lowest byte comes first; None for an order that is neither way."""
    places = byte_order.replace(" ", "").split(",")
    rising = [str(place) for place in range(1, len(places) + 1)]
    if places == rising:
        return True
    return False if places == rising[::-1] else None


def _as_integers(values: npt.NDArray[Any], *, is_little: bool | None) -> npt.NDArray[Any]:
    """Return unsigned integers, put together from their bytes where numpy has no such width."""
    if values.ndim == 1:
        return values
    n_bytes = values.shape[1]
    whole = np.zeros(len(values), dtype=np.uint64)
    for place in range(n_bytes):
        byte = values[:, place if is_little else n_bytes - 1 - place]
        whole |= byte.astype(np.uint64) << np.uint64(8 * place)
    return whole


def _within_range(
    values: npt.NDArray[Any], channel: Channel, *, is_masked: bool
) -> tuple[npt.NDArray[Any], int]:
    """Return integers without what lies above the range, and how many did."""
    if channel.channel_range <= 0:
        return values, 0
    used_bits = max(int(channel.channel_range) - 1, 0).bit_length()
    if used_bits >= channel.bits:
        return values, 0
    top = values.dtype.type((1 << used_bits) - 1)
    n_above = int(np.count_nonzero(values > top))
    if not n_above:
        return values, 0
    if is_masked:
        return values & top, n_above
    return (values if channel.is_time else np.minimum(values, top)), n_above


def _is_as_stored(channel: Channel, timestep: float) -> bool:
    """Return whether a channel's numbers are instrument units as they stand in the file."""
    scale = timestep if channel.is_time else channel.gain
    return channel.data_type != "I" and channel.decades <= 0 and scale == 1


def _scaled(values: npt.NDArray[Any], channel: Channel, timestep: float) -> npt.NDArray[Any]:
    if channel.is_time:
        return values if timestep == 1 else values * np.float64(timestep)
    if channel.decades > 0:
        exponent = values * np.float64(channel.decades / channel.channel_range)
        scaled: npt.NDArray[np.float64] = 10**exponent * channel.lowest
        return scaled
    return values if channel.gain == 1 else values / np.float64(channel.gain)
