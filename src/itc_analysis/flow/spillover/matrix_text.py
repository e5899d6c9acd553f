"""A spillover matrix as text: of the keyword $SPILLOVER, or as a spreadsheet of any country saves
it.
"""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from itc_analysis.errors import Fault, UnreadableFile

#: Letters of a value that a message shows.
_MAX_SHOWN = 30
#: A float32 holds 7 digits; a matrix that amplifies errors a million times leaves none.
_MAX_CONDITION = 1e6
#: A placeholder is written as 1 and 0; anything below a millionth is rounding.
_IDENTITY_TOLERANCE = 1e-6
#: One unit of a fluorochrome gives one unit in its own detector; 1 % allows for rounded exports.
_DIAGONAL_TOLERANCE = 0.01


@dataclass(frozen=True)
class Spillover:
    """A spillover matrix.

    Parameters
    ----------
    channels : tuple of str
        $PnN of its rows and columns.
    matrix : numpy.ndarray
        float64, shape (n, n); row i is what fluorochrome i gives in each detector, 1 in its own.
    """

    channels: tuple[str, ...]
    matrix: npt.NDArray[np.float64]

    @property
    def is_identity(self) -> bool:
        """Whether the matrix is only a placeholder."""
        return bool(np.allclose(self.matrix, np.eye(len(self.channels)), atol=_IDENTITY_TOLERANCE))

    def is_same(self, other: Spillover) -> bool:
        """Return whether another matrix says the same, in whatever order of its channels."""
        if sorted(self.channels) != sorted(other.channels):
            return False
        order = [other.channels.index(channel) for channel in self.channels]
        return bool(np.allclose(self.matrix, other.matrix[np.ix_(order, order)]))


def parse_spillover(text: str, source: str) -> Spillover:
    """Read the value of $SPILLOVER: n, n channel names, n x n numbers, separated by commas.

    Programs of other countries write decimal commas, which is unambiguous when all numbers have
    one.

    Raises
    ------
    UnreadableFile
        the counts do not agree, a name appears twice, a number is none, or the matrix cannot be
        inverted.
    """
    # with ';' or a tab between the entries a comma is decimal
    separator = next((sign for sign in "\t;" if sign in text.strip()), ",")
    parts = [part.strip() for part in text.strip().rstrip(separator).split(separator)]
    n = int(parts[0]) if parts[0].isdecimal() else 0
    if separator == "," and n and len(parts) == 1 + n + 2 * n * n:
        # n x n numbers with decimal commas: each stands in two parts, and nothing else does
        halves = parts[1 + n :]
        parts = parts[: 1 + n] + [
            f"{a}.{b}" for a, b in zip(halves[::2], halves[1::2], strict=True)
        ]
    if n == 0 or len(parts) != 1 + n + n * n:
        what = f"$SPILLOVER says {n} channels and holds {len(parts) - 1} entries"
        expected = f", not {n + n * n}"
        if not n:
            what = (
                f"$SPILLOVER begins with '{parts[0][:_MAX_SHOWN]}', not the number of its channels"
            )
            expected = ""
        raise UnreadableFile(source, [Fault("TEXT", what + expected, "export the tube again")])
    numbers = [number.replace(",", ".") for number in parts[1 + n :]]
    return _checked(parts[1 : 1 + n], [numbers[i * n : (i + 1) * n] for i in range(n)], source)


def read_spillover_csv(path: str | Path) -> Spillover:
    """Read a matrix from CSV or TSV: channel names in the first row, and optionally first column.

    Raises
    ------
    UnreadableFile
        as `parse_spillover`.
    """
    path = Path(path)
    delimiter, rows = _cells(path)
    if delimiter != ",":
        rows = [rows[0], *([cell.replace(",", ".") for cell in row] for row in rows[1:])]
    names = [name.strip() for name in rows[0]] if rows else []
    body = rows[1:]
    # The corner above the row names may be written as an empty cell or not at all.
    has_row_names = bool(body) and (len(body[0]) == len(names) + 1 or names[0] == "")
    if has_row_names:
        names = names[1:] if names[0] == "" else names
        row_names = [row[0].strip() for row in body]
        if row_names != names and delimiter != ",":  # the comma may belong to the names
            row_names = [name.replace(",", ".") for name in row_names]
            names = [name.replace(",", ".") for name in names]
        if row_names != names:
            what = "rows and columns do not name the same channels in the same order"
            raise UnreadableFile(path.name, [Fault("", what, "export the matrix again")])
        body = [row[1:] for row in body]
    if not names or len(body) != len(names) or any(len(row) != len(names) for row in body):
        what = f"{len(names)} channels need {len(names)} rows of {len(names)} numbers"
        raise UnreadableFile(path.name, [Fault("", what, "export the matrix again")])
    return _checked(names, body, path.name)


def _cells(path: Path) -> tuple[str, list[list[str]]]:
    """Return the separator and the cells of a matrix file, as any spreadsheet saves it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(path.name, f"the matrix cannot be read ({error.strerror})") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")  # Excel's text of western countries
    lines = [line for line in text.splitlines() if line.strip(" \t;,")]
    stated = lines[0].strip().strip('"') if lines else ""
    if stated.casefold().startswith("sep=") and len(stated) == len("sep=") + 1:
        delimiter, lines = stated[-1], lines[1:]
    else:
        delimiter = next((sign for sign in "\t;" if lines and sign in lines[0]), ",")
    cells = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    return delimiter, cells


def _checked(names: list[str], rows: list[list[str]], source: str) -> Spillover:
    faults = []
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        faults.append(Fault("spillover", f"channels appear twice: {', '.join(repeated)}"))
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
