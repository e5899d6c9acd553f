"""The sheets of a study, read together and checked against one another.

A sample must belong to a participant, a tube to a sample, a panel must have its files, a data file
must be there. No pandas: the Snakefile checks with it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from itc_analysis.cohort.conditions import condition_faults
from itc_analysis.cohort.listing import form_of, read_mappings, read_rows, read_variables
from itc_analysis.cohort.sheet_faults import (
    absent_files,
    absent_panel_files,
    case_twins,
    check_folders,
    odd_pools,
    raise_faults,
    repeated_paths,
    unknown_ids,
)
from itc_analysis.cohort.sheets.cells import SheetCells, read_cells
from itc_analysis.cohort.sheets.columns import sheet_forms
from itc_analysis.cohort.sheets.extra_columns import Variable, looks_like_ids
from itc_analysis.cohort.sheets.personal_data import masked
from itc_analysis.cohort.sheets.review import read_reviews, review_path
from itc_analysis.config.sections import CheckedCohort, CheckedStudy, Conditions
from itc_analysis.errors import Fault, ItcError, did_you_mean, one_error

Outcome = TypeVar("Outcome")
#: Looks for what else is wrong with the rows of a sheet.
RowCheck = Callable[[SheetCells], list[Fault]]

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
        the faults of all sheets at once. Rows with a faulty cell are compared with nothing, and
        nothing with a sheet of which an id cannot be read, so that one slip is reported once.
    """
    # without variables and mappings every other sheet would look wrong: their faults end it here
    reading = _Reading(study)
    reading.attempt(check_folders, study)
    check_groups = partial(_check_participants, groups=cohort.groups)
    reading.read("participants", check_groups)
    for setting in ("samples", "fcs_files", "libraries", "decisions"):
        reading.read(setting)
    reading.read("classification", _check_better_explained)
    _compare_people(reading, check_groups)
    _compare_samples(reading)
    _compare_tubes(reading, conditions or Conditions())
    _compare_libraries(reading)
    if reading.errors:
        raise one_error(reading.errors)
    return StudySheets(
        participants=reading.whole["participants"],
        samples=reading.whole["samples"],
        tubes=reading.whole["fcs_files"],
        libraries=reading.whole["libraries"],
        decisions=reading.whole["decisions"],
        classification=reading.whole["classification"],
        variables=reading.variables,
    )


class _Reading:
    """The sheets as they are read, by setting, and every fault met on the way.

    Attributes
    ----------
    whole : dict of str to SheetCells
        sheets whose cells could all be read.
    in_part : dict of str to SheetCells
        sheets of which some cells could not be read.
    errors : list of ItcError
        raised together at the end.
    """

    def __init__(self, study: CheckedStudy) -> None:
        self.study = study
        self.variables = read_variables(study)
        self.mappings = read_mappings(study)
        self.whole: dict[str, SheetCells] = {}
        self.in_part: dict[str, SheetCells] = {}
        self.errors: list[ItcError] = []

    def attempt(self, function: Callable[..., Outcome], *arguments: Any) -> Outcome | None:
        """Call a function and keep its error; None where it failed."""
        try:
            return function(*arguments)
        except ItcError as error:
            self.errors.append(error)
            return None

    def read(self, setting: str, check: RowCheck | None = None) -> None:
        """Read one sheet; `check` is asked as well where header or cells have faults."""
        path = getattr(self.study, setting)
        if path is None:
            self.whole[setting] = SheetCells("", (), [])
            return

        def look_on(sheet: SheetCells) -> list[Fault]:
            self.in_part[setting] = sheet
            return [] if check is None else check(sheet)

        remedy = ""
        if setting in MAY_HAVE_MORE:
            remedy = f"to add a column, declare it in {self.study.variables or NO_VARIABLES}"
        form = form_of(setting, self.variables)
        sheet = self.attempt(read_cells, path, form, self.mappings.get(setting), look_on, remedy)
        if sheet is not None:
            self.whole[setting] = sheet

    def sound(self, setting: str) -> SheetCells | None:
        """Return the rows that could be read, so that one bad cell hides no other fault."""
        if setting in self.whole or setting not in self.in_part:
            return self.whole.get(setting)
        part = self.in_part[setting].without_faulty()
        required = [c.name for c in form_of(setting, self.variables).columns if c.required]
        # a column that is missing leaves nothing to compare
        is_complete = all(row[name] is not None for row in part.rows for name in required)
        return part if is_complete else None

    def listed(self, setting: str, column: str) -> SheetCells | None:
        """Return a sheet whose every id is known; None where ids of others cannot be judged."""
        sheet = self.whole.get(setting) or self.in_part.get(setting)
        ids = [] if sheet is None else [row[column] for row in sheet.rows]
        # an id that appears twice was meant to be another; without rows every id would look wrong
        is_known = bool(ids) and None not in ids and len(set(ids)) == len(ids)
        return sheet if is_known else None

    def check_own_columns(self, setting: str) -> None:
        """Keep the faults of columns that the study added, where they look like ids."""
        sheet = self.whole[setting]
        own = [variable.column for variable in self.variables if variable.sheet == setting]
        self.attempt(raise_faults, sheet, looks_like_ids(sheet, own))


