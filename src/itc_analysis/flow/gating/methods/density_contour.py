"""Gating method `density_contour`: a polygon along a contour of the density of two markers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import contourpy
import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.clusters import (
    Cluster,
    find_clusters,
    smooth_histogram,
    window_around,
)
from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Polygon
from itc_analysis.flow.gating.shape_error import one_error_away
from itc_analysis.statistics.arrays import BoolArray, FloatArray

#: Bin width, transformed units: a seventh of the width of a typical peak.
BIN_WIDTH = 0.01
#: Smoothing in bins: between 1 (many events) and 3 (few), by Scott's n^(-1/6) for two dimensions.
_NARROWEST, _WIDEST, _AT_ONE_EVENT = 1.0, 3.0, 10.0
#: A cluster whose saddle is higher than this share of its peak is not clearly separable.
CLEAR_DEPTH = 0.3
#: Fewer events are no cluster.
MIN_EVENTS = 50
#: Corners of the polygon: enough for a smooth outline, few enough for other programs.
_N_CORNERS = 48
#: A corner whose density is further from the level than this part of it lies on a saddle.
_AT_LEVEL = 0.25
#: Named where at least this part of the corners does.
_MUCH = 0.05


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,
    seed: int,
    coverage: float = 0.95,
    min_share: float = 0.005,
) -> Fitted:
    """Enclose the highest or lowest cluster by the contour that holds most of it.

    Parameters
    ----------
    values : numpy.ndarray
        transformed units, shape (2, n_events).
    side : {"above", "below"}
        above for the cluster with the highest values (sum of both markers), below for the lowest.
    coverage : float
        share of the cluster's events inside the contour.
    min_share : float
        share of all events below which a cluster is passed over.

    Notes
    -----
    The error is the scatter of the outline over bootstrap replicates of the histogram: how far the
    replicate's density at a corner is from the replicate's own level, over the slope. Where the
    outline runs along the saddle to a neighbour it is taken as exact, and the reason says so.
    """
    n = values.shape[1]
    if n < MIN_EVENTS:
        return refuse(f"{n} events are too few for a contour")
    edges = np.arange(densities.LOWEST, densities.HIGHEST + BIN_WIDTH, BIN_WIDTH)
    clipped = np.clip(values, densities.LOWEST, densities.HIGHEST)
    counts, _, _ = np.histogram2d(clipped[0], clipped[1], bins=(edges, edges))
    bandwidth = float(np.clip(_AT_ONE_EVENT * n ** (-1 / 6), _NARROWEST, _WIDEST))
    smooth = smooth_histogram(counts, bandwidth)
    clusters, labels = find_clusters(smooth)
    clusters = [c for c in clusters if c.share >= max(min_share, MIN_EVENTS / n)]
    if not clusters:
        return refuse("no cluster of events in these two markers")
    chosen = max(clusters, key=lambda c: c.x + c.y if side == "above" else -(c.x + c.y))
    is_own = labels == labels[chosen.x, chosen.y]
    own = np.where(is_own, smooth, 0.0)
    level = _level(smooth[is_own], counts[is_own], coverage)
    outline = _outline(own, level, chosen)
    if outline is None:
        return refuse("the cluster has no closed contour within the scale")
    is_apart = len(clusters) == 1 or chosen.quality >= CLEAR_DEPTH
    reasons = []
    if not is_apart:
        near = f"the cluster is hardly separated from its neighbour (depth {chosen.quality:.2f})"
        reasons.append(near)
    corners = edges[0] + (outline + 0.5) * BIN_WIDTH
    polygon = Polygon(markers, tuple((float(x), float(y)) for x, y in corners))
    found = _Contour(counts, is_own, outline, level, bandwidth, coverage)
    moves, on_saddle = _replicates(found, n_bootstrap, seed)
    if on_saddle >= _MUCH:
        told = f"{100 * on_saddle:.0f} % of the outline runs along the saddle to a neighbour"
        reasons.append(f"{told}: its error is not included in the interval")
    return Fitted(
        geometry=polygon,
        cut=None,
        cut_se=None,
        quality=chosen.quality,
        status="ok" if is_apart else "weak",
        reason="; ".join(reasons) or None,
        shape_errors=one_error_away(polygon, BIN_WIDTH * moves.reshape(n_bootstrap, -1)),
    )


def _level(smooth: FloatArray, counts: FloatArray, coverage: float) -> float:
    """Return the density above which a share of a cluster's events lies."""
    order = np.argsort(-smooth, kind="stable")
    inside = np.cumsum(counts[order]) / counts.sum()
    return float(smooth[order][min(int(np.searchsorted(inside, coverage)), order.size - 1)])


