"""Compensation: the spillover matrix of a file or a CSV, and events freed from spillover.

Spillover is what one unit of a fluorochrome gives in every detector, so measured = true @ spill and
true = measured @ inverse(spill). Channels outside the matrix (scatter, Time) stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, UnreadableFile
from itc_analysis.flow.fcs.channel_names import detector_of, is_compensated
from itc_analysis.flow.fcs.read import FcsFile
from itc_analysis.flow.spillover.matrix_text import Spillover, parse_spillover
from itc_analysis.statistics.robust import quantiles

Compensation = Literal["file", "identity", "none", "already_compensated"]

#: FCS 3.1, and cytometers of the years of FCS 3.0. $COMP of FCS 2.0 names no channels: not applied.
_KEYWORDS = ("SPILLOVER", "SPILL")
#: Logicle, asinh and log scales end below 20; a detector of 10 bits or more does not.
TRANSFORMED_BELOW = 20.0
_DIGITISED_FROM = 1024
#: One channel alone may be dim.
_FEWEST_CHANNELS = 3
#: Fewer events than this may all lie near zero by chance.
_MIN_EVENTS_TO_JUDGE = 100
#: More events than this, evenly spread, do not change the judgement.
_ENOUGH_EVENTS_TO_JUDGE = 10_000
#: Events per pass: 30 channels of them stay in the processor's cache.
_CHUNK = 1 << 11


@dataclass(frozen=True)
class Found:
    """How the columns that a panel uses are compensated.

    Parameters
    ----------
    state : {"file", "identity", "none", "already_compensated"}
        file (the matrix is to be applied), identity (a placeholder), none, or already_compensated.
    spillover : Spillover or None
        the matrix to apply, by the file's own channel names; null unless the state is 'file'.
    rows : tuple of int
        the columns to use: those that were asked for, or their compensated twins.
    remarks : tuple of str
        which of two columns is used, and which matrix is not applied.
    """

    state: Compensation
    spillover: Spillover | None
    rows: tuple[int, ...]
    remarks: tuple[str, ...] = ()


def find_spillover(file: FcsFile) -> tuple[Compensation, Spillover | None]:
    """Return state and matrix of `find_compensation`, by all columns of the file."""
    matrix = _matrix_in(file)
    if matrix is not None and matrix.is_identity:
        return "identity", None
    found = find_compensation(file, range(len(file.channels)))
    return found.state, found.spillover


def find_compensation(file: FcsFile, rows: Sequence[int]) -> Found:
    """Return how the columns that a panel uses are compensated, and the matrix to apply.

    The names of these columns decide, never those of others: a file may hold raw and compensated
    columns side by side. Raw ones are used with the file's matrix; without one their compensated
    twins are.

    Parameters
    ----------
    rows : sequence of int
        the columns of the panel's fluorochromes.

    Raises
    ------
    UnreadableFile
        the file carries a matrix that cannot be used, names channels that the file lacks, or two
        that differ; or some columns are compensated and others, which the matrix names, are not.
    """
    rows = tuple(rows)
    names = file.channel_names
    matrix = _matrix_in(file)
    twins = {row: _twins(names, row) for row in rows}
    compensated = [row for row in rows if is_compensated(names[row])]
    is_usable = matrix is not None and not matrix.is_identity
    if not compensated and (is_usable or not any(twins.values())):
        if matrix is None:
            return Found("none", None, rows)
        if matrix.is_identity:
            return Found("identity", None, rows)
        named = by_column(matrix, names, file.name)
        return Found("file", named, rows, _remarks_on_twins(names, rows, twins))
    used = tuple(row if is_compensated(names[row]) else next(iter(twins[row]), row) for row in rows)
    if len(rows) == len(names):  # no panel: every column, each as it is
        used = rows
    raw = [row for row in used if not is_compensated(names[row])]
    if is_usable and matrix is not None and len(rows) < len(names):
        in_matrix = {detector_of(name) for name in matrix.channels}
        left = [names[row] for row in raw if names[row] in in_matrix]
        if left:
            what = (
                f"'{names[compensated[0]]}' is compensated already, but {_listed(left)} "
                f"{'is' if len(left) == 1 else 'are'} not, though the matrix names them"
            )
            remedy = "export all columns raw, or all compensated"
            raise UnreadableFile(file.name, [Fault("spillover", what, remedy)])
    exchanged = [
        f"'{names[b]}' for '{names[a]}'" for a, b in zip(rows, used, strict=True) if a != b
    ]
    remarks = []
    if exchanged:
        remarks.append(f"the columns that were compensated on export are used: {exchanged[0]}"
                       + ((
                           f" and {len(exchanged) - 1} more"
                       ) if len(exchanged) > 1 else ""))  # fmt: skip
    elif len(rows) < len(names):
        remarks.append(
            f"compensated already on export (channels such as '{names[compensated[0]]}')"
        )
    if is_usable and remarks:
        remarks.append("the file's matrix was not applied again")
    return Found("already_compensated", None, used, tuple(remarks))


def _matrix_in(file: FcsFile) -> Spillover | None:
    """Return the matrix that the file carries, as it names its channels."""
    found = [
        parse_spillover(file.keywords[keyword], file.name)
        for keyword in _KEYWORDS
        if _holds_matrix(file.keywords.get(keyword, ""))
    ]
    for other in found[1:]:
        if not found[0].is_same(other):
            what = "the file carries two spillover matrices that differ"
            raise UnreadableFile(file.name, [Fault("TEXT", what, "export the tube again")])
    return found[0] if found else None


def _twins(names: tuple[str, ...], row: int) -> list[int]:
    """Return the compensated columns of the detector of a raw column."""
    if is_compensated(names[row]):
        return []
    return [
        other
        for other, name in enumerate(names)
        if is_compensated(name) and detector_of(name) == detector_of(names[row])
    ]


def _remarks_on_twins(
    names: tuple[str, ...], rows: tuple[int, ...], twins: dict[int, list[int]]
) -> tuple[str, ...]:
    passed = [(row, twins[row][0]) for row in rows if twins[row]]
    if not passed:
        return ()
    row, twin = passed[0]
    more = f" and {len(passed) - 1} more" if len(passed) > 1 else ""
    what = f"raw columns are used with the file's matrix: '{names[row]}'{more}"
    return (f"{what}; the compensated ones ('{names[twin]}'{more}) are passed over",)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


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
    events : numpy.ndarray
        instrument units, shape (n_channels, n_events).
    channel_names : tuple of str
        $PnN of each row.
    spillover : Spillover
        the matrix; rows of `events` that it does not name are returned unchanged.
    source : str
        file name, for messages.
    out : numpy.ndarray, optional
        where to write; may be `events` itself, which saves a copy.

    Raises
    ------
    UnreadableFile
        the matrix names a channel that the file lacks or has twice.
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

    A name is looked for as it is, then as the detector behind it (raw columns before compensated
    ones); a matrix of numbers alone names the columns by their places, from 1.

    Raises
    ------
    UnreadableFile
        the matrix names channels that the file lacks or has twice; one fault for all.
    """
    places = _by_number(spillover.channels, channel_names)
    rows, absent, twice = places or [], [], []
    detectors = [detector_of(name) for name in channel_names]
    for name in () if places else spillover.channels:
        hits = [i for i, known in enumerate(channel_names) if known == name]
        if not hits:
            hits = [i for i, known in enumerate(detectors) if known == detector_of(name)]
            raw = [i for i in hits if not is_compensated(channel_names[i])]
            hits = raw or hits
        if len(hits) == 1:
            rows.append(hits[0])
        elif hits:
            twice.append(name)
        else:
            absent.append(name)
    told = []
    for found, what in ((absent, "lacks"), (twice, "has twice")):
        if len(found) == 1:
            told.append(f"names channel '{found[0]}', which the file {what}")
        elif found:
            told.append(f"names {len(found)} channels that the file {what}: {_listed(found)}")
    if told:
        remedy = f"channels of the file: {', '.join(channel_names)}"
        what = f"the spillover matrix {' and '.join(told)}"
        raise UnreadableFile(source, [Fault("spillover", what, remedy)])
    return rows