def _compare_people(reading: _Reading, check_groups: RowCheck) -> None:
    if (participants := reading.whole.get("participants")) is not None:
        reading.attempt(raise_faults, participants, check_groups(participants))
        reading.check_own_columns("participants")
    if (people := reading.listed("participants", "participant_id")) is not None:
        for setting in ("decisions", "classification"):
            if (rows := reading.sound(setting)) is not None:
                reading.attempt(_check_ids, rows, "participant_id", people)
    if (classification := reading.whole.get("classification")) is not None:
        reading.attempt(raise_faults, classification, _check_better_explained(classification))


def _compare_samples(reading: _Reading) -> None:
    samples = reading.whole.get("samples")
    if (rows := reading.sound("samples")) is not None:
        is_empty = samples is not None and not samples.rows
        people = reading.listed("participants", "participant_id")
        reading.attempt(partial(_check_samples, rows, people, is_empty=is_empty))
    if samples is not None:
        reading.check_own_columns("samples")


def _compare_tubes(reading: _Reading, conditions: Conditions) -> None:
    study = reading.study
    if (rows := reading.sound("fcs_files")) is not None:
        samples = reading.listed("samples", "sample_id")
        reading.attempt(_check_tubes, rows, samples, study, conditions)
        for panel in sorted({str(row["panel"]) for row in rows.rows}):
            reading.attempt(_check_fmo_markers, rows, panel, study)
    if (tubes := reading.whole.get("fcs_files")) is not None and review_path(study).exists():
        reading.attempt(read_reviews, review_path(study), tubes)


def _compare_libraries(reading: _Reading) -> None:
    if (rows := reading.sound("libraries")) is not None:
        samples = reading.listed("samples", "sample_id")
        reading.attempt(_check_libraries, rows, samples, reading.study)
    whole = reading.whole
    if {"samples", "fcs_files", "libraries"} <= set(whole):
        reading.attempt(
            _check_one_sample_each, whole["samples"], whole["fcs_files"], whole["libraries"]
        )


def _check_participants(participants: SheetCells, *, groups: tuple[str, ...]) -> list[Fault]:
    faults = case_twins(participants, "participant_id")
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


def _check_samples(samples: SheetCells, participants: SheetCells | None, *, is_empty: bool) -> None:
    faults = case_twins(samples, "sample_id")
    if is_empty:
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
        faults += unknown_ids(samples, "participant_id", participants)
    raise_faults(samples, faults)


def _check_ids(sheet: SheetCells, column: str, among: SheetCells) -> None:
    raise_faults(sheet, unknown_ids(sheet, column, among))


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
    faults = [] if samples is None else unknown_ids(tubes, "sample_id", samples)
    faults += absent_panel_files(tubes, study.panels_folder, ".tsv")
    faults += absent_panel_files(tubes, study.gating_folder, ".yaml")
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
        faults += case_twins(tubes, column)
    faults += absent_files(tubes, "path", study) + repeated_paths(tubes)
    raise_faults(tubes, faults)


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
    raise_faults(tubes, faults)


def _check_libraries(
    libraries: SheetCells, samples: SheetCells | None, study: CheckedStudy
) -> None:
    faults = [] if samples is None else unknown_ids(libraries, "sample_id", samples)
    for column in ("library_id", "batch"):
        faults += case_twins(libraries, column)
    faults += absent_files(libraries, "path", study) + repeated_paths(libraries)
    faults += absent_files(libraries, "contigs_path", study)
    faults += absent_files(libraries, "cells_path", study) + odd_pools(libraries)
    raise_faults(libraries, faults)


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
    raise_faults(samples, faults)
