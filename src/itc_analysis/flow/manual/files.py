"""Which files of gates drawn by hand lie in a folder, and what results call them. No pandas."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def manual_files(path: str | Path) -> list[Path]:
    """Return a workspace by itself, or the Gating-ML files and workspaces of a folder."""
    path = Path(path)
    return [path] if path.is_file() else sorted((*path.glob("*.xml"), *path.glob("*.wsp")))


def name_files(files: Iterable[Path]) -> dict[str, Path]:
    """Return files by what results call them.

    Gating-ML files are named after a tube or a panel and keep that name. A workspace may be called
    after a person: it goes by its number in the order of the alphabet.

    Examples
    --------
    >>> list(name_files([Path("drawn/Applewhite.wsp"), Path("drawn/panel_a.xml")]))
    ['workspace-1.wsp', 'panel_a.xml']
    """
    found: dict[str, Path] = {}
    n_workspaces = 0
    for file in sorted(files):
        n_workspaces += file.suffix == ".wsp"
        found[f"workspace-{n_workspaces}.wsp" if file.suffix == ".wsp" else file.name] = file
    return found
