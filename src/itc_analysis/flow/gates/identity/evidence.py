"""What a tube shows of its stains: how bright, how often, and which of them together.

Taken while the gates are fitted and kept as a table, so that tubes of all batches can be compared
without their events. Two populations are looked at: the cells that scatter alone selects, which no
stain can spoil, and the template's denominator, which is clean.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from itc_analysis.flow.gates.histogram import bin_counts
from itc_analysis.flow.gates.negatives import negative_places
from itc_analysis.flow.gating.template import ROOT, Template
from itc_analysis.flow.quality.restart import Restart
from itc_analysis.flow.spillover.batch_agreement import SpillLeft
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD

#: Width of a bin, transformed units.
BIN_WIDTH = 0.01
#: Events beyond these places are counted in the outermost bin.
LOWEST, HIGHEST = -0.5, 1.5
#: Events that are looked at: more tell nothing new.
_EVENTS = 20_000
#: Fewer events of a population show nothing.
MIN_EVENTS = 200
CELLS, DENOMINATOR = "cells", "denominator"
#: Positives lie this many widths above the negatives, and at least so far, transformed units.
_REACH, _LEAST_REACH = 3.0, 0.1
#: How forward and side scatter are called, and what gates counting beads.
_SCATTER, _BEADS = ("FSC", "SSC"), "bright_in_all"
#: Against lymphocytes: cells are at least so large; monocytes scatter two to three and a half times
#: as much to the side, granulocytes five times and more.
_LEAST_SIZE, _GRANULAR = 0.5, 4.0
#: Digits that are kept.
_DIGITS = 4


@dataclass(frozen=True)
class Shown:
    """What one population of a tube shows.

    Parameters
    ----------
    histograms : FloatArray
        events per bin of `BIN_WIDTH` from `LOWEST` on, shape (n_markers, n_bins).
    correlation : FloatArray
        of the transformed values of the markers, shape (n_markers, n_markers).
    positive : FloatArray
        events that are positive for both of two markers, shape (n_markers, n_markers); for one, on
        the diagonal.
    """

    histograms: FloatArray
    correlation: FloatArray
    positive: FloatArray


@dataclass(frozen=True)
class Evidence:
    """What a tube shows.

    Parameters
    ----------
    markers : tuple of str
        stained markers, in the order of the panel.
    shown : dict of str to Shown
        by population, `CELLS` and `DENOMINATOR`; without those of too few events.
    spill : SpillLeft or None
        what compensation leaves; None where it was not measured.
    voltages : mapping of str to float
        of the detectors, by marker; empty where the file does not tell them.
    sketch : tuple of int
        of its events, see `sketch_of`; () where none was taken.
    n_events : float
        events in the file; NaN where it was not noted.
    granular : float
        granulocytes among its cells, 0-1, see `granular_share`; NaN without scatter.
    restart : Restart or None
        where the clock starts again.
    """

    markers: tuple[str, ...]
    shown: dict[str, Shown]
    spill: SpillLeft | None
    voltages: Mapping[str, float]
    sketch: tuple[int, ...] = ()
    n_events: float = np.nan
    granular: float = np.nan
    restart: Restart | None = None


def collect_evidence(membership: Membership, template: Template) -> dict[str, Any]:
    """Return what a tube shows, as plain data.

    Parameters
    ----------
    membership : Membership
        the tube's populations by its own gates.
    template : Template
        its gating template.
    """
    tube = membership.tube
    markers = tuple(m for m in tube.markers if tube.transforms[m].kind != "linear")
    granular = granular_share(membership, template)
    found: dict[str, Any] = {
        "markers": list(markers),
        "shown": {},
        "sketch": list(tube.sketch),
        "n_events": tube.n_events_file,
        "granular": None if granular is None else round(granular, _DIGITS),
    }
    if tube.restart is not None:
        marker_of = {channel: marker for marker, channel in tube.channels.items()}
        restart = {name: _rounded(value) for name, value in asdict(tube.restart).items()}
        found["restart"] = restart | {"channel": marker_of.get(str(restart["channel"]))}
    for name, population in (
        (CELLS, _cells(tube, template)),
        (DENOMINATOR, template.denominator),
    ):
        n = membership[population].size if population in membership else 0
        if n < MIN_EVENTS or len(markers) < 2:
            continue
        step = max(1, n // _EVENTS)
        values = np.stack([membership.values_of(m, population)[::step] for m in markers])
        clipped = np.clip(values.astype(np.float64), LOWEST, HIGHEST)
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = np.nan_to_num(np.corrcoef(clipped))
        binned = [bin_counts(row, BIN_WIDTH) for row in values]
        shown = {
            "first": [first for first, _ in binned],
            "counts": [counts.tolist() for _, counts in binned],
        }
        _, begins = negatives_and_ends(_histograms(shown))
        is_positive = (values > begins[:, None]).astype(np.float32)
        found["shown"][name] = {
            **shown,
            "correlation": np.round(correlation, _DIGITS).tolist(),
            "positive": (is_positive @ is_positive.T).astype(int).tolist(),
        }
    if tube.spill_left is not None:
        found["spill"] = _plain_spill(tube.spill_left)
    return found


def evidence_row(
    row: Mapping[str, Any], compensation: str | None, shown: str | None
) -> dict[str, Any]:
    """Return a tube's row of `TubeEvidence`.

    Parameters
    ----------
    row : mapping of str to object
        the row of the tube sheet.
    compensation, shown : str or None
        its state, and what `plain` wrote; None for a tube that cannot be used.
    """
    known = {name: row[name] for name in ("file_id", "panel", "batch")}
    return {**known, "compensation": compensation, "evidence": shown}


def plain(found: Mapping[str, Any]) -> str:
    """Return the evidence of a tube as JSON, the same bytes for the same evidence."""
    return json.dumps(found, separators=(",", ":"))


def read_evidence(text: str) -> Evidence:
    """Return what `collect_evidence` found, from JSON."""
    found = json.loads(text)
    shown = {name: _read_shown(one) for name, one in found["shown"].items()}
    spill = found.get("spill")
    left = None if spill is None else _read_spill(spill)
    restart = found.get("restart")
    n_events, granular = (found.get(name) for name in ("n_events", "granular"))
    return Evidence(
        tuple(found["markers"]),
        shown,
        left,
        found.get("voltages", {}),
        tuple(found.get("sketch", ())),
        np.nan if n_events is None else n_events,
        np.nan if granular is None else granular,
        None if restart is None else Restart(**restart),
    )


def granular_share(membership: Membership, template: Template) -> float | None:
    """Return the share of a tube's cells that are as granular as granulocytes, 0-1.

    Cells are events at least half as large as the denominator's, which holds lymphocytes; counting
    beads are left aside. None where the tube has no scatter or too few such lymphocytes.

    Parameters
    ----------
    membership : Membership
        the tube's populations by its own gates.
    template : Template
        its gating template.
    """
    markers = membership.tube.markers
    forward, side = (next((m for m in markers if m.startswith(s)), None) for s in _SCATTER)
    known = template.denominator in membership
    if forward is None or side is None or not known:
        return None
    if membership[template.denominator].size < MIN_EVENTS:
        return None
    lymphocytes = membership[template.denominator]
    few = max(1, lymphocytes.size // _EVENTS)
    usual = [
        float(np.median(membership.tube.values(m)[lymphocytes[::few]])) for m in (forward, side)
    ]
    is_cell = np.ones(membership.tube.n_events, dtype=np.bool_)
    for population in template.populations:
        if population.method == _BEADS and population.name in membership:
            is_cell[membership[population.name]] = False
    step = max(1, is_cell.size // _EVENTS)
    size, depth = (membership.tube.values(m)[::step] for m in (forward, side))
    is_cell = is_cell[::step] & (size > _LEAST_SIZE * usual[0])
    if np.count_nonzero(is_cell) < MIN_EVENTS:
        return None
    return float(np.mean(depth[is_cell] > _GRANULAR * usual[1]))


def negatives_and_ends(histograms: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lowest large peak, and where positive begins: so many widths above it, by marker.

    The width is that of the half below the peak, which holds no dim positives. Without a peak its
    place is NaN and positive begins at infinity.

    Parameters
    ----------
    histograms : FloatArray
        shape (n_markers, n_bins).
    """
    x = bin_centres()
    places = negative_places(histograms, x)
    ends = np.full(len(places), np.inf)
    for row, (counts, place) in enumerate(zip(histograms, places, strict=True)):
        if np.isfinite(place):
            left = np.where(x <= place, counts, 0)
            width = MAD_TO_SD * (place - float(places_of_shares(left, (0.5,))[0]))
            ends[row] = place + max(_REACH * width, _LEAST_REACH)
    return places, ends


