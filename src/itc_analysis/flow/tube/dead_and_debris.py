"""How much of a tube is dead cells and debris, by the tube's own viability and scatter gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from itc_analysis.flow.gating.fitted import Fitted
from itc_analysis.flow.gating.geometry import AllAbove, Ellipse, Threshold
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.statistics.arrays import BoolArray

#: How forward scatter channels are called.
_FORWARD = "FSC"


def dead_and_debris(
    membership: Membership,
    fitted: Mapping[str, Fitted],
    template: Template,
    roles: Mapping[str, str],
) -> dict[str, Any]:
    """Return the columns share_dead, dead_reason, share_debris and debris_reason of `TubeQuality`.

    Parameters
    ----------
    membership : Membership
        the populations of the tube.
    fitted : mapping of str to Fitted
        its gates.
    template : Template
        the gating template.
    roles : mapping of str to str
        role of each marker in the panel sheet.

    Notes
    -----
    Debris: events with less forward scatter than anything inside the scatter gate, of all events
    but counting beads. Dead: events beyond the cut of the viability gate, of all events but beads
    and debris; most dead cells have shrunk out of the lymphocytes' scatter gate, so its inside
    alone would show few of them. A share is null, with the reason, where there is no such gate or
    it could not be learned.
    """
    is_cell = ~_beads(membership, fitted, template)
    is_debris, why_debris = _debris(membership, fitted, template)
    is_dead, why_dead = _dead(membership, fitted, template, roles)
    whole = is_cell if is_debris is None else is_cell & ~is_debris
    dead, why_dead = _share(is_dead, whole, why_dead)
    debris, why_debris = _share(is_debris, is_cell, why_debris)
    return {
        "share_dead": dead,
        "dead_reason": why_dead,
        "share_debris": debris,
        "debris_reason": why_debris,
    }


def _beads(membership: Membership, fitted: Mapping[str, Fitted], template: Template) -> BoolArray:
    """Return which events of the tube are counting beads."""
    found = np.zeros(membership[ROOT].size, dtype=np.bool_)
    for population in template.populations:
        if isinstance(fitted[population.name].geometry, AllAbove):
            found[membership[population.name]] = True
    return found


def _debris(
    membership: Membership, fitted: Mapping[str, Fitted], template: Template
) -> tuple[BoolArray | None, str | None]:
    for population in template.populations:
        forward = [marker for marker in population.markers if marker.startswith(_FORWARD)]
        if population.method != "scatter_ellipse" or not forward:
            continue
        shape = fitted[population.name].geometry
        if not isinstance(shape, Ellipse):
            return None, _why_none(population.name, fitted[population.name])
        place = shape.markers.index(forward[0])
        reach = np.sqrt(shape.distance_square * shape.covariance[place][place])
        return membership.values_of(forward[0], ROOT) < shape.centre[place] - reach, None
    return None, "the gating template has no gate in forward and side scatter"


def _dead(
    membership: Membership,
    fitted: Mapping[str, Fitted],
    template: Template,
    roles: Mapping[str, str],
) -> tuple[BoolArray | None, str | None]:
    for population in template.populations:
        is_viability = any(roles.get(marker) == "viability" for marker in population.markers)
        if population.side != "below" or not is_viability:
            continue
        shape = fitted[population.name].geometry
        if not isinstance(shape, Threshold):
            return None, _why_none(population.name, fitted[population.name])
        return ~shape.contains(membership.values_of(shape.markers[0], ROOT)[None]), None
    return None, "the gating template has no viability gate"


def _why_none(population: str, found: Fitted) -> str:
    return f"{population}: {found.reason or 'its gate is no such cut or ellipse'}"


def _share(
    part: BoolArray | None, whole: BoolArray, why: str | None
) -> tuple[float | None, str | None]:
    if part is None:
        return None, why
    n_whole = int(np.count_nonzero(whole))
    if n_whole == 0:
        return None, "no cells in the tube"
    return float(np.count_nonzero(part & whole) / n_whole), None
