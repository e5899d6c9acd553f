"""What the settings say about flow cytometry, against the tube sheet: a batch to align to, the
study's own compensation matrices, gates drawn by hand.

Part of `itc check`. A file that nobody will read is worse than one that is not there: its owner
thinks that it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itc_analysis.errors import Fault, SettingsError, did_you_mean

if TYPE_CHECKING:
    from itc_analysis.config.sections import Settings

#: How files of compensation matrices and of drawn gates may be called by mistake.
_OF_MATRICES = (".csv", ".tsv", ".txt", ".mtx", ".xlsx")
_OF_GATES = (".wsp", ".xml", ".jo", ".wspt")
_SOURCE = "settings"


def check_flow_folders(settings: Settings) -> list[str]:
    """Compare the flow settings with the tube sheet; returns which files nobody will read.

    Raises
    ------
    ItcError
        a reference batch that no tube is of; batches that cannot be aligned; a batch called as a
        file beside it is; a matrix or a workspace that is in the wrong place or called otherwise
        than it should be; faults of the sheets that are read for it.
    """
    from itc_analysis.cohort.description.batches import list_bridge_samples
    from itc_analysis.cohort.listing import list_tubes

    study, flow = settings.study, settings.flow
    if study.fcs_files is None:
        return []
    tubes = list_tubes(study)
    faults: list[Fault] = []
    lines: list[str] = []
    if flow.align_reference is not None:
        bridge = list_bridge_samples(study) if flow.align else None
        faults += reference_faults(flow.align_reference, tubes, bridge)
    if flow.align:
        faults += _unfit_to_align(settings, tubes)
    faults += _names_of_files(tubes)
    found = (
        matrix_files_not_read(flow.matrices_folder, tubes),
        gate_files_not_read(study.manual_gates, {str(row["panel"]) for row in tubes}),
    )
    for wrong, unread in found:
        faults += wrong
        lines += unread
    if faults:
        raise SettingsError(_SOURCE, faults)
    return lines


def check_release(settings: Settings) -> None:
    """Refuse a release that is none, was altered, or does not know what it must know.

    Raises
    ------
    ItcError
        as `tracing.release.read_release` and `refuse_new_batches`.
    """
    from itc_analysis.cohort.listing import list_tubes
    from itc_analysis.tracing.release import read_release, refuse_new_batches

    release = read_release(settings)
    if release is not None:
        refuse_new_batches(release, list_tubes(settings.study), is_aligned=settings.flow.align)


def _unfit_to_align(settings: Settings, tubes: Sequence[dict[str, Any]]) -> list[Fault]:
    """Return why batches cannot be aligned, panel by panel; a release has its own alignment."""
    from itc_analysis.cohort.description.batches import count_people, list_bridge_samples
    from itc_analysis.errors import ItcError
    from itc_analysis.flow.batches.alignment_conditions import people_by_batch, refuse_unfit
    from itc_analysis.tables.conditions import is_of

    if settings.study.frozen_folder is not None:
        return []
    bridge = list_bridge_samples(settings.study)
    faults: list[Fault] = []
    for panel in sorted({str(row["panel"]) for row in tubes}):
        own = [row for row in tubes if row["panel"] == panel]
        stained = [
            row
            for row in own
            if row["tube"] == "stained"
            and row["sample_id"] in bridge
            and not is_of(row, settings.function.controls)
        ]
        people = people_by_batch(count_people(settings.study, own))
        try:
            refuse_unfit(people, stained, panel)
        except ItcError as error:
            faults += [
                Fault(f"flow.align, {panel}{f.where and ', '}{f.where}", f.what, f.remedy)
                for f in error.faults
            ]
    return faults


def _names_of_files(tubes: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """Return a fault for each batch that is called as a file of its panel is."""
    from itc_analysis.tables.registry import FILES

    taken = {Path(file.path).name for file in FILES if file.wildcards == ("panel",)}
    return [
        Fault(f"batch '{batch}'", "the results of its panel have a file of that name",
              "call it otherwise")
        for batch in sorted({str(row["batch"]) for row in tubes} & taken)
    ]  # fmt: skip


def reference_faults(
    reference: str, tubes: Iterable[Mapping[str, Any]], bridge: set[str] | None
) -> list[Fault]:
    """Return a fault where the batch that the others are aligned to is none of the study.

    Parameters
    ----------
    bridge : set of str or None
        samples of the bridge control; None where nothing is aligned.
    """
    rows = [row for row in tubes if bridge is None or str(row["sample_id"]) in bridge]
    batches = sorted({str(row["batch"]) for row in rows})
    if reference in batches:
        return []
    what = f"'{reference}' is no batch" + ("" if bridge is None else " with a bridge control")
    return [Fault("flow.align_reference", what, did_you_mean(reference, batches))]


def matrix_files_not_read(
    folder: str | None, tubes: Sequence[Mapping[str, Any]]
) -> tuple[list[Fault], list[str]]:
    """Return faults and lines on the files of flow.matrices_folder that are no batch's matrix."""
    if folder is None or not Path(folder).is_dir():
        return [], []
    pairs = sorted({(str(row["panel"]), str(row["batch"])) for row in tubes})
    wanted = {panel for panel, _ in pairs} | {f"{panel}-{batch}" for panel, batch in pairs}
    by_small = {name.casefold(): name for name in wanted}
    faults, lines = [], []
    for path in _own_files(folder):
        name = path.name
        stem = name.removesuffix(".spreading.csv").removesuffix(".csv")
        if stem in wanted and name.endswith(".csv"):
            continue
        if path.suffix.lower() not in _OF_MATRICES:
            continue
        near = by_small.get(stem.casefold()) or by_small.get(path.stem.casefold())
        if near is not None:
            faults.append(
                Fault(f"flow.matrices_folder, '{name}'", "it would not be read",
                      f"save it as comma-separated text and call it '{near}.csv'")
            )  # fmt: skip
        else:
            hint = did_you_mean(stem, sorted(wanted))
            lines.append(f"{Path(folder) / name}: of no panel or batch, and not read; {hint}")
    return faults, lines


