"""Sheets that people write become checked tables: text first, all faults at once.

`read_sheet` is for every sheet of `tables.sheets`; what a cell may hold comes from the contract.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis.cohort.sheets.cells import read_cells
from itc_analysis.cohort.sheets.columns import Column, SheetForm
from itc_analysis.tables import contract as contracts
from itc_analysis.tables.cohort.sheets import SHEETS
from itc_analysis.tables.contract import Contract


def read_sheet(path: str | Path, contract: type[Contract]) -> pd.DataFrame:
    """Read and check one sheet.

    Parameters
    ----------
    path : str or Path
        tab-separated text (comma and semicolon are recognised), or an Excel workbook.
    contract : type of Contract
        a class of `tables.sheets`.

    Returns
    -------
    pandas.DataFrame
        One row per row of the sheet, in its order, with the contract's columns and types. An empty
        cell, and a column that the sheet does not have and need not have, is missing.

    Raises
    ------
    SheetError
        every fault with its row, as a spreadsheet numbers it (the header is row 1).
    """
    return to_table(read_cells(path, describe_sheet(contract)).rows, contract)


def to_table(
    rows: list[dict[str, str | float | bool | None]], contract: type[Contract]
) -> pd.DataFrame:
    """Return rows already read as the contract's table; also right when there are no rows."""
    return contracts.make(
        pd.DataFrame(rows, columns=list(contracts.columns_of(contract))), contract
    )


def describe_sheet(contract: type[Contract]) -> SheetForm:
    """Return how each column of a sheet is read, from its contract."""
    described = []
    for name, column in contracts.columns_of(contract).items():
        limits = {
            statistic: value
            for check in column.checks
            for statistic, value in check.statistics.items()
        }
        dtype = str(column.dtype)
        described.append(
            Column(
                name=str(name),
                kind="number" if dtype == "float64" else "yes_no" if dtype == "boolean" else "text",
                required=not column.nullable,
                unit=str((column.metadata or {}).get("unit", "")),
                pattern=limits.get("pattern"),
                allowed=tuple(limits.get("allowed_values", ())),
                low=limits.get("min_value"),
                high=limits.get("max_value"),
                whole=bool((column.metadata or {}).get("whole", False)),
            )
        )
    return SheetForm(tuple(described), contracts.key_of(contract))


def describe_sheets() -> dict[str, SheetForm]:
    """Return the form of every sheet, for columns.json."""
    return {contract.__name__: describe_sheet(contract) for contract in SHEETS}
