from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

from itc_analysis.singlecell.quality.doublets import find_doublets, find_valley


def library(n_cells: int, n_doublets: int, *, seed: int = 1, n_genes: int = 400):
    """Draw three kinds of cells, and droplets with two of different kinds at the end."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.4, 1, (3, n_genes))
    rates /= rates.sum(axis=1, keepdims=True)
    kinds = rng.integers(0, 3, n_cells)
    depth = np.exp(np.log(1500) + 0.3 * rng.standard_normal(n_cells))
    counts = rng.poisson(rates[kinds] * depth[:, None])
    partners = rng.permutation(n_cells)[:n_doublets]
    others = np.array([rng.choice(np.flatnonzero(kinds != kinds[i])) for i in partners])
    both = counts[partners] + counts[others]
    data = anndata.AnnData(
        sp.csr_matrix(np.vstack([counts, both]).astype(np.int32)),
        obs=pd.DataFrame(index=[f"C{i}" for i in range(n_cells + n_doublets)]),
        var=pd.DataFrame(index=[f"G{i}" for i in range(n_genes)]),
    )
    return data, np.arange(n_cells + n_doublets) >= n_cells


def test_droplets_with_two_kinds_of_cells_are_found() -> None:
    data, is_doublet = library(1000, 60)
    found = find_doublets(data, seed=1)
    assert found is not None
    assert found[is_doublet].mean() > 0.8
    assert found[~is_doublet].mean() < 0.02
    np.testing.assert_array_equal(found, find_doublets(data, seed=1))


def test_a_library_of_more_than_3000_cells_is_compared_cell_by_cell() -> None:
    """Approximate neighbours would take a minute of compiling, and pynndescent 0.7 breaks here."""
    data, is_doublet = library(3300, 150, n_genes=200)
    found = find_doublets(data, seed=1)
    assert found is not None
    assert found[is_doublet].mean() > 0.7


def test_small_and_uniform_libraries_cannot_tell() -> None:
    data, _ = library(100, 5)
    assert find_doublets(data, seed=1) is None
    assert find_valley(np.random.default_rng(1).normal(0.2, 0.02, 3000)) is None


def test_the_valley_lies_between_two_peaks() -> None:
    rng = np.random.default_rng(2)
    scores = np.concatenate([rng.normal(0.1, 0.03, 2000), rng.normal(0.5, 0.05, 1500)])
    valley = find_valley(scores)
    assert valley is not None
    assert 0.2 < valley < 0.38
