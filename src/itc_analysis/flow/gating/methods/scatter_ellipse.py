"""Gating method `scatter_ellipse`: lymphocytes by forward and side scatter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from itc_analysis.flow.gating.clusters import find_clusters, smooth_histogram, window_around
from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Ellipse
from itc_analysis.flow.gating.shape_error import numbers_of_ellipses, one_error_away
from itc_analysis.statistics.arrays import BoolArray, FloatArray

#: Bins per axis.
_N_BINS = 96
#: Smoothing in bins: between 1 (many events) and 3 (few).
_NARROWEST, _WIDEST = 1.0, 3.0
#: The core of a cluster: density above half of its peak. Of a normal cluster that is a squared
#: Mahalanobis distance below 2 ln 2, whose covariance is 1 - ln 2 of the whole.
_CORE = 0.5
_CORE_COVARIANCE = 1 - np.log(2)


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    n_bootstrap: int,
    seed: int,
    coverage: float = 0.999,
    min_share: float = 0.03,
    debris_below: float = 0.4,
) -> Fitted:
    """Draw an ellipse around the cluster of lowest side scatter that is not debris.

    Parameters
    ----------
    values : numpy.ndarray
        forward and side scatter, transformed (linear) units, shape (2, n_events).
    coverage : float
        share of a normal cluster inside the ellipse; real clusters have heavier tails.
    min_share : float
        share of all events below which a cluster is passed over.
    debris_below : float
        clusters whose forward scatter is below this share of the largest cluster's are debris.

    Notes
    -----
    The error is the scatter of centre and covariance over bootstrap replicates of the histogram,
    each smoothed and cut at half its height again; which cluster it is stays as found.
    """
    x, y = values
    inside = (x > 0) & (x < 1) & (y > 0) & (y < 1)  # 0 and 1 are the ends of the detector
    n = int(inside.sum())
    if n == 0:
        return refuse("no event has scatter inside the detector's range")
    x, y = x[inside], y[inside]
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=_N_BINS, range=((0, 1), (0, 1)))
    smooth = smooth_histogram(counts, _bandwidth(n))
    clusters, labels = find_clusters(smooth)
    clusters = [cluster for cluster in clusters if cluster.share >= min_share]
    if not clusters:
        return refuse("no cluster of cells in the scatter")
    furthest = max(cluster.x for cluster in clusters)
    cells = [cluster for cluster in clusters if cluster.x + 0.5 >= debris_below * (furthest + 0.5)]
    chosen = min(cells, key=lambda cluster: (cluster.y, -cluster.x))
    is_own = labels == labels[chosen.x, chosen.y]
    middles = (x_edges[:-1] + x_edges[1:]) / 2, (y_edges[:-1] + y_edges[1:]) / 2
    centres, covariances = _shapes(smooth[None], is_own, middles, _bandwidth(n))
    if np.any(np.linalg.eigvalsh(covariances[0]) <= 0):
        return refuse("the cluster of lymphocytes is too small to give it a shape")
    (a, b), (_, c) = covariances[0]
    ellipse = Ellipse(
        markers,
        centre=(float(centres[0, 0]), float(centres[0, 1])),
        covariance=((float(a), float(b)), (float(b), float(c))),
        distance_square=2 * float(gammaincinv(1.0, coverage)),
    )
    # only the surroundings of the core are drawn again: the rest has no part in the shape
    is_core = is_own & (smooth >= _CORE / 2 * smooth[chosen.x, chosen.y])
    near = window_around(is_core, _bandwidth(n))
    drawn = np.random.default_rng(seed).poisson(counts[near], (n_bootstrap, *counts[near].shape))
    replicates = smooth_histogram(drawn.astype(float), _bandwidth(n))
    middles = middles[0][near[0]], middles[1][near[1]]
    centres, covariances = _shapes(replicates, is_own[near], middles, _bandwidth(n))
    is_shape = np.all(np.linalg.eigvalsh(covariances) > 0, axis=1)
    return Fitted(
        geometry=ellipse,
        cut=None,
        cut_se=None,
        quality=chosen.quality,
        status="ok",
        shape_errors=one_error_away(
            ellipse, numbers_of_ellipses(centres[is_shape], covariances[is_shape])
        ),
    )


def _bandwidth(n: int) -> float:
    """Return the smoothing in bins; Scott's n^(-1/6) for two dimensions, a tenth of the axis
    wide.
    """
    return float(np.clip(_N_BINS / 10 * n ** (-1 / 6), _NARROWEST, _WIDEST))


def _shapes(
    smooth: FloatArray, is_own: BoolArray, middles: tuple[FloatArray, FloatArray], bandwidth: float
) -> tuple[FloatArray, FloatArray]:
    """Return centre and covariance of the cluster in smoothed histograms, from its core.

    Parameters
    ----------
    smooth : numpy.ndarray
        shape (R, n_x, n_y).
    is_own : numpy.ndarray
        the bins of the cluster, shape (n_x, n_y).
    middles : tuple of numpy.ndarray
        of the bins, shapes (n_x,) and (n_y,).
    bandwidth : float
        of the smoothing, in bins.

    Returns
    -------
    tuple of numpy.ndarray
        shapes (R, 2) and (R, 2, 2).
    """
    own = np.where(is_own, smooth, 0.0)
    core = np.where(own >= _CORE * own.max(axis=(1, 2), keepdims=True), own, 0.0)
    core = core / np.maximum(core.sum(axis=(1, 2), keepdims=True), np.finfo(float).tiny)
    x, y = middles
    along = core.sum(axis=2), core.sum(axis=1)
    mean = np.stack([along[0] @ x, along[1] @ y], axis=1)
    square = np.stack([along[0] @ x**2, along[1] @ y**2], axis=1)
    covariance = np.empty((len(core), 2, 2))
    covariance[:, 0, 0], covariance[:, 1, 1] = (square - mean**2).T
    cross = np.einsum("rxy,x,y->r", core, x, y, optimize=True) - mean[:, 0] * mean[:, 1]
    covariance[:, 0, 1] = covariance[:, 1, 0] = cross
    return mean, covariance / _CORE_COVARIANCE - np.eye(2) * (bandwidth / _N_BINS) ** 2


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="scatter_ellipse",
        fit=fit,
        n_markers=2,
        takes_side=False,
        reads_as=(
            "draws an ellipse around the lymphocytes: lowest side scatter, not debris (markers: "
            "forward, side)"
        ),
    )
