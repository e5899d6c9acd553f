"""Histograms of a gate's parent events: all that a gate plot needs, without the events."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.template import Population
from itc_analysis.flow.tube import Tube

#: Bins of a two-dimensional view per axis, and of a one-dimensional one.
BINS_2D = 64
BINS_1D = 128
#: A view spans the events but for this share at either end, and always the gate's cut.
_OUTSIDE = 0.0005
#: About so many events decide on the span.
_ENOUGH = 50_000
#: Free space around, share of the span.
_MARGIN = 0.04


def view_row(
    tube: Tube, population: Population, parent: npt.NDArray[np.int64], cut: float | None
) -> dict[str, Any] | None:
    """Return the row of `Views`, None for populations without markers.

    Events outside the span are counted in the outermost bins, so the histogram holds every event.

    Parameters
    ----------
    parent : events of the parent population.
    cut : the gate's cut, transformed units; None for two-dimensional gates.
    """
    markers = list(population.markers[:2])
    if len(markers) == 1 and population.view in tube.markers:
        markers.append(str(population.view))
    if not markers or any(marker not in tube.markers for marker in markers):
        return None
    values = [tube.values(marker)[parent] for marker in markers]
    n_bins = BINS_2D if len(markers) > 1 else BINS_1D
    edges = [
        _span(v, cut if marker in population.markers else None)
        for v, marker in zip(values, markers, strict=True)
    ]
    bins = [_bin(v, span, n_bins) for v, span in zip(values, edges, strict=True)]
    content: dict[str, Any] = {"x_edges": edges[0], "n_x": n_bins}
    if len(markers) > 1:
        flat = bins[0] * n_bins + bins[1]
        counts = np.bincount(flat, minlength=n_bins**2)
        content |= {"y_edges": edges[1], "n_y": n_bins}
    else:
        counts = np.bincount(bins[0], minlength=n_bins)
        content |= {"y_edges": None, "n_y": None}
    content["counts"] = counts.tolist()
    return {
        "source_id": tube.file_id,
        "population": population.name,
        "marker_x": markers[0],
        "marker_y": markers[1] if len(markers) > 1 else None,
        "histogram": json.dumps(content, separators=(",", ":")),
    }


def _span(values: npt.NDArray[np.float32], cut: float | None) -> list[float]:
    # every so many events: the ends of a picture need no more
    some = values[:: max(values.size // _ENOUGH, 1)]
    inner = np.quantile(some, [_OUTSIDE, 1 - _OUTSIDE]) if some.size else np.array([0.0, 1.0])
    low, high = float(inner[0]), float(inner[1])
    if cut is not None:
        low, high = min(low, cut), max(high, cut)
    margin = _MARGIN * max(high - low, _MARGIN)
    return [round(low - margin, 4), round(high + margin, 4)]


def _bin(values: npt.NDArray[np.float32], span: list[float], n_bins: int) -> npt.NDArray[np.int64]:
    place = (values - span[0]) * (n_bins / (span[1] - span[0]))
    return np.clip(place, 0, n_bins - 1).astype(np.int64)
