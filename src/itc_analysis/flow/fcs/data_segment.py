"""The DATA segment of an FCS file: bytes to float32 events in instrument units.

Scaled as the standard says (FCS 3.1, doi:10.1002/cyto.a.20825): bit masks, logarithmic amplifiers
($PnE), gain ($PnG) and the clock ($TIMESTEP). Read in pieces: the file is never in memory twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BufferedReader
from typing import Any

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.text_segment import truncated

#: Bytes per piece when reading: what stays in the processor's cache while rows are turned into columns.
_PIECE = 1 << 19

#: Pieces of a small file: the file is not in memory beside its events.
_MIN_PIECES = 8

_BYTE_ORDERS = {
    "1,2,3,4": "<",
    "1,2": "<",
    "1,2,3,4,5,6,7,8": "<",
    "1": "<",
    "4,3,2,1": ">",
    "2,1": ">",
    "8,7,6,5,4,3,2,1": ">",
}
_INTEGER_WIDTHS = (8, 16, 32, 64)
_FLOAT_WIDTHS = {"F": 32, "D": 64}


@dataclass(frozen=True)
class Channel:
    """How one channel is stored: $PnN, $PnS, $PnB, $PnR, $PnE and $PnG.

    Parameters
    ----------
    name, label : $PnN and $PnS; the label is empty when there is none.
    bits : width in the file.
    channel_range : $PnR, the number of steps of the detector.
    decades, lowest : $PnE; decades is 0 for a linear amplifier.
    gain : $PnG; 1 when there is none.
    """

    name: str
    label: str
    bits: int
    channel_range: float
    decades: float
    lowest: float
    gain: float

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
    data_type: str,
    byte_order: str,
    timestep: float,
    source: str,
) -> npt.NDArray[np.float32]:
    """Read events, scaled, as float32 of shape (n_channels, n_events), each row contiguous.

    Raises
    ------
    UnreadableFile : the data type or byte order is not supported, or the file ends too early.
    """
    stored = event_dtype(channels, data_type=data_type, byte_order=byte_order, source=source)
    events = np.empty((len(channels), n_events), dtype=np.float32)
    per_piece = max(1, min(_PIECE // stored.itemsize, n_events // _MIN_PIECES))
    piece = np.empty(per_piece, dtype=stored)
    stream.seek(begin)
    # Absurd numbers from a damaged file become infinite and are removed by the quality step.
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, n_events, per_piece):
            wanted = min(per_piece, n_events - first)
            n_read = stream.readinto(piece[:wanted].view(np.uint8).data)
            if n_read < wanted * stored.itemsize:
                found = first + n_read // stored.itemsize
                raise truncated(source, "DATA", f"{found} of {n_events} events are there")
            for i, channel in enumerate(channels):
                row = events[i, first : first + wanted]
                row[:] = _scaled(piece[f"f{i}"][:wanted], channel, data_type, timestep)
    return events


def event_dtype(
    channels: tuple[Channel, ...], *, data_type: str, byte_order: str, source: str
) -> np.dtype[np.void]:
    """Return the layout of one event in the file.

    Raises
    ------
    UnreadableFile : a data type, byte order or width that is not supported or contradicts itself.
    """
    order = _BYTE_ORDERS.get(byte_order.replace(" ", ""))
    faults = []
    if order is None:
        faults.append(Fault("TEXT", f"byte order '{byte_order}' ($BYTEORD) is not supported"))
    if data_type == "I":
        for number, channel in enumerate(channels, start=1):
            if channel.bits not in _INTEGER_WIDTHS:
                what = f"channel {number} '{channel.name}' has {channel.bits} bits ($P{number}B)"
                faults.append(Fault("TEXT", what, "export the tube as floating point FCS 3.1"))
        formats = [f"{order}u{channel.bits // 8}" for channel in channels]
    elif data_type in _FLOAT_WIDTHS:
        width = _FLOAT_WIDTHS[data_type]
        for number, channel in enumerate(channels, start=1):
            if channel.bits != width:
                what = (
                    f"data of type {data_type} need {width} bits, but channel {number} "
                    f"'{channel.name}' says {channel.bits} ($P{number}B)"
                )
                faults.append(Fault("TEXT", what, "export the tube again"))
        formats = [f"{order}f{width // 8}"] * len(channels)
    else:
        what = f"data type '{data_type}' ($DATATYPE) is not supported"
        faults.append(Fault("TEXT", what, "export the tube as floating point FCS 3.1"))
    if faults:
        raise UnreadableFile(source, faults)
    return np.dtype(list(zip((f"f{i}" for i in range(len(channels))), formats, strict=True)))


def _scaled(
    values: npt.NDArray[Any], channel: Channel, data_type: str, timestep: float
) -> npt.NDArray[Any]:
    if data_type == "I":
        used_bits = max(int(channel.channel_range) - 1, 0).bit_length()
        if used_bits < channel.bits:  # bits above the range are another channel's or noise
            values = values & values.dtype.type((1 << used_bits) - 1)
    if channel.is_time:
        return values if timestep == 1 else values * np.float64(timestep)
    if channel.decades > 0:
        exponent = values * np.float64(channel.decades / channel.channel_range)
        scaled: npt.NDArray[np.float64] = 10**exponent * channel.lowest
        return scaled
    return values if channel.gain == 1 else values / np.float64(channel.gain)
