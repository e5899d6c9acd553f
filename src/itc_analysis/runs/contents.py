"""What a rule reads, as a short text that changes with the content.

Snakemake looks at an input again when its time is newer than the results'. A file that was brought
back from a backup with its old time, or by a clock that lags, would go unnoticed, and the results
would be those of another file. This text is a parameter of every rule that reads files of the
study, so that other content runs the rule again whatever the clocks say.

A run is of the files that it began with. Snakemake asks for parameters again while it runs, and in
every job on a cluster; so the digests of the beginning are kept, and handed to the jobs. A job
that finds another file refuses it, and the next run knows that this file was not the one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from itc_analysis.whole_files import write_text

#: Bytes that are read at the beginning, in the middle and at the end of a file of data: of a tube
#: the header (with its times), events in the middle and the last ones.
_PIECE = 1 << 15
#: Endings of what people write, which is read whole.
_WRITTEN = (".tsv", ".csv", ".txt", ".xlsx", ".yaml", ".yml", ".json", ".xml", ".wsp")
_known: dict[tuple[str, int, int, int], bytes] = {}
#: Digests of the beginning of the run, by path; None: files are looked at whenever asked for.
_begun: dict[str, bytes] | None = None
_HANDED_ON = Path(".snakemake") / "itc_contents.json"


def keep_contents(folder: str | Path | None = None) -> None:
    """Let every file that is looked at from now on count as it is at its first look.

    Parameters
    ----------
    folder : str or Path, optional
        a job: the folder of its run, whose digests are taken over where it handed them on. None:
        the run itself begins.
    """
    global _begun
    _begun = {}
    if folder is not None:
        try:
            text = (Path(folder) / _HANDED_ON).read_text(encoding="utf-8")
            _begun = {path: bytes.fromhex(digest) for path, digest in json.loads(text).items()}
        except (OSError, ValueError):  # without a shared disk every job looks by itself
            return


def hand_on_contents(folder: str | Path = ".") -> None:
    """Write the digests that were kept so far, for the jobs of this run."""
    plain = {path: digest.hex() for path, digest in (_begun or {}).items()}
    write_text(Path(folder) / _HANDED_ON, json.dumps(plain, indent=0, sort_keys=True) + "\n")


def contents(paths: Iterable[str | Path]) -> str:
    """Return a digest of files, in any order; what is not there counts as such.

    Parameters
    ----------
    paths : iterable of (str or Path)
        files, or folders that stand for the files in them. Sheets and settings, and files of up
        to 96 kB, are read whole, others in three pieces: thousands of tubes take seconds.
    """
    found = hashlib.sha256()
    for part in sorted(part for path in paths for part in _parts(str(path))):
        found.update(part)
    return found.hexdigest()[:12]


def _parts(path: str) -> list[bytes]:
    # thousands of tubes are asked for several times: the disk is asked once
    if _begun is not None and path in _begun:
        return [_begun[path]]
    return [_digest(file) for file in _files(Path(path))]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [inner for inner in sorted(path.iterdir()) if inner.is_file()]


def _digest(path: Path) -> bytes:
    if _begun is None:
        return _digest_now(path)
    if str(path) not in _begun:
        _begun[str(path)] = _digest_now(path)
    return _begun[str(path)]


def _digest_now(path: Path) -> bytes:
    found = hashlib.sha256(path.name.encode())
    try:
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        if key not in _known:
            found.update(str(stat.st_size).encode())
            with path.open("rb") as stream:
                is_written = path.suffix.lower() in _WRITTEN
                for begin in _beginnings(stat.st_size, is_whole=is_written):
                    stream.seek(begin, os.SEEK_SET)
                    found.update(stream.read(_PIECE))
            _known[key] = found.digest()
        return _known[key]
    except OSError:
        return found.digest()


def _beginnings(size: int, *, is_whole: bool) -> list[int]:
    if is_whole or size <= 3 * _PIECE:
        return list(range(0, max(size, 1), _PIECE))
    return [0, (size - _PIECE) // 2, size - _PIECE]
