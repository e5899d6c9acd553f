"""Paths as people write them in sheets, and as the disk spells them.

The same é is one letter (NFC) or a letter and an accent (NFD), and file systems keep what they were
given. Other slips (backslashes, the case of letters) are told with the path that was probably
meant.
"""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

#: Snakemake reads these as the beginning and end of a wildcard.
_BRACES = "{}"
#: Seconds by which the clocks of a cluster may differ.
_SLACK = 60


def find_path(folder: str | Path, written: str) -> Path | None:
    """Return a file or folder as it is spelt on the disk; None when it is not there."""
    direct = Path(folder) / written
    if direct.exists():
        return direct
    found = Path(direct.anchor) if direct.is_absolute() else Path()
    parts = direct.parts[1:] if direct.is_absolute() else direct.parts
    for part in parts:
        step = found / part
        if not step.exists():
            alike = [name for name in _names_in(found) if _composed(name) == _composed(part)]
            if len(alike) != 1:
                return None
            step = found / alike[0]
        found = step
    # a link may lead nowhere, or to itself
    return found if found.exists() else None


def explain_absent(folder: str | Path, written: str) -> str:
    """Return what to do about a path that is not there.

    A name that is merely similar is never offered: it may be another person's file.
    """
    place, spelt = Path(folder), ""
    for part in Path(written.replace("\\", "/")).parts:
        names = _names_in(place)
        folded = _composed(part).casefold()
        alike = [name for name in names if _composed(name).casefold() == folded]
        if (place / part).exists():
            alike = [part]
        if len(alike) != 1:
            return "check the path, and data_folder in the settings"
        place /= alike[0]
        spelt = f"{spelt}/{alike[0]}" if spelt else alike[0]
    if place.is_symlink() and not place.exists():
        return "it is a link to a file that is not there: mend the link, or copy the file"
    if _composed(spelt) == _composed(written.replace("\\", "/")):
        return f"write it with '/': {spelt}"
    return f"did you mean '{spelt}'? Capital and small letters count"


def leads_out(written: str) -> bool:
    """Is a path absolute, or does it climb out of the folder that it starts from?

    Such a path would stand in tables that are passed on, and reads what nobody meant to share.
    """
    path = Path(written.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts


def lies_ahead(path: Path) -> bool:
    """Was a file written later than now, by this machine's clock, and by more than a minute?"""
    return path.stat().st_mtime > time.time() + _SLACK


def has_braces(path: str | None) -> bool:
    """Return whether a path holds braces, which the workflow would take for a wildcard."""
    return path is not None and any(brace in path for brace in _BRACES)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(child.name for child in (folder if folder.parts else Path()).iterdir())
    except OSError:
        return []


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
