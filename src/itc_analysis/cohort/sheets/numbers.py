"""Numbers as spreadsheets of any country write them: which sign is decimal is decided once per
sheet.

"12,5" is twelve and a half in a sheet with decimal commas. "51,230" may be fifty-one thousand or
fifty-one: it is never turned into either where both could be meant, and the person who knows is
asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from itc_analysis.cohort.sheets.columns import Column
from itc_analysis.cohort.sheets.personal_data import CONTACT, find_contact, find_date, masked

#: The decimal sign of a sheet.
Style = Literal["point", "comma"]
Fault = tuple[str, str]

#: What people write for "not known"; named in the message, never read as missing by itself.
NOT_KNOWN = frozenset({"na", "n/a", "nan", "null", "none", "nd", "?", "-", ".", "unknown", "#n/a"})
#: Blanks and apostrophes that part thousands: ordinary, no-break, narrow, thin; Swiss.
_BLANKS = " \u00a0\u202f\u2009\u2007'\u2019"
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(?:[{_BLANKS}]\d{{3}})+(?:[.,]\d+)?")
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d+,\d+|,\d+)(?:[eE][+-]?\d+)?")
#: One sign and three digits behind it: thousands, or thousandths.
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
#: Thousands beyond doubt: several groups of one sign, or groups and then the other sign.
_POINT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:(?:\.\d{3}){2,}|(?:\.\d{3})+,\d+)")
_COMMA_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(?:(?:,\d{3}){2,}|(?:,\d{3})+\.\d+)")
_BELOW = re.compile(r"<\s*(\S.*)")
_LIMIT = re.compile(r"[<>\u2264\u2265]\s*=?\s*\d+(?:[.,]\d+)?.*")
_WITH_UNIT = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*[^\d\s.,].*")
#: Beyond doubt in a column of shares or of per cent.
_PERCENT = re.compile(r"(.*\d)\s*%")
#: One comma among numbers without any decimal sign may be a slip; two are a habit.
_FEWEST_COMMAS = 2


class Below(float):
    """A value of which only this is known: it lies below this limit of the assay."""


def decide_style(cells: Iterable[str], separator: str) -> Style:
    """Return which sign is decimal in a sheet.

    Parameters
    ----------
    cells : iterable of str
        all cells of the columns that hold numbers.
    separator : str
        of the sheet's columns; with ';' a comma is decimal unless points are.
    """
    points = commas = 0
    for cell in cells:
        text = cell.translate(_MINUS).lstrip("< ")
        if _EITHER.fullmatch(text) or text.isdecimal():
            continue
        if _POINT_GROUPS.fullmatch(text):
            commas += 1
        elif _COMMA_GROUPS.fullmatch(text):
            points += 1
        elif _DECIMAL_COMMA.fullmatch(text):
            commas += 1
        elif "." in text and _PLAIN.fullmatch(text):
            points += 1
    if separator == ";":
        return "point" if points > commas else "comma"
    return "comma" if commas >= _FEWEST_COMMAS and not points else "point"


def read_number(cell: str, column: Column, style: Style) -> tuple[float | None, Fault | None]:
    """Return the number in a cell and None, or None and (what is wrong, what to do)."""
    text = cell.translate(_MINUS)
    if find_date(text):
        return None, (
            "the cell is a date",
            "write a number; a spreadsheet may have turned 3.5 into 3 May: format the column "
            "as text",
        )
    if find_contact(text):
        return None, CONTACT
    below = _BELOW.fullmatch(text) if column.may_be_below else None
    if below is not None:
        limit, fault = read_number(below[1], column, style)
        return (None if limit is None else Below(limit)), fault
    percent = _PERCENT.fullmatch(text)
    is_share = percent is not None and column.unit == "share"
    if percent is not None and (is_share or column.unit.startswith("%")):
        text = percent[1]
    plain = _as_plain(text, column, style)
    if isinstance(plain, tuple):
        return None, plain
    if plain is None:
        return None, _no_number(cell, text, column)
    return _within_limits(repr(float(plain) / 100) if is_share else plain, cell, column)


def _as_plain(text: str, column: Column, style: Style) -> str | Fault | None:
    """Return the number as Python writes it; a fault where it could be two; None where it is
    none.
    """
    if _GROUPED.fullmatch(text):
        whole = re.sub(f"[{_BLANKS}]", "", text)
        return whole.replace(",", ".") if style == "comma" or "," not in whole else None
    if _EITHER.fullmatch(text):
        return _thousands_or_not(text, column, style)
    if _POINT_GROUPS.fullmatch(text):
        return text.replace(".", "").replace(",", ".") if style == "comma" else None
    if _COMMA_GROUPS.fullmatch(text):
        return text.replace(",", "")
    if _DECIMAL_COMMA.fullmatch(text):
        right = text.replace(",", ".")
        if style == "comma":
            return right
        what = f"'{text}' has a decimal comma"
        if not _is_within(float(right), column):
            _, fault = _within_limits(right, right, column)
            assert fault is not None
            return f"{what}, and {fault[0]}", fault[1]
        return what, f"write {right}"
    if _PLAIN.fullmatch(text):
        if style == "comma" and "." in text:
            what = f"'{text}' has a decimal point where the sheet has decimal commas"
            return what, f"write {text.replace('.', ',')}"
        return text
    return None


def _thousands_or_not(text: str, column: Column, style: Style) -> str | Fault:
    """Return the number with three digits behind its only sign, or ask."""
    sign = "," if "," in text else "."
    as_thousands, as_decimal = text.replace(sign, ""), text.replace(sign, ".")
    if column.whole:
        what = (
            f"'{text}' has a sign that may be a thousands separator, and this column takes whole "
            "numbers only"
        )
        return what, f"write it without the sign if {as_thousands} is meant, else look it up"
    fits = [_is_within(float(number), column) for number in (as_thousands, as_decimal)]
    is_usual = sign == ("," if style == "comma" else ".")
    if is_usual and (fits[1] or not fits[0]):
        return as_decimal
    what = f"'{text}' may mean {as_thousands} or {as_decimal}"
    return what, "look it up, and write it so that there is no doubt"


def _no_number(cell: str, text: str, column: Column) -> Fault:
    unit = f" {column.unit}" if column.unit else ""
    if cell.casefold() in NOT_KNOWN:
        return f"'{cell}' is not a number", "leave the cell empty when not known"
    if _LIMIT.fullmatch(text):
        what = f"'{cell}' is a limit of the laboratory's test, not a number"
        if column.may_be_below:
            return what, "only values below a limit (<0.02) can be used; leave others empty"
        return what, (
            "decide once for the study what stands for such results (half the limit, say), "
            "write that "
            "number, and note it in the plan"
        )
    if _WITH_UNIT.fullmatch(text):
        remedy = f"write the number alone, in{unit}" if unit else "write the number alone"
        return f"'{cell}' is more than a number", remedy
    return f"{masked(cell)} is not a number", f"write it as in 3.5{unit}"


def _within_limits(plain: str, cell: str, column: Column) -> tuple[float | None, Fault | None]:
    value = float(plain)
    if _is_within(value, column):
        if not column.whole or value.is_integer():
            return value, None
        what = f"{cell} is not a whole number"
        return None, (what, "a titre of 1:160 is written 160, a count without decimals")
    unit = f" {column.unit}" if column.unit else ""
    low = "-inf" if column.low is None else f"{column.low:g}"
    high = "inf" if column.high is None else f"{column.high:g}"
    what = f"{cell}{unit} is outside {low} to {high}{unit}"
    return None, (what, "check the number and its unit")


def _is_within(value: float, column: Column) -> bool:
    return (column.low is None or value >= column.low) and (
        column.high is None or value <= column.high
    )
