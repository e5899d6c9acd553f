"""Gating method `density_contour`: a polygon along a contour of the density of two markers."""

from __future__ import annotations

from typing import Literal

import contourpy
import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.clusters import Cluster, find_clusters
from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Polygon
from itc_analysis.statistics.arrays import FloatArray

#: Bin width, transformed units: a seventh of the width of a typical peak.
BIN_WIDTH = 0.01
#: Smoothing in bins: between 1 (many events) and 3 (few), by Scott's n^(-1/6) for two dimensions.
_NARROWEST, _WIDEST, _AT_ONE_EVENT = 1.0, 3.0, 10.0
#: A cluster whose saddle is higher than this share of its peak is not told apart clearly.
CLEAR_DEPTH = 0.3
#: Fewer events are no cluster.
MIN_EVENTS = 50
#: Corners of the polygon: enough for a smooth outline, few enough for other programs.
_N_CORNERS = 48


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    side: Literal["above", "below"],
    n_bootstrap: int,  # noqa: ARG001  (the error follows from the counts)
    seed: int,  # noqa: ARG001
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
        smaller clusters are not looked at, share of all events.

    Notes
    -----
    The error is that of the contour's place: the Poisson error of the smoothed density there over
    its slope, median along the outline.
    """
    from scipy import ndimage  # only learning needs it: applying gates starts sooner without

    n = values.shape[1]
    if n < MIN_EVENTS:
        return refuse(f"{n} events are too few for a contour")
    edges = np.arange(densities.LOWEST, densities.HIGHEST + BIN_WIDTH, BIN_WIDTH)
    clipped = np.clip(values, densities.LOWEST, densities.HIGHEST)
    counts, _, _ = np.histogram2d(clipped[0], clipped[1], bins=(edges, edges))
    bandwidth = float(np.clip(_AT_ONE_EVENT * n ** (-1 / 6), _NARROWEST, _WIDEST))
    smooth = np.asarray(ndimage.gaussian_filter(counts, bandwidth, mode="constant"), dtype=float)
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
    reason = None
    if len(clusters) > 1 and chosen.quality < CLEAR_DEPTH:
        reason = f"the cluster hardly stands apart from its neighbour (depth {chosen.quality:.2f})"
    corners = edges[0] + (outline + 0.5) * BIN_WIDTH
    return Fitted(
        geometry=Polygon(markers, tuple((float(x), float(y)) for x, y in corners)),
        cut=None,
        cut_se=_error(smooth, outline, level, bandwidth),
        quality=chosen.quality,
        status="weak" if reason else "ok",
        reason=reason,
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


def _error(smooth: FloatArray, outline: FloatArray, level: float, bandwidth: float) -> float:
    """Return the median standard error of the contour's place, transformed units."""
    from scipy import ndimage

    slope = np.hypot(*np.gradient(smooth))
    at = ndimage.map_coordinates(slope, outline.T, order=1)
    # the variance of a density smoothed by a Gaussian of width h is the density / (4 pi h²)
    error = np.sqrt(level / (4 * np.pi)) / bandwidth
    return float(np.median(error / np.maximum(at, np.finfo(float).tiny))) * BIN_WIDTH


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
