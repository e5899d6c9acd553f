"""The lock of a plan: its content on a day, and what was changed since.

A lock keeps, in canonical form, the plan and what the plan depends on: gating templates, signatures
and settings. What differs from it later is listed field by field, and every result that follows
from such a field is post hoc (ICH E9: what was not specified before the blind was broken). It also
keeps digests of what people decided by hand; a later decision is listed and makes nothing post hoc.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from itc_analysis.errors import Fault, SettingsError
from itc_analysis.stats.plan.endpoints import WITH_FEATURE
from itc_analysis.whole_files import write_text

#: The lock lies next to the plan, under this ending.
ENDING = ".lock.json"
#: Parts of what is locked.
PLAN, GATING, SIGNATURES, SETTINGS = "plan", "gating", "signatures", "settings"
BY_HAND = "by_hand"
#: What people decide by hand, and what one and several of a kind are called.
DECIDED_BY_HAND = {
    "decisions": ("manual decision on a participant", "manual decisions on participants"),
    "reviews": ("reviewed gate", "reviewed gates"),
    "drawn": ("file of hand-drawn gates", "files of hand-drawn gates"),
    "confirmed": ("confirmed tube", "confirmed tubes"),
}
#: States of a result.
AS_LOCKED, POST_HOC, NOT_LOCKED = "as_locked", "post_hoc", "not_locked"
#: Names the lock in faults.
_SOURCE = "lock of the plan"
#: Stands where a field was not there.
NOTHING = "(none)"
#: Fields that only draw or describe.
_OF_NO_RESULT = {
    ("settings", "cohort", "planned_sizes"),
    ("settings", "cohort", "min_cell_size"),
    ("settings", "cohort", "pooled_name"),
    ("plan", "equivalence_reason"),
}
#: Fields of the plan that one table alone reads.
_OF_ONE_TABLE = {
    "equivalence_ratio": "verdicts",
    "equivalence_sd": "verdicts",
    "core_covariates": "diagnostics",
}


@dataclass(frozen=True)
class Lock:
    """What was locked.

    Parameters
    ----------
    date : str
        ISO date, as the user gave it.
    digest : str
        SHA-256 of `content` in canonical form.
    software : str
        version of itc_analysis.
    content : dict
        plan, gating, signatures, settings, and what was decided by hand; older locks lack that.
    amended : tuple of dict
        earlier locks: `date`, `digest` and the `reason` for which they were replaced.
    """

    date: str
    digest: str
    software: str
    content: dict[str, Any]
    amended: tuple[dict[str, str], ...] = ()


@dataclass(frozen=True)
class Change:
    """One field that differs from the lock.

    Parameters
    ----------
    part : str
        plan, gating, signatures, settings or by_hand.
    where : str
        the field, e.g. ``"families.primary.adjustment"``.
    locked, now : str
        its values as JSON; `NOTHING` where the field was or is not there.
    affects : str
        which results follow from it, in words.
    """

    part: str
    where: str
    locked: str
    now: str
    affects: str


@dataclass(frozen=True)
class Touched:
    """Which results follow from changed fields.

    Parameters
    ----------
    everything : bool
        every result of the plan.
    families : frozenset of str
        names of families, associations and compositions; ``"genes"``, ``"modalities"``.
    tables : frozenset of str
        tables that alone read a changed field.
    assays : frozenset of str
        every result of these.
    measures : frozenset of str
        every result of these.
    populations : frozenset of str
        of flow cytometry; all their measures.
    phenotypes : frozenset of str
        of flow cytometry; measures of markers and scores.
    scored : frozenset of str
        of flow cytometry; scores alone, standardised to subsets of which one changed.
    scores : frozenset of (str, str)
        assay and signature.
    """

    everything: bool = False
    families: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    assays: frozenset[str] = frozenset()
    measures: frozenset[str] = frozenset()
    populations: frozenset[str] = frozenset()
    phenotypes: frozenset[str] = frozenset()
    scored: frozenset[str] = frozenset()
    scores: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def has(
        self,
        *,
        table: str,
        family: str,
        assay: str = "",
        populations: Iterable[str] = (),
        measure: str = "",
        feature: str = "",
    ) -> bool:
        """Tell whether a result follows from a changed field."""
        named = set(populations)
        return bool(
            self.everything
            or table in self.tables
            or family in self.families
            or assay in self.assays
            or measure in self.measures
            or (assay == "flow" and named & self.populations)
            or (assay == "flow" and measure in WITH_FEATURE and named & self.phenotypes)
            or (assay == "flow" and measure == "score" and named & self.scored)
            or (measure == "score" and (assay, feature) in self.scores)
        )


def lock_path(plan: str | Path) -> Path:
    """Return where the lock of a plan lies, whether it is there or not."""
    return Path(plan).with_suffix(ENDING)


def canonical_digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of content, whatever its order of keys, comments and spaces were."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def make_lock(
    content: Mapping[str, Any],
    *,
    date: str,
    software: str,
    replaces: Lock | None = None,
    reason: str | None = None,
) -> Lock:
    """Return a lock of `content`.

    Parameters
    ----------
    content : mapping
        plan, gating, signatures, settings and what was decided by hand, as plain data.
    date : str
        YYYY-MM-DD; never taken from the clock.
    software : str
        version of itc_analysis.
    replaces : Lock, optional
        the lock that this one amends.
    reason : str, optional
        why; needed with `replaces`.

    Raises
    ------
    SettingsError
        the date is none, lies before the date of the lock it replaces, or the reason is missing.
    """
    try:
        day = datetime.date.fromisoformat(date)
        if day.isoformat() != date:
            raise ValueError
    except ValueError:
        fault = Fault("--date", f"'{date}' is no date", "write it as 2026-11-29")
        raise SettingsError(_SOURCE, [fault]) from None
    amended: tuple[dict[str, str], ...] = ()
    if replaces is not None:
        if not (reason or "").strip():
            fault = Fault("--amend", "an amendment needs its reason", "say in a sentence why")
            raise SettingsError(_SOURCE, [fault])
        if date < replaces.date:
            what = f"'{date}' is before {replaces.date}, when the plan was locked"
            raise SettingsError(_SOURCE, [Fault("--date", what)])
        old = {"date": replaces.date, "digest": replaces.digest, "reason": str(reason).strip()}
        amended = (*replaces.amended, old)
    plain = json.loads(json.dumps(content))
    return Lock(date, canonical_digest(plain), software, plain, amended)


def write_lock(lock: Lock, path: str | Path) -> None:
    """Write a lock as JSON, whole or not at all."""
    text = json.dumps(asdict(lock), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    write_text(path, text)


def read_lock(path: str | Path) -> Lock:
    """Read a lock.

    Raises
    ------
    SettingsError
        the file is no lock, or its content is not the one that its digest names.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        lock = Lock(**{**found, "amended": tuple(found.get("amended", ()))})
    except FileNotFoundError:
        raise SettingsError(str(path), "the lock is not there; check the path") from None
    except (ValueError, TypeError, AttributeError) as error:
        fault = Fault("", f"no lock of a plan ({error})", "lock again: itc lock-plan")
        raise SettingsError(str(path), [fault]) from None
    if canonical_digest(lock.content) != lock.digest:
        what = "its content does not have the digest that it names: it was edited"
        raise SettingsError(str(path), [Fault("", what, "take it from your archive")])
    return lock


