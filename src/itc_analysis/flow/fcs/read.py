"""Read an FCS file (2.0 to 3.2), or say in words why it cannot be read.

Nothing is guessed: a file that contradicts itself is refused, and where the standard is broken in a
known harmless way, the file is read and a remark says so.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.data_segment import Channel, read_events
from itc_analysis.flow.fcs.layout import locate_events, without_range

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FcsFile:
    """What an FCS file holds.

    Parameters
    ----------
    name : str
        file name without folder, or what else the file is called in messages.
    keywords : dict of str to str
        TEXT keywords, upper case, without the leading '$'.
    channels : tuple of Channel
        how each channel is stored; name, label and range.
    events : numpy.ndarray
        float32, shape (n_channels, n_events), each row contiguous; instrument units: bit masks,
        logarithmic amplifiers, gain and time step applied; not compensated.
    remarks : tuple of str
        things to know about the file.
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


def read_fcs(path: str | Path, *, name: str | None = None) -> FcsFile:
    """Read an FCS file: of several data sets the first, or the finest where they hold the same
    events.

    Parameters
    ----------
    path : str or Path
        the file.
    name : str, optional
        what messages call it, where its own name must not be told; None: its name.

    Raises
    ------
    UnreadableFile
        the file is not there, not FCS, empty, cut short, of an unsupported kind, or contradicts
        itself (channels without a name, segments that do not fit together).
    """
    path = Path(path)
    source = path.name if name is None else name
    try:
        with path.open("rb") as stream:
            return _read(stream, source)
    except FileNotFoundError:
        what = "the file is not there"
        remedy = (
            "check the path (in a study: `path` in the sheet, study.data_folder in the settings)"
        )
        raise UnreadableFile(source, [Fault("", what, remedy)]) from None
    except IsADirectoryError:
        what = "this is a folder, not an FCS file"
        raise UnreadableFile(source, [Fault("", what, "name the files in it")]) from None
    except OSError as error:
        what = f"the file cannot be opened ({error.strerror or type(error).__name__})"
        raise UnreadableFile(source, [Fault("", what, "check its rights and the disk")]) from None


def refuse_without_range(file: FcsFile, columns: Iterable[int]) -> None:
    """Refuse channels that are used and have no range: margins and scales need it.

    Raises
    ------
    UnreadableFile
        $PnR of one of these columns is missing or not above 0.
    """
    faults = [
        without_range(column + 1, file.channels[column].name, file.keywords)
        for column in columns
        if not file.channels[column].channel_range > 0 and not file.channels[column].is_time
    ]
    if faults:
        raise UnreadableFile(file.name, faults)


def _read(stream: BufferedReader, source: str) -> FcsFile:
    layout = locate_events(stream, source)
    events, remarks = read_events(
        stream,
        layout.channels,
        begin=layout.begin,
        n_events=layout.n_events,
        byte_order=layout.keywords.get("BYTEORD", ""),
        timestep=_timestep(layout.keywords, layout.remarks),
        source=source,
    )
    every_remark = (*layout.remarks, *remarks)
    for remark in every_remark:
        log.debug("%s: %s", source, remark)
    return FcsFile(source, layout.keywords, layout.channels, events, every_remark)


def _timestep(keywords: dict[str, str], remarks: list[str]) -> float:
    text = keywords.get("TIMESTEP", "")
    if not text:
        return 1.0
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if math.isfinite(value) and value > 0:
        return value
    remarks.append(f"$TIMESTEP is '{text}', not a number: Time is in ticks, not seconds")
    return 1.0