def _outline(own: FloatArray, level: float, cluster: Cluster) -> FloatArray | None:
    """Return the closed contour around a cluster's peak in bins, shape (n_corners, 2), or None."""
    generator = contourpy.contour_generator(z=own.T, line_type=contourpy.LineType.Separate)
    lines = [np.asarray(line, dtype=np.float64) for line in generator.lines(level)]
    closed = [line[:-1] for line in lines if len(line) > 3 and np.allclose(line[0], line[-1])]
    peak = np.array([cluster.x, cluster.y])
    around = [line for line in closed if _holds(line, peak)]
    if not around:
        return None
    longest = max(around, key=len)
    every = np.linspace(0, len(longest), min(_N_CORNERS, len(longest)), endpoint=False).astype(int)
    return np.asarray(longest[every], dtype=np.float64)


def _holds(line: FloatArray, place: npt.NDArray[np.int64]) -> bool:
    corners = tuple((float(x), float(y)) for x, y in line)
    return bool(Polygon(("x", "y"), corners).contains(place[:, None].astype(np.float64))[0])


@dataclass(frozen=True)
class _Contour:
    """A histogram of two markers with the outline that was drawn in it; bins and events."""

    counts: FloatArray
    is_own: BoolArray
    outline: FloatArray
    level: float
    bandwidth: float
    coverage: float


def _replicates(found: _Contour, n_bootstrap: int, seed: int) -> tuple[FloatArray, float]:
    """Return how far bootstrap replicates of the outline lie from it in bins, shape (n_bootstrap,
    n_corners, 2), and the share of its corners that lie on a saddle and are not moved.
    """
    from scipy import ndimage

    near = window_around(found.is_own, found.bandwidth)
    is_own = found.is_own[near]
    at = found.outline.T - np.array([[near[0].start], [near[1].start]])
    counts = found.counts[near]
    smooth = smooth_histogram(counts, found.bandwidth)
    uphill = np.array([ndimage.map_coordinates(g, at, order=1) for g in np.gradient(smooth)])
    steep = np.hypot(*uphill)
    # at the saddle to a neighbour the density is higher than the level
    height = ndimage.map_coordinates(smooth, at, order=1)
    is_level = (np.abs(height / found.level - 1) < _AT_LEVEL) & (steep > 0)
    outwards = np.where(is_level, -uphill / np.maximum(steep, np.finfo(float).tiny), 0)
    slope = np.where(is_level, steep, 1.0)
    rng = np.random.default_rng(seed)
    moves = []
    for _ in range(n_bootstrap):
        drawn = rng.poisson(counts).astype(float)
        again = smooth_histogram(drawn, found.bandwidth)
        level = _level(again[is_own], drawn[is_own], found.coverage)
        above = ndimage.map_coordinates(again, at, order=1) - level
        by = np.clip(above / slope, -found.bandwidth, found.bandwidth)
        moves.append((by * outwards).T)
    return np.asarray(moves), 1 - float(is_level.mean())


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="density_contour",
        fit=fit,
        n_markers=2,
        takes_side=True,
        reads_as=(
            "draws a polygon along the contour that holds most of the highest (lowest) cluster of "
            "two markers"
        ),
        source="10.1093/bioinformatics/btu677",
    )
