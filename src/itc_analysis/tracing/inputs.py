"""Every file that a study is made from, by a name that neither a machine nor a person is in."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from itc_analysis.cohort.data_files import name_libraries, name_tubes
from itc_analysis.cohort.listing import list_libraries, list_tubes, read_mappings, read_rows
from itc_analysis.cohort.sheets.review import list_reviews, review_path
from itc_analysis.config.sections import Matrices, Study
from itc_analysis.flow.manual.files import manual_files, name_files
from itc_analysis.flow.spillover.matrix_files import matrices_of_tubes, spreading_file
from itc_analysis.provenance import sha256
from itc_analysis.stats.plan.lock import lock_path

#: Settings of the section study that name a file.
_SHEETS = (
    *("participants", "samples", "fcs_files", "libraries", "decisions", "classification"),
    *("column_mapping", "variables", "signatures", "analysis_plan", "post_hoc_plan"),
)
#: Hexadecimal digits that tell two decisions apart.
_DIGITS = 12


def list_inputs(study: Study, matrices: Matrices) -> dict[str, Path]:
    """Return the files of a study by name: sheets, plan and lock, panels, templates, data.

    Names are the paths of the settings where these are relative, the file's own name where they are
    not. Data files are named by the ids of their sheet, as ``data/tubes/...`` and
    ``data/libraries/...``; workspaces of gates drawn by hand by their number.
    """
    tubes, libraries = list_tubes(study), list_libraries(study)
    found: dict[str, Path] = {}
    for setting in _SHEETS:
        path = getattr(study, setting)
        if path is not None:
            _add(found, path)
    for path in (lock_path(study.analysis_plan), review_path(study)):
        if path.exists():
            _add(found, path)
    for panel in sorted({str(row["panel"]) for row in tubes}):
        _add(found, f"{study.panels_folder}/{panel}.tsv")
        _add(found, f"{study.gating_folder}/{panel}.yaml")
        if study.manual_gates is not None:
            drawn = manual_files(Path(study.manual_gates) / panel)
            found |= {f"manual_gates/{panel}/{name}": p for name, p in name_files(drawn).items()}
    for path in frozen_record(study.frozen_folder):
        _add(found, path)
    own = matrices_of_tubes(matrices.matrices_folder, tubes)
    for path in [*own, *(p for p in map(spreading_file, own) if p.exists())]:
        _add(found, path)
    return found | name_tubes(tubes) | name_libraries(libraries)


def decided_by_hand(study: Study) -> dict[str, dict[str, str]]:
    """Return digests of what people decided, by the kinds of `stats.plan.lock.DECIDED_BY_HAND`:
    decisions on participants, reviewed gates, files of drawn gates, and confirmed tubes.
    """
    tubes = list_tubes(study, with_confirmed=True)
    decisions: list[dict[str, Any]] = []
    if study.decisions is not None:
        mapping = read_mappings(study).get("decisions")
        decisions = read_rows(study.decisions, "DecisionSheet", mapping)
    drawn: dict[str, Path] = {}
    if study.manual_gates is not None:
        for panel in sorted({str(row["panel"]) for row in tubes}):
            files = manual_files(Path(study.manual_gates) / panel)
            drawn |= {f"{panel}/{name}": path for name, path in name_files(files).items()}
    return {
        "decisions": {str(row["participant_id"]): _told(row, "why") for row in decisions},
        "reviews": {
            f"{row['tube']} {row['gate']}": _told(row, "place")
            for row in list_reviews(review_path(study))
        },
        "drawn": {name: sha256(path)[:_DIGITS] for name, path in drawn.items()},
        "confirmed": {str(row["file_id"]): "yes" for row in tubes if row.get("confirmed")},
    }


def _told(row: dict[str, Any], with_digest: str) -> str:
    """Return a decision, and the digest of what stands with it."""
    text = json.dumps(row[with_digest], ensure_ascii=False)
    return f"{row['decision']} ({hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]})"


def frozen_record(folder: str | None) -> list[Path]:
    """Return the files of record of a release; none where the study names none."""
    if folder is None:
        return []
    return sorted(path for path in Path(folder).rglob("*") if path.suffix in (".json", ".parquet"))


def _add(found: dict[str, Path], path: str | Path) -> None:
    plain = Path(os.path.normpath(path))
    is_below = not plain.is_absolute() and ".." not in plain.parts
    name = plain.as_posix() if is_below else plain.name
    if name in found and found[name] != Path(path):
        name = f"{plain.parent.name}/{plain.name}"
    found[name] = Path(path)
