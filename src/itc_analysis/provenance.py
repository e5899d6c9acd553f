"""What made a file: versions, parameters, digests of the inputs, and a sentence for the methods.

No clock time and no host name, so that a recomputed table is byte-identical.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from itc_analysis.version import __version__


def describe(
    step: str,
    *,
    parameters: dict[str, Any] | None = None,
    inputs: Iterable[str | Path] = (),
    data: Mapping[str, Path] | None = None,
    packages: Iterable[str] = ("numpy", "pandas"),
    methods: str = "",
    citations: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the provenance of a step's output.

    Parameters
    ----------
    step : str
        the command, e.g. ``"itc fit-gates"``.
    parameters : dict of str to object, optional
        the section of the settings that was read.
    inputs : iterable of (str or Path)
        files read; stored by name and SHA-256. Without their folders, which may identify a person
        or a site; the last folders are kept where names alone would repeat.
    data : mapping of str to Path, optional
        files of the study's data, stored by these names, which the ids of the sheets give
        (`cohort.data_files`): what a hospital calls a file may name a person.
    packages : iterable of str
        distributions whose version matters.
    methods : str
        one or two sentences for the methods text, without braces left to fill.
    citations : iterable of str
        keys of the report's bibliography that the sentence cites.
    """
    named = _named(inputs) | dict(data or {})
    return {
        "step": step,
        "itc_analysis": __version__,
        "packages": {name: metadata.version(name) for name in sorted(packages)},
        "parameters": parameters or {},
        "inputs": {name: digest(path) for name, path in named.items()},
        "methods": methods,
        "citations": sorted(citations),
    }


def digest(path: str | Path) -> str:
    """Return the first 16 characters of the SHA-256 of a file."""
    return sha256(path)[:16]


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in full."""
    found = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def _named(paths: Iterable[str | Path]) -> dict[str, Path]:
    """Return the shortest ends of the paths that tell the files apart."""
    files = list(dict.fromkeys(Path(path) for path in paths))
    found: dict[str, Path] = {}
    n_parts = 1
    while files:
        names = ["/".join(file.parts[-n_parts:]) for file in files]
        is_alone = [
            names.count(name) == 1 or n_parts >= len(file.parts)
            for name, file in zip(names, files, strict=True)
        ]
        found |= {n: f for n, f, alone in zip(names, files, is_alone, strict=True) if alone}
        files = [file for file, alone in zip(files, is_alone, strict=True) if not alone]
        n_parts += 1
    return found
