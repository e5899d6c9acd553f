"""Where the study's own compensation matrices lie; light, for the Snakefile asks as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def find_matrix(folder: str | Path, panel: str, batch: str) -> Path | None:
    """Return the matrix of a batch: its own, else the panel's; None when there is neither."""
    for name in (f"{panel}-{batch}.csv", f"{panel}.csv"):
        if (path := Path(folder) / name).exists():
            return path
    return None


def spreading_file(matrix: str | Path) -> Path:
    """Return where the spreading matrix of a compensation matrix lies."""
    return Path(matrix).with_suffix(".spreading.csv")


def matrices_of_tubes(folder: str | Path | None, rows: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Return the matrices that compensate these tubes, each once; [] without a folder.

    Parameters
    ----------
    folder : str, Path or None
        `flow.matrices_folder`.
    rows : iterable of mapping of str to object
        rows of the tube sheet.
    """
    if folder is None:
        return []
    found = {find_matrix(folder, str(row["panel"]), str(row["batch"])) for row in rows}
    return sorted(path for path in found if path is not None)
