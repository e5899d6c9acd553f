"""Which events of a tube lie in which population, and their values, gathered once.

A population is a mask over its parent's events only: of a million events a few thousand are looked
at for the gates inside a small population, and combinations are and, or and not of masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.geometry import Combination, Geometry, Values
from itc_analysis.flow.gating.template import ROOT, Population
from itc_analysis.flow.tube.tube import Tube

Events: TypeAlias = npt.NDArray[np.int32]
Mask: TypeAlias = npt.NDArray[np.bool_]


class Edge(Protocol):
    """A stretch of events along the edge of a shape in several markers."""

    @property
    def markers(self) -> tuple[str, ...]:
        """Its markers."""

    def contains(self, values: Values) -> Mask:
        """Return a mask, shape (n_events,), for values of shape (n_markers, n_events)."""


#: Events per pass of a gate in several markers: its temporary arrays stay in the processor's cache.
_PIECE = 1 << 15


class Membership(Mapping[str, Events]):
    """The populations of a tube: indices of their events, ascending, by name.

    Populations are added from the root down, each with its parent.

    Parameters
    ----------
    tube : Tube
        the tube; all its events are the population ``all``.
    """

    def __init__(self, tube: Tube) -> None:
        self.tube = tube
        self._events: dict[str, Events] = {ROOT: np.arange(tube.n_events, dtype=np.int32)}
        self._parent: dict[str, str] = {}
        self._inside: dict[str, Mask] = {}
        self._gathered_of = ROOT
        self._gathered_at: npt.NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._gathered: dict[str, npt.NDArray[np.float32]] = {}

    def __getitem__(self, name: str) -> Events:
        return self._events[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def add(self, name: str, parent: str, inside: Mask) -> None:
        """Add a population.

        Parameters
        ----------
        inside : numpy.ndarray
            which of the parent's events belong to it, shape (n_events of the parent,).
        """
        self._parent[name] = parent
        self._inside[name] = inside
        # An index of events is read three times faster than a mask.
        self._events[name] = self._events[parent].take(np.flatnonzero(inside))

    def inside(
        self, gate: Geometry | Edge, parent: str, *, instead: Mapping[str, Mask] | None = None
    ) -> Mask:
        """Return which of a population's events lie in a gate, shape (n_events of `parent`,).

        Parameters
        ----------
        gate : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination
            a shape on markers of the tube, the edge of one, or a combination of populations added
            before.
        instead : mapping of str to numpy.ndarray, optional
            masks over their own parents' events, to be taken for these populations.
        """
        if isinstance(gate, Combination):
            masks = {**self._inside, **(instead or {})}
            within = {name: self._within(name, parent, masks) for name in gate.populations}
            return gate.contains(within, self._events[parent].size)
        if len(gate.markers) == 1:
            return gate.contains(self.values_of(gate.markers[0], parent)[None])
        events = self._events[parent]
        rows = [self.tube.values(marker) for marker in gate.markers]
        found = np.empty(events.size, dtype=np.bool_)
        for first in range(0, events.size, _PIECE):
            piece = slice(first, first + _PIECE)
            if parent == ROOT:  # all events are read in the order in which they lie
                part = [row[piece] for row in rows]
            else:
                index = events[piece].astype(np.intp)
                part = [row.take(index) for row in rows]
            found[piece] = gate.contains(np.stack(part))
        return found

    def values_of(self, marker: str, population: str) -> npt.NDArray[np.float32]:
        """Return a marker's values in a population, shape (n_events,); not to be written to.

        Those of the population that was asked for last are kept: its gates, backgrounds and
        pictures look at the same markers.
        """
        if population == ROOT:
            return self.tube.values(marker)
        if population != self._gathered_of:
            self._gathered_of, self._gathered = population, {}
            # numpy would make an index of this type for every marker
            self._gathered_at = self._events[population].astype(np.intp)
        if marker not in self._gathered:
            self._gathered[marker] = self.tube.values(marker).take(self._gathered_at)
        return self._gathered[marker]

    def _within(self, name: str, ancestor: str, masks: Mapping[str, Mask]) -> Mask:
        """Return which of an ancestor's events belong to a population."""
        mask, above = masks[name], self._parent[name]
        while above not in (ancestor, ROOT):
            wider = np.zeros_like(self._inside[above])
            wider[np.flatnonzero(self._inside[above])] = mask
            mask, above = wider, self._parent[above]
        # A population of another branch was followed up to all events.
        return mask if above == ancestor else mask.take(self._events[ancestor])


def no_channel(tube: Tube, population: Population) -> str | None:
    """Return which marker of a gate the file lacks, in words, or None."""
    missing = [marker for marker in population.markers if marker not in tube.markers]
    return f"the file has no channel for {', '.join(missing)}" if missing else None
