"""Which sample of a workspace is which tube, when two run folders hold files of one name.

A name that is one tube's and one sample's alone needs no proof. Otherwise the folder of the run,
$GUID, $TOT and the time of acquisition decide; where they do not, nobody gets the gates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol, TypeVar
from urllib.parse import unquote

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.fcs.layout import locate_events

#: What a file keeps however it is copied, by the names of `FcsFile.keywords`.
_KEYWORDS = ("GUID", "TOT", "DATE", "BTIM", "ETIM")
#: Hexadecimal digits of a value's digest: enough to tell values apart, and no date to be read.
_DIGITS = 12


@dataclass(frozen=True)
class FileIdentity:
    """What tells a file from others of its name.

    Parameters
    ----------
    name : str
        of the file, without folder.
    folder : str
        digest of its folder's name; empty when none is given.
    keywords : mapping of str to str
        digests of keywords that a copy keeps, by name.
    """

    name: str
    folder: str = ""
    keywords: Mapping[str, str] = field(default_factory=dict)

    def contradicts(self, other: FileIdentity) -> bool:
        """Return whether a keyword that both have differs."""
        shared = set(self.keywords) & set(other.keywords)
        return any(self.keywords[key] != other.keywords[key] for key in shared)


class Sample(Protocol):
    """Gates drawn on a file, such as a `ManualTree`."""

    @property
    def source(self) -> str:
        """The workspace."""

    @property
    def sample(self) -> FileIdentity | None:
        """The file."""


Drawn = TypeVar("Drawn", bound=Sample)


def identify(path: str, keywords: Mapping[str, str]) -> FileIdentity:
    """Return the identity of a file.

    Parameters
    ----------
    path : str
        of any system, or a URI as FlowJo writes it.
    keywords : mapping of str to str
        upper case, without the leading '$'.
    """
    plain = unquote(path.removeprefix("file:"))
    parts = PureWindowsPath(plain).parts if "\\" in plain else PurePosixPath(plain).parts
    folder = parts[-2].strip("/\\") if len(parts) > 1 else ""
    told = {
        key: _digest(keywords[key].strip()) for key in _KEYWORDS if keywords.get(key, "").strip()
    }
    return FileIdentity(parts[-1] if parts else plain, _digest(folder) if folder else "", told)


def identify_file(path: str | Path) -> FileIdentity:
    """Return the identity of an FCS file by its HEADER and TEXT; by its path alone when they
    cannot be read.
    """
    try:
        with Path(path).open("rb") as stream:
            keywords = locate_events(stream, Path(path).name).keywords
    except (OSError, ItcError):
        keywords = {}
    return identify(str(path), keywords)


def match_samples(
    samples: Sequence[Drawn], tubes: Mapping[str, FileIdentity]
) -> tuple[dict[str, Drawn], list[Fault]]:
    """Return the gates of each tube by file_id, and a fault for each name that cannot be decided.

    Parameters
    ----------
    samples : sequence of Drawn
        gates of the samples of all workspaces.
    tubes : mapping of str to FileIdentity
        identity of each tube by file_id.
    """
    found: dict[str, Drawn] = {}
    faults = []
    for name in sorted({identity.name for identity in tubes.values()}):
        own = {file_id: identity for file_id, identity in tubes.items() if identity.name == name}
        drawn = [sample for sample in samples if _identity(sample).name == name]
        if not drawn:
            continue
        if len(own) == len(drawn) == 1:
            found[next(iter(own))] = drawn[0]
            continue
        decided = {file_id: _decide(identity, drawn, own) for file_id, identity in own.items()}
        if any(len(candidates) > 1 for candidates in decided.values()):
            faults.append(_undecided(name, own, drawn))
            continue
        found |= {file_id: candidates[0] for file_id, candidates in decided.items() if candidates}
    return found, faults


def _decide(
    identity: FileIdentity, drawn: Sequence[Drawn], tubes: Mapping[str, FileIdentity]
) -> list[Drawn]:
    """Return the one sample that is a tube's, none, or all that could be (also of another tube)."""
    possible = [sample for sample in drawn if not identity.contradicts(_identity(sample))]
    same_folder = [
        s for s in possible if identity.folder and _identity(s).folder == identity.folder
    ]
    rivals = [other for other in tubes.values() if other is not identity]
    if len(same_folder) == 1 and not any(other.folder == identity.folder for other in rivals):
        return same_folder
    elsewhere = {other.folder for other in rivals if other.folder}
    possible = [s for s in possible if _identity(s).folder not in elsewhere]
    if len(possible) == 1 and all(_excluded(other, possible[0]) for other in rivals):
        return possible
    return [*possible, *possible] if len(possible) == 1 else possible


def _excluded(tube: FileIdentity, sample: Sample) -> bool:
    """Return whether a sample cannot be a tube's."""
    return tube.contradicts(_identity(sample))


def _identity(sample: Sample) -> FileIdentity:
    assert sample.sample is not None  # set by `flowjo_read`
    return sample.sample


def _undecided(name: str, tubes: Iterable[str], drawn: Sequence[Sample]) -> Fault:
    named = " and ".join(f"'{file_id}'" for file_id in sorted(tubes))
    sources = " and ".join(sorted({sample.source for sample in drawn}))
    n_samples = (
        f"{len(drawn)} samples of that name" if len(drawn) > 1 else "one sample of that name"
    )
    what = (
        f"tube {named} has the file name '{name}', and {sources} holds {n_samples}: whose "
        "gates they are "
        "cannot be told by folder, $GUID, $TOT or time of acquisition"
    )
    if len(list(tubes)) > 1:
        what = what.replace(f"tube {named} has", f"tubes {named} have", 1)
    remedy = (
        "save each tube's gates as <file_id>.xml (Gating-ML), or give the files names of their own"
    )
    return Fault("", what, remedy)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
