"""Excel workbooks (.xlsx) as they are: the cells of one worksheet as text.

openpyxl is imported only when a workbook is read. A cell is what the spreadsheet shows for ids
(zeros in front, which are a format) and what it holds for numbers (commas and rounding are a
format, too).
"""

from __future__ import annotations

import datetime
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from itc_analysis.errors import Fault, SheetError

_SAVE_AS = "save it as 'Text (tab delimited)' in UTF-8"
#: Letters in quotes and zeros: "P"000 shows 3 as P003.
_ZERO_PADDED = re.compile(r'(?:"([^"]*)")?(0{2,})')


def read_workbook(
    data: bytes, source: str, count_known: Callable[[list[str]], int]
) -> tuple[list[list[str]], list[Fault]]:
    """Return the cells of the worksheet that holds the sheet, and what is wrong with them.

    Parameters
    ----------
    data : bytes
        the bytes of the workbook.
    source : str
        its path, for messages.
    count_known : callable
        how many names in a header are columns of the sheet; of several worksheets the one with most
        of them is read.

    Raises
    ------
    SheetError
        it cannot be opened, or two worksheets could be meant.
    """
    try:
        import openpyxl
    except ImportError:  # pragma: no cover
        what = (
            "this is a spreadsheet workbook, not text, and openpyxl, which reads it, is not "
            "installed"
        )
        raise SheetError(source, f"{what}; {_SAVE_AS}") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # drawings and validations that openpyxl leaves out
            shown = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
            formulas = openpyxl.load_workbook(io.BytesIO(data))
    except Exception as error:  # of zip, of XML, or openpyxl's own
        kind = type(error).__name__
        what = f"this is a spreadsheet workbook, not text, and cannot be opened ({kind})"
        raise SheetError(source, f"{what}; {_SAVE_AS}") from error
    # what people do not see is an older version, or the lists behind a menu
    visible = [sheet for sheet in shown.worksheets if sheet.sheet_state == "visible"]
    known = {sheet.title: count_known(_first_row(sheet)) for sheet in visible}
    most = max(known.values(), default=0)
    best = [name for name, n in known.items() if n == most]
    if most == 0 and len(best) > 1:
        best = best[:1]  # the header will be told
    if len(best) != 1:
        named = ", ".join(f"'{name}'" for name in best) or "none"
        what = f"worksheets {named} could be meant: their headers have the same columns"
        raise SheetError(source, [Fault("", what, "keep one of them in the workbook")])
    sheet = shown[best[0]]
    cells = [[_as_text(cell) for cell in row] for row in sheet.iter_rows()]
    faults = _without_value(sheet, formulas[best[0]]) + _merged(sheet) + _set_aside(sheet)
    return cells, faults


def _first_row(sheet: Any) -> list[str]:
    for row in sheet.iter_rows(max_row=1):
        return [_as_text(cell).strip() for cell in row]
    return []


def _as_text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        number_format = str(getattr(cell, "number_format", "") or "")
        whole = int(value) if float(value).is_integer() else None
        padded = _ZERO_PADDED.fullmatch(number_format)
        if whole is not None and padded:
            return (padded[1] or "") + str(whole).zfill(len(padded[2]))
        if number_format.rstrip().endswith("%"):  # 0.25 is shown as 25 %
            return f"{value * 100:.12g} %"
        return str(whole) if whole is not None else repr(float(value))
    if isinstance(value, datetime.datetime | datetime.date):
        return value.strftime("%Y-%m-%d")
    return str(value)


def _without_value(shown: Any, formulas: Any) -> list[Fault]:
    """Return a fault for every formula whose result was never stored: it would be read as empty."""
    return [
        Fault(
            f"row {cell.row}",
            f"cell {cell.coordinate} is a formula whose result is not stored",
            "open the workbook in the spreadsheet, save it, or write the value",
        )
        for row in formulas.iter_rows()
        for cell in row
        if cell.data_type == "f" and shown[cell.coordinate].value is None
    ]


def _merged(sheet: Any) -> list[Fault]:
    """Return a fault for merged cells: all but the first are empty."""
    return [
        Fault(
            f"row {merged.min_row}",
            f"cells {merged.coord} are merged, so that all but the first are empty",
            "unmerge them and write the value in every row",
        )
        for merged in sheet.merged_cells.ranges
        if merged.size["rows"] > 1 or merged.min_row == 1
    ]


def _set_aside(sheet: Any) -> list[Fault]:
    """Return a fault for rows that people hid or struck through: are they meant, or taken out?"""
    struck, hidden = [], []
    for row in sheet.iter_rows(min_row=2):
        filled = [cell for cell in row if cell.value is not None]
        if filled and sheet.row_dimensions[filled[0].row].hidden:
            hidden.append(filled[0].row)
        elif filled and filled[0].font is not None and filled[0].font.strike:
            struck.append(filled[0].row)
    return [
        Fault(f"row {number}", f"the row is {what}", remedy)
        for numbers, what, remedy in (
            (hidden, "hidden", "show all rows (take the filter away), or delete it"),
            (struck, "struck through", "delete it, or take the line away if it is meant"),
        )
        for number in numbers
    ]