def changes_since(lock: Lock, content: Mapping[str, Any]) -> list[Change]:
    """Return every field of `content` that differs from the lock, in order of part and field."""
    before, after, changed = _differences(lock, content)
    return [
        Change(
            part=path[0],
            where=".".join(path[1:]),
            locked=_shown(before, path),
            now=_shown(after, path),
            affects=_in_words(path),
        )
        for path in changed
    ]


def touched_by(lock: Lock, content: Mapping[str, Any]) -> Touched:
    """Return which results follow from what differs from the lock."""
    now = json.loads(json.dumps(content))
    paths = [path for path in _differences(lock, content)[2] if path[0] != BY_HAND]
    found: dict[str, set[Any]] = {name: set() for name in Touched.__dataclass_fields__}
    for path in paths:
        kind, names = _reach(path)
        found[kind] |= names
    panels = {path[1] for path in paths if path[0] == GATING}
    for panel in panels:
        old, new = (part.get(GATING, {}).get(panel, {}) for part in (lock.content, now))
        found["populations"] |= _populations_changed(old, new)
        if _positivity(old) != _positivity(new):
            found["phenotypes"] |= set(_by_name(old)) | set(_by_name(new))
    subsets = now.get(SETTINGS, {}).get("scores", {}).get("subsets", {})
    found["scored"] = {
        whole for whole, parts in subsets.items() if found["populations"] & set(parts)
    }
    return Touched(
        everything=bool(found.pop("everything")),
        **{name: frozenset(values) for name, values in found.items()},
    )


