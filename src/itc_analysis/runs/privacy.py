"""Who may read what is written: the person who runs it, and their group only if they ask for it.

Results hold data of participants, and the usual setting of a shared machine lets everybody read
every new file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Set to "group" to let the group read and write results, as a shared folder of a project needs.
ASKED = "ITC_SHARE"
_GROUP, _OTHERS = 0o070, 0o007


def keep_private() -> int:
    """Take the rights to new files from everybody else; return the mask that was there before.

    A group that is asked for gets the rights of the owner, which the usual mask does not give it.
    """
    before = os.umask(0)
    os.umask(before & ~_GROUP | _OTHERS if _is_shared() else before | _GROUP | _OTHERS)
    return before


def keep_run_private(folder: str | Path = ".") -> None:
    """Give Snakemake's folder and its log, made before the rules are read, the rights of new files.

    Parameters
    ----------
    folder : str or Path
        where the run was started. What belongs to somebody else there is left alone.
    """
    own = Path(folder) / ".snakemake"
    for path in (own, own / "log", *own.glob("log/*.log")):
        if path.exists() and path.stat().st_uid == os.geteuid():
            rights = path.stat().st_mode & ~(_GROUP | _OTHERS)
            path.chmod(rights | (rights & 0o700) >> 3 if _is_shared() else rights)


def _is_shared() -> bool:
    return os.environ.get(ASKED) == "group"


@contextmanager
def private_files() -> Iterator[None]:
    """Keep new files private as long as the block runs."""
    before = keep_private()
    try:
        yield
    finally:
        os.umask(before)
