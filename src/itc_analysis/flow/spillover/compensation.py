"""Compensation: the spillover matrix of a file or a CSV, and events freed from spillover.

Spillover is what one unit of a fluorochrome gives in every detector, so measured = true @ spill and
true = measured @ inverse(spill). Channels outside the matrix (scatter, Time) stay as they are.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.read import FcsFile

Compensation = Literal["file", "identity", "none", "already_compensated"]

#: FCS 3.1, and cytometers of the years of FCS 3.0. $COMP of FCS 2.0 names no channels: not applied.
_KEYWORDS = ("SPILLOVER", "SPILL")
#: Prefixes that FlowJo and SpectroFlo give to compensated or unmixed channels.
_COMPENSATED = ("comp-", "<")
#: A float32 holds 7 digits; a matrix that amplifies errors a million times leaves none.
_MAX_CONDITION = 1e6
#: A placeholder is written as 1 and 0; anything below a millionth is rounding.
_IDENTITY_TOLERANCE = 1e-6
#: One unit of a fluorochrome gives one unit in its own detector; 1 % allows for rounded exports.
_DIAGONAL_TOLERANCE = 0.01
#: Logicle, asinh and log scales end below 20; a detector of 10 bits or more does not.
_TRANSFORMED_BELOW = 20.0
_DIGITISED_FROM = 1024
#: Fewer events than this may all lie near zero by chance.
_MIN_EVENTS_TO_JUDGE = 100
#: More events than this, evenly spread, do not change the judgement.
_ENOUGH_EVENTS_TO_JUDGE = 10_000
#: Events per pass: 30 channels of them stay in the processor's cache.
_CHUNK = 1 << 11


@dataclass(frozen=True)
class Spillover:
    """A spillover matrix.

    Parameters
    ----------
    channels : $PnN of its rows and columns.
    matrix : float64, shape (n, n); row i is what fluorochrome i gives in each detector, 1 in its own.
    """

    channels: tuple[str, ...]
    matrix: npt.NDArray[np.float64]

    @property
    def is_identity(self) -> bool:
        """Whether the matrix is only a placeholder."""
        return bool(np.allclose(self.matrix, np.eye(len(self.channels)), atol=_IDENTITY_TOLERANCE))


def find_spillover(file: FcsFile) -> tuple[Compensation, Spillover | None]:
    """Return how the file is compensated, and the matrix to apply: null unless the first is 'file'.

    Raises
    ------
    UnreadableFile : the file carries a matrix that cannot be used, or two that differ.
    """
    found = [
        parse_spillover(file.keywords[keyword], file.name)
        for keyword in _KEYWORDS
        if _holds_matrix(file.keywords.get(keyword, ""))
    ]
    for other in found[1:]:
        same_channels = other.channels == found[0].channels
        if not (same_channels and np.allclose(other.matrix, found[0].matrix)):
            what = "the file carries two spillover matrices that differ"
            raise UnreadableFile(file.name, [Fault("TEXT", what, "export the tube again")])
    if found and found[0].is_identity:
        return "identity", None
    if any(name.casefold().startswith(_COMPENSATED) for name in file.channel_names):
        return "already_compensated", None
    return ("file", found[0]) if found else ("none", None)


def parse_spillover(text: str, source: str) -> Spillover:
    """Read the value of $SPILLOVER: n, n channel names, n x n numbers, separated by commas.

    Raises
    ------
    UnreadableFile : the counts do not agree, a name stands twice, a number is none, or the matrix
        cannot be inverted.
    """
    parts = [part.strip() for part in text.split(",")]
    n = int(parts[0]) if parts[0].isdecimal() else 0
    if n == 0 or len(parts) != 1 + n + n * n:
        what = f"$SPILLOVER says {parts[0]} channels and holds {len(parts) - 1} entries"
        expected = f", not {n + n * n}" if n else ""
        raise UnreadableFile(source, [Fault("TEXT", what + expected, "export the tube again")])
    numbers = parts[1 + n :]
    return _checked(parts[1 : 1 + n], [numbers[i * n : (i + 1) * n] for i in range(n)], source)


def read_spillover_csv(path: str | Path) -> Spillover:
    """Read a matrix from CSV or TSV: channel names in the first row, and optionally first column.

    Raises
    ------
    UnreadableFile : as `parse_spillover`.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(path.name, f"the matrix cannot be read ({error})") from None
    delimiter = "\t" if "\t" in text else ","
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(row)]
    names = [name.strip() for name in rows[0]] if rows else []
    body = rows[1:]
    # The corner above the row names may be written as an empty cell or not at all.
    has_row_names = bool(body) and (len(body[0]) == len(names) + 1 or names[0] == "")
    if has_row_names:
        names = names[1:] if names[0] == "" else names
        row_names = [row[0].strip() for row in body]
        if row_names != names:
            what = "rows and columns do not name the same channels in the same order"
            raise UnreadableFile(path.name, [Fault("", what, "export the matrix again")])
        body = [row[1:] for row in body]
    if not names or len(body) != len(names) or any(len(row) != len(names) for row in body):
        what = f"{len(names)} channels need {len(names)} rows of {len(names)} numbers"
        raise UnreadableFile(path.name, [Fault("", what, "export the matrix again")])
    return _checked(names, body, path.name)


