"""What the error of every gate does to every count: the standard error of a log share.

A population depends on its own gate, on those of its ancestors, and on those of the populations
that it is combined from. Each gate in turn is moved by one standard error either way, a learned
shape in each of its independent directions; only the events between its places change side, so only
these few go through the gates again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from itc_analysis.flow.gating.geometry import AllAbove, Combination, Geometry, Threshold
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.tube.membership import Events, Membership
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.statistics.arrays import BoolArray, FloatArray
from itc_analysis.statistics.half_cell import HALF_CELL, log_ratio

#: A gate one standard error off one way and the other way.
Move: TypeAlias = tuple[Geometry, Geometry]


def gate_errors(
    membership: Membership,
    template: Template,
    gates: Mapping[str, Geometry | None],
    moves: Mapping[str, Sequence[Move]],
    switching: Mapping[str, Events],
) -> dict[str, float | None]:
    """Return the standard error of every population's log share that comes from where gates lie.

    Parameters
    ----------
    membership : Membership
        the tube with all its populations.
    gates : mapping of str to (Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or
        None)
        geometry of every population.
    moves : mapping of str to sequence of tuple of (Geometry, Geometry)
        each gate one standard error off either way, in each independent direction; see
        `FinalGate.moves`. Gates that are taken as exact have none.
    switching : mapping of str to Events
        of `switching_events`, for every population of `gated`.

    Returns
    -------
    dict of str to (float or None)
        By population: standard error of the logarithm of its share of the template's denominator.
        Of the denominator itself, and of what does not lie within it, that of the logarithm of the
        count. None where no gate with an error has a part in it.

    Notes
    -----
    The errors of different gates, and of one shape in different directions, are taken to be
    independent: their squares are added. A gate of the denominator moves population and denominator
    alike, so that mostly little of it is left in a share; all of it is in the denominator's count,
    and with that in absolute counts.
    """
    counted = [
        population.name for population in template.populations if population.name in membership
    ]
    needed = {name: _dependencies(name, template, gates) for name in counted}
    total = template.denominator
    squares: dict[str, list[float]] = {name: [] for name in counted}
    for moving in counted:
        if not moves.get(moving):
            continue
        places = [gate for pair in moves[moving] for gate in pair]
        moved = [name for name in counted if moving in needed[name]]
        order = [name for name in counted if any(name in needed[other] for other in moved)]
        changed = _changes(membership, template, gates, switching[moving], (moving, places), order)
        for name in moved:
            of = total if total in needed[name] and total in moved and name != total else None
            parts = [(changed[name], int(membership[name].size))]
            parts += [] if of is None else [(changed[of], int(membership[of].size))]
            squares[name].append(_squared_change(parts))
    return {name: float(np.sqrt(sum(own))) if own else None for name, own in squares.items()}


def rival_sizes(
    membership: Membership,
    template: Template,
    gates: Mapping[str, Geometry | None],
    rival_cuts: Mapping[str, float | None],
) -> dict[str, tuple[int, int]]:
    """Return the size of every population that an ambiguous cut decides on, and that of its parent,
    with the cut at its other place.

    Parameters
    ----------
    membership : Membership
        the tube with all its populations.
    gates : mapping of str to (Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or
        None)
        geometry of every population.
    rival_cuts : mapping of str to (float or None)
        the other place of an ambiguous cut, transformed units; None for none.

    Returns
    -------
    dict of str to tuple of (int, int)
        Events of the population and of its parent, both with the cut there: a cut of an ancestor
        moves the parent as well. Only populations that such a cut has a part in. Of several cuts,
        the one that changes the population most.
    """
    counted = [
        population.name for population in template.populations if population.name in membership
    ]
    found: dict[str, tuple[int, int]] = {}
    for cut in counted:
        gate, rival = gates[cut], rival_cuts[cut]
        if rival is None or not isinstance(gate, (Threshold, AllAbove)):
            continue
        needed = {name: _dependencies(name, template, gates) for name in counted}
        moved = [name for name in counted if cut in needed[name]]
        order = [name for name in counted if any(name in needed[other] for other in moved)]
        parent = template.by_name[cut].parent
        now, other = membership.inside(gate, parent), replace(gate, cut=rival)
        few = membership[parent].take(np.flatnonzero(now != membership.inside(other, parent)))
        changed = _changes(membership, template, gates, few, (cut, [gate, other]), order)
        sizes = {name: int(membership[name].size) for name in membership}
        there = sizes | {name: sizes[name] + int(changed[name].gained[1]) for name in order}
        for name in moved:
            change = abs(there[name] - sizes[name])
            if name not in found or change > abs(found[name][0] - sizes[name]):
                found[name] = (there[name], there[template.by_name[name].parent])
    return found


def moved_cut(gate: Threshold | AllAbove, by: float) -> Threshold | AllAbove:
    """Return the gate with its cut raised by transformed units."""
    return replace(gate, cut=gate.cut + by)


def _squared_change(sizes: Sequence[tuple[_Changes, int]]) -> float:
    """Return the squared change of a log count, or of a log share, summed over the directions in
    which a gate moves.

    Which few events happen to lie at the edge is chance of its own, which counting has its error
    for. Where a shape moves in several directions that chance would be added as often, to more than
    the shape's place itself; what it is expected to add is taken off.

    Parameters
    ----------
    sizes : sequence of tuple of (_Changes, int)
        of the population, and of what its share is of; with their sizes.
    """
    (own, n), *of = sizes
    change = _log_changes(n, own)
    by_event = 1 / (n + HALF_CELL)
    chance = own.switched * by_event**2
    for total, n_total in of:
        change = change - _log_changes(n_total, total)
        by_total = 1 / (n_total + HALF_CELL)
        # events of the population are also the total's
        chance = own.switched * (by_event - by_total) ** 2
        chance = chance + (total.switched - own.switched) * by_total**2
    if len(change) == 1:
        return float(change[0] ** 2)
    return max(float(np.sum(change**2 - chance / 4)), 0.0)


def _log_changes(n: int, changes: _Changes) -> FloatArray:
    """Return half the log ratio of the counts one standard error to either side, for each
    direction in which a gate moves: positive where the count falls as the cut rises.
    """
    low, high = (n + changes.gained.reshape(-1, 2)).T
    return log_ratio(low, high) / 2


def _dependencies(
    name: str, template: Template, gates: Mapping[str, Geometry | None]
) -> frozenset[str]:
    """Return the population and all populations that decide who is in it."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one == ROOT or one in found:
            continue
        found.add(one)
        waiting.append(template.by_name[one].parent)
        gate = gates[one]
        if isinstance(gate, Combination):
            waiting += gate.populations
    return frozenset(found)


