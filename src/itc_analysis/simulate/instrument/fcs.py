"""Write events as an FCS 3.1 file: float32, list mode, with $SPILLOVER.

Own writer rather than `flowio.create_fcs`: it takes a float32 matrix as it is, without a list of a
million numbers, and keywords keep their case; no clock time, so that equal events give equal bytes.
Spidlen et al. 2010, doi:10.1002/cyto.a.20825.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from itc_analysis.whole_files import written_whole

_HEADER_LENGTH = 58  # version, spaces, six offsets of eight characters
_TEXT_BEGIN = 256
#: Form feed: in no keyword and in no value, so that no reader has to undouble it.
_DELIMITER = "\x0c"
#: Offsets above this do not fit the header's eight characters; the standard wants 0 there.
_LARGEST_HEADER_OFFSET = 99_999_999


def write_fcs(
    path: str | Path,
    events: npt.NDArray[np.float32],
    *,
    channels: Sequence[str],
    labels: Sequence[str],
    ranges: Sequence[float],
    spillover: npt.NDArray[np.float64],
    spillover_channels: Sequence[str],
    keywords: Mapping[str, str],
) -> None:
    """Write one FCS 3.1 file.

    Parameters
    ----------
    path : str or Path
        the file; its folder must exist.
    events : numpy.ndarray
        shape (n_events, n_channels), as the detectors give them: not compensated.
    channels, labels, ranges : sequence of str or sequence of float
        $PnN, $PnS (empty for none) and $PnR of each column.
    spillover : numpy.ndarray
        shape (k, k); row: fluorochrome, column: detector; ones on the diagonal.
    spillover_channels : sequence of str
        the k channel names of its rows and columns.
    keywords : mapping of str to str
        further keywords; standard ones begin with ``$``.
    """
    n_events, n_channels = events.shape
    if not len(channels) == len(labels) == len(ranges) == n_channels:
        msg = f"{n_channels} columns, but {len(channels)} channels, {len(labels)} labels"
        raise ValueError(msg)
    text = {
        "$BEGINANALYSIS": "0",
        "$ENDANALYSIS": "0",
        "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F",
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(n_channels),
        "$TOT": str(n_events),
    }
    for i, (channel, label, top) in enumerate(zip(channels, labels, ranges, strict=True), start=1):
        text |= {f"$P{i}B": "32", f"$P{i}E": "0,0", f"$P{i}G": "1", f"$P{i}R": f"{top:.0f}"}
        text[f"$P{i}N"] = channel
        if label:
            text[f"$P{i}S"] = label
    values = ",".join(f"{value:.6g}" for value in spillover.ravel())
    text["$SPILLOVER"] = f"{len(spillover_channels)},{','.join(spillover_channels)},{values}"
    text |= keywords

    n_bytes = 4 * events.size
    # The offsets stand in the text whose length they depend on: eight digits each, always.
    data_begin = _TEXT_BEGIN + len(_text_segment(text, 0, 0))
    data_end = data_begin + n_bytes - 1
    segment = _text_segment(text, data_begin, data_end)
    in_header = (data_begin, data_end) if data_end <= _LARGEST_HEADER_OFFSET else (0, 0)
    offsets = (_TEXT_BEGIN, data_begin - 1, *in_header, 0, 0)
    header = "FCS3.1    " + "".join(f"{offset:>8}" for offset in offsets)
    if len(header) != _HEADER_LENGTH:
        msg = f"the keywords of {Path(path).name} do not fit an FCS header"
        raise ValueError(msg)
    with written_whole(path) as partial, partial.open("wb") as stream:
        stream.write(header.ljust(_TEXT_BEGIN).encode("ascii"))
        stream.write(segment)
        stream.write(np.ascontiguousarray(events, dtype="<f4").tobytes())


def _text_segment(text: Mapping[str, str], data_begin: int, data_end: int) -> bytes:
    pairs = {"$BEGINDATA": f"{data_begin:010d}", "$ENDDATA": f"{data_end:010d}", **text}
    for key, value in pairs.items():
        if _DELIMITER in key + value or not value:
            msg = f"keyword {key} has a value that FCS text cannot hold: {value!r}"
            raise ValueError(msg)
    parts = [f"{key}{_DELIMITER}{value}{_DELIMITER}" for key, value in pairs.items()]
    return (_DELIMITER + "".join(parts)).encode()
