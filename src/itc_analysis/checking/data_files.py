"""The data files of a study, opened as the jobs will: what cannot be read, and what a person should
look at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itc_analysis.errors import Fault, ItcError, UnreadableFile, collecting
from itc_analysis.plural import plural

if TYPE_CHECKING:
    from itc_analysis.config.sections import CheckedStudy, Flow
    from itc_analysis.flow.tube.first_look import FirstLook

#: Goes through items and tells how far it is; the second argument says what is done.
Watch = Callable[[Sequence[Any], str], Iterable[Any]]


def open_data_files(
    study: CheckedStudy,
    flow: Flow | None = None,
    *,
    min_genes: int = 0,
    watch: Watch | None = None,
) -> tuple[list[ItcError], list[str]]:
    """Open every FCS file, library and receptor file as the jobs will.

    Whatever else is wrong: a file that a faulty sheet still names is opened too.

    Parameters
    ----------
    study : CheckedStudy
        the sheets and folders.
    flow : Flow, optional
        the flow section, for the study's own matrices; its defaults when left out.
    min_genes : int
        genes that a cell needs; a library that holds fewer cannot have one.
    watch : callable, optional
        goes through the tubes and tells how far it is.

    Returns
    -------
    errors : list of ItcError
        every file that cannot be used, every tube without a marker of its panel, every tube that
        is not compensated as the others of its panel are, and every sheet that cannot be read.
    told : list of str
        how many files there are if all can be read, and what a person should look at.
    """
    from itc_analysis.cohort.listing import list_libraries, list_tubes

    errors: list[ItcError] = []

    told: list[str] = []

    def rows_of(
        sheet: str | None, listed: Callable[..., list[dict[str, Any]]], **how: bool
    ) -> list[dict[str, Any]]:
        try:
            return listed(study, **how)
        except ItcError as error:
            errors.append(error)
            told.append(f"the files of {sheet} were not opened: mend {error.source}")
            return []

    named = {
        "tubes": rows_of(study.fcs_files, list_tubes, with_confirmed=True),
        "libraries": rows_of(study.libraries, list_libraries),
    }
    # what is not there is told with its sheet
    there = {
        kind: [row for row in rows if Path(row["path"]).exists()] for kind, rows in named.items()
    }
    if there["tubes"]:
        told += _open_tubes(study, there["tubes"], flow, errors, watch)
    if there["libraries"]:
        from itc_analysis.singlecell.intake.opening import open_libraries

        found, remarks = open_libraries(there["libraries"], min_genes=min_genes)
        errors += found
        told += remarks
    if not errors and there == named:
        counted = ", ".join(f"{kind} {len(rows)}" for kind, rows in named.items())
        told.insert(0, f"every file can be read: {counted}")
    return errors, told


def _open_tubes(
    study: CheckedStudy,
    tubes: list[dict[str, Any]],
    flow: Flow | None,
    errors: list[ItcError],
    watch: Watch | None,
) -> list[str]:
    """Open the tubes of panels that can be read, add their errors, and return what to look at."""
    from itc_analysis.config.sections import Flow
    from itc_analysis.flow.gating.template import load_template
    from itc_analysis.flow.panel.markers import read_panel
    from itc_analysis.flow.tube.first_look import describe_remarks, describe_states, look_at_tubes

    panels, transforms = {}, {}
    for name in sorted({row["panel"] for row in tubes}):
        sheet = Path(study.panels_folder) / f"{name}.tsv"
        template = Path(study.gating_folder) / f"{name}.yaml"
        # one that is not there is a fault of the tube sheet
        if not sheet.is_file():
            continue
        with collecting(errors):
            panels[name] = read_panel(sheet)
            if template.is_file():
                transforms[name] = load_template(template).transform
    usable = [row for row in tubes if row["panel"] in panels]
    look = look_at_tubes(usable, panels, flow or Flow(), transforms, watch=watch)
    errors += look.errors
    errors += _copies(look, usable)
    told = [*describe_states(look.states), *describe_remarks(look.remarks)]
    errors += _check_manual_gates(study, usable, look.axes, told)
    if look.identifying:
        told.append(
            f"keywords that may identify people are in {look.n_identifying} tubes: "
            f"{', '.join(sorted(look.identifying))}; `itc deidentify` writes copies "
            "without them"
        )
    return told


def _copies(look: FirstLook, tubes: list[dict[str, Any]]) -> list[ItcError]:
    """Return an error for each stained tube that holds the events of another one."""
    from itc_analysis.flow.gates.identity.copies import partial_copies

    judged = {
        str(row["file_id"])
        for row in tubes
        if row["tube"] == "stained" and not row.get("confirmed")
    }
    remedy = "mend path, or leave one of them out; if both are right, write yes under confirmed"
    return [
        UnreadableFile(file_id, [Fault("", what, remedy)])
        for file_id, what in partial_copies(look.sketches).items()
        if file_id in judged
    ]


def _check_manual_gates(
    study: CheckedStudy,
    tubes: list[dict[str, Any]],
    axes: Mapping[str, Mapping[str, Any]],
    told: list[str],
) -> list[ItcError]:
    """Return an error for each panel whose drawn gates cannot be read, not be told apart, or not
    take the place of learned ones in tubes that could be read.

    Gates that have no effect are added to `told`: the logs of the jobs do not name them.
    """
    from itc_analysis.flow.gating.template import load_template
    from itc_analysis.flow.manual.adopt import (
        faults_on_tubes,
        idle_gates,
        read_manual,
        unused_gates,
    )
    from itc_analysis.flow.manual.files import manual_files
    from itc_analysis.flow.manual.samples import identify_file

    errors: list[ItcError] = []
    panels = {} if study.manual_gates is None else {str(row["panel"]): row for row in tubes}
    for panel in sorted(panels):
        folder = Path(str(study.manual_gates)) / panel
        if not folder.is_dir() or not manual_files(folder):
            continue
        own = {str(row["file_id"]): row for row in tubes if row["panel"] == panel}
        drawn: dict[str, set[str]] = {}
        n_drawn = 0
        try:
            manual = read_manual(folder, file_ids=set(own), panels={panel})
            files = {file_id: identify_file(row["path"]) for file_id, row in own.items()}
            matched = manual.match({i: f for i, f in files.items() if i not in manual.by_tube})
            populations = load_template(Path(study.gating_folder) / f"{panel}.yaml").by_name
            for file_id in own:
                found: set[str] = set()
                for tree in manual.of(file_id, panel, matched.get(file_id)):
                    drawn.setdefault(tree.source, set()).update(set(tree.gates) & set(populations))
                    found |= set(tree.gates) & set(populations)
                n_drawn += bool(found)
            source = f"manual gates of {panel}"
            if faults := unused_gates(manual, drawn, list(populations), files):
                raise ItcError(source, faults)
            rows = [
                {"file_id": i, "panel": panel, "population": name, "parent": own_gate.parent}
                for i in own
                for name, own_gate in populations.items()
            ]
            if faults := faults_on_tubes(rows, axes, manual, matched):
                raise ItcError(source, faults)
            told.append(f"drawn gates, {panel}: {n_drawn} of {plural(len(own), 'tube')}")
        except ItcError as error:
            errors.append(error)
            continue
        for tree in {tree.source: tree for tree in manual.trees}.values():
            if idle := idle_gates(tree, populations):
                named = ", ".join(f"'{gate}'" for gate in idle)
                told.append(f"{tree.source}: no population, and without effect: {named}")
    return errors