@dataclass(frozen=True)
class _Changes:
    """How a population changes with a gate at each of several places.

    Parameters
    ----------
    gained : numpy.ndarray
        events more than now, shape (n_places,).
    switched : numpy.ndarray
        events that change side between the two places of each pair, shape (n_places / 2,).
    """

    gained: FloatArray
    switched: FloatArray


def _changes(
    membership: Membership,
    template: Template,
    gates: Mapping[str, Geometry | None],
    events: Events,
    moving: tuple[str, Sequence[Geometry]],
    order: list[str],
) -> dict[str, _Changes]:
    """Return how populations change with one gate at each of several places, in pairs.

    The few events are walked through the gates twice, all of them inside the gate that moves and
    all of them outside; which of the two holds for an event is for each place to say.

    Parameters
    ----------
    events : Events
        all that change side.
    moving : tuple of (str, sequence of Geometry)
        the population whose gate moves, and the places of its gate.
    order : list of str
        the populations that are asked for and all that decide on them, parents first.

    Returns
    -------
    dict of str to _Changes
        for each of `order`.
    """
    name, places = moving
    few = replace(membership.tube, events=membership.tube.events[:, events])
    inside, outside = (_walk(few, template, gates, order, name, held) for held in (True, False))
    gate = gates[name]
    assert gate is not None
    assert not isinstance(gate, Combination)
    values = np.stack([few.values(marker) for marker in gate.markers])
    now = gate.contains(values)
    held = [place.contains(values) for place in places if not isinstance(place, Combination)]
    comes, goes = [place & ~now for place in held], [now & ~place for place in held]
    switches = [one != other for one, other in zip(held[::2], held[1::2], strict=True)]
    found = {one: _Changes(np.zeros(len(held)), np.zeros(len(switches))) for one in order}
    for one in order:
        # of the population inside the gate, and of that outside of it, as of its complement
        for part, sign in ((inside[one] & ~outside[one], 1), (outside[one] & ~inside[one], -1)):
            if part.any():
                found[one].gained[:] += [
                    sign * (np.count_nonzero(part & come) - np.count_nonzero(part & go))
                    for come, go in zip(comes, goes, strict=True)
                ]
                found[one].switched[:] += [np.count_nonzero(part & both) for both in switches]
    return found


def _walk(
    tube: Tube,
    template: Template,
    gates: Mapping[str, Geometry | None],
    order: list[str],
    held: str,
    is_inside: bool,  # noqa: FBT001
) -> dict[str, BoolArray]:
    """Return which events lie in each population, with all of one gate's events inside or
    outside of it.
    """
    membership = Membership(tube)
    found = {}
    for name in order:
        gate, parent = gates[name], template.by_name[name].parent
        assert gate is not None  # a population without a gate is not counted
        if name == held:
            inside = np.full(membership[parent].size, is_inside)
        else:
            inside = membership.inside(gate, parent)
        membership.add(name, parent, inside)
        found[name] = np.zeros(tube.n_events, dtype=bool)
        found[name][membership[name]] = True
    return found
