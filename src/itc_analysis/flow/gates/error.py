"""What the error of every cut does to every count: the standard error of a log share.

A population depends on its own cut, on those of its ancestors, and on those of the populations that
they are combined from. Each cut in turn is moved by one standard error either way; only the events
between the two places change side, so only these few go through the gates again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
)
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.tube.membership import Events, Membership
from itc_analysis.flow.tube.tube import Tube

#: Gates whose edge has a standard error.
Movable: TypeAlias = Threshold | AllAbove | Ellipse | Polygon | Rectangle

#: Counts by population with a cut one standard error lower and one higher.
_Shifted = dict[str, tuple[int, int]]


def switching_events(
    membership: Membership, gate: Geometry | None, cut_se: float | None, parent: str
) -> Events:
    """Return the parent's events that lie within one standard error of a cut.

    Parameters
    ----------
    membership : Membership
        the tube, which holds the parent.
    gate : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or None
        the gate; a cut or the edge of a shape may have an error.
    cut_se : float or None
        that standard error, transformed units; None for none.

    Returns
    -------
    Events
        Indices into the tube; none where the cut has no error.
    """
    events = membership[parent]
    if not isinstance(gate, Movable) or cut_se is None:
        return events[:0]
    low, high = (membership.inside(shifted(gate, by), parent) for by in (-cut_se, cut_se))
    return events.take(np.flatnonzero(low != high))


def gate_errors(
    membership: Membership,
    template: Template,
    gates: Mapping[str, Geometry | None],
    cut_ses: Mapping[str, float | None],
    switching: Mapping[str, Events],
) -> dict[str, float | None]:
    """Return the standard error of every population's log share that comes from the position of
    cuts.

    Parameters
    ----------
    membership : Membership
        the tube with all its populations.
    gates : mapping of str to (Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or
        None)
        geometry of every population.
    cut_ses : mapping of str to (float or None)
        standard error of its cut, transformed units; None for none.
    switching : mapping of str to Events
        of `switching_events`, for every population of `gated`.

    Returns
    -------
    dict of str to (float or None)
        By population: standard error of the logarithm of its share of the template's denominator.
        Of the denominator itself, and of what does not lie within it, that of the logarithm of the
        count. None where no cut with an error has a part in it.

    Notes
    -----
    The errors of different cuts are taken to be independent: their squares are added. A cut of the
    denominator moves population and denominator alike, so that mostly little of it is left.
    """
    counted = [
        population.name for population in template.populations if population.name in membership
    ]
    needed = {name: _dependencies(name, template, gates) for name in counted}
    total = template.denominator
    squares: dict[str, list[float]] = {name: [] for name in counted}
    for cut in counted:
        if not isinstance(gates[cut], Movable) or cut_ses[cut] is None:
            continue
        moved = [name for name in counted if cut in needed[name]]
        order = [name for name in counted if any(name in needed[other] for other in moved)]
        sizes = _sizes(
            membership, template, gates, switching[cut], (cut, float(cut_ses[cut] or 0)), order
        )
        for name in moved:
            change = log_change(*sizes[name])
            if total != ROOT and name != total and total in needed[name] and total in moved:
                change -= log_change(*sizes[total])
            squares[name].append(change**2)
    return {name: float(np.sqrt(sum(own))) if own else None for name, own in squares.items()}


def rival_sizes(
    membership: Membership,
    template: Template,
    gates: Mapping[str, Geometry | None],
    rival_cuts: Mapping[str, float | None],
) -> dict[str, int]:
    """Return the size of every population that an ambiguous cut decides on, with the cut at its
    other place.

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
    dict of str to int
        Only populations that such a cut has a part in. Of several, the one that changes the
        population most.
    """
    counted = [
        population.name for population in template.populations if population.name in membership
    ]
    found: dict[str, int] = {}
    for cut in counted:
        gate, rival = gates[cut], rival_cuts[cut]
        if rival is None or not isinstance(gate, (Threshold, AllAbove)):
            continue
        needed = {name: _dependencies(name, template, gates) for name in counted}
        moved = [name for name in counted if cut in needed[name]]
        order = [name for name in counted if any(name in needed[other] for other in moved)]
        parent = template.by_name[cut].parent
        there = membership.inside(gate, parent)
        other = membership.inside(replace(gate, cut=rival), parent)
        few = membership[parent].take(np.flatnonzero(there != other))
        tube = replace(membership.tube, events=membership.tube.events[:, few])
        by = rival - gate.cut
        now, then = (_count(tube, template, gates, order, cut, shift) for shift in (0.0, by))
        for name in moved:
            own = int(membership[name].size)
            size = own - now[name] + then[name]
            if abs(size - own) > abs(found.get(name, own) - own) or name not in found:
                found[name] = size
    return found


def shifted(gate: Movable, by: float) -> Movable:
    """Return the gate with its cut raised, or the edges of its shape drawn in, by transformed
    units.
    """
    if isinstance(gate, Ellipse):
        # the mean radius: that of the circle of the same area (volume)
        n = len(gate.centre)
        scale = float(np.linalg.det(np.asarray(gate.covariance))) ** (0.5 / n)
        radius = max(float(np.sqrt(gate.distance_square)) - by / scale, 0.0)
        return replace(gate, distance_square=radius**2)
    if isinstance(gate, Polygon):
        corners = np.asarray(gate.vertices)
        x, y = corners.T
        area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
        # by proportion, so that the circle of the same area is drawn in by that much
        part = max(1 - by / np.sqrt(area / np.pi), 0.0) if area > 0 else 1.0
        middle = corners.mean(axis=0)
        moved = middle + part * (corners - middle)
        return replace(gate, vertices=tuple((float(a), float(b)) for a, b in moved))
    if isinstance(gate, Rectangle):
        return replace(
            gate,
            lowest=tuple(None if low is None else low + by for low in gate.lowest),
            highest=tuple(None if high is None else high - by for high in gate.highest),
        )
    return replace(gate, cut=gate.cut + by)


def log_change(n_low: int, n_high: int) -> float:
    """Return half the log ratio of the counts one standard error left and right of the cut.

    Positive where the count falls as the cut rises. Half an event is added to both, so that an
    empty gate has a finite answer.
    """
    return float(np.log((n_low + 0.5) / (n_high + 0.5))) / 2


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


def _sizes(
    membership: Membership,
    template: Template,
    gates: Mapping[str, Geometry | None],
    events: Events,
    moved: tuple[str, float],
    order: list[str],
) -> _Shifted:
    """Return the size of populations with one cut a standard error lower and higher."""
    cut, cut_se = moved
    few = replace(membership.tube, events=membership.tube.events[:, events])
    by_shift = [_count(few, template, gates, order, cut, by) for by in (0.0, -cut_se, cut_se)]
    now, low, high = by_shift
    n = {name: int(membership[name].size) - now[name] for name in order}
    return {name: (n[name] + low[name], n[name] + high[name]) for name in order}


def _count(
    tube: Tube,
    template: Template,
    gates: Mapping[str, Geometry | None],
    order: list[str],
    cut: str,
    by: float,
) -> dict[str, int]:
    """Return the size of populations among a few events, with one cut moved."""
    membership = Membership(tube)
    for name in order:
        gate = gates[name]
        assert gate is not None  # a population without a gate is not counted
        if name == cut:
            assert isinstance(gate, Movable)
            gate = shifted(gate, by)
        parent = template.by_name[name].parent
        membership.add(name, parent, membership.inside(gate, parent))
    return {name: int(membership[name].size) for name in order}
