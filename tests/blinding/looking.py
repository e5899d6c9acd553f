"""What a determined reader of a blinded folder would do."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from math import factorial, prod
from pathlib import Path

import pandas as pd
import pyarrow.parquet as parquet

_EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
#: An order of groups that is rarer than this by chance tells something.
_CHANCE = 0.001
_PSEUDONYM = re.compile(r"^(B\d+)(?:-|$)")


def texts_of(folder: Path) -> dict[str, str]:
    """Return the text of every file: Parquet decoded with its metadata, pictures with theirs."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            words = [str(value) for c in frame for value in frame[c].dropna().unique()]
            metadata = parquet.read_schema(path).metadata or {}
            stored = [part.decode() for pair in metadata.items() for part in pair
                      if pair[0] != b"ARROW:schema"]  # fmt: skip
            found[name] = "\n".join([*map(str, frame.columns), *words, *stored])
            continue
        text = path.read_text(encoding="utf-8")
        pictures = [base64.b64decode(part) for part in _EMBEDDED.findall(text)]
        # what a PNG says in words lies in these chunks
        assert not any(kind in data for data in pictures for kind in (b"iTXt", b"zTXt", b"eXIf"))
        noted = [data[data.find(b"tEXt") :][:200].decode("latin-1") for data in pictures
                 if b"tEXt" in data]  # fmt: skip
        found[name] = "\n".join([_EMBEDDED.sub("", text), *noted])
    return found


def named_in(folder: Path, labels: Iterable[str]) -> list[tuple[str, str]]:
    """Return (file, label) wherever a label stands as a word, or is part of a file's name."""
    either = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    word = re.compile(rf"(?<![A-Za-z0-9_])(?:{either})(?![A-Za-z0-9_])")
    return [
        (name, label)
        for name, text in texts_of(folder).items()
        for label in sorted({*word.findall(text), *word.findall(name)})
    ]


def columns_that_tell(folder: Path, groups: dict[str, str]) -> list[tuple[str, str]]:
    """Return (file, column) whose value, known for a sample, leaves no doubt about its group.

    Parameters
    ----------
    folder : Path
        the blinded folder; tables of several batches are read as one.
    groups : dict of str to str
        true group of each pseudonym.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        place = path.relative_to(folder).parts
        name = "/".join(part for part in place if not part.startswith("batch-"))
        parts.setdefault(name, []).append(pd.read_parquet(path))
    found = []
    for name, tables in parts.items():
        table = pd.concat([part for part in tables if len(part)] or tables, ignore_index=True)
        key = next((c for c in ("sample_id", "file_id", "source_id") if c in table), None)
        if key is None:
            continue
        sample = table[key].astype(str).str.extract(_PSEUDONYM)[0]
        group = sample.map(groups)
        for column in table.columns.drop(key):
            known = pd.DataFrame(
                {"sample": sample, "group": group, "value": table[column].astype(str)}
            ).dropna(subset=["group"])
            if len(set(known["group"])) > 1 and tells_all(known):
                found.append((name, str(column)))
    return found


def tells_all(known: pd.DataFrame) -> bool:
    """Tell whether a column determines the group of every sample.

    By values that several samples share; or, of numbers, by their order: when the samples' medians
    are sorted, each group stands in one block, which chance would not give.
    """
    by_value = known.groupby("value")
    is_shared = by_value["sample"].nunique().max() > 1
    n_groups = by_value["group"].agg(lambda own: len(set(own)))
    if is_shared and n_groups.max() == 1:
        return True
    numbers = pd.to_numeric(known["value"], errors="coerce")
    medians = known.assign(number=numbers).dropna(subset=["number"])
    each = medians.groupby("sample").agg(number=("number", "median"), group=("group", "first"))
    along = list(each.sort_values("number")["group"])
    n_changes = sum(a != b for a, b in zip(along[1:], along, strict=False))
    sizes = [along.count(group) for group in set(along)]
    chance = factorial(len(sizes)) * prod(map(factorial, sizes)) / factorial(len(along))
    return bool(len(sizes) > 1 and n_changes == len(sizes) - 1 and chance < _CHANCE)
