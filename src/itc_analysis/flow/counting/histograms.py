"""Histograms of a gate's parent events: all that a gate plot needs, without the events."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Geometry,
    Rectangle,
    Threshold,
)
from itc_analysis.flow.gating.template import Population
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.statistics.robust import quantiles

#: Bins of a two-dimensional view per axis, and of a one-dimensional one.
BINS_2D = 64
BINS_1D = 128
#: A view spans the parent's events but for this share at either end, the population's but for the
#: second one (three in ten thousand are its all), and always the gate's edges.
_OUTSIDE, _OUTSIDE_OF_OWN = 0.0005, 0.02
#: About so many events decide on the span.
_ENOUGH = 50_000
#: Free space around, share of the span.
_MARGIN = 0.04
#: Steps of a profile per unit of the scale, and where it ends. A power of two, so that every step
#: is a number that float32 holds: a cut on a step counts the very events that the profile counts.
PROFILE_STEPS = 512
_PROFILE_ENDS = (-1.0, 2.0)
#: Events per pass; all temporary arrays of a pass stay in the processor's cache.
_PIECE = 1 << 15
#: Powers of ten that may stand at an axis; mass cytometry starts at single ions.
_FIRST_POWER, _LAST_POWER = 1, 7
#: Between them: histograms of a positive population span less than a decade.
_BETWEEN = (2.0, 5.0)
#: Scales map the detector's range to 0..1: an edge far outside is no edge that needs to be seen.
_FARTHEST = (-0.5, 1.1)
#: Labels on a linear axis, about.
_WANTED_STEPS = 4


def view_row(
    membership: Membership, population: Population, gate: Geometry | None
) -> dict[str, Any] | None:
    """Return the row of `Histograms`, None for populations without markers.

    Events outside the span are counted in the outermost bins, so the histogram holds every event.

    Parameters
    ----------
    membership : Membership
        the tube's populations; the parent is among them.
    gate : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or None
        the population's gate, whose edges the view shows, and whose two markers it takes where a
        person drew it on others than the template names; None where there is none.
    """
    tube = membership.tube
    markers = _markers(tube.markers, population, gate)
    if not markers or any(marker not in tube.markers for marker in markers):
        return None
    values = [membership.values_of(marker, population.parent) for marker in markers]
    n_bins = BINS_2D if len(markers) > 1 else BINS_1D
    spans = [
        _span(v, [*_edges(gate, marker), *_ends(membership, population.name, marker)])
        for v, marker in zip(values, markers, strict=True)
    ]
    content: dict[str, Any] = {"x_edges": spans[0], "n_x": n_bins}
    content["x_ticks"] = axis_ticks(tube.transforms[markers[0]], *spans[0])
    if len(markers) > 1:
        content |= {"y_edges": spans[1], "n_y": n_bins}
        content["y_ticks"] = axis_ticks(tube.transforms[markers[1]], *spans[1])
    else:
        content |= {"y_edges": None, "n_y": None, "y_ticks": []}
    content["counts"] = _histogram(values, spans, n_bins).tolist()
    along = _profile_values(membership, population, gate)
    if along is not None:
        content["profile"] = profile(along)
    return {
        "source_id": tube.file_id,
        "population": population.name,
        "marker_x": markers[0],
        "marker_y": markers[1] if len(markers) > 1 else None,
        "histogram": json.dumps(content, separators=(",", ":"), ensure_ascii=False),
    }


def profile(values: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Return how many events lie in each step of a scale, so that any cut can be counted.

    Parameters
    ----------
    values : numpy.ndarray
        events on the scale, shape (n_events,); those beyond its ends are counted at them.

    Returns
    -------
    dict of str to object
        `first`, the first step in steps from 0, and `counts`.
    """
    if not values.size:
        return {"first": 0, "counts": []}
    lowest, highest = (int(end * PROFILE_STEPS) for end in _PROFILE_ENDS)
    counts = np.zeros(highest - lowest + 1, dtype=np.int64)
    for begin in range(0, values.size, _PIECE):
        step = np.floor(values[begin : begin + _PIECE] * np.float32(PROFILE_STEPS))
        np.clip(step, lowest, highest, out=step)
        step -= np.float32(lowest)
        counts += np.bincount(step.astype(np.int16), minlength=counts.size)
    held = np.flatnonzero(counts)
    return {"first": lowest + int(held[0]), "counts": counts[held[0] : held[-1] + 1].tolist()}


def axis_ticks(transform: Transform, low: float, high: float) -> list[list[float]]:
    """Return places (transformed units) and values (instrument units) that may be marked on an
    axis.

    0 and 1, 2 and 5 times powers of ten on a logarithmic scale; even steps on a linear one. Which
    of them have room is decided when they are drawn.
    """
    if transform.kind == "linear":
        marks = _places(transform, _even_steps(low * transform.t, high * transform.t))
    else:
        marks = _decades(transform)
    return [[round(place, 4), unit] for place, unit in marks if low <= place <= high]