def gate_files_not_read(folder: str | None, panels: set[str]) -> tuple[list[Fault], list[str]]:
    """Return faults and lines on files of study.manual_gates that lie in no panel's folder, or
    are not of a kind that is read.
    """
    if folder is None or not Path(folder).is_dir():
        return [], []
    where = "study.manual_gates"
    faults, lines = [], []
    for path in _own_files(folder):
        if path.suffix.lower() in _OF_GATES:
            remedy = f"move it into the folder of its panel ({_each(panels)})"
            faults.append(Fault(f"{where}, '{path.name}'", "it is in no panel's folder", remedy))
    for inner in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        files = [path for path in _own_files(inner) if path.suffix.lower() in _OF_GATES]
        if not files:
            continue
        if inner.name not in panels:
            near = next((panel for panel in panels if panel.casefold() == inner.name.casefold()),
                        None)  # fmt: skip
            what = f"no tube is of a panel '{inner.name}'"
            if near is None:
                lines.append(f"{inner}: {what}, and its gates are not read; "
                             f"{did_you_mean(inner.name, sorted(panels))}")  # fmt: skip
            else:
                faults.append(Fault(f"{where}, '{inner.name}'", what, f"call it '{near}'"))
            continue
        for path in files:
            if path.suffix not in (".wsp", ".xml"):
                remedy = "save the workspace as .wsp, or export the gates as Gating-ML (.xml)"
                what = f"a {path.suffix} file is not read"
                faults.append(Fault(f"{where}, '{inner.name}/{path.name}'", what, remedy))
    return faults, lines


def _own_files(folder: str | Path) -> list[Path]:
    """Return the files of a folder, without the hidden ones that systems leave there."""
    return sorted(
        path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith(".")
    )


def _each(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "there is none"
