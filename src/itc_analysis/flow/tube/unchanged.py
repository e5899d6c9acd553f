"""Do the files of a batch stay as they were when the run began?

A cytometer may still be copying, or a file be exported anew, during a run. Gates of the old file
with counts of the new one would be numbers of no file at all. The workflow writes the digest of
each file into the rows of a batch (`content`), so that every step of a run sees the same files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itc_analysis.errors import Fault, ItcError
from itc_analysis.runs.contents import contents

_REMEDY = "run again once it is no longer being written"


@dataclass(frozen=True)
class Files:
    """The files of a batch when a step began.

    Parameters
    ----------
    stamps : dict of str to tuple of int
        size, times and number on the disk of each file, by file_id.
    paths : dict of str to str
        by file_id.
    """

    stamps: dict[str, tuple[int, ...]]
    paths: dict[str, str]

    def refuse_changed(self) -> None:
        """Refuse files that changed since; looks at stamps, which costs nothing.

        Raises
        ------
        ItcError
            naming each tube whose file was written to.
        """
        changed = [name for name, path in self.paths.items() if _stamp(path) != self.stamps[name]]
        _refuse(changed, "its file changed while it was read")


def watch_files(rows: Iterable[Mapping[str, Any]]) -> Files:
    """Return what the files of these rows of the tube sheet are now.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        with file_id and path; where there is `content`, the file must have that digest.

    Raises
    ------
    ItcError
        naming each tube whose file is not the one that the run began with.
    """
    rows = list(rows)
    paths = {str(row["file_id"]): str(row["path"]) for row in rows}
    stamps = {name: _stamp(path) for name, path in paths.items()}
    expected = {str(row["file_id"]): row["content"] for row in rows if "content" in row}
    changed = [name for name, digest in expected.items() if contents([paths[name]]) != digest]
    _refuse(changed, "its file changed since the run began")
    return Files(stamps, paths)


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _refuse(names: Iterable[str], what: str) -> None:
    faults = [Fault(f"tube {name}", what, _REMEDY) for name in sorted(names)]
    if faults:
        source = "FCS files"
        raise ItcError(source, faults)
