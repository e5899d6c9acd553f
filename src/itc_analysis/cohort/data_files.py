"""What results call the files of a study's data: by the ids of the sheets, never by their own name.

Exports of a hospital are called after people. The sheets, which stay with the study, say which file
an id stands for; nothing that a step writes does. No pandas: the Snakefile asks as well.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

#: Begins the names of data files, in manifests and in what tables were made from.
DATA = "data/"
#: Columns of the library sheet that name a file, and what results call it.
_PARTS = {"path": "counts", "contigs_path": "contigs", "cells_path": "cells"}
#: What is read of a folder of Cell Ranger.
_OF_FOLDER = tuple(
    f"{name}{ending}"
    for name in ("matrix.mtx", "barcodes.tsv", "features.tsv", "genes.tsv")
    for ending in ("", ".gz")
)


def split_paths(written: str, *, is_there: Callable[[str], object]) -> list[str]:
    """Return the files that a cell of a sheet names, separated by commas.

    Parameters
    ----------
    written : str
        as in the sheet, or joined to the data folder.
    is_there : callable
        says whether a file is there; one with a comma in its own name is one file.

    Examples
    --------
    >>> split_paths("vdj_t.csv, vdj_t_gd.csv", is_there=lambda path: False)
    ['vdj_t.csv', 'vdj_t_gd.csv']
    """
    if "," not in written or is_there(written):
        return [written]
    return [part.strip() for part in written.split(",") if part.strip()]


def contig_files(row: Mapping[str, Any]) -> list[Path]:
    """Return the contig files of a row of the library sheet; none where it names none."""
    written = row.get("contigs_path")
    if not written:
        return []
    return [Path(part) for part in split_paths(str(written), is_there=os.path.exists)]


def name_tubes(rows: Iterable[Mapping[str, Any]]) -> dict[str, Path]:
    """Return the FCS files of tubes by what results call them.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        of the tube sheet; `path` can be opened as it stands.

    Examples
    --------
    >>> name_tubes([{"file_id": "T1", "path": "data/flow/Applewhite.fcs"}])
    {'data/tubes/T1': PosixPath('data/flow/Applewhite.fcs')}
    """
    return {f"{DATA}tubes/{row['file_id']}": Path(str(row["path"])) for row in rows}


def name_libraries(rows: Iterable[Mapping[str, Any]]) -> dict[str, Path]:
    """Return the files of libraries by what results call them; of a folder the files in it.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        of the library sheet; paths can be opened as they stand. A file that several rows share (a
        pool) has a name for each.
    """
    found: dict[str, Path] = {}
    for row in rows:
        for part, path in _files_of(row):
            name = f"{DATA}libraries/{row['library_id']}/{part}"
            if path.is_dir():
                found |= {
                    f"{name}/{own}": path / own for own in _OF_FOLDER if (path / own).exists()
                }
            else:
                found[name] = path
    return found


def paths_of_libraries(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the files and folders that rows of the library sheet name."""
    return [str(path) for row in rows for _, path in _files_of(row)]


def copied_libraries(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return libraries whose counts are byte for byte those of another one: one under two names.

    Parameters
    ----------
    rows : iterable of mapping of str to object
        of the library sheet; paths can be opened as they stand. Rows of a pool share their file.

    Returns
    -------
    dict of str to str
        What is odd, by library_id; which of the two names is the right one cannot be told.
    """
    of_size: dict[int, dict[Path, list[str]]] = {}
    for row in rows:
        if row.get("cells_path") or row.get("hashtag") or row.get("hashtags"):
            continue
        path = Path(str(row["path"]))
        if path.is_dir():
            path = next((path / n for n in _OF_FOLDER[:2] if (path / n).exists()), path)
        if path.is_file():
            names = of_size.setdefault(path.stat().st_size, {})
            names.setdefault(path.resolve(), []).append(str(row["library_id"]))
    found: dict[str, str] = {}
    for paths in of_size.values():
        alike: dict[bytes, list[str]] = {}
        for path, libraries in paths.items() if len(paths) > 1 else ():
            alike.setdefault(_whole_digest(path), []).extend(libraries)
        for libraries in alike.values():
            for library in libraries if len(libraries) > 1 else ():
                others = ", ".join(name for name in libraries if name != library)
                found[library] = f"its counts are those of {others}: one library under two names"
    return found


def there(files: Mapping[str, Path]) -> dict[str, Path]:
    """Return the files that exist."""
    return {name: path for name, path in files.items() if path.exists()}


def without_names(text: str, row: Mapping[str, Any]) -> str:
    """Return a text in which the files of a row of a sheet are called by their part.

    Parameters
    ----------
    text : str
        e.g. what a reader says of a file.
    row : mapping of str to object
        of the tube or library sheet.

    Examples
    --------
    >>> row = {"path": "data/Applewhite.h5", "contigs_path": "data/Applewhite.csv"}
    >>> without_names("Applewhite.h5: it has no genes", row)
    'counts: it has no genes'
    """
    for part, path in _files_of(row):
        for name in (path.resolve().as_posix(), path.as_posix(), path.name):
            # "matrix" of "matrix.mtx" is no file of that name, the end of a sentence is one
            alone = rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)"
            text = re.sub(alone, "the file" if "file_id" in row else part, text)
    return text


def _files_of(row: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """Return what results call the files of a row, and the files; further contigs are numbered."""
    found = []
    for column, part in _PARTS.items():
        if not row.get(column):
            continue
        files = contig_files(row) if column == "contigs_path" else [Path(str(row[column]))]
        found += [(part if i == 1 else f"{part}{i}", path) for i, path in enumerate(files, 1)]
    return found


def _whole_digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
