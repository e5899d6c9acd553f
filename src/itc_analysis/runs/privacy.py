"""Who may read what is written: the person who runs it, and their group only if they ask for it.

Results hold data of participants, and the usual setting of a shared machine lets everybody read
every new file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: Set to "group" to let the group read and write results, as a shared folder of a project needs.
ASKED = "ITC_SHARE"
_OTHERS, _GROUP_AND_OTHERS = 0o007, 0o077


def keep_private() -> int:
    """Take the rights to new files from everybody else; return the mask that was there before."""
    before = os.umask(0)
    os.umask(before | (_OTHERS if os.environ.get(ASKED) == "group" else _GROUP_AND_OTHERS))
    return before


@contextmanager
def private_files() -> Iterator[None]:
    """Keep new files private as long as the block runs."""
    before = keep_private()
    try:
        yield
    finally:
        os.umask(before)