@cache
def _decades(transform: Transform) -> list[tuple[float, float]]:
    """Return the marks of a logarithmic scale, which all tubes of a panel share."""
    powers = [10.0**power for power in range(_FIRST_POWER, _LAST_POWER + 1)]
    above = [power * times for power in powers for times in (1.0, *_BETWEEN)]
    return _places(transform, [0.0, *above, *(-power for power in powers)])


def _places(transform: Transform, units: list[float]) -> list[tuple[float, float]]:
    """Return places and values, in order."""
    places = transform.apply(np.array(units, dtype=np.float32)).astype(float)
    return sorted(zip(places.tolist(), units, strict=True))


def _markers(known: tuple[str, ...], population: Population, gate: Geometry | None) -> list[str]:
    drawn = () if gate is None or isinstance(gate, Combination) else gate.markers
    if len(drawn) == 2 and set(drawn) != set(population.markers):  # the two axes of a picture
        return list(drawn)
    markers = list(population.markers[:2])
    if len(markers) == 1 and population.view in known:
        markers.append(str(population.view))
    return markers


def _profile_values(
    membership: Membership, population: Population, gate: Geometry | None
) -> npt.NDArray[np.float32] | None:
    """Return what a cut of the gate decides on; None for a gate that is no cut."""
    markers = population.markers
    if gate is not None:
        is_cut = isinstance(gate, (Threshold, AllAbove)) or (
            isinstance(gate, Rectangle) and len(gate.markers) == 1
        )
        markers = gate.markers if is_cut and not isinstance(gate, Combination) else ()
    elif len(markers) != 1:
        markers = ()
    if not markers:
        return None
    along = [membership.values_of(marker, population.parent) for marker in markers]
    return along[0] if len(along) == 1 else np.min(along, axis=0)


def _edges(gate: Geometry | None, marker: str) -> list[float]:
    """Return the cuts of a gate along a marker; polygons and ellipses enclose events that are seen
    anyway.
    """
    if gate is None or isinstance(gate, Combination) or marker not in gate.markers:
        return []
    place = gate.markers.index(marker)
    cut = getattr(gate, "cut", None)
    bounds = [getattr(gate, name, (None,) * (place + 1))[place] for name in ("lowest", "highest")]
    lowest, highest = _FARTHEST
    return [edge for edge in (cut, *bounds) if edge is not None and lowest < edge < highest]


def _ends(membership: Membership, population: str, marker: str) -> list[float]:
    """Return between which values of a marker a population lies; empty without an event."""
    if population not in membership or not membership[population].size:
        return []
    events = membership[population]
    some = membership.tube.values(marker).take(events[:: max(events.size // _ENOUGH, 1)])
    found = quantiles(some, [_OUTSIDE_OF_OWN, 1 - _OUTSIDE_OF_OWN])
    return [float(place) for place in np.clip(found, *_FARTHEST)]


def _even_steps(low: float, high: float) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten, about four of them."""
    rough = max(high - low, float(np.finfo(np.float32).tiny)) / _WANTED_STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, *_BETWEEN, 10) if times * power >= rough)
    return [step * i for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _span(values: npt.NDArray[np.float32], edges: list[float]) -> list[float]:
    # every so many events: the ends of a picture need no more
    some = values[:: max(values.size // _ENOUGH, 1)]
    low, high = 0.0, 1.0
    if some.size:
        low, high = quantiles(some, [_OUTSIDE, 1 - _OUTSIDE]).tolist()
    low, high = min([low, *edges]), max([high, *edges])
    margin = _MARGIN * max(high - low, _MARGIN)
    return [round(low - margin, 4), round(high + margin, 4)]


def _histogram(
    axes: list[npt.NDArray[np.float32]], spans: list[list[float]], n_bins: int
) -> npt.NDArray[np.int64]:
    """Return the events of each bin, flat; the last axis runs fastest."""
    counts = np.zeros(n_bins ** len(axes), dtype=np.int64)
    for first in range(0, axes[0].size, _PIECE):
        cell = np.zeros(min(_PIECE, axes[0].size - first), dtype=np.int16)  # 64 x 64 at most
        for values, (low, high) in zip(axes, spans, strict=True):
            place = (values[first : first + _PIECE] - low) * (n_bins / (high - low))
            cell *= n_bins
            cell += np.clip(place, 0, n_bins - 1, out=place).astype(np.int16)
        counts += np.bincount(cell, minlength=counts.size)
    return counts
