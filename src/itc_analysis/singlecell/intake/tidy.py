"""Turn a file's features into genes, in place: check values, add up genes that share a symbol.

All of it is one pass over the values, and no second copy of them is ever held.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

#: What `_tidy` says of the values.
_FINE, _NOT_FINITE, _NEGATIVE, _FRACTION = 0, 1, 2, 3
#: log2(TPM + 1) of whole genomes stays below this.
LARGEST_LOG = 20
#: In so few cells chance decides what the smallest number is.
FEW_CELLS = 20
#: Part of the values that is looked at before a matrix is taken to be counts.
_SAMPLE = 100_000


class Refused(Exception):
    """Values that cannot be molecules, with the reason in words."""


def why_not_counts(values: npt.NDArray[Any]) -> str:
    """Return why values cannot be molecules; empty when they can."""
    if not len(values):
        return ""
    if not np.isfinite(values).all():
        return "holds values that are not finite"
    if values.min() < 0:
        return f"holds negative values ({values.min():.3g}), as scaled data do"
    odd = values[values != np.round(values)]
    if len(odd):
        return _say_fraction(float(odd[0]), float(values.max()))
    return ""


def looks_like_counts(values: npt.NDArray[Any]) -> bool:
    """Say whether the beginning of an array may be molecules; `to_genes` checks all of them."""
    return not why_not_counts(values[:_SAMPLE])


def to_genes(
    indptr: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    values: npt.NDArray[Any],
    *,
    target: npt.NDArray[np.int32],
    n_genes: int,
) -> sp.csr_matrix:
    """Return molecules of genes as int32, cells x genes; the arrays given are used up.

    Parameters
    ----------
    indptr, indices, values : numpy.ndarray
        a csr matrix, cells x features.
    target : numpy.ndarray
        the gene of each feature, numbered in the order of first appearance; -1 leaves the feature
        out. Features of one gene are added up.
    n_genes : int
        number of genes.

    Raises
    ------
    Refused
        the values are no counts of molecules.
    """
    n_cells = len(indptr) - 1
    if values.dtype not in (np.int32, np.int64, np.float32, np.float64):
        values = values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
    indices = np.ascontiguousarray(indices, dtype=np.int32)
    if not _is_sorted(indptr, indices):
        rows = sp.csr_matrix((values, indices, indptr), shape=(n_cells, len(target)))
        rows.sort_indices()
        indptr, indices, values = rows.indptr, rows.indices, rows.data
    values = np.ascontiguousarray(values)
    counts = values.view(np.int32)
    ends = np.zeros(n_cells + 1, dtype=np.int64)
    smallest = np.zeros(n_cells, dtype=np.int32)
    code, odd, largest = _tidy(
        indptr.astype(np.int64), indices, values, counts, target, ends, smallest
    )
    if code == _NOT_FINITE:
        raise Refused(why_not_counts(np.array([np.nan])))
    if code == _NEGATIVE:
        raise Refused(why_not_counts(np.array([odd])))
    if code == _FRACTION:
        raise Refused(_say_fraction(odd, largest))
    _refuse_scaled(smallest, largest)
    n = int(ends[-1])
    fits = n <= np.iinfo(np.int32).max
    return sp.csr_matrix(
        (counts[:n], indices[:n], ends.astype(np.int32) if fits else ends), shape=(n_cells, n_genes)
    )


def keep_rows(matrix: sp.csr_matrix, is_kept: npt.NDArray[np.bool_]) -> sp.csr_matrix:
    """Return the rows that are kept; the arrays of `matrix` are used up, so that nothing is
    copied.
    """
    if is_kept.all():
        return matrix
    ends = np.zeros(int(is_kept.sum()) + 1, dtype=matrix.indptr.dtype)
    _move_rows(matrix.indptr, matrix.indices, matrix.data, is_kept, ends)
    n = int(ends[-1])
    shape = (len(ends) - 1, matrix.shape[1])
    return sp.csr_matrix((matrix.data[:n], matrix.indices[:n], ends), shape=shape)


def _say_fraction(odd: float, largest: float) -> str:
    kind = "log-transformed" if largest < LARGEST_LOG else "normalised (TPM, CPM or the like)"
    return f"holds values that are not whole numbers (such as {odd:.4g}; it looks {kind})"


def _refuse_scaled(smallest: npt.NDArray[np.int32], largest: float) -> None:
    """Refuse whole numbers that are no counts: rounded CPM, and presence or absence.

    In counts nearly every cell has genes of which one molecule was seen; scaling makes more of it.
    """
    filled = smallest[smallest > 0]
    if len(filled) <= FEW_CELLS:
        return
    msg = ""
    if np.mean(filled > 1) > 0.5:  # most cells
        msg = "holds whole numbers of which no gene has 1 in most cells: scaled and rounded values"
    elif largest == 1:
        msg = "holds nothing but 0 and 1: detected or not, no molecules"
    if msg:
        raise Refused(msg)


@numba.njit(cache=True, nogil=True)
def _tidy(
    indptr: Any,
    indices: Any,
    values: Any,
    counts: Any,
    target: Any,
    ends: Any,
    smallest: Any,
) -> tuple[int, float, float]:
    """Write what is kept to the front of `indices` and `counts`, which lies in the memory of
    `values`.

    The place written to never lies behind the place read from.
    """
    place = 0
    code, odd, largest = 0, 0.0, 0.0
    for row in range(indptr.shape[0] - 1):
        first = place
        for i in range(indptr[row], indptr[row + 1]):
            value = values[i]
            feature = indices[i]
            number = float(value)
            if not np.isfinite(number):
                return 1, number, largest
            if number < 0:
                return 2, number, largest
            largest = max(largest, number)
            whole = np.int32(value) if number < 2147483647.0 else np.int32(2147483647)
            if float(whole) != number and code == 0:
                code, odd = 3, number
            gene = target[feature]
            if gene < 0 or whole == 0:
                continue
            if smallest[row] == 0 or whole < smallest[row]:
                smallest[row] = whole
            spot = place
            # later features of a shared gene go where their gene is; sorted rows need no step
            while spot > first and indices[spot - 1] > gene:
                spot -= 1
            if spot > first and indices[spot - 1] == gene:
                counts[spot - 1] += whole
                continue
            for j in range(place, spot, -1):
                indices[j] = indices[j - 1]
                counts[j] = counts[j - 1]
            indices[spot] = gene
            counts[spot] = whole
            place += 1
        ends[row + 1] = place
    return code, odd, largest


@numba.njit(cache=True, nogil=True)
def _is_sorted(indptr: Any, indices: Any) -> bool:
    for row in range(indptr.shape[0] - 1):
        for i in range(indptr[row] + 1, indptr[row + 1]):
            if indices[i] < indices[i - 1]:
                return False
    return True


@numba.njit(cache=True, nogil=True)
def _move_rows(indptr: Any, indices: Any, data: Any, is_kept: Any, ends: Any) -> None:
    place, row_out = 0, 0
    for row in range(is_kept.shape[0]):
        if not is_kept[row]:
            continue
        for i in range(indptr[row], indptr[row + 1]):
            indices[place] = indices[i]
            data[place] = data[i]
            place += 1
        row_out += 1
        ends[row_out] = place
