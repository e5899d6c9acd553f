"""The histogram of a gate's parent in its marker, small enough to travel with the fits."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.template import Population
from itc_analysis.flow.tube.membership import Membership

FloatArray = npt.NDArray[np.float64]

#: Width of a bin, transformed units: an eighth of the width of a typical peak.
BIN_WIDTH = 0.005
#: Events beyond are counted in the outermost bin.
_LOWEST, _HIGHEST = -0.5, 1.5
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
    bins = np.floor(np.clip(values, _LOWEST, _HIGHEST) / np.float32(BIN_WIDTH)).astype(np.int64)
    first = int(bins.min())
    return json.dumps({"first": first, "counts": np.bincount(bins - first).tolist()})


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
