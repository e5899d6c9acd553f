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
from itc_analysis.cohort.sheets.numbers import Style, decide_style, read_number
from itc_analysis.cohort.sheets.personal_data import find_identity, masked
from itc_analysis.cohort.sheets.sheet_text import Translation, read_sheet_text
from itc_analysis.errors import Fault, SheetError, did_you_mean
from itc_analysis.tables.ids import LONGEST_ID

Value = str | float | bool | None

#: As people and spreadsheets of the trial's countries write it. "Checked" is not among them:
#: REDCap writes
#: "Unchecked" for what nobody looked at, so the sheet of mappings has to say what it means.
YES = frozenset(
    {"yes", "y", "true", "oui", "o", "vrai", "ja", "wahr", "si", "sí", "sì", "vero", "1"}
)
NO = frozenset({"no", "n", "false", "non", "faux", "nein", "falsch", "falso", "0"})
#: How laboratories give the result of an antibody; a sign may mean something else, so none is
#: taken.
_POSITIVE = re.compile(r"\++|pos\.?|positi(?:ve?|f)s?|présent|present")
_NEGATIVE = re.compile(r"[-\u2212\u2013]+|neg\.?|nég\.?|n[eé]gati(?:ve?|f)s?|absent")
_REDCAP_LABELS = frozenset({"checked", "unchecked"})
#: A number that a spreadsheet made of a code such as 1E04.
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E[+-]?\d+", re.IGNORECASE)
#: First cells of rows that are no row of the sheet.
_SUMMARY = re.compile(
    r"(?:total|totaux|sum|summe|somme|mean|moyenne|median|médiane|count|n\s*=)\b.*", re.IGNORECASE
)
_NOTE = re.compile(r"[*#†‡(].*")
_EMPTY = ("the cell is empty", "every row needs it")
#: More rows than this with one and the same fault in a column: one line.
_MAX_LINES_PER_FAULT = 3


@dataclass(frozen=True)
class SheetCells:
    """The values of a sheet.

    Parameters
    ----------
    path : str
        the sheet.
    numbers : tuple of int
        row number of each row, as a spreadsheet shows it.
    rows : list of (dict of str to (str, float, bool or None))
        one dict per row with every column of the form; None where the cell is empty.
    has_events : bool
        it is an export with a row for every event, and none was chosen.
    faulty : frozenset of int
        numbers of rows with a cell that could not be read; empty in a sheet that was accepted.
    """

    path: str
    numbers: tuple[int, ...]
    rows: list[dict[str, Value]]
    has_events: bool = False
    faulty: frozenset[int] = frozenset()

    def without_faulty(self) -> SheetCells:
        """Return the sheet without the rows of which a cell could not be read."""
        kept = [(number, row) for number, row in self.numbered() if number not in self.faulty]
        numbers, rows = tuple(number for number, _ in kept), [row for _, row in kept]
        return SheetCells(self.path, numbers, rows, self.has_events)

    def numbered(self) -> list[tuple[int, dict[str, Value]]]:
        """Return (row number, row) pairs."""
        return list(zip(self.numbers, self.rows, strict=True))


def read_cells(
    path: str | Path,
    form: SheetForm,
    translation: Translation | None = None,
    check: Callable[[SheetCells], list[Fault]] | None = None,
    how_to_add: str = "",
) -> SheetCells:
    """Read a sheet and interpret all its cells.

    Parameters
    ----------
    path : str or Path
        the sheet.
    form : SheetForm
        its columns.
    translation : Translation, optional
        for an export with other column names and codes.
    check : callable, optional
        what else is wrong with the rows, told beside faults of header and cells; not asked when
        there are none. Which rows have faulty cells stands in `faulty`.
    how_to_add : str
        what to do about a column that is meant and is not known.

    Raises
    ------
    SheetError
        the faults of header and shape, then those of the cells by row, then repeated keys, then
        those of `check`.
    """
    sheet = read_sheet_text(
        path,
        known=[column.name for column in form.columns],
        required=[column.name for column in form.columns if column.required],
        translation=translation,
        how_to_add=how_to_add,
    )
    style = decide_style(
        (
            cells[column.name]
            for column in form.columns
            if column.kind == "number"
            for _, cells in sheet.rows
            if column.name in cells
        ),
        sheet.separator,
    )
    faults: dict[tuple[str, str, str], list[int]] = {}
    rows: list[dict[str, Value]] = []
    strangers = [
        Fault(f"row {number}", what, "take it out of the sheet: every row is one of its own")
        for number, cells in sheet.rows
        if (what := _no_row(cells, form)) is not None
    ]
    passed_over = {fault.where for fault in strangers}
    for number, cells in sheet.rows:
        row: dict[str, Value] = {}
        if f"row {number}" in passed_over:
            rows.append(dict.fromkeys((column.name for column in form.columns), None))
            continue
        for column in form.columns:
            # A column that the sheet does not have is missing throughout.
            row[column.name] = None
            if column.name not in cells:
                continue
            row[column.name], fault = parse_cell(cells[column.name], column, style)
            if fault is not None:
                faults.setdefault((column.name, *fault), []).append(number)
        rows.append(row)
    # REDCap's name of the column; mapped to nothing, and no event chosen
    has_events = (
        translation is not None
        and translation.name("redcap_event_name") is None
        and not translation.filters()
    )
    numbers = tuple(number for number, _ in sheet.rows)
    faulty = frozenset(number for named in faults.values() for number in named)
    faulty |= {number for number in numbers if f"row {number}" in passed_over}
    found = SheetCells(str(path), numbers, rows, has_events, faulty)
    _explain_merged(faults)
    told = [*sheet.faults, *strangers, *_told(faults), *_repeated(found, form.key)]
    if told:
        told += [] if check is None else check(found)
        raise SheetError(str(path), told)
    return found


