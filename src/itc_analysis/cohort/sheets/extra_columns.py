"""Columns of a study's own, declared in a sheet: how their cells are read. No pandas.

What could identify a person is refused twice: by the name of the column, and by its values.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from itc_analysis.cohort.sheets.cells import SheetCells
from itc_analysis.cohort.sheets.columns import Column, SheetForm
from itc_analysis.cohort.sheets.personal_data import find_contact, find_date, names_identity
from itc_analysis.errors import Fault, SheetError

#: Ends the name of the column that says whose value lies below the limit of the assay.
BELOW = "_below_limit"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: Names with a meaning of their own in formulas and plans.
_RESERVED = frozenset(
    {"batch", "rest", "same", "C", "I", "Q", "cr", "cc", "bs", "poly", "log", "np"}
)
#: Numbers of so many digits, all different and equally long, are somebody's numbers.
_ID_DIGITS = 7
_FEWEST_IDS = 3


@dataclass(frozen=True)
class Variable:
    """One declared column.

    Parameters
    ----------
    sheet : str
        participants or samples.
    column : Column
        how its cells are read.
    months_from_draw : float, optional
        when it was measured.
    """

    sheet: str
    column: Column
    months_from_draw: float | None = None


def declared_variables(cells: SheetCells, forms: dict[str, SheetForm]) -> tuple[Variable, ...]:
    """Return the declared variables.

    Parameters
    ----------
    cells : SheetCells
        cells of a `VariableSheet`.
    forms : dict of str to SheetForm
        the forms that may get further columns, by the setting of the sheet; no column of any of
        them may be declared again.

    Raises
    ------
    SheetError
        a name that stands already, cannot be used in a formula or announces an identity; limits
        or categories that do not fit the kind.
    """
    taken = {column.name for form in forms.values() for column in form.columns}
    faults: list[Fault] = []
    found: list[Variable] = []
    seen: dict[str, int] = {}
    for number, row in cells.numbered():
        where, name = f"row {number}", str(row["column"])
        faults += [Fault(where, *fault) for fault in _name_faults(name, taken)]
        if name in seen:
            what = f"'{name}' is declared in row {seen[name]} already"
            faults.append(Fault(where, what, "each name once, over both sheets"))
        seen.setdefault(name, number)
        faults += [Fault(where, *fault) for fault in _kind_faults(row)]
        low, high = row["low"], row["high"]
        found.append(
            Variable(
                str(row["sheet"]),
                Column(
                    name,
                    {"number": "number", "yes_no": "yes_no"}.get(str(row["kind"]), "text"),  # type: ignore[arg-type]
                    required=False,
                    unit=str(row["unit"] or ""),
                    allowed=tuple(_categories(row["categories"])),
                    low=None if low is None else float(low),
                    high=None if high is None else float(high),
                    may_be_below=row["kind"] == "number",
                ),
                None if row["months_from_draw"] is None else float(row["months_from_draw"]),
            )
        )
    if faults:
        raise SheetError(cells.path, faults)
    return tuple(found)


def with_variables(form: SheetForm, variables: Iterable[Variable], sheet: str) -> SheetForm:
    """Return the form of a sheet with its declared columns."""
    extra = tuple(variable.column for variable in variables if variable.sheet == sheet)
    return SheetForm((*form.columns, *extra), form.key)


def looks_like_ids(cells: SheetCells, columns: Iterable[Column]) -> list[Fault]:
    """Return a fault for each number column whose values are numbers of people, not measurements.

    All have as many digits, seven or more, and no two are the same.
    """
    faults = []
    for column in columns:
        values = [row[column.name] for row in cells.rows if row.get(column.name) is not None]
        if column.kind != "number" or len(values) < _FEWEST_IDS:
            continue
        numbers = [float(value) for value in values if value is not None]
        digits = {len(f"{abs(n):.0f}") for n in numbers}
        are_different = len(set(numbers)) == len(numbers) and all(n == round(n) for n in numbers)
        if are_different and len(digits) == 1 and digits.pop() >= _ID_DIGITS:
            what = f"column '{column.name}': its numbers look like hospital or phone numbers"
            faults.append(Fault("", what, "delete the column: only pseudonyms are kept"))
    return faults


def _categories(cell: object) -> list[str]:
    return [word.strip() for word in str(cell or "").split(",") if word.strip()]


def _name_faults(name: str, taken: set[str]) -> list[tuple[str, str]]:
    if names_identity(name):
        return [
            (
                f"column '{name}' would hold what identifies a person",
                "take it out of both sheets: only pseudonyms, ages and intervals are kept",
            )
        ]
    if name in taken:
        return [(f"'{name}' is a column of the sheets already", "use that one: no row is needed")]
    if not _NAME.fullmatch(name):
        what = f"'{name}' cannot be used in a formula"
        return [(what, "letters, digits and underscores, beginning with a letter")]
    if name in _RESERVED or keyword.iskeyword(name) or name.endswith(BELOW):
        return [(f"'{name}' has a meaning of its own in formulas", "choose another name")]
    return []


def _kind_faults(row: Mapping[str, object]) -> list[tuple[str, str]]:
    kind, words = row["kind"], _categories(row["categories"])
    low, high = row["low"], row["high"]
    faults = []
    if kind == "number":
        if not (isinstance(low, float) and isinstance(high, float)):
            what = f"'{row['column']}' has no limits"
            faults.append((what, "give low and high: a value outside them is a typing error"))
        elif low >= high:
            faults.append((f"low {low:g} is not below high {high:g}", "exchange or correct them"))
    elif low is not None or high is not None or row["unit"] is not None:
        faults.append((f"a {kind} has no unit and no limits", "empty unit, low and high"))
    if kind == "category":
        if len(words) < 2:
            faults.append(
                (f"'{row['column']}' has fewer than two categories", "list them: never, former")
            )
        if len(set(words)) < len(words):
            faults.append((f"'{row['column']}' has a category twice", "name each once"))
        if any(find_date(word) or find_contact(word) for word in words):
            what = f"the categories of '{row['column']}' look like dates or contacts of people"
            faults.append((what, "categories are kinds, not people"))
    elif words:
        faults.append((f"a {kind} has no categories", "empty them, or make it a category"))
    return faults
