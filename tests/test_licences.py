"""What comes with an installation may be used and passed on as this project is."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

#: Licences that let others use and pass on what they like, and weak copyleft that concerns only
#: changes of the package itself.
FREE = (
    "0bsd", "apache", "bsd", "cc0", "hpnd", "isc", "mit", "mit-cmu", "mpl", "mozilla", "psf",
    "python software foundation", "python-2.0", "unlicense", "zlib", "public domain", "lgpl",
    "lesser general public", "bsl-1.0", "boost", "ofl-1.1", "zpl",
)  # fmt: skip
#: One of several licences of the package, of which one may choose; its GPL part is an editor's
#: file that is not installed.
CHOICE = {"docutils"}


def locked(root: Path) -> list[str]:
    """Return the packages that an installation gets, of those for this Python and system."""
    text = (root / "requirements" / "lock.txt").read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE)))
    found = []
    for name in names:
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(name)
    return found


def licence_of(name: str) -> str:
    """Return what a package says of its licence, in one line."""
    told = metadata.metadata(name)
    # an expression or a classifier is exact; the free text may be the whole licence
    parts = [told.get("License-Expression") or ""]
    parts += [c for c in told.get_all("Classifier") or () if c.startswith("License ::")]
    if not any(word in "; ".join(parts).lower() for word in FREE):
        parts.append((told.get("License") or "").strip().split("\n")[0])
        files = [f for f in metadata.files(name) or () if f.name.upper().startswith("LICEN")]
        parts += [file.read_text(encoding="utf-8").strip().split("\n")[0] for file in files]
    return "; ".join(filter(None, parts))


def test_every_package_of_the_lock_has_a_licence_that_lets_it_be_used(root: Path) -> None:
    names = locked(root)
    assert len(names) > 100
    unknown = {
        name: said
        for name in names
        if not any(word in (said := licence_of(name)).lower() for word in FREE)
    }
    assert unknown == {}


def test_nothing_in_the_import_path_is_under_the_gpl(root: Path) -> None:
    strong = re.compile(r"(?<!l)(?<!lesser )\b(?:a?gpl|(?:affero )?general public)", re.IGNORECASE)
    found = {
        name: said
        for name in locked(root)
        if name not in CHOICE
        and strong.search(said := licence_of(name).replace("Lesser General Public", "LGPL"))
    }
    assert found == {}


@pytest.mark.parametrize(
    "said", ["GPL-3.0-or-later", "License :: OSI Approved :: GNU Affero General Public License v3"]
)
def test_the_search_knows_the_gpl(said: str) -> None:
    assert re.search(r"(?<!l)\b(?:a?gpl|(?:affero )?general public)", said, re.IGNORECASE)
