"""Cells become values: text, numbers with hard limits, yes/no; every fault with its row.

A cell is interpreted by the description of its column (`Column`), taken from the contract of the
sheet. Ids stay text, so '001' stays '001' and a participant called NA stays NA. Only an empty cell
is missing. Nothing here imports pandas.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from itc_analysis.cohort.sheets.columns import Column, SheetForm
from itc_analysis.cohort.sheets.personal_data import find_date, find_identity, masked
from itc_analysis.cohort.sheets.sheet_text import Translation, read_sheet_text
from itc_analysis.errors import Fault, SheetError, did_you_mean

Value = str | float | bool | None

YES = frozenset({"yes", "y", "true", "oui", "1"})
NO = frozenset({"no", "n", "false", "non", "0"})
#: What people write for "not known"; named in the message, never read as missing by itself.
NOT_KNOWN = frozenset({"na", "n/a", "nan", "null", "none", "nd", "?", "-", ".", "unknown", "#n/a"})
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_NUMBER_WITH_UNIT = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*[^\d\s.,].*")
#: More rows than this with one and the same fault in a column: one line.
_MAX_LINES_PER_FAULT = 3


@dataclass(frozen=True)
class SheetCells:
    """The values of a sheet.

    Parameters
    ----------
    path : the sheet.
    numbers : row number of each row, as a spreadsheet shows it.
    rows : one dict per row with every column of the form; None where the cell is empty.
    """

    path: str
    numbers: tuple[int, ...]
    rows: list[dict[str, Value]]

    def numbered(self) -> list[tuple[int, dict[str, Value]]]:
        """Return (row number, row) pairs."""
        return list(zip(self.numbers, self.rows, strict=True))


def read_cells(
    path: str | Path,
    form: SheetForm,
    translation: Translation | None = None,
    check: Callable[[SheetCells], list[Fault]] | None = None,
) -> SheetCells:
    """Read a sheet and interpret all its cells.

    Parameters
    ----------
    path : the sheet.
    form : its columns.
    translation : for an export with other column names and codes.
    check : what else is wrong with the rows, told beside faults of the cells; not asked when there are none.

    Raises
    ------
    SheetError : the faults of header and shape, then those of the cells by row, then repeated keys, then those of `check`.
    """
    sheet = read_sheet_text(
        path,
        known=[column.name for column in form.columns],
        required=[column.name for column in form.columns if column.required],
        translation=translation,
    )
    faults: dict[tuple[str, str, str], list[int]] = {}
    rows: list[dict[str, Value]] = []
    for number, cells in sheet.rows:
        row: dict[str, Value] = {}
        for column in form.columns:
            # A column that the sheet does not have is missing throughout.
            row[column.name] = None
            if column.name not in cells:
                continue
            row[column.name], fault = parse_cell(cells[column.name], column)
            if fault is not None:
                faults.setdefault((column.name, *fault), []).append(number)
        rows.append(row)
    found = SheetCells(str(path), tuple(number for number, _ in sheet.rows), rows)
    told = [*sheet.faults, *_told(faults), *_repeated(found, form.key)]
    if told:
        # a header that is wrong would be told again by every row
        told += [] if check is None or sheet.faults else check(found)
        raise SheetError(str(path), told)
    return found


def parse_cell(cell: str, column: Column) -> tuple[Value, tuple[str, str] | None]:
    """Return the value of a cell and None, or None and (what is wrong, what to do)."""
    if not cell:
        if column.required:
            return None, ("the cell is empty", "every row needs it")
        return None, None
    if column.kind == "number":
        return _number(cell, column)
    if column.kind == "yes_no":
        return _yes_no(cell)
    return _text(cell, column)


def _number(cell: str, column: Column) -> tuple[Value, tuple[str, str] | None]:
    unit = f" {column.unit}" if column.unit else ""
    if not _NUMBER.fullmatch(cell):
        if find_date(cell):
            return None, (
                "the cell is a date",
                "write a number; a spreadsheet may have turned 3.5 into 3 May: format the column as text",
            )
        if _DECIMAL_COMMA.fullmatch(cell):
            return None, (f"'{cell}' has a decimal comma", f"write {cell.replace(',', '.')}")
        if cell.casefold() in NOT_KNOWN:
            return None, (f"'{cell}' is not a number", "leave the cell empty when not known")
        with_unit = _NUMBER_WITH_UNIT.fullmatch(cell)
        if with_unit:
            remedy = f"write the number alone, in{unit}" if unit else "write the number alone"
            return None, (f"'{cell}' is more than a number", remedy)
        return None, (f"{masked(cell)} is not a number", f"write it as in 3.5{unit}")
    value = float(cell)
    below = column.low is not None and value < column.low
    above = column.high is not None and value > column.high
    if below or above:
        low = "-inf" if column.low is None else f"{column.low:g}"
        high = "inf" if column.high is None else f"{column.high:g}"
        what = f"{cell}{unit} is outside {low} to {high}{unit}"
        return None, (what, "check the number and its unit")
    return value, None


def _yes_no(cell: str) -> tuple[Value, tuple[str, str] | None]:
    folded = cell.casefold()
    if folded in YES:
        return True, None
    if folded in NO:
        return False, None
    return None, (f"{masked(cell)} is neither yes nor no", "leave the cell empty when not known")


def _text(cell: str, column: Column) -> tuple[Value, tuple[str, str] | None]:
    if column.allowed:
        if cell in column.allowed:
            return cell, None
        return None, (f"unknown value {masked(cell)}", did_you_mean(cell, column.allowed))
    identity = find_identity(cell, column.name)
    if identity is not None:
        return None, identity
    if column.pattern and not re.match(column.pattern, cell):
        wrong = sorted({letter for letter in cell if not re.match(r"[A-Za-z0-9_.-]", letter)})
        named = ["a blank" if letter.isspace() else f"'{letter}'" for letter in wrong]
        what = "holds " + " and ".join(named) if named else "begins with a dot, dash or underscore"
        remedy = "use letters a-z, digits, dot, dash and underscore: ids become folder names"
        return None, (f"{masked(cell)} {what}", remedy)
    return cell, None


def _told(faults: dict[tuple[str, str, str], list[int]]) -> list[Fault]:
    """One line per fault and row, or one line for a fault that many rows share; by row."""
    lines: list[tuple[int, Fault]] = []
    for (column, what, remedy), numbers in faults.items():
        text = f"column '{column}': {what}"
        if len(numbers) > _MAX_LINES_PER_FAULT:
            lines.append((numbers[0], Fault(f"rows {_ranges(numbers)}", text, remedy)))
        else:
            lines += [(number, Fault(f"row {number}", text, remedy)) for number in numbers]
    return [fault for _, fault in sorted(lines, key=lambda line: line[0])]


def _ranges(numbers: list[int]) -> str:
    """Return sorted numbers as text with runs joined: 2-5, 9."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _repeated(sheet: SheetCells, key: tuple[str, ...]) -> list[Fault]:
    seen: dict[tuple[Value, ...], int] = {}
    faults = []
    for number, row in sheet.numbered():
        name = tuple(row[part] for part in key)
        if any(part is None for part in name):
            continue  # empty or faulty: already told
        if name in seen:
            shown = ", ".join(f"{column} '{part}'" for column, part in zip(key, name, strict=True))
            what = f"{shown} stands already in row {seen[name]}"
            faults.append(Fault(f"row {number}", what, "each may stand once"))
        else:
            seen[name] = number
    return faults
