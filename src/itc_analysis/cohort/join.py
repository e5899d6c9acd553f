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
from itc_analysis.cohort.sheets.columns import Column, sheet_forms
from itc_analysis.cohort.sheets.extra_columns import Variable, looks_like_ids
from itc_analysis.cohort.sheets.personal_data import masked
from itc_analysis.cohort.sheets.review import read_reviews, review_path
from itc_analysis.config.sections import CheckedCohort, CheckedStudy, Conditions
from itc_analysis.errors import Fault, ItcError, did_you_mean, one_error

Outcome = TypeVar("Outcome")

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
        nothing with a sheet of which an id cannot be read, so that one slip is told once.
    """
    errors: list[ItcError] = []

    def attempt(function: Callable[..., Outcome], *arguments: Any, **more: Any) -> Outcome | None:
        try:
            return function(*arguments, **more)
        except ItcError as error:
            errors.append(error)
            return None

    attempt(check_folders, study)
    # without these two every other sheet would look wrong
    variables = read_variables(study)
    mappings = read_mappings(study)

    read_in_part: dict[str, SheetCells] = {}

    def read(
        setting: str, check: Callable[[SheetCells], list[Fault]] | None = None
    ) -> SheetCells | None:
        def look_on(sheet: SheetCells) -> list[Fault]:
            read_in_part[setting] = sheet
            return [] if check is None else check(sheet)

        path = getattr(study, setting)
        if path is None:
            return SheetCells("", (), [])
        form, remedy = form_of(setting, variables), ""
        if setting in MAY_HAVE_MORE:
            remedy = f"to add a column, declare it in {study.variables or NO_VARIABLES}"
        return attempt(read_cells, path, form, mappings.get(setting), look_on, remedy)

    def sound(setting: str, sheet: SheetCells | None) -> SheetCells | None:
        """Return the rows that could be read, so that one bad cell hides no other fault."""
        if sheet is not None or setting not in read_in_part:
            return sheet
        part = read_in_part[setting].without_faulty()
        required = [
            column.name for column in form_of(setting, variables).columns if column.required
        ]
        # a column that is missing leaves nothing to compare
        return (
            part if all(row[name] is not None for row in part.rows for name in required) else None
        )

    def listed(setting: str, column: str, sheet: SheetCells | None) -> SheetCells | None:
        """Return a sheet whose every id is known; None where ids of others cannot be judged."""
        whole = sheet or read_in_part.get(setting)
        ids = [] if whole is None else [row[column] for row in whole.rows]
        # an id that stands twice was meant to be another
        is_known = bool(ids) and None not in ids and len(set(ids)) == len(ids)
        return whole if is_known else None

    def own_columns(setting: str) -> list[Column]:
        return [variable.column for variable in variables if variable.sheet == setting]

    check_groups = partial(_check_participants, groups=cohort.groups)
    participants = read("participants", check_groups)
    samples = read("samples")
    tubes = read("fcs_files")
    libraries = read("libraries")
    decisions = read("decisions")
    classification = read("classification", _check_better_explained)
    # against a sheet without rows every id would look wrong
    people = listed("participants", "participant_id", participants)
    known = listed("samples", "sample_id", samples)
    if participants is not None:
        attempt(raise_faults, participants, check_groups(participants))
        attempt(
            raise_faults, participants, looks_like_ids(participants, own_columns("participants"))
        )
    if people is not None:
        for setting, sheet in (("decisions", decisions), ("classification", classification)):
            if (rows := sound(setting, sheet)) is not None:
                attempt(_check_ids, rows, "participant_id", people)
    if classification is not None:
        attempt(raise_faults, classification, _check_better_explained(classification))
    if (rows := sound("samples", samples)) is not None:
        attempt(_check_samples, rows, people, is_empty=samples is not None and not samples.rows)
    if samples is not None:
        attempt(raise_faults, samples, looks_like_ids(samples, own_columns("samples")))
    if (rows := sound("fcs_files", tubes)) is not None:
        attempt(_check_tubes, rows, known, study, conditions or Conditions())
        for panel in sorted({str(row["panel"]) for row in rows.rows}):
            attempt(_check_fmo_markers, rows, panel, study)
    if tubes is not None and review_path(study).exists():
        attempt(read_reviews, review_path(study), tubes)
    if (rows := sound("libraries", libraries)) is not None:
        attempt(_check_libraries, rows, known, study)
    if None not in (samples, tubes, libraries):
        attempt(_check_one_sample_each, samples, tubes, libraries)
    if errors:
        raise one_error(errors)
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
