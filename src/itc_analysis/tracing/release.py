"""A release of a study: scales and gates that stay where they are, however the study grows.

`itc freeze` copies what a finished run learned into a folder next to the sheets (files of record),
with a list of the tubes that it was learned on. A study that names the folder reads the files
instead of learning: tubes of the release keep their gates, and later ones are gated on the same
scales and judged together with them. What the frozen gates were decided by must not change under
them; a study whose templates, panels or settings of gating do is refused.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itc_analysis.config.frozen import cut
from itc_analysis.config.sections import Settings
from itc_analysis.config.steps import STEPS
from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.manual.files import manual_files
from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes
from itc_analysis.provenance import sha256
from itc_analysis.runs.contents import contents
from itc_analysis.tables.registry import FILES

RECORD = "release.json"
#: Steps whose settings decide where a frozen gate lies.
_LEARNING = ("learn_scales", "learn_alignment", "fit_gates", "pool_gates")
#: What the sheet says of a tube that its gates depend on.
_TOLD = ("batch", "tube", "fmo_markers", "condition")
_MATRICES = "compensation matrices (flow.matrices_folder)"
_REMEDY = (
    "take the change back, or set study.frozen_folder to null, run the workflow, and call "
    "`itc freeze` again"
)


@dataclass(frozen=True)
class Release:
    """Files of record of a release.

    Parameters
    ----------
    folder : Path
        where they lie, each at its place below a results folder.
    name : str
        e.g. 1, or a date.
    panels : dict of str to dict
        by panel: `files` (SHA-256 by path), `decided_by` and `tubes` (what decided on their gates,
        by file_id).
    """

    folder: Path
    name: str
    panels: dict[str, dict[str, Any]]

    def knows(self, row: Mapping[str, Any]) -> bool:
        """Was this tube, with these events and this row of the sheet, part of the release?"""
        frozen = self.panels.get(str(row["panel"]), {"tubes": {}})["tubes"]
        known = frozen.get(str(row["file_id"]))
        return known is not None and known == told_of(row)

    def later_tubes(self, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return tubes of frozen panels that were not part of the release, or were others."""
        return [row for row in rows if str(row["panel"]) in self.panels and not self.knows(row)]

    def missing_in(self, results: str | Path) -> list[str]:
        """Return the files of record that a results folder lacks, or holds with other content."""
        return [
            name
            for _, panel in sorted(self.panels.items())
            for name, digest in panel["files"].items()
            if _wrong(Path(results) / name, digest)
        ]


def drop_left_over(
    results: str | Path,
    *,
    batches: Collection[tuple[str, str]],
    library_batches: Collection[str],
    grown: Collection[str],
) -> list[str]:
    """Remove what earlier runs made of panels and batches that the sheets do not hold any more, of
    people who withdrew among them; returns what was removed, below the results.

    Parameters
    ----------
    results : str or Path
        the results folder.
    batches : collection of (str, str)
        panel and staining batch of the tubes.
    library_batches : collection of str
        batches of the libraries.
    grown : collection of str
        panels of a release that have later tubes.
    """
    panels = {panel for panel, _ in batches}
    folder, dropped = Path(results), []
    for file in (file for file in FILES if file.wildcards):
        pattern = Path(file.path).parts
        for path in sorted(folder.glob("/".join("*" if "{" in p else p for p in pattern))):
            here = path.relative_to(folder).parts
            at = {p.strip("{}"): h for p, h in zip(pattern, here, strict=True) if "{" in p}
            if file.wildcards == ("batch",):
                is_kept = at["batch"] in library_batches
            elif file.wildcards == ("panel",):
                is_kept = at["panel"] in (grown if file.only_grown else panels)
            else:
                is_kept = (at["panel"], at["batch"]) in batches
            if not is_kept:
                dropped.append("/".join(here))
                _remove(path)
                if file.wildcards == ("batch",):  # cells of its libraries
                    for cells in path.parent.glob("*.h5ad"):
                        _remove(cells)
                _remove_empty(path.parent, folder)
    return dropped


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _remove_empty(inner: Path, folder: Path) -> None:
    while inner != folder and not any(inner.iterdir()):
        inner.rmdir()
        inner = inner.parent


def told_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a tube's gates depend on: the digest of its file, and part of its row."""
    return {**{name: str(row.get(name)) for name in _TOLD}, "content": contents([row["path"]])}


