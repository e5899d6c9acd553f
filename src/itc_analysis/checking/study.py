"""The study's folders, sheets and people against its settings.

Part of `itc check`. A folder that is not there stops it, and so do results that would be written
over what the study is made from; a filled sheet that nobody reads, and a group too small for what
the plan asks, are said.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from itc_analysis.errors import Fault, ItcError, SettingsError
from itc_analysis.plural import plural

if TYPE_CHECKING:
    from itc_analysis.config.sections import Settings, Study


#: Settings of the section study that name what is written.
_WRITTEN = ("results_folder", "blinded_folder")
#: Settings that name no file.
_NO_PATHS = ("name", "simulated")


def check_folders(settings: Settings) -> None:
    """Refuse folders that the settings name and that are not there, and folders to write to that
    hold what is not ours.

    Raises
    ------
    ItcError
        every folder that is missing, or must not be written to.
    """
    named = {
        "study.manual_gates": settings.study.manual_gates,
        "flow.matrices_folder": settings.flow.matrices_folder,
    }
    faults = [
        Fault(name, f"no folder '{folder}'", "make it, or set null")
        for name, folder in named.items()
        if folder is not None and not Path(folder).is_dir()
    ]
    faults += _braces(settings.study) + _over_the_study(settings) + _foreign(settings.study)
    if faults:
        source = "settings"
        raise SettingsError(source, faults)


def _braces(study: Study) -> list[Fault]:
    """Return a fault for each path that Snakemake would take for a pattern."""
    from itc_analysis.cohort.paths import has_braces

    return [
        Fault(f"study.{name}", f"'{path}' holds braces, which the workflow reads as a pattern",
              "rename it")
        for name, path in study.model_dump().items()
        if name not in _NO_PATHS and isinstance(path, str) and has_braces(path)
    ]  # fmt: skip


def _over_the_study(settings: Settings) -> list[Fault]:
    """Return a fault for each folder of results that holds, or is, what the study is made from:
    folders of results are emptied.
    """
    study = settings.study
    read: dict[str, str | None] = {
        f"study.{name}": path
        for name, path in study.model_dump().items()
        if name not in (*_WRITTEN, *_NO_PATHS) and isinstance(path, str)
    }
    read["flow.matrices_folder"] = settings.flow.matrices_folder
    read["the folder that you run in"] = "."
    faults = []
    for name in _WRITTEN:
        written = getattr(study, name)
        if written is None:
            continue
        place = Path(written).resolve()
        held = [
            what
            for what, path in read.items()
            if path is not None
            and (place == (other := Path(path).resolve()) or place in other.parents)
        ]
        if held:
            what = f"'{written}' is, or holds, {', '.join(held)}: results would overwrite it"
            faults.append(Fault(f"study.{name}", what, "name a folder of its own"))
    return faults


def _foreign(study: Study) -> list[Fault]:
    """Return a fault for each folder to write to that is a file, and for a folder to hand over
    that holds something else: it is emptied before it is written.
    """
    from itc_analysis.blinding.tables import holds_foreign_files

    faults = [
        Fault(f"study.{name}", f"'{path}' is a file", "move it away, or name another folder")
        for name in _WRITTEN
        if (path := getattr(study, name)) is not None
        and Path(path).exists()
        and not Path(path).is_dir()
    ]
    folder = None if study.blinded_folder is None else Path(study.blinded_folder)
    if folder is not None and holds_foreign_files(folder):
        what = f"'{folder}' holds files that no blinded run wrote, and it would be emptied"
        faults.append(Fault("study.blinded_folder", what, "move them away, or name another folder"))
    return faults


def sheets_not_named(study: Study) -> list[str]:
    """Return a line for each filled sheet beside the participants that no setting names."""
    from itc_analysis.cohort.listing import CONTRACTS
    from itc_analysis.cohort.sheets.sheet_text import read_sheet_text

    lines = []
    for setting in (*CONTRACTS, "variables", "column_mapping"):
        path = Path(study.participants).with_name(f"{setting}.tsv")
        if getattr(study, setting) is not None or not path.is_file():
            continue
        try:
            n_rows = len(read_sheet_text(path, known=[], required=[]).rows)
        except ItcError:  # empty, or no sheet
            continue
        if n_rows:
            lines.append(
                f"{path} has {plural(n_rows, 'row')}, but study.{setting} is null: name it in the "
                "settings, or nobody reads it"
            )
    return lines


def too_few_people(settings: Settings, n_analysed: Mapping[str, int]) -> list[str]:
    """Return a line for each group of the plan, and for the reference of the scores, with fewer
    people than the settings ask for.

    Parameters
    ----------
    n_analysed : mapping of str to int
        eligible people by group; a group without any may be left out.
    """
    from itc_analysis.cohort.listing import read_variables
    from itc_analysis.stats.plan.columns import declared_columns
    from itc_analysis.stats.plan.plan import expand, read_plan

    study, cohort = settings.study, settings.cohort
    plan = read_plan(study.analysis_plan, declared_columns(read_variables(study)))
    named = {name for row in expand(plan, cohort) for name in (row.index_group, *row.references)}
    least, healthy = settings.stats.min_per_group, settings.scores.min_reference
    wanted = [(name, least, "to be compared") for name in cohort.groups if name in named]
    if cohort.healthy_group is not None:
        wanted.append((cohort.healthy_group, healthy, "as the reference of scores"))
    return [
        f"group '{name}': {plural(n, 'eligible person', 'eligible people')}, {needed} needed {why}"
        for name, needed, why in wanted
        if (n := n_analysed.get(name, 0)) < needed
    ]
