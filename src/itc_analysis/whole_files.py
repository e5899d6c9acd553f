"""Files are written whole or not at all: aside, forced to the disk, then renamed.

Nobody ever reads half a table, whatever ends the writer: another job, a notebook and a later run
see the file before or the file after. Every file that this package writes is written through here
(tests/test_whole_files.py).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from itc_analysis.errors import ItcError

#: What an unfinished file ends with; `itc unlock` removes those of a run that was killed.
UNFINISHED = ".partial"
#: Faults of the disk and not of the program, and what to do about each.
_REMEDIES = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "free some of your quota and run again",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and run again",
    errno.EROFS: "write to another folder",
    errno.EACCES: "ask for the right to write there, or write to another folder",
    errno.EPERM: "ask for the right to write there, or write to another folder",
    errno.EIO: "the disk fails: ask its administrator",
}


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give the path to write to; it becomes `path` when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        the file; its folder is made.

    Yields
    ------
    Path
        a file next to it, of this process alone, so that two writers never share one.

    Raises
    ------
    ItcError
        the disk is full or must not be written to; what stood at `path` stays.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _force(partial)
        partial.replace(path)
        _force(path.parent)
    except OSError as error:
        number = _number(error)
        if number not in _REMEDIES:
            raise
        what = f"cannot be written ({os.strerror(number)}); {_REMEDIES[number]}"
        raise ItcError(path.name, what) from None
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str, *, encoding: str = "utf-8") -> None:
    """Write a text file whole."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding=encoding)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole."""
    with written_whole(path) as partial:
        partial.write_bytes(content)


def _force(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot force a folder
            raise
    finally:
        os.close(opened)


def _number(error: OSError) -> int:
    """Return the system's number; HDF5 has it in its words only."""
    if error.errno is not None:
        return error.errno
    found = [number for number in _REMEDIES if f"errno = {number}," in str(error)]
    return found[0] if found else 0