def decided_by(settings: Settings, panel: str, batches: Iterable[str] = ()) -> dict[str, str]:
    """Return digests of what decides on the gates of a panel, besides its tubes; by its name.

    Parameters
    ----------
    settings : Settings
        all settings.
    panel : str
        the panel.
    batches : iterable of str
        those that the release holds: the matrix of a later one changes no frozen gate.
    """
    study = settings.study
    steps = [step for step in _LEARNING if step != "learn_alignment" or settings.flow.align]
    plain = [cut(settings, STEPS[step]).model_dump(mode="json") for step in steps]
    drawn: list[Path] = []
    if study.manual_gates is not None:
        drawn = manual_files(Path(study.manual_gates) / panel)
    rows = [{"panel": panel, "batch": batch} for batch in batches]
    folder = settings.flow.matrices_folder
    matrices = matrices_of_tubes(folder, rows)
    return {
        f"{study.gating_folder}/{panel}.yaml": contents([f"{study.gating_folder}/{panel}.yaml"]),
        f"{study.panels_folder}/{panel}.tsv": contents([f"{study.panels_folder}/{panel}.tsv"]),
        "settings of gating (flow, function)": _digest(plain),
        "gates drawn by hand": contents(drawn),
        **({} if folder is None else {_MATRICES: contents(matrices)}),
    }


def frozen_files(panel: str, *, is_aligned: bool) -> list[str]:
    """Return the files of record of a panel, as paths below a results folder."""
    rules = {"learn_scales", "pool_gates"} | ({"learn_alignment"} if is_aligned else set())
    return [
        file.path.format(panel=panel)
        for file in FILES
        if file.made_by in rules and not file.only_grown
    ]


def read_release(settings: Settings) -> Release | None:
    """Return the release that a study reads; None when it names none.

    Raises
    ------
    ItcError
        the folder holds no release, a file of record was altered, or what decided on the frozen
        gates has changed.
    """
    if settings.study.frozen_folder is None:
        return None
    folder = Path(settings.study.frozen_folder)
    path = folder / RECORD
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        release = Release(folder, str(stored["name"]), dict(stored["panels"]))
    except FileNotFoundError:
        what = "study.frozen_folder names this folder, and nothing is frozen in it"
        remedy = "call `itc freeze` after a finished run, or set study.frozen_folder to null"
        raise ItcError(str(path), [Fault("", what, remedy)]) from None
    except (ValueError, KeyError, TypeError):
        what = "it cannot be read as a release; take it from your archive"
        raise ItcError(str(path), what) from None
    faults = [
        Fault(f"panel '{panel}'", f"changed since its gates were frozen: {name}", _REMEDY)
        for panel, frozen in release.panels.items()
        for name, digest in decided_by(settings, panel, _batches(frozen)).items()
        if _differs(frozen["decided_by"], name, digest)
    ]
    faults += [
        Fault(name, f"the file of record {what}", "take it from your archive, or freeze again")
        for frozen in release.panels.values()
        for name, digest in frozen["files"].items()
        if (what := _wrong(folder / name, digest))
    ]
    if faults:
        raise ItcError(str(path), faults)
    return release


def refuse_new_batches(
    release: Release, rows: Iterable[Mapping[str, Any]], *, is_aligned: bool
) -> None:
    """Refuse batches that a frozen alignment does not know.

    Raises
    ------
    ItcError
        events are aligned, and a batch is not part of the release.
    """
    if not is_aligned:
        return
    known = {
        (panel, told["batch"])
        for panel, frozen in release.panels.items()
        for told in frozen["tubes"].values()
    }
    new = sorted(
        {(str(row["panel"]), str(row["batch"])) for row in release.later_tubes(rows)} - known
    )
    if new:
        what = "its alignment is not part of the release, and alignment is learned on all batches"
        remedy = "set study.frozen_folder to null, run the workflow, and call `itc freeze` again"
        faults = [Fault(f"{panel}, batch '{batch}'", what, remedy) for panel, batch in new]
        raise ItcError(str(release.folder / RECORD), faults)


def to_text(name: str, software: str, panels: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the record of a release as JSON."""
    whole = {"name": name, "itc_analysis": software, "panels": panels}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _batches(frozen: Mapping[str, Any]) -> set[str]:
    return {str(told["batch"]) for told in frozen["tubes"].values()}


def _differs(stored: Mapping[str, str], name: str, digest: str) -> bool:
    # releases of earlier versions do not know their matrices
    if name == _MATRICES and name not in stored:
        return False
    return stored.get(name) != digest


def _wrong(path: Path, digest: str) -> str:
    if not path.exists():
        return "is not there"
    return "" if sha256(path) == digest else "was altered"


def _digest(plain: Any) -> str:
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
