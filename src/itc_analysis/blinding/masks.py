"""Names that say nothing: a pseudonym per sample, tube, library and batch, in a secret order.

The permutation is drawn from a key, the SHA-256 of the table of participants with all it holds:
the same study gives the same masks, and who has the key's source has the groups anyway. Key and
permutation are no part of any blinded file.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from itc_analysis.blinding.leaks import batches_tell, presence_tells

#: Stands for a text that would name somebody.
NOT_SHOWN = "not shown before unblinding"
#: The only batch where batches would tell groups apart.
ALL_BATCHES = "all"
#: The kind of libraries next to panels of tubes.
LIBRARIES = "libraries"
#: Ids shorter than this are ordinary words or numbers in a sentence; it is then not shown at all.
_LONG_ENOUGH = 5
_WORD = r"(?<![A-Za-z0-9_.-]){}(?![A-Za-z0-9_-])"


@dataclass(frozen=True)
class Masks:
    """What stands in place of what.

    Parameters
    ----------
    samples, sources : dict of str to str
        sample ids; tube and library ids.
    batches : dict of (str, str) to str
        panel (or `LIBRARIES`) and batch.
    withheld : tuple of str
        sentences on what cannot be shown without telling groups apart.
    hidden_kinds : frozenset of str
        panels (or `LIBRARIES`) that are not shown at all.
    labels : frozenset of str
        names of groups, people, files and batches that no text may hold.
    """

    samples: dict[str, str]
    sources: dict[str, str]
    batches: dict[tuple[str, str], str]
    withheld: tuple[str, ...]
    hidden_kinds: frozenset[str]
    labels: frozenset[str]

    def clean(self, text: str) -> str:
        """Return a text with ids replaced; one that names a group or a person is not shown."""
        for known in (self.sources, self.samples):
            for name in sorted(known, key=len, reverse=True):
                if len(name) >= _LONG_ENOUGH and name in text:
                    text = re.sub(_WORD.format(re.escape(name)), known[name], text)
        return NOT_SHOWN if self.names_somebody(text) else text

    def names_somebody(self, text: str) -> bool:
        """Tell whether a text holds a group's, person's, file's or batch's real name as a word."""
        return any(
            label in text and re.search(_WORD.format(re.escape(label)), text)
            for label in self.labels
        )


def key_of(participants: str | Path) -> bytes:
    """Return the key of a study: the SHA-256 of its table of participants."""
    return hashlib.sha256(Path(participants).read_bytes()).digest()


def draw_masks(
    key: bytes,
    *,
    samples: pd.DataFrame,
    tubes: pd.DataFrame,
    libraries: pd.DataFrame,
    groups: Mapping[str, str],
    labels: Iterable[str],
) -> Masks:
    """Draw the masks of a study.

    Each sample stands for itself: two samples of one person get two pseudonyms, because the number
    of visits may tell a group.

    Parameters
    ----------
    key : bytes
        seed of the permutation.
    samples, tubes, libraries : pandas.DataFrame
        the checked sheets.
    groups : mapping
        group of each sample of a participant.
    labels : iterable of str
        names of groups, which no text may hold.
    """

    def in_order(names: Iterable[str], kind: str) -> list[str]:
        return sorted(
            set(names), key=lambda name: hmac.digest(key, f"{kind}:{name}".encode(), "sha256")
        )

    people = samples.loc[samples["sample_type"] == "participant", "sample_id"].astype(str)
    width = len(str(max(len(people), 1)))
    masks = {n: f"B{i:0{width}d}" for i, n in enumerate(in_order(people, "sample"), start=1)}
    controls = set(samples["sample_id"].astype(str)) - set(people)
    masks |= {n: f"bridge-{i}" for i, n in enumerate(in_order(controls, "sample"), start=1)}
    rows = {
        **{str(panel): own for panel, own in tubes.groupby("panel", sort=True)},
        **({LIBRARIES: libraries} if len(libraries) else {}),
    }
    batches: dict[tuple[str, str], str] = {}
    withheld, hidden = [], set()
    for kind, own in rows.items():
        placed = {(str(s), str(b)) for s, b in zip(own["sample_id"], own["batch"], strict=True)}
        if presence_tells({sample for sample, _ in placed}, groups):
            hidden.add(kind)
            withheld.append(
                f"{kind}: not shown, because who has them and who has not tells groups apart"
            )
            continue
        names = in_order({batch for _, batch in placed}, f"batch:{kind}")
        if batches_tell(placed, groups):
            batches |= {(kind, name): ALL_BATCHES for name in names}
            withheld.append(f"{kind}: batches are not shown, because some hold one group alone")
        else:
            batches |= {(kind, n): f"batch-{i}" for i, n in enumerate(names, start=1)}
    sources = _sources(rows, masks, batches, hidden, controls, in_order)
    named = [*samples["participant_id"].dropna(), *masks, *sources, *(b for _, b in batches)]
    every = {str(name) for name in (*named, *labels)}
    masked = {*masks.values(), *sources.values(), *batches.values()}
    return Masks(
        masks, sources, batches, tuple(withheld), frozenset(hidden), frozenset(every - masked)
    )


def _sources(
    rows: Mapping[str, pd.DataFrame],
    masks: Mapping[str, str],
    batches: Mapping[tuple[str, str], str],
    hidden: set[str],
    controls: set[str],
    in_order: object,
) -> dict[str, str]:
    """Return names of tubes and libraries: sample, panel, and what tells them apart."""
    assert callable(in_order)
    found: dict[str, str] = {}
    for kind, own in rows.items():
        if kind in hidden:
            continue
        column = "library_id" if kind == LIBRARIES else "file_id"
        told: dict[str, list[str]] = {}
        for row in own.to_dict("records"):
            sample = str(row["sample_id"])
            is_stained = row.get("tube", "stained") == "stained"
            if sample not in controls and not is_stained:
                continue  # whose cells made the controls may tell a group
            parts = [masks[sample], "library" if kind == LIBRARIES else kind]
            if sample in controls:
                parts.append(batches[kind, str(row["batch"])])
                if not is_stained:
                    marker = row.get("fmo_markers")
                    parts += [str(row["tube"]), *([] if pd.isna(marker) else [str(marker)])]
            name = re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(parts))
            told.setdefault(name, []).append(str(row[column]))
        for name, ids in told.items():
            ordered = in_order(ids, "source")
            found |= {
                one: name if len(ids) == 1 else f"{name}-{i}"
                for i, one in enumerate(ordered, start=1)
            }
    return found
