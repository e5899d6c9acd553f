"""The study's folders, sheets and people against its settings.

Part of `itc check`. A folder that is not there stops it; a filled sheet that nobody reads, and a
group too small for what the plan asks, are said.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from itc_analysis.errors import Fault, ItcError, SettingsError
from itc_analysis.plural import plural

if TYPE_CHECKING:
    from itc_analysis.config.sections import Settings, Study


def check_folders(settings: Settings) -> None:
    """Refuse folders that the settings name and that are not there.

    Raises
    ------
    ItcError
        every folder that is missing.
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
    if faults:
        source = "settings"
        raise SettingsError(source, faults)


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