def mirrored(histograms: FloatArray, places: FloatArray, ends: FloatArray) -> FloatArray:
    """Return the events as far below the lowest large peak as positive begins above it.

    So many negatives, or fewer, lie beyond the end of the negatives.

    Parameters
    ----------
    histograms : FloatArray
        shape (n_markers, n_bins).
    places, ends : FloatArray
        what `negatives_and_ends` returned.
    """
    mirror = 2 * np.nan_to_num(places, nan=-np.inf) - ends
    is_below = bin_centres()[None, :] < mirror[:, None]
    return np.asarray((histograms * is_below).sum(axis=1), dtype=np.float64)


def places_of_shares(counts: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Return below which places these shares of the events lie."""
    below = np.cumsum(counts)
    places = np.interp(np.array(shares) * below[-1], below, bin_centres() + BIN_WIDTH / 2)
    return np.asarray(places, dtype=np.float64)


@cache
def bin_centres() -> FloatArray:
    """Return the centres of the bins of a histogram, transformed units; read only."""
    n_bins = round((HIGHEST - LOWEST) / BIN_WIDTH)
    centres = np.asarray(LOWEST + (np.arange(n_bins) + 0.5) * BIN_WIDTH, dtype=np.float64)
    centres.setflags(write=False)
    return centres


def _cells(tube: Tube, template: Template) -> str:
    """Return the last population on the way to the denominator that no stain selects."""
    way = [template.denominator]
    while way[-1] != ROOT:
        way.append(template.by_name[way[-1]].parent)
    found = ROOT
    for name in reversed(way[:-1]):
        population = template.by_name[name]
        stained = [
            m for m in population.markers
            if m in tube.transforms and tube.transforms[m].kind != "linear"
        ]  # fmt: skip
        if stained or population.is_combination:
            break
        found = name
    return found


def _read_shown(one: Mapping[str, Any]) -> Shown:
    return Shown(
        _histograms(one),
        np.array(one["correlation"], dtype=np.float64),
        np.array(one["positive"], dtype=np.float64),
    )


def _histograms(one: Mapping[str, Any]) -> FloatArray:
    n_bins = round((HIGHEST - LOWEST) / BIN_WIDTH)
    histograms = np.zeros((len(one["counts"]), n_bins))
    for row, first, counts in zip(histograms, one["first"], one["counts"], strict=True):
        start = first - round(LOWEST / BIN_WIDTH)
        row[start : start + len(counts)] = counts
    return histograms


def _rounded(value: object) -> object:
    return round(value, _DIGITS) if isinstance(value, float) else value


def _plain_spill(spill: SpillLeft) -> dict[str, Any]:
    return {
        "channels": list(spill.channels),
        "left": _plain(spill.left),
        "matrix": None if spill.matrix is None else _plain(spill.matrix),
    }


def _read_spill(one: Mapping[str, Any]) -> SpillLeft:
    matrix = one["matrix"]
    return SpillLeft(
        tuple(one["channels"]), _array(one["left"]), None if matrix is None else _array(matrix)
    )


def _plain(square: FloatArray) -> list[list[float | None]]:
    return [
        [None if np.isnan(value) else round(float(value), _DIGITS + 1) for value in row]
        for row in square
    ]


def _array(square: Sequence[Sequence[float | None]]) -> FloatArray:
    return np.array(
        [[np.nan if value is None else value for value in row] for row in square],
        dtype=np.float64,
    )
