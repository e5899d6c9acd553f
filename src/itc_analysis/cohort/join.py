"""The sheets of a study, read together and checked against one another.

A sample must belong to a participant, a tube to a sample, a panel must have its files, a data file
must be there. Light enough for the Snakefile, which lists tubes and libraries with it: no pandas.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from itc_analysis.cohort.conditions import condition_faults
from itc_analysis.cohort.paths import explain_absent, find_path, has_braces, leads_out, lies_ahead
from itc_analysis.cohort.sheets.cells import SheetCells, Value, read_cells
from itc_analysis.cohort.sheets.column_mapping import Mapping, build_mappings
from itc_analysis.cohort.sheets.columns import Column, SheetForm, sheet_forms
from itc_analysis.cohort.sheets.extra_columns import (
    Variable,
    declared_variables,
    looks_like_ids,
    with_variables,
)
from itc_analysis.cohort.sheets.personal_data import masked
from itc_analysis.cohort.sheets.review import read_reviews, review_path
from itc_analysis.config.sections import CheckedCohort, CheckedStudy, Conditions
from itc_analysis.errors import (
    Fault,
    ItcError,
    ItcErrors,
    SettingsError,
    SheetError,
    did_you_mean,
)

Outcome = TypeVar("Outcome")

#: Contract of each sheet by its setting.
CONTRACTS = {
    "participants": "ParticipantSheet",
    "classification": "ClassificationSheet",
    "samples": "SampleSheet",
    "fcs_files": "TubeSheet",
    "libraries": "LibrarySheet",
    "decisions": "DecisionSheet",
}
#: Sheets to which a study may add columns.
MAY_HAVE_MORE = ("participants", "samples")
NO_VARIABLES = "a sheet of variables (study.variables; config/variables.tsv is a start)"


@dataclass(frozen=True)
class StudySheets:
    """All sheets of a study; a sheet that the study does not have is without rows."""

    participants: SheetCells
    samples: SheetCells
    tubes: SheetCells
    libraries: SheetCells
    decisions: SheetCells
    classification: SheetCells
    variables: tuple[Variable, ...] = ()


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


def _form(setting: str, variables: tuple[Variable, ...]) -> SheetForm:
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
        return [column.name for column in _form(sheet, variables).columns]

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


def read_study_sheets(
    study: CheckedStudy, cohort: CheckedCohort, conditions: Conditions | None = None
) -> StudySheets:
    """Read all sheets that `study` names and check them against one another.

    Parameters
    ----------
    study, cohort : CheckedStudy or CheckedCohort
        the sheets, and the groups that they may name.
    conditions : Conditions, optional
        the function section, which names the conditions of tubes; None: resting cells only.

    Raises
    ------
    ItcError
        the faults of all sheets at once. Sheets are compared only with sheets that are themselves
        without fault, so that one slip is told once.
    """
    errors: list[ItcError] = []

    def attempt(function: Callable[..., Outcome], *arguments: Any) -> Outcome | None:
        try:
            return function(*arguments)
        except ItcError as error:
            errors.append(error)
            return None

    attempt(_check_folders, study)
    # without these two every other sheet would look wrong
    variables = read_variables(study)
    mappings = read_mappings(study)

    def read(
        setting: str, check: Callable[[SheetCells], list[Fault]] | None = None
    ) -> SheetCells | None:
        path = getattr(study, setting)
        if path is None:
            return SheetCells("", (), [])
        form, remedy = _form(setting, variables), ""
        if setting in MAY_HAVE_MORE:
            remedy = f"to add a column, declare it in {study.variables or NO_VARIABLES}"
        return attempt(read_cells, path, form, mappings.get(setting), check, remedy)

    def own_columns(setting: str) -> list[Column]:
        return [variable.column for variable in variables if variable.sheet == setting]

    check_groups = partial(_check_participants, groups=cohort.groups)
    participants = read("participants", check_groups)
    samples = read("samples")
    tubes = read("fcs_files")
    libraries = read("libraries")
    decisions = read("decisions")
    classification = read("classification", _check_better_explained)
    if participants is not None:
        attempt(_raise, participants, check_groups(participants))
        attempt(_raise, participants, looks_like_ids(participants, own_columns("participants")))
        if decisions is not None:
            attempt(_check_ids, decisions, "participant_id", participants)
        if classification is not None:
            attempt(_check_ids, classification, "participant_id", participants)
    if classification is not None:
        attempt(_raise, classification, _check_better_explained(classification))
    if samples is not None:
        attempt(_check_samples, samples, participants)
        attempt(_raise, samples, looks_like_ids(samples, own_columns("samples")))
    if tubes is not None:
        attempt(_check_tubes, tubes, samples, study, conditions or Conditions())
        for panel in sorted({str(row["panel"]) for row in tubes.rows}):
            attempt(_check_fmo_markers, tubes, panel, study)
        if review_path(study).exists():
            attempt(read_reviews, review_path(study), tubes)
    if libraries is not None:
        attempt(_check_libraries, libraries, samples, study)
    if None not in (samples, tubes, libraries):
        attempt(_check_one_sample_each, samples, tubes, libraries)
    if errors:
        told = _one_per_file(errors)
        raise told[0] if len(told) == 1 else ItcErrors(told)
    return StudySheets(
        participants,  # type: ignore[arg-type]
        samples,  # type: ignore[arg-type]
        tubes,  # type: ignore[arg-type]
        libraries,  # type: ignore[arg-type]
        decisions,  # type: ignore[arg-type]
        classification,  # type: ignore[arg-type]
        variables,
    )


def _check_participants(participants: SheetCells, *, groups: tuple[str, ...]) -> list[Fault]:
    faults = _case_twins(participants, "participant_id")
    if not participants.rows:
        faults.append(Fault("", "there is a header but no row", "add one row per person"))
    for number, row in participants.numbered():
        # the settings may spell an accent in the other way
        spelt = {unicodedata.normalize("NFC", group): group for group in groups}
        if row["group"] in spelt:
            row["group"] = spelt[str(row["group"])]
        if row["group"] is not None and row["group"] not in groups:
            what = f"group {masked(str(row['group']))} is not in the settings (cohort)"
            faults.append(Fault(f"row {number}", what, did_you_mean(str(row["group"]), groups)))
    return faults


def _check_samples(samples: SheetCells, participants: SheetCells | None) -> None:
    faults = _case_twins(samples, "sample_id")
    if not samples.rows:
        faults.append(Fault("", "there is a header but no row", "add one row per sample"))
    for number, row in samples.numbered():
        is_bridge = row["sample_type"] == "bridge_control"
        if is_bridge and row["participant_id"] is not None:
            what = f"bridge control '{row['sample_id']}' names a participant"
            faults.append(Fault(f"row {number}", what, "empty its participant_id"))
        if not is_bridge and row["participant_id"] is None:
            what = f"sample '{row['sample_id']}' has no participant_id"
            faults.append(
                Fault(f"row {number}", what, "name the person, or make it a bridge_control")
            )
    if participants is not None:
        faults += _unknown_ids(samples, "participant_id", participants)
    _raise(samples, faults)


def _check_ids(sheet: SheetCells, column: str, among: SheetCells) -> None:
    _raise(sheet, _unknown_ids(sheet, column, among))


def _check_better_explained(classification: SheetCells) -> list[Fault]:
    known = [
        column.name
        for column in sheet_forms()["ClassificationSheet"].columns
        if column.kind == "yes_no"
    ]
    faults = []
    for number, row in classification.numbered():
        named = [part.strip() for part in str(row["better_explained"] or "").split(",")]
        for name in filter(None, named):
            if name not in known:
                what = f"better_explained names {masked(name)}, which is no yes/no column"
                faults.append(Fault(f"row {number}", what, did_you_mean(name, known)))
    return faults


def _check_tubes(
    tubes: SheetCells, samples: SheetCells | None, study: CheckedStudy, conditions: Conditions
) -> None:
    faults = [] if samples is None else _unknown_ids(tubes, "sample_id", samples)
    faults += _absent_panel_files(tubes, study.panels_folder, ".tsv")
    faults += _absent_panel_files(tubes, study.gating_folder, ".yaml")
    for number, row in tubes.numbered():
        is_fmo = row["tube"] == "fmo"
        if is_fmo and row["fmo_markers"] is None:
            what = f"FMO tube '{row['file_id']}' has no fmo_markers"
            faults.append(Fault(f"row {number}", what, "name the markers left out of it"))
        if not is_fmo and row["fmo_markers"] is not None:
            what = f"tube '{row['file_id']}' has fmo_markers but is '{row['tube']}'"
            faults.append(Fault(f"row {number}", what, "make it 'fmo', or empty its fmo_markers"))
    faults += condition_faults(list(tubes.numbered()), conditions)
    for column in ("file_id", "panel", "batch"):
        faults += _case_twins(tubes, column)
    faults += _absent_files(tubes, "path", study) + _repeated_paths(tubes)
    _raise(tubes, faults)


def _check_fmo_markers(tubes: SheetCells, panel: str, study: CheckedStudy) -> None:
    path = Path(study.panels_folder) / f"{panel}.tsv"
    if not path.is_file():
        return  # told with the tube
    markers = {str(row["marker"]) for row in read_rows(path, "PanelSheet")}
    faults = []
    for number, row in tubes.numbered():
        if row["panel"] != panel or row["tube"] != "fmo":
            continue
        for marker in filter(
            None, (part.strip() for part in str(row["fmo_markers"] or "").split(","))
        ):
            if marker not in markers:
                what = f"fmo_markers names '{marker}', which panel '{panel}' does not have"
                faults.append(Fault(f"row {number}", what, did_you_mean(marker, sorted(markers))))
    _raise(tubes, faults)


def _check_libraries(
    libraries: SheetCells, samples: SheetCells | None, study: CheckedStudy
) -> None:
    faults = [] if samples is None else _unknown_ids(libraries, "sample_id", samples)
    for column in ("library_id", "batch"):
        faults += _case_twins(libraries, column)
    faults += _absent_files(libraries, "path", study) + _repeated_paths(libraries)
    faults += _absent_files(libraries, "contigs_path", study)
    faults += _absent_files(libraries, "cells_path", study) + _odd_pools(libraries)
    _raise(libraries, faults)


def _check_one_sample_each(samples: SheetCells, tubes: SheetCells, libraries: SheetCells) -> None:
    """Refuse two samples of one person in the same panel or assay: they would count as two
    people.
    """
    used = {(str(row["sample_id"]), f"panel {row['panel']}") for row in tubes.rows}
    used |= {(str(row["sample_id"]), "single cell") for row in libraries.rows}
    first: dict[tuple[str, str], tuple[int, str]] = {}
    faults = []
    for number, row in samples.numbered():
        if row["sample_type"] == "bridge_control" or row["participant_id"] is None:
            continue
        for assay in sorted(assay for sample, assay in used if sample == row["sample_id"]):
            key = (str(row["participant_id"]), assay)
            if key in first:
                what = (
                    f"sample '{row['sample_id']}' is a second sample of participant '{key[0]}' in "
                    f"{assay} (the first, '{first[key][1]}', is in row {first[key][0]})"
                )
                remedy = "keep one: a person counts once in every comparison"
                faults.append(Fault(f"row {number}", what, remedy))
            else:
                first[key] = (number, str(row["sample_id"]))
    _raise(samples, faults)


def _case_twins(sheet: SheetCells, column: str) -> list[Fault]:
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


def _unknown_ids(sheet: SheetCells, column: str, among: SheetCells) -> list[Fault]:
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


def _absent_panel_files(tubes: SheetCells, folder: str, suffix: str) -> list[Fault]:
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


def _absent_files(sheet: SheetCells, column: str, study: CheckedStudy) -> list[Fault]:
    faults = []
    for number, row in sheet.numbered():
        path = row[column]
        if path is None:
            continue
        if has_braces(str(path)):
            faults.append(Fault(f"row {number}", f"{column} '{path}' {_BRACES}", _RENAME))
        elif leads_out(str(path)):
            what = f"{column} '{path}' leads out of the data folder"
            faults.append(Fault(f"row {number}", what, _INSIDE))
        elif (found := find_path(study.data_folder, str(path))) is None:
            what = f"{column} '{path}' is not there"
            faults.append(
                Fault(f"row {number}", what, explain_absent(study.data_folder, str(path)))
            )
        elif lies_ahead(found):
            # the workflow would end every job that reads it: its results would seem older
            what = f"the time of {column} '{path}' lies in the future; two clocks disagree"
            faults.append(Fault(f"row {number}", what, f"set the clock right, then: touch {found}"))
    return faults


_BRACES = "holds braces, which the workflow would take for the name of a wildcard"
_RENAME = "rename the folder or file without { and }"
_INSIDE = "write it from study.data_folder on, and set that to the folder that holds all data"


def _check_folders(study: CheckedStudy) -> None:
    """Refuse folders and sheets of the settings whose names the workflow cannot use."""
    faults = [
        Fault(f"study.{setting}", f"'{path}' {_BRACES}", _RENAME)
        for setting, path in study.model_dump().items()
        if setting not in ("name", "simulated") and isinstance(path, str) and has_braces(path)
    ]
    if faults:
        source = "settings"
        raise SettingsError(source, faults)


def _repeated_paths(sheet: SheetCells) -> list[Fault]:
    first: dict[str, int] = {}
    faults = []
    for number, row in sheet.numbered():
        if row.get("cells_path") is not None or row.get("hashtag") is not None:
            continue  # one file of a pooled library stands in the rows of all its samples
        path = Path(str(row["path"])).as_posix()
        if path in first:
            what = f"path '{path}' stands already in row {first[path]}"
            faults.append(Fault(f"row {number}", what, "each file is one row"))
        first.setdefault(path, number)
    return faults


def _odd_pools(libraries: SheetCells) -> list[Fault]:
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


def _located(row: dict[str, Value], study: CheckedStudy) -> dict[str, Any]:
    located: dict[str, Any] = dict(row)
    for column in ("path", "contigs_path", "cells_path"):
        written = located.get(column)
        if written is not None:
            # as the disk spells it; one that is not there stays as it is written, to be told
            found = find_path(study.data_folder, written) or Path(study.data_folder) / written
            located[column] = found.as_posix()
    return located


def _raise(sheet: SheetCells, faults: Iterable[Fault]) -> None:
    faults = list(faults)
    if faults:
        raise SheetError(sheet.path, faults)


def _one_per_file(errors: list[ItcError]) -> list[ItcError]:
    """Join the errors of one file, so that each file is told in one block."""
    faults: dict[str, list[Fault]] = {}
    for error in errors:
        faults.setdefault(error.source, []).extend(error.faults)
    return [SheetError(source, found) for source, found in faults.items()]