def by_column(spillover: Spillover, channel_names: tuple[str, ...], source: str) -> Spillover:
    """Return a matrix by the file's own channel names; refuses as `rows_of`."""
    rows = rows_of(spillover, channel_names, source)
    return Spillover(tuple(channel_names[row] for row in rows), spillover.matrix)


def _by_number(named: tuple[str, ...], channel_names: tuple[str, ...]) -> list[int] | None:
    """Return the columns of a matrix that names them by number; None for one that has names."""
    if any(name in channel_names or not name.isdecimal() for name in named):
        return None
    rows = [int(name) - 1 for name in named]
    return rows if all(0 <= row < len(channel_names) for row in rows) else None


def looks_transformed(file: FcsFile, rows: list[int]) -> bool:
    """Whether these channels hold logicle, asinh or log values instead of instrument units.

    Of digitised channels most must end below 20. Channels of a small range (mass cytometry, where
    $PnR is the highest count) must all end there: one of them at least is bright in raw counts.
    """
    # a logarithmic amplifier's decades were linearised on reading, and a clock has no scale
    channels = {row: file.channels[row] for row in rows}
    judged = [row for row, c in channels.items() if c.decades == 0 and not c.is_time]
    digitised = [row for row in judged if channels[row].channel_range >= _DIGITISED_FROM]
    if file.n_events < _MIN_EVENTS_TO_JUDGE or not judged:
        return False
    step = max(1, file.n_events // _ENOUGH_EVENTS_TO_JUDGE)

    # 99.9 %: a handful of wild values does not hide the scale.
    high = {row: _high(file.events[row, ::step]) for row in judged}
    stained = [row for row in (digitised or judged) if high[row] > 0]
    n_low = sum(bool(high[row] < TRANSFORMED_BELOW) for row in stained)
    if digitised:
        return n_low * 2 > len(digitised)
    return len(stained) >= _FEWEST_CHANNELS and n_low == len(stained)


def _high(values: npt.NDArray[np.float32]) -> float:
    """Return the 99.9 % quantile of the absolute values that are numbers; 0 without any."""
    numbers = np.abs(values[np.isfinite(values)])
    return float(quantiles(numbers, [0.999])[0]) if numbers.size else 0.0


def _holds_matrix(text: str) -> bool:
    return text.strip() not in ("", "0")  # how programs write that there is none
