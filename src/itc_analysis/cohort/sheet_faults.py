"""What is looked for in every sheet: ids that are unknown or told apart by capitals, files that are
not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from itc_analysis.cohort.data_files import split_paths
from itc_analysis.cohort.paths import explain_absent, find_path, has_braces, leads_out, lies_ahead
from itc_analysis.cohort.sheets.cells import SheetCells
from itc_analysis.config.sections import CheckedStudy
from itc_analysis.errors import Fault, SettingsError, SheetError, did_you_mean

_BRACES = "holds braces, which the workflow would take for the name of a wildcard"
_RENAME = "rename the folder or file without { and }"
_INSIDE = "write it from study.data_folder on, and set that to the folder that holds all data"


def case_twins(sheet: SheetCells, column: str) -> list[Fault]:
    """Refuse ids that differ only in capital letters: they would share a file on some disks."""
    first: dict[str, tuple[int, str]] = {}
    faults = []
    for number, row in sheet.numbered():
        name = str(row[column])
        row_of_first, spelt = first.setdefault(name.casefold(), (number, name))
        if name != spelt:
            what = f"{column} '{name}' is '{spelt}' of row {row_of_first} but for capital letters"
            faults.append(Fault(f"row {number}", what, "write one of them another way"))
    return faults


def unknown_ids(sheet: SheetCells, column: str, among: SheetCells) -> list[Fault]:
    """Refuse ids that another sheet does not have."""
    known = [str(row[column]) for row in among.rows]
    present = set(known)
    return [
        Fault(
            f"row {number}",
            f"{column} '{row[column]}' is not in {among.path}",
            _meant_id(str(row[column]), known),
        )
        for number, row in sheet.numbered()
        if row[column] is not None and row[column] not in present
    ]


def _meant_id(name: str, known: list[str]) -> str:
    """Return which id was probably meant, and why it differs."""
    alike = [other for other in known if other.lstrip("0") == name.lstrip("0")]
    if alike and name.lstrip("0"):
        return (
            f"did you mean '{alike[0]}'? A spreadsheet drops zeros in front of a number: "
            "format the column as text and write the codes in full"
        )
    return did_you_mean(name, known)


def absent_panel_files(tubes: SheetCells, folder: str, suffix: str) -> list[Fault]:
    """Refuse panels without a sheet or template."""
    found = sorted(path.stem for path in Path(folder).glob(f"*{suffix}"))
    first: dict[str, int] = {}
    for number, row in tubes.numbered():
        first.setdefault(str(row["panel"]), number)
    listed = f"panels found: {', '.join(found)}" if found else "no panels are found there"
    return [
        Fault(f"row {number}", f"panel '{panel}' has no file {folder}/{panel}{suffix}", listed)
        for panel, number in first.items()
        if panel not in found
    ]


def absent_files(sheet: SheetCells, column: str, study: CheckedStudy) -> list[Fault]:
    """Refuse data files that are not there, or not to be used."""
    if sheet.rows and not Path(study.data_folder).is_dir():
        what = f"the data folder '{study.data_folder}' is not there, or no folder"
        remedy = (
            "correct study.data_folder: it starts from the folder you are in; ~ and $ are not known"
        )
        return [Fault("", what, remedy)]
    faults = []
    for number, row in sheet.numbered():
        if row[column] is None:
            continue
        paths = [str(row[column])]
        if column == "contigs_path":
            paths = split_paths(paths[0], is_there=partial(find_path, study.data_folder))
        faults += [
            fault for path in paths for fault in _absent_file(f"row {number}", column, path, study)
        ]
    return faults


def _absent_file(where: str, column: str, path: str, study: CheckedStudy) -> list[Fault]:
    """Return what is wrong with one file of a cell."""
    if has_braces(path):
        return [Fault(where, f"{column} '{path}' {_BRACES}", _RENAME)]
    if leads_out(path):
        return [Fault(where, f"{column} '{path}' leads out of the data folder", _INSIDE)]
    found = find_path(study.data_folder, path)
    if found is None:
        remedy = explain_absent(study.data_folder, path)
        return [Fault(where, f"{column} '{path}' is not there", remedy)]
    if lies_ahead(found):
        # the workflow would end every job that reads it: its results would seem older
        what = f"the time of {column} '{path}' is in the future; two clocks disagree"
        return [Fault(where, what, f"set the clock right, then: touch {found}")]
    return []


def check_folders(study: CheckedStudy) -> None:
    """Refuse folders and sheets of the settings whose names the workflow cannot use."""
    faults = [
        Fault(f"study.{setting}", f"'{path}' {_BRACES}", _RENAME)
        for setting, path in study.model_dump().items()
        if setting not in ("name", "simulated") and isinstance(path, str) and has_braces(path)
    ]
    if faults:
        source = "settings"
        raise SettingsError(source, faults)


def repeated_paths(sheet: SheetCells) -> list[Fault]:
    """Refuse a file that stands in two rows."""
    first: dict[str, int] = {}
    faults = []
    for number, row in sheet.numbered():
        if row.get("cells_path") is not None or row.get("hashtag") is not None:
            continue  # one file of a pooled library stands in the rows of all its samples
        path = Path(str(row["path"])).as_posix()
        if path in first:
            what = f"path '{path}' is already in row {first[path]}"
            faults.append(Fault(f"row {number}", what, "each file is one row"))
        first.setdefault(path, number)
    return faults


def odd_pools(libraries: SheetCells) -> list[Fault]:
    """Refuse hashtags beside a table of cells, one hashtag for two samples, and pools of one."""
    faults: list[Fault] = []
    pools: dict[str, dict[str, int]] = {}
    n_rows: dict[str, int] = {}
    for number, row in libraries.numbered():
        tag = row.get("hashtag")
        if tag is None:
            continue
        if row.get("cells_path") is not None:
            what = "hashtag and cells_path both say whose the cells are"
            faults.append(Fault(f"row {number}", what, "keep one of the two"))
        path, tag = Path(str(row["path"])).as_posix(), str(tag)
        n_rows[path] = n_rows.get(path, 0) + 1
        pool = pools.setdefault(path, {})
        if tag in pool:
            what = f"hashtag '{tag}' is that of row {pool[tag]} as well"
            faults.append(Fault(f"row {number}", what, "each sample of a pool has its own"))
        pool.setdefault(tag, number)
    faults += [
        Fault(f"row {next(iter(pool.values()))}", f"'{path}' has a hashtag in this row only",
              "give every sample of the pool a row with its hashtag")
        for path, pool in pools.items() if n_rows[path] == 1
    ]  # fmt: skip
    return faults


def raise_faults(sheet: SheetCells, faults: Iterable[Fault]) -> None:
    """Raise the faults of a sheet, if there are any."""
    faults = list(faults)
    if faults:
        raise SheetError(sheet.path, faults)
