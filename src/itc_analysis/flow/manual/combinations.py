"""A Boolean gate that a person drew, as a combination of the template's populations.

In Gating-ML and FlowJo a Boolean gate may name any other gate, Boolean ones too. Ours are made of
populations that have a place in the template; what cannot be said that way is refused with what to
do.
"""

from __future__ import annotations

from collections.abc import Collection

from itc_analysis.errors import did_you_mean
from itc_analysis.flow.gating.geometry import Combination
from itc_analysis.flow.manual.gates import ManualGate, ManualTree

#: How deep Boolean gates may name one another before they are taken to go in a circle.
_DEEPEST = 20


def to_own_combination(
    gate: ManualGate, tree: ManualTree, *, earlier: Collection[str], parent: str
) -> Combination:
    """Return the combination of populations that a drawn Boolean gate means.

    Boolean gates that it names and that are no populations are written out, as far as "in all of,
    in any of and in none of" can say it.

    Parameters
    ----------
    gate : ManualGate
        a Boolean gate of `tree`.
    earlier : collection of str
        populations that stand before it in the template.
    parent : str
        the population's own parent, whose events are combined.

    Raises
    ------
    ValueError
        it names a gate that is no earlier population, or nests what one combination cannot say.
    """
    assert isinstance(gate.shape, Combination)  # the caller looked
    return _written_out(gate.shape, tree, earlier=earlier, parent=parent, depth=0)


def is_same(one: Combination, other: Combination) -> bool:
    """Return whether two combinations ask the same of the same populations."""
    return _sets(one) == _sets(other)


def _written_out(
    shape: Combination, tree: ManualTree, *, earlier: Collection[str], parent: str, depth: int
) -> Combination:
    if depth > _DEEPEST:
        msg = "its gates name one another in a circle"
        raise ValueError(msg)

    def of(name: str) -> Combination:
        if name in earlier or name == parent:
            return Combination(all_of=(name,))
        inner = tree.gates.get(name)
        if inner is None or not isinstance(inner.shape, Combination):
            msg = f"it combines '{name}', which is no population before it in the template"
            raise ValueError(msg + "; " + did_you_mean(name, earlier))
        return _written_out(inner.shape, tree, earlier=earlier, parent=parent, depth=depth + 1)

    all_of: list[str] = []
    any_of: tuple[str, ...] = ()
    none_of: list[str] = []
    for part in (of(name) for name in shape.all_of):
        all_of += part.all_of
        none_of += part.none_of
        any_of = _one_of(any_of, part.any_of)
    if shape.any_of:
        parts = [of(name) for name in shape.any_of]
        any_of = _one_of(any_of, tuple(name for part in parts for name in _alternatives(part)))
    for part in (of(name) for name in shape.none_of):
        if part.none_of and not part.all_of and not part.any_of and len(part.none_of) == 1:
            all_of += part.none_of  # not without it: with it
        else:
            none_of += _alternatives(part)
    # every event that is looked at lies in the parent
    return Combination(
        tuple(dict.fromkeys(name for name in all_of if name != parent)),
        tuple(dict.fromkeys(any_of)),
        tuple(dict.fromkeys(none_of)),
    )


def _alternatives(part: Combination) -> tuple[str, ...]:
    """Return the populations of which any one is enough."""
    if part.any_of and not part.all_of and not part.none_of:
        return part.any_of
    if len(part.all_of) == 1 and not part.any_of and not part.none_of:
        return part.all_of
    raise ValueError(_TOO_NESTED)


def _one_of(known: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    if known and more and set(known) != set(more):
        raise ValueError(_TOO_NESTED)
    return known or more


def _sets(shape: Combination) -> tuple[set[str], set[str], set[str]]:
    # any one of a single population is that population
    alone = set(shape.any_of) if len(shape.any_of) == 1 else set()
    return set(shape.all_of) | alone, set(shape.any_of) - alone, set(shape.none_of)


_TOO_NESTED = (
    "it combines gates in more steps than one population can; give the inner step an entry of its "
    "own in the gating template"
)
