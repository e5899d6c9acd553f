"""Do the files of a batch stay as they are while they are worked on, and between two steps?

A cytometer may still be copying, or a file be exported anew, during a run. Gates of the old file
with counts of the new one would be numbers of no file at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itc_analysis.errors import Fault, ItcError
from itc_analysis.provenance import digest

_REMEDY = "run again when nobody writes to it any more"


@dataclass(frozen=True)
class Files:
    """What the files of a batch were when a step began.

    Parameters
    ----------
    digests : dict of str to str
        of each tube's content, by file_id; empty for a file that cannot be read.
    stamps : dict of str to tuple of int
        size, time and number on the disk of each file, by file_id.
    paths : dict of str to str
        by file_id.
    """

    digests: dict[str, str]
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

    def refuse_other_content(self, earlier: Mapping[str, str]) -> None:
        """Refuse files whose content is not that of an earlier step.

        Parameters
        ----------
        earlier : mapping of str to str
            digests of that step, by file_id; tubes that it did not see are not looked at.

        Raises
        ------
        ItcError
            naming each tube whose content differs.
        """
        changed = [name for name, now in self.digests.items() if earlier.get(name, now) != now]
        _refuse(changed, "its file changed since its gates were fitted")


def look_at_files(rows: Iterable[Mapping[str, Any]]) -> Files:
    """Return what the files of these rows of the tube sheet are now."""
    paths = {str(row["file_id"]): str(row["path"]) for row in rows}
    stamps = {name: _stamp(path) for name, path in paths.items()}
    digests = dict.fromkeys(paths, "")
    for name, path in paths.items():
        with suppress(OSError):
            digests[name] = digest(path)
    return Files(digests, stamps, paths)


def _stamp(path: str) -> tuple[int, ...]:
    try:
        found = Path(path).stat()
    except OSError:
        return ()
    return (found.st_size, found.st_mtime_ns, found.st_ino)


def _refuse(names: Iterable[str], what: str) -> None:
    faults = [Fault(f"tube {name}", what, _REMEDY) for name in sorted(names)]
    if faults:
        source = "FCS files"
        raise ItcError(source, faults)
