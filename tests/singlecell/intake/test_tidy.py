from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from itc_analysis.singlecell.intake.tidy import Refused, keep_rows, to_genes


def drawn(seed: int, *, dtype: type = np.int32, shape: tuple[int, int] = (60, 30)) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    return sp.csr_matrix((rng.poisson(0.8, shape)).astype(dtype))


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64, np.uint16])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_features_of_one_gene_are_added_up_as_by_a_dense_loop(
    dtype: type, *, is_sorted: bool
) -> None:
    counts = drawn(1, dtype=dtype)
    target = np.arange(30, dtype=np.int32)
    target[[7, 21, 29]], target[11], target[3] = 2, 5, -1
    target = np.unique(target, return_inverse=True)[1].astype(np.int32) - 1
    expected = np.zeros((60, target.max() + 1))
    for feature, gene in enumerate(target):
        if gene >= 0:
            expected[:, gene] += counts[:, [feature]].toarray().ravel()
    indices, values = counts.indices.copy(), counts.data.copy()
    if not is_sorted:
        for row in range(60):
            part = slice(counts.indptr[row], counts.indptr[row + 1])
            indices[part], values[part] = indices[part][::-1], values[part][::-1]
    found = to_genes(counts.indptr, indices, values, target=target, n_genes=target.max() + 1)
    np.testing.assert_array_equal(found.toarray(), expected)
    assert found.dtype == np.int32
    for row in range(60):
        assert (np.diff(found.indices[found.indptr[row] : found.indptr[row + 1]]) > 0).all()


def test_kept_rows_are_those_that_scipy_keeps() -> None:
    counts = drawn(2)
    is_kept = np.random.default_rng(1).random(60) < 0.4
    expected = counts[is_kept].toarray()
    np.testing.assert_array_equal(keep_rows(counts, is_kept).toarray(), expected)


def test_index_pointers_of_64_bits_are_read() -> None:
    counts = drawn(3)
    found = to_genes(
        counts.indptr.astype(np.int64),
        counts.indices.astype(np.int64),
        counts.data,
        target=np.arange(30, dtype=np.int32),
        n_genes=30,
    )
    assert (found != drawn(3)).nnz == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: np.log1p(values), "log-transformed"),
        (lambda values: values * 1234.5, "normalised"),
        (lambda values: -values, "negative"),
        (lambda values: values * np.nan, "not finite"),
        (lambda values: np.round(values * 3.3), "scaled and rounded"),
        (lambda values: np.minimum(values, 1), "nothing but 0 and 1"),
    ],
)
def test_values_that_are_no_molecules_are_refused(change: object, words: str) -> None:
    counts = drawn(4, dtype=np.float64)
    with pytest.raises(Refused, match=words):
        to_genes(
            counts.indptr,
            counts.indices,
            change(counts.data),
            target=np.arange(30, dtype=np.int32),
            n_genes=30,
        )
