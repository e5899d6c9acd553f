"""Clusters of events in two markers: the peaks of their smoothed histogram, each with its own
ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.statistics.arrays import BoolArray, FloatArray

#: The smoothing of a histogram ends at so many of its own widths.
_TRUNCATE = 4.0
#: Two peaks whose saddle is higher than this share of the lower peak are one.
SAME_PEAK = 0.8


@dataclass(frozen=True)
class Cluster:
    """A peak with the bins from which one climbs to it.

    Parameters
    ----------
    x, y : int
        bin of the peak.
    share : float
        of all events, 0..1.
    quality : float
        1 - highest saddle to another cluster / height of the peak, 0..1.
    """

    x: int
    y: int
    share: float
    quality: float


def find_clusters(smooth: npt.NDArray[np.float64]) -> tuple[list[Cluster], npt.NDArray[np.int64]]:
    """Flood the density from its peaks downwards; join peaks that no real saddle parts.

    Parameters
    ----------
    smooth : numpy.ndarray
        smoothed two-dimensional histogram.

    Returns
    -------
    clusters : list of Cluster
        highest peak first.
    labels : numpy.ndarray
        shape as `smooth`; all bins of a cluster have the number that stands at its peak, -1 where
        hardly an event lies.
    """
    labels = np.full(smooth.shape, -1, dtype=np.int64)
    owner: list[int] = []  # label → label it was joined to
    tops: list[float] = []
    places: list[tuple[int, int]] = []
    saddles: list[float] = []
    total = float(smooth.sum())

    def root(label: int) -> int:
        while owner[label] != label:
            label = owner[label]
        return label

    order = np.argsort(-smooth, axis=None, kind="stable")
    order = order[smooth.ravel()[order] > 1e-6 * smooth.max()]  # nothing lies lower
    for flat in order:
        i, j = divmod(int(flat), smooth.shape[1])
        level = float(smooth[i, j])
        around = labels[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        near = sorted({root(int(label)) for label in around[around >= 0]}, key=lambda k: -tops[k])
        if not near:
            labels[i, j] = len(owner)
            owner.append(len(owner))
            tops.append(level)
            places.append((i, j))
            saddles.append(0.0)
            continue
        labels[i, j] = near[0]
        for other in near[1:]:
            if level >= SAME_PEAK * tops[other]:
                owner[other] = near[0]
            else:
                saddles[other] = max(saddles[other], level)
                saddles[near[0]] = max(saddles[near[0]], level)
    lookup = np.array([root(label) for label in range(len(owner))] + [-1])
    labels = lookup[labels]
    clusters = [
        Cluster(
            *places[label],
            share=float(smooth[labels == label].sum()) / total,
            quality=float(np.clip(1 - saddles[label] / tops[label], 0, 1)),
        )
        for label in range(len(owner))
        if owner[label] == label
    ]
    return clusters, labels


def smooth_histogram(counts: FloatArray, bandwidth: float) -> FloatArray:
    """Return histograms, shape (..., n_x, n_y), smoothed by a Gaussian of so many bins."""
    from scipy import ndimage  # only learning needs it: applying gates starts sooner without

    widths = (*[0.0] * (counts.ndim - 2), bandwidth, bandwidth)
    return np.asarray(ndimage.gaussian_filter(counts, widths, mode="constant", truncate=_TRUNCATE))


def window_around(inside: BoolArray, bandwidth: float) -> tuple[slice, slice]:
    """Return the smallest window with some bins in which nothing outside has a part in their
    smoothed density.
    """
    reach = int(np.ceil(_TRUNCATE * bandwidth)) + 1
    x, y = np.nonzero(inside)
    return (
        slice(max(int(x.min()) - reach, 0), int(x.max()) + reach + 1),
        slice(max(int(y.min()) - reach, 0), int(y.max()) + reach + 1),
    )
