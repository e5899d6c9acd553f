"""Droplets with two cells of different kinds, by scanpy's Scrublet.

Wolock 2019 (10.1016/j.cels.2018.11.005): droplets are compared with sums of two random droplets of
the library. Two cells of one kind look like one deep cell and are not found; two receptors may show
them.
"""

from __future__ import annotations

import logging
import warnings

import anndata
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

log = logging.getLogger(__name__)

#: Fewer cells give no neighbourhoods to compare.
FEWEST_CELLS = 200
#: Bins in which the valley between the two kinds of simulated doublets is looked for, and
#: smoothings tried.
_BINS, _MOST_SMOOTHINGS = 256, 10_000
#: Share of the simulated doublets that a peak must hold to be one.
_SMALLEST_PEAK = 0.05
#: Up to so many cells neighbours are found by measuring every distance: approximate ones begin with
#: a minute of compiling, in every process.
MOST_EXACT = 20_000
#: Share of 10x Genomics' table: 0.8 % for every 1,000 cells recovered.
RATE_PER_CELL = 8e-6


def find_doublets(data: anndata.AnnData, *, seed: int) -> npt.NDArray[np.bool_] | None:
    """Say which cells of a library are doublets; None where the library cannot tell.

    Parameters
    ----------
    data : anndata.AnnData
        usable cells, molecules in `X`.
    seed : int
        of the simulated doublets.

    Returns
    -------
    numpy.ndarray or None
        Shape (n_cells,). None for fewer than `FEWEST_CELLS` cells, and where the scores of the
        simulated doublets have no valley that parts those that can be told from those that cannot.
    """
    if data.n_obs < FEWEST_CELLS:
        return None
    import scanpy

    # float32, as scanpy wants it; only the genes that are there
    # and csr_matrix: scanpy 1.11 fails on csr_array
    counts = sp.csr_matrix(data.X, dtype=np.float32)
    copy = anndata.AnnData(counts, obs=data.obs[[]], var=data.var[[]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scanpy's own house-keeping
        scanpy.pp.filter_genes(copy, min_cells=3)
        scanpy.pp.scrublet(
            copy,
            expected_doublet_rate=min(RATE_PER_CELL * data.n_obs, 0.3),
            threshold=1.0,  # ours is below: scanpy's wants one more package
            use_approx_neighbors=False if data.n_obs <= MOST_EXACT else None,
            random_state=seed,
            verbose=False,
        )
    threshold = find_valley(np.asarray(copy.uns["scrublet"]["doublet_scores_sim"]))
    if threshold is None:
        return None
    found: npt.NDArray[np.bool_] = copy.obs["doublet_score"].to_numpy() > threshold
    return found


def find_valley(scores: npt.NDArray[np.float64]) -> float | None:
    """Return the lowest point between two peaks of a histogram, smoothed until it has no third.

    Prewitt and Mendelsohn 1966 (10.1111/j.1749-6632.1965.tb11715.x), as scikit-image's
    `threshold_minimum`; None when there are no two peaks.
    """
    counts, edges = np.histogram(scores, bins=_BINS)
    smooth = counts.astype(np.float64)
    for _ in range(_MOST_SMOOTHINGS):
        padded = np.pad(smooth, 1, mode="edge")
        smooth = np.convolve(padded, np.ones(3) / 3, mode="valid")
        peaks = _peaks(smooth)
        if len(peaks) <= 2:
            break
    if len(peaks) != 2:
        return None
    low, high = peaks
    place = low + int(np.argmin(smooth[low : high + 1]))
    share_above = float((scores > edges[place]).mean())
    if min(share_above, 1 - share_above) < _SMALLEST_PEAK:
        return None  # a bump of noise
    return float((edges[place] + edges[place + 1]) / 2)


def _peaks(values: npt.NDArray[np.float64]) -> list[int]:
    """Return where values turn from rising to falling."""
    found, is_rising = [], True
    for i in range(len(values) - 1):
        if is_rising and values[i + 1] < values[i]:
            found.append(i)
            is_rising = False
        elif not is_rising and values[i + 1] > values[i]:
            is_rising = True
    return found
