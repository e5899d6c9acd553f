"""The sheets of a study one by one, as rows: which tubes and libraries there are.

Light enough for the Snakefile, which lists tubes and libraries with it: no pandas.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from itc_analysis.cohort.data_files import split_paths
from itc_analysis.cohort.paths import find_path
from itc_analysis.cohort.sheets.cells import Value, read_cells
from itc_analysis.cohort.sheets.column_mapping import Mapping, build_mappings
from itc_analysis.cohort.sheets.columns import SheetForm, sheet_forms
from itc_analysis.cohort.sheets.extra_columns import (
    Variable,
    declared_variables,
    with_variables,
)
from itc_analysis.cohort.sheets.sheet_text import read_sheet_text
from itc_analysis.config.sections import CheckedStudy
from itc_analysis.errors import ItcError

#: Contract of each sheet by its setting.
CONTRACTS = {
    "participants": "ParticipantSheet",
    "classification": "ClassificationSheet",
    "samples": "SampleSheet",
    "fcs_files": "TubeSheet",
    "libraries": "LibrarySheet",
    "decisions": "DecisionSheet",
}


def read_variables(study: CheckedStudy) -> tuple[Variable, ...]:
    """Read which columns of its own a study declares; none when it has no such sheet.

    Raises
    ------
    SheetError
        every fault of the sheet.
    """
    if study.variables is None:
        return ()
    forms = sheet_forms()
    cells = read_cells(study.variables, forms["VariableSheet"])
    return declared_variables(cells, {name: forms[CONTRACTS[name]] for name in CONTRACTS})


def form_of(setting: str, variables: tuple[Variable, ...]) -> SheetForm:
    """Return the form of a sheet, with the columns of the study's own."""
    return with_variables(sheet_forms()[CONTRACTS[setting]], variables, setting)


def read_mappings(study: CheckedStudy) -> dict[str, Mapping]:
    """Read how exports are translated, by the setting of the sheet; {} when nothing is.

    Raises
    ------
    SheetError
        every fault of the sheet of mappings.
    """
    if study.column_mapping is None:
        return {}
    forms = sheet_forms()
    cells = read_cells(study.column_mapping, forms["ColumnMappingSheet"])
    variables = read_variables(study)

    def columns_of(sheet: str) -> list[str]:
        return [column.name for column in form_of(sheet, variables).columns]

    return build_mappings(cells, columns_of)


def read_rows(
    path: str | Path,
    sheet: str,
    mapping: Mapping | None = None,
    variables: tuple[Variable, ...] = (),
) -> list[dict[str, Value]]:
    """Read one sheet as a list of rows, every column of its contract in each.

    Parameters
    ----------
    path : str or Path
        the sheet.
    sheet : str
        name of its contract in `tables.sheets`, e.g. ``"TubeSheet"``.
    mapping : Mapping, optional
        for an export with other column names and codes.
    variables : tuple of Variable
        columns of the study's own.

    Raises
    ------
    SheetError
        every fault of the sheet.
    """
    setting = next((name for name, contract in CONTRACTS.items() if contract == sheet), "")
    return read_cells(path, with_variables(sheet_forms()[sheet], variables, setting), mapping).rows


def list_tubes(study: CheckedStudy, *, with_confirmed: bool = False) -> list[dict[str, Any]]:
    """Return the rows of the tube sheet with `path` joined to the data folder; [] without flow.

    Parameters
    ----------
    with_confirmed : bool
        with the column `confirmed`. The jobs that gate do not see it: what a person confirms
        changes no event, and they need not run again.

    Raises
    ------
    SheetError
        every fault of the sheet.
    """
    if study.fcs_files is None:
        return []
    mapping = read_mappings(study).get("fcs_files")
    rows = [_located(row, study) for row in read_rows(study.fcs_files, "TubeSheet", mapping)]
    if with_confirmed:
        return rows
    return [{k: v for k, v in row.items() if k != "confirmed"} for row in rows]


def named_panels(study: CheckedStudy) -> list[str]:
    """Return the panels of the stained tubes that have a sheet and a template, sorted.

    Whatever else is wrong with the tube sheet: a panel that has no files is told with its tubes.
    """
    if study.fcs_files is None:
        return []
    try:
        rows = read_sheet_text(
            study.fcs_files,
            known=[column.name for column in form_of("fcs_files", ()).columns],
            required=[],
            translation=read_mappings(study).get("fcs_files"),
        ).rows
    except ItcError:  # told where the sheet itself is read
        return []
    named = {row.get("panel", "") for _, row in rows if row.get("tube", "stained") == "stained"}
    return sorted(
        panel
        for panel in named - {""}
        if Path(study.panels_folder, f"{panel}.tsv").is_file()
        and Path(study.gating_folder, f"{panel}.yaml").is_file()
    )


def list_libraries(study: CheckedStudy) -> list[dict[str, Any]]:
    """Return the rows of the library sheet with its paths joined to the data folder; [] without.

    Raises
    ------
    SheetError
        every fault of the sheet.
    """
    if study.libraries is None:
        return []
    mapping = read_mappings(study).get("libraries")
    rows = [_located(row, study) for row in read_rows(study.libraries, "LibrarySheet", mapping)]
    pools: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.get("hashtag"):
            pools.setdefault(str(row["path"]), {})[str(row["sample_id"])] = str(row["hashtag"])
    # a row knows the hashtags of its whole pool, whatever batch the others are in
    return [row | {"hashtags": pools.get(str(row["path"]))} for row in rows]


def _located(row: dict[str, Value], study: CheckedStudy) -> dict[str, Any]:
    located: dict[str, Any] = dict(row)
    for column in ("path", "contigs_path", "cells_path"):
        written = located.get(column)
        if written is None:
            continue
        parts = [written]
        if column == "contigs_path":
            parts = split_paths(written, is_there=partial(find_path, study.data_folder))
        # as the disk spells it; one that is not there stays as it is written, to be told
        found = [find_path(study.data_folder, p) or Path(study.data_folder) / p for p in parts]
        located[column] = ", ".join(path.as_posix() for path in found)
    return located