def compensate(
    events: npt.NDArray[np.float32],
    channel_names: tuple[str, ...],
    spillover: Spillover,
    *,
    source: str,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Return compensated events, float32, shape (n_channels, n_events).

    Parameters
    ----------
    events : instrument units, shape (n_channels, n_events).
    channel_names : $PnN of each row.
    spillover : the matrix; rows of `events` that it does not name are returned unchanged.
    source : file name, for messages.
    out : where to write; may be `events` itself, which saves a copy.

    Raises
    ------
    UnreadableFile : the matrix names a channel that the file lacks or has twice.
    """
    rows = rows_of(spillover, channel_names, source)
    if out is None:
        out = events.copy()
    elif out is not events:
        out[:] = events
    inverse = np.linalg.inv(spillover.matrix).T.astype(np.float32)
    # Rows that lie together, as those of most files do, are read where they are.
    together = rows == list(range(rows[0], rows[0] + len(rows)))
    chosen = slice(rows[0], rows[0] + len(rows)) if together else rows
    with np.errstate(over="ignore", invalid="ignore"):  # values near the float32 limit
        for start in range(0, events.shape[1], _CHUNK):
            part = slice(start, start + _CHUNK)
            out[chosen, part] = inverse @ events[chosen, part]
    return out


def rows_of(spillover: Spillover, channel_names: tuple[str, ...], source: str) -> list[int]:
    """Return the row of each channel of a matrix.

    Raises
    ------
    UnreadableFile : the matrix names a channel that the file lacks or has twice.
    """
    faults, rows = [], []
    plain = [_unescaped(name) for name in channel_names]
    for name in spillover.channels:
        hits = [i for i, known in enumerate(channel_names) if known == name]
        hits = hits or [i for i, known in enumerate(plain) if known == _unescaped(name)]
        if len(hits) == 1:
            rows.append(hits[0])
        else:
            state = "has twice" if hits else "lacks"
            what = f"the spillover matrix names channel '{name}', which the file {state}"
            remedy = f"channels of the file: {', '.join(channel_names)}"
            faults.append(Fault("spillover", what, remedy))
    if faults:
        raise UnreadableFile(source, faults)
    return rows


def looks_transformed(file: FcsFile, rows: list[int]) -> bool:
    """Whether most of these channels hold logicle, asinh or log values instead of instrument units."""
    digitised = [row for row in rows if file.channels[row].channel_range >= _DIGITISED_FROM]
    if file.n_events < _MIN_EVENTS_TO_JUDGE or not digitised:
        return False
    step = max(1, file.n_events // _ENOUGH_EVENTS_TO_JUDGE)
    # 99.9 %: a handful of wild values does not hide the scale.
    high = np.array([np.nanquantile(np.abs(file.events[row, ::step]), 0.999) for row in digitised])
    low_channels = (high < _TRANSFORMED_BELOW) & (high > 0)
    return int(low_channels.sum()) * 2 > len(digitised)


def _holds_matrix(text: str) -> bool:
    return text not in ("", "0")  # how programs write that there is none


def _checked(names: list[str], rows: list[list[str]], source: str) -> Spillover:
    faults = []
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        faults.append(Fault("spillover", f"channels stand twice: {', '.join(repeated)}"))
    try:
        matrix = np.array([[float(value) for value in row] for row in rows], dtype=np.float64)
    except ValueError as error:
        faults.append(Fault("spillover", f"an entry is not a number ({error})"))
        raise UnreadableFile(source, faults) from None
    if not np.isfinite(matrix).all():
        faults.append(Fault("spillover", "an entry is not finite"))
        raise UnreadableFile(source, faults)
    wrong = np.abs(np.diag(matrix) - 1) > _DIAGONAL_TOLERANCE
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        what = f"the diagonal of '{names[first]}' is {matrix[first, first]:g}, not 1"
        faults.append(Fault("spillover", what, "give spillover as shares, not per cent"))
    elif np.linalg.cond(matrix) > _MAX_CONDITION:
        what = "the matrix cannot be inverted: two fluorochromes look the same"
        faults.append(Fault("spillover", what, "calculate the compensation again"))
    if faults:
        raise UnreadableFile(source, faults)
    return Spillover(tuple(names), matrix)


def _unescaped(name: str) -> str:
    # '730//45Red-A': some programs double the '/' in names as if it were the delimiter.
    return name.strip().replace("//", "/")
