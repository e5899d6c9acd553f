"""Exports with other column names and codes, read in terms of ours.

The sheet of mappings renames columns and translates codes; a column of the export that is mapped to
nothing is not read. What is not mapped passes unchanged. Codes of the column ``*`` hold in every
column; ``only_rows`` chooses the rows that are read. No pandas: the Snakefile reads with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from itc_analysis.cohort.sheets.cells import SheetCells
from itc_analysis.errors import Fault, SheetError, did_you_mean

#: Their column whose codes hold in all columns.
EVERY_COLUMN = "*"
#: Our column of a row that chooses rows: only those with `their_value` in `their_name` are read.
ONLY_ROWS = "only_rows"


@dataclass(frozen=True)
class Mapping:
    """How the columns of one sheet are translated.

    Parameters
    ----------
    columns : dict of str to (str or None)
        our name by theirs; None for a column that is not read.
    values : dict of str to dict of str to str
        our value by their column and their code; codes of `EVERY_COLUMN` hold in all of them.
    wanted : dict of str to set of str
        values of the rows that are read, by their column; all rows when there are none.
    """

    columns: dict[str, str | None] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    wanted: dict[str, set[str]] = field(default_factory=dict)

    def name(self, theirs: str) -> str | None:
        """Return our name of a column; None when it is not read."""
        return self.columns.get(theirs, theirs)

    def value(self, theirs: str, cell: str) -> str:
        """Return our value of a cell in their column."""
        own = self.values.get(theirs, {})
        return own[cell] if cell in own else self.values.get(EVERY_COLUMN, {}).get(cell, cell)

    def keeps(self, row: dict[str, str]) -> bool:
        """Return whether a row of the export, by their columns, is to be read."""
        return all(row.get(theirs, "") in values for theirs, values in self.wanted.items())

    def filters(self) -> dict[str, set[str]]:
        """Return the values of the rows that are read, by their column."""
        return self.wanted


def build_mappings(sheet: SheetCells, known: Callable[[str], Iterable[str]]) -> dict[str, Mapping]:
    """Return the mapping of each sheet that is named.

    Parameters
    ----------
    sheet : SheetCells
        cells of a `ColumnMappingSheet`.
    known : callable
        gives our columns of a sheet by its name in the settings.

    Raises
    ------
    SheetError
        an unknown column of ours, one column mapped twice, a code for a column that is not mapped.
    """
    faults: list[Fault] = []
    found: dict[str, Mapping] = {}
    choosing = [(number, row) for number, row in sheet.numbered() if row["column"] == ONLY_ROWS]
    naming = [(number, row) for number, row in sheet.numbered() if row["column"] != ONLY_ROWS]
    renaming = [(number, row) for number, row in naming if row["their_value"] is None]
    coding = [(number, row) for number, row in naming if row["their_value"] is not None]
    for _, row in choosing:
        mapping = found.setdefault(str(row["sheet"]), Mapping())
        value = "" if row["their_value"] is None else str(row["their_value"])
        mapping.wanted.setdefault(str(row["their_name"]), set()).add(value)
    for number, row in renaming:
        mapping = found.setdefault(str(row["sheet"]), Mapping())
        theirs, ours = str(row["their_name"]), row["column"]
        columns = list(known(str(row["sheet"])))
        if ours is not None and ours not in columns:
            what = f"sheet '{row['sheet']}' has no column '{ours}'"
            faults.append(Fault(f"row {number}", what, did_you_mean(str(ours), columns)))
        if theirs == EVERY_COLUMN:
            what = "a row for every column (*) has no their_value"
            faults.append(Fault(f"row {number}", what, "it translates codes; name one"))
            continue
        if theirs in mapping.columns:
            what = f"their column '{theirs}' is mapped twice"
            faults.append(Fault(f"row {number}", what, "keep one row"))
        if ours is not None and ours in mapping.columns.values():
            what = f"two of their columns are mapped to '{ours}'"
            faults.append(Fault(f"row {number}", what, "empty the column of one of them"))
        mapping.columns[theirs] = None if ours is None else str(ours)
    for number, row in coding:
        name, theirs = str(row["sheet"]), str(row["their_name"])
        mapping = found.setdefault(name, Mapping())
        if theirs not in (EVERY_COLUMN, *mapping.columns, *known(name)):
            what = f"their column '{theirs}' has a code but no row that names our column"
            faults.append(Fault(f"row {number}", what, "add a row without their_value"))
        codes = mapping.values.setdefault(theirs, {})
        codes[str(row["their_value"])] = "" if row["value"] is None else str(row["value"])
    for mapping in found.values():
        for theirs in mapping.wanted:
            mapping.columns.setdefault(theirs, None)  # read to choose rows, and for nothing else
    if faults:
        raise SheetError(sheet.path, faults)
    return found
