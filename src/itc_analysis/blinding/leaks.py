"""What would tell groups apart although nobody is named."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import comb

#: A value shared by people of one group alone is no chance below this probability.
SURPRISE = 0.01


def presence_tells(present: Collection[str], groups: Mapping[str, str]) -> bool:
    """Tell whether having a tube of a panel, or a library, gives a group away.

    It does when all who have it are of one group, when no group is among both those who have it and
    those who have not, or when those who have not are of one group beyond chance.
    """
    inside = {groups[s] for s in present if s in groups}
    outside = {group for s, group in groups.items() if s not in present}
    n_groups = len(set(groups.values()))
    if n_groups < 2 or not inside:
        return False
    if len(inside) == 1 or (outside and not inside & outside):
        return True
    return values_tell([(s, str(s in present)) for s in groups], groups)


def batches_tell(placed: Iterable[tuple[str, str]], groups: Mapping[str, str]) -> bool:
    """Tell whether some batch holds people of one group alone.

    Parameters
    ----------
    placed : iterable of (str, str)
        sample and batch.
    groups : mapping
        group of each sample of a participant.
    """
    found: dict[str, set[str]] = {}
    for sample, batch in placed:
        if sample in groups:
            found.setdefault(batch, set()).add(groups[sample])
    everybody = set().union(*found.values()) if found else set()
    return len(everybody) > 1 and any(len(own) == 1 for own in found.values())


def values_tell(values: Iterable[tuple[str, str]], groups: Mapping[str, str]) -> bool:
    """Tell whether a column gives groups away.

    Parameters
    ----------
    values : iterable of (str, str)
        sample and value; an empty text where there is none.
    groups : mapping
        group of each sample of a participant.

    Returns
    -------
    bool
        True when all people who share a value are of one group, and they are either the whole of
        it, or so many that drawing them at random would give that with a probability below
        `SURPRISE`.
    """
    by_value: dict[str, set[str]] = {}
    for sample, value in values:
        if sample in groups:
            by_value.setdefault(value, set()).add(sample)
    people = set().union(*by_value.values()) if by_value else set()
    sizes: dict[str, int] = {}
    for sample in people:
        sizes[groups[sample]] = sizes.get(groups[sample], 0) + 1
    if len(sizes) < 2:
        return False
    for own in by_value.values():
        of = {groups[sample] for sample in own}
        if len(of) > 1:
            continue
        if len(own) > 1 and len(own) == sizes[of.pop()]:
            return True
        chance = sum(comb(n, len(own)) for n in sizes.values()) / comb(len(people), len(own))
        if chance < SURPRISE:
            return True
    return False
