"""The manifest of a run: SHA-256 of every input and every result, and what it proves later.

Deterministic: no clock, no host, no folder of a machine. The manifest carries the digest of its own
content, so that an edited one is noticed; who wants to be sure that it was not replaced as a whole
keeps that digest elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from itc_analysis.errors import ItcError
from itc_analysis.provenance import sha256

MANIFEST = "manifest.json"
#: Below the results folder: written anew by every run, or made on request.
_LEFT_OUT = ("logs",)
_ON_REQUEST = ("singlecell/t_cells.h5ad",)
#: Passes files through, and may say how far it is.
Watch = Callable[[list[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class Finding:
    """One file that is not as the manifest says.

    Parameters
    ----------
    kind : str
        inputs, results or settings.
    name : str
        the file's name in the manifest; section and name of a setting.
    what : str
        altered, missing, or not in the manifest.
    """

    kind: str
    name: str
    what: str


def unwatched(files: list[Any], what: str) -> Iterable[Any]:  # noqa: ARG001
    """Pass files through without a word."""
    return files


def result_files(results: str | Path) -> dict[str, Path]:
    """Return every file of a results folder that a run makes, by its path below it."""
    folder = Path(results)
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in name.parts) or name.suffix == ".partial"
        if is_hidden or name.parts[0] in _LEFT_OUT or name.as_posix() in (MANIFEST, *_ON_REQUEST):
            continue
        found[name.as_posix()] = path
    return found


def make_manifest(
    inputs: Mapping[str, Path],
    results: str | Path,
    *,
    settings: dict[str, Any],
    software: str,
    watch: Watch = unwatched,
) -> dict[str, Any]:
    """Return the manifest of a finished run.

    Parameters
    ----------
    inputs : mapping
        files by name, of `inputs.list_inputs`.
    results : str or Path
        the results folder; the manifest itself and logs are left out.
    settings : dict
        all settings, as plain data.
    software : str
        version of itc_analysis.
    watch : callable, optional
        passes files through and says how far it is.
    """
    made = result_files(results)
    return {
        "itc_analysis": software,
        "inputs": _digests(inputs, watch, "inputs"),
        "results": _digests(made, watch, "results"),
        "settings": _without_places(settings),
    }


def to_text(manifest: Mapping[str, Any]) -> str:
    """Return the manifest as JSON with the digest of its content."""
    content = {name: value for name, value in manifest.items() if name != "digest"}
    plain = json.dumps(content, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(plain.encode()).hexdigest()
    whole = {**content, "digest": digest}
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_manifest(results: str | Path) -> dict[str, Any]:
    """Read the manifest of a results folder.

    Raises
    ------
    ItcError
        there is none, or one byte of it was altered.
    """
    path = Path(results) / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
        manifest: dict[str, Any] = json.loads(text)
        is_whole = to_text(manifest) == text
    except FileNotFoundError:
        raise ItcError(str(path), "no manifest here; run the workflow to its end") from None
    except (ValueError, AttributeError):
        is_whole = False
    if not is_whole:
        raise ItcError(
            str(path), "the manifest itself was altered: it does not have its own digest"
        )
    return manifest


def verify(
    manifest: Mapping[str, Any],
    results: str | Path,
    inputs: Mapping[str, Path] | None,
    settings: Mapping[str, Any] | None = None,
    *,
    watch: Watch = unwatched,
) -> list[Finding]:
    """Return every file that is not, byte by byte, what the manifest says, and every setting that
    is another one.

    Parameters
    ----------
    manifest : mapping
        of `read_manifest`.
    results : str or Path
        the results folder.
    inputs : mapping or None
        files by name, of `inputs.list_inputs`; None: only results are looked at.
    settings : mapping, optional
        all settings, as plain data.
    watch : callable, optional
        passes files through and says how far it is.
    """
    found = _compare("results", manifest["results"], result_files(results), watch)
    if inputs is not None:
        found += _compare("inputs", manifest["inputs"], inputs, watch)
    if settings is not None:
        old, new = _flat(manifest["settings"]), _flat(_without_places(settings))
        # manifests of earlier versions hold some of the settings
        found += [
            Finding("settings", name, "altered")
            for name in sorted(old)
            if old[name] != new.get(name)
        ]
    return found


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by section and name."""
    return {
        f"{section}.{name}": value
        for section, values in settings.items()
        if isinstance(values, Mapping)
        for name, value in values.items()
    }


def _digests(files: Mapping[str, Path], watch: Watch, kind: str) -> dict[str, str]:
    """Return the SHA-256 of files by name; a file of several names is read once."""
    known: dict[Path, str] = {}
    found = {}
    for name in watch(sorted(files), kind):
        path = files[name]
        if path not in known:
            known[path] = sha256(path)
        found[name] = known[path]
    return found


def _compare(
    kind: str, expected: Mapping[str, str], there: Mapping[str, Path], watch: Watch
) -> list[Finding]:
    found = []
    for name in watch(sorted({*expected, *there}), kind):
        if name not in expected:
            found.append(Finding(kind, name, "not in the manifest"))
        elif name not in there or not there[name].exists():
            found.append(Finding(kind, name, "missing"))
        elif sha256(there[name]) != expected[name]:
            found.append(Finding(kind, name, "altered"))
    return found


def _without_places(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without absolute paths, which belong to a machine, nor where data lie."""
    return {
        name: _without_places(value)
        if isinstance(value, dict)
        else (Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value)
        for name, value in settings.items()
        if name != "data_folder"
    }