def holds_by_hand(lock: Lock, content: Mapping[str, Any]) -> bool:
    """Return whether what was decided by hand can be compared: older locks do not hold it."""
    return BY_HAND in lock.content and BY_HAND in content


def _differences(
    lock: Lock, content: Mapping[str, Any]
) -> tuple[dict[tuple[str, ...], Any], dict[tuple[str, ...], Any], list[tuple[str, ...]]]:
    """Return the leaves of the lock, those of `content`, and the sorted paths that differ."""
    before, after = _flat(lock.content), _flat(json.loads(json.dumps(content)))
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    is_compared = holds_by_hand(lock, content)
    # a kind of which there is nothing is no field
    return (
        before,
        after,
        [path for path in changed if path[0] != BY_HAND or (is_compared and len(path) > 2)],
    )


def _reach(path: tuple[str, ...]) -> tuple[str, set[Any]]:
    """Return the field of `Touched` that a changed field belongs to, and what it adds there."""
    part, name = path[0], path[1] if len(path) > 1 else ""
    if path[:3] in _OF_NO_RESULT or path[:2] in _OF_NO_RESULT or part == GATING:
        return "families", set()
    if part == SIGNATURES:
        assay, _, signature = name.partition(" ")
        return "scores", {(assay, signature)}
    if part == PLAN:
        if name in ("families", "associations", "compositions"):
            return "families", {path[2]}
        if name in ("genes", "modalities"):
            return "families", {name}
        if name in _OF_ONE_TABLE:
            return "tables", {_OF_ONE_TABLE[name]}
    if part == SETTINGS:
        if name in ("flow", "singlecell"):
            return "assays", {name}
        if name == "function":  # which tubes are resting, stimulated, or control
            return "assays", {"flow"}
        if name == "scores":
            return "measures", {"score"}
    return "everything", {True}


def _in_words(path: tuple[str, ...]) -> str:
    if path[0] == BY_HAND:
        return "no result by itself"
    kind, names = _reach(path)
    if path[0] == GATING:
        population = path[3] if path[2:3] == ("populations",) and len(path) > 3 else ""
        return (
            f"flow results of {population} and of what is gated from it"
            if population
            else f"flow results of {path[1]}"
        )
    if kind == "everything":
        return "every result"
    if not names:
        return "no result"
    shown = ", ".join(sorted(" ".join(n) if isinstance(n, tuple) else str(n) for n in names))
    words = {
        "families": f"the family {shown}",
        "tables": f"the table of {shown}",
        "assays": f"every result of {shown}",
        "measures": f"every {shown}",
        "scores": f"the score {shown}",
    }
    return words[kind]


def _flat(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return leaves by their path; entries of a list that have a name go by it, whatever the
    order.
    """
    if isinstance(value, dict) and value:
        pairs = list(value.items())
    elif isinstance(value, list) and value and all(_name_of(item) for item in value):
        pairs = [(_name_of(item), item) for item in value]
        if len({name for name, _ in pairs}) < len(pairs):
            return {path: value}
    else:
        return {path: value}
    flat: dict[tuple[str, ...], Any] = {}
    for name, inner in pairs:
        flat |= _flat(inner, (*path, str(name)))
    return flat


def _name_of(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    return str(item.get("name") or item.get("marker") or "")


def _shown(flat: Mapping[tuple[str, ...], Any], path: tuple[str, ...]) -> str:
    if path not in flat:
        return NOTHING
    return json.dumps(flat[path], ensure_ascii=False, sort_keys=True)


def _by_name(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {population["name"]: population for population in template.get("populations", [])}


def _positivity(template: Mapping[str, Any]) -> Any:
    return {item["marker"]: item for item in template.get("positivity", [])}


def _populations_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
    """Return populations whose definition differs: their own gate, one that they follow, or the
    denominator of all.
    """
    before, after = _definitions(old), _definitions(new)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    common = [{name: t.get(name) for name in ("transform", "denominator")} for t in (old, new)]
    if common[0] != common[1] or str(new.get("denominator")) in changed:
        return {*before, *after}
    return changed


def _definitions(template: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest per population over its gate and every gate that it depends on."""
    populations = _by_name(template)
    found: dict[str, str] = {}

    def define(name: str) -> str:
        if name not in found:
            own = populations[name]
            needed = {own["parent"], *_words(own["arguments"])} & (set(populations) - {name})
            others = [(other, define(other)) for other in sorted(needed)]
            found[name] = canonical_digest({"own": own, "others": others})
        return found[name]

    # every population names earlier ones alone, so this ends
    return {name: define(name) for name in populations}


def _words(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(_words(item) for item in inner))