def parse_cell(
    cell: str, column: Column, style: Style = "point"
) -> tuple[Value, tuple[str, str] | None]:
    """Return the value of a cell and None, or None and (what is wrong, what to do)."""
    if not cell:
        if column.required:
            return None, _EMPTY
        return None, None
    if column.kind == "number":
        return read_number(cell, column, style)
    if column.kind == "yes_no":
        return _yes_no(cell)
    return _text(cell, column)


def _yes_no(cell: str) -> tuple[Value, tuple[str, str] | None]:
    folded = cell.casefold()
    if folded in YES:
        return True, None
    if folded in NO:
        return False, None
    what = f"{masked(cell)} is neither yes nor no"
    if folded in _REDCAP_LABELS:
        return None, (
            what,
            "say what it means by a row of column_mapping.tsv for all columns: their_name *, "
            f"their_value {cell}, and as value yes, no or nothing",
        )
    if _POSITIVE.fullmatch(folded):
        return None, (what, "write yes if it is positive")
    if _NEGATIVE.fullmatch(folded):
        return None, (what, "write no if it is negative")
    return None, (what, "write yes or no; an empty cell means not known")


def _text(cell: str, column: Column) -> tuple[Value, tuple[str, str] | None]:
    if column.allowed:
        if cell in column.allowed:
            return cell, None
        what = f"unknown value {masked(cell)}"
        return None, (what, did_you_mean(cell, column.allowed))
    identity = find_identity(cell, column.name)
    if identity is not None:
        return None, identity
    if column.pattern and not re.match(column.pattern, cell):
        if _SCIENTIFIC.fullmatch(cell):
            what = (
                f"'{cell}' is a code that a spreadsheet turned into a number (scientific notation)"
            )
            remedy = (
                "format the column as text and enter the codes again; the digits that are "
                "lost do not come back"
            )
            return None, (what, remedy)
        wrong = sorted({letter for letter in cell if not re.match(r"[A-Za-z0-9_.-]", letter)})
        named = ["a blank" if letter.isspace() else f"'{letter}'" for letter in wrong]
        if not named and len(cell) > LONGEST_ID:
            remedy = f"use {LONGEST_ID} characters at most: ids become file names"
            return None, (f"{masked(cell, hide=True)} is too long", remedy)
        what = "holds " + " and ".join(named) if named else "begins with a dot, dash or underscore"
        remedy = "use letters a-z, digits, dot, dash and underscore: ids become folder names"
        return None, (f"{masked(cell)} {what}", remedy)
    return cell, None


def _no_row(cells: dict[str, str], form: SheetForm) -> str | None:
    """Return what a line is that is no row of the sheet (a total, a note); None for a row."""
    first = cells.get(form.key[0], "")
    if not first:
        return None
    empty = [c.name for c in form.columns if c.required and not cells.get(c.name)]
    n_filled = sum(bool(cell) for cell in cells.values())
    if _SUMMARY.fullmatch(first) and n_filled * 2 < len(cells):
        return f"{masked(first)} seems to be a total or a mean, not a row of the sheet"
    if empty and n_filled == 1 and (_NOTE.fullmatch(first) or " " in first):
        return f"{masked(first, hide=True)} seems to be a note, not a row of the sheet"
    return None


def _explain_merged(faults: dict[tuple[str, str, str], list[int]]) -> None:
    """Name merged cells as the cause where a required column is empty in several rows."""
    for key, numbers in list(faults.items()):
        column, what, remedy = key
        if what == _EMPTY[0] and len(numbers) > 1:
            remedy = f"{remedy} (merged cells keep their value in the first row only)"
            faults[(column, what, remedy)] = faults.pop(key)


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
            what = f"{shown} is already in row {seen[name]}"
            faults.append(Fault(f"row {number}", what, "each may appear once"))
        else:
            seen[name] = number
    if faults and sheet.has_events:
        what = (
            f"{len(faults)} rows repeat the {key[0]} of another: the export has a row for "
            "every event"
        )
        remedy = (
            "choose one event by a row of column_mapping.tsv: their_name redcap_event_name, "
            "their_value the "
            "event, column only_rows"
        )
        return [Fault("", what, remedy)]
    return faults
