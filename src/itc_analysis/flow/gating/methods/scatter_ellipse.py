"""Gating method `scatter_ellipse`: lymphocytes by forward and side scatter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from itc_analysis.flow.gating.clusters import find_clusters
from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Ellipse

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
    n_bootstrap: int,  # noqa: ARG001  (every method is called alike)
    seed: int,  # noqa: ARG001
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
        smaller clusters are not looked at, share of all events.
    debris_below : float
        clusters whose forward scatter is below this share of the largest cluster position are
        debris.
    """
    from scipy import ndimage  # only learning needs it: applying gates starts sooner without

    x, y = values
    inside = (x > 0) & (x < 1) & (y > 0) & (y < 1)  # 0 and 1 are the ends of the detector
    n = int(inside.sum())
    if n == 0:
        return refuse("no event has scatter inside the detector's range")
    x, y = x[inside], y[inside]
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=_N_BINS, range=((0, 1), (0, 1)))
    smooth = ndimage.gaussian_filter(counts, _bandwidth(n), mode="constant")
    clusters, labels = find_clusters(smooth)
    clusters = [cluster for cluster in clusters if cluster.share >= min_share]
    if not clusters:
        return refuse("no cluster of cells in the scatter")
    furthest = max(cluster.x for cluster in clusters)
    cells = [cluster for cluster in clusters if cluster.x + 0.5 >= debris_below * (furthest + 0.5)]
    chosen = min(cells, key=lambda cluster: (cluster.y, -cluster.x))
    core = (labels == labels[chosen.x, chosen.y]) & (smooth >= _CORE * smooth[chosen.x, chosen.y])
    centre, covariance = _moments(np.where(core, smooth, 0), x_edges, y_edges)
    covariance = covariance / _CORE_COVARIANCE - np.eye(2) * (_bandwidth(n) / _N_BINS) ** 2
    if np.any(np.linalg.eigvalsh(covariance) <= 0):
        return refuse("the cluster of lymphocytes is too small to give it a shape")
    (a, b), (_, c) = covariance
    return Fitted(
        geometry=Ellipse(
            markers,
            centre=(float(centre[0]), float(centre[1])),
            covariance=((float(a), float(b)), (float(b), float(c))),
            distance_square=2 * float(gammaincinv(1.0, coverage)),
        ),
        cut=None,
        cut_se=None,
        quality=chosen.quality,
        status="ok",
    )


def _bandwidth(n: int) -> float:
    """Return the smoothing in bins; Scott's n^(-1/6) for two dimensions, a tenth of the axis
    wide.
    """
    return float(np.clip(_N_BINS / 10 * n ** (-1 / 6), _NARROWEST, _WIDEST))


def _moments(
    counts: npt.NDArray[np.float64],
    x_edges: npt.NDArray[np.float64],
    y_edges: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and covariance of a 2-D histogram."""
    x = (x_edges[:-1] + x_edges[1:])[:, None] / 2
    y = (y_edges[:-1] + y_edges[1:])[None, :] / 2
    n = max(counts.sum(), 1.0)
    mean_x, mean_y = float((counts * x).sum() / n), float((counts * y).sum() / n)
    dx, dy = x - mean_x, y - mean_y
    cross = float((counts * dx * dy).sum() / n)
    covariance = np.array(
        [[float((counts * dx**2).sum() / n), cross], [cross, float((counts * dy**2).sum() / n)]]
    )
    return np.array([mean_x, mean_y]), covariance


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
