"""The histogram of a gate's parent in its marker, small enough to travel with the fits."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.template import Population
from itc_analysis.flow.tube.membership import Membership
from itc_analysis.statistics.arrays import FloatArray

#: Width of a bin, transformed units: an eighth of the width of a typical peak.
BIN_WIDTH = 0.005
#: Events beyond are counted in the outermost bin.
_LOWEST, _HIGHEST = -0.5, 1.5
#: Events per pass; the temporary arrays of a pass stay in the processor's cache.
_PIECE = 1 << 15
#: Methods whose gate is a cut in one marker.
_WITH_CUT = frozenset({"density_minimum", "rare_positive", "tail", "mixture"})


def has_cut(population: Population) -> bool:
    """Return whether the population is gated by a learned cut in one marker."""
    return population.method in _WITH_CUT and len(population.markers) == 1


def histogram_of(membership: Membership, population: Population) -> str | None:
    """Return the histogram of the parent's events as JSON; None without a channel or an event."""
    marker = population.markers[0]
    if marker not in membership.tube.markers:
        return None
    values = membership.values_of(marker, population.parent)
    if values.size == 0:
        return None
    first, counts = bin_counts(values, BIN_WIDTH)
    return json.dumps({"first": first, "counts": counts.tolist()})


def bin_counts(values: npt.NDArray[np.float32], width: float) -> tuple[int, npt.NDArray[np.int64]]:
    """Return the first bin that holds an event, counted from 0, and the events of it and the next.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, at least one.
    width : float
        of a bin.
    """
    lowest, n_bins = round(_LOWEST / width), round((_HIGHEST - _LOWEST) / width)
    counts = np.zeros(n_bins, dtype=np.int64)
    for begin in range(0, values.size, _PIECE):
        place = values[begin : begin + _PIECE] * np.float32(1 / width)
        place -= np.float32(lowest)
        np.clip(place, 0, n_bins - 1, out=place)  # what is cut off is never below 0
        counts += np.bincount(place.astype(np.int16), minlength=n_bins)
    held = np.flatnonzero(counts)
    return lowest + int(held[0]), counts[held[0] : held[-1] + 1]


def read_histograms(texts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Return histograms on one grid, shape (n_tubes, n_bins), and the centres of its bins."""
    read = [json.loads(text) for text in texts]
    first = min(one["first"] for one in read)
    last = max(one["first"] + len(one["counts"]) for one in read)
    table = np.zeros((len(read), last - first))
    for row, one in zip(table, read, strict=True):
        start = one["first"] - first
        row[start : start + len(one["counts"])] = one["counts"]
    return table, np.asarray((np.arange(first, last) + 0.5) * BIN_WIDTH, dtype=np.float64)
