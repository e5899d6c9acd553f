"""Molecules of the genes that calls look at, taken out of a library in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from itc_analysis.statistics.arrays import FloatArray

#: V genes of alpha and beta chains.
SEGMENT = r"TR[AB]V\d"


@dataclass(frozen=True)
class Molecules:
    """Depth of each cell, and its molecules of some genes.

    Parameters
    ----------
    depth : FloatArray
        molecules of all genes, shape (n_cells,).
    of_gene : dict of str to FloatArray
        for each gene of which the library has any molecule, those of each cell.
    listed : frozenset of str
        genes asked for that the file lists, with or without molecules.
    has_segment : numpy.ndarray
        whether the cell shows any V gene of alpha or beta, shape (n_cells,).
    """

    depth: FloatArray
    of_gene: dict[str, FloatArray]
    listed: frozenset[str]
    has_segment: npt.NDArray[np.bool_]


def take_molecules(counts: sp.csr_matrix, genes: pd.Index, wanted: Sequence[str]) -> Molecules:
    """Take the molecules of some genes.

    A gene without a molecule in the whole library is treated like one that the file does not list:
    files that leave such genes out and files that keep them say the same.

    Parameters
    ----------
    counts : sp.csr_matrix
        molecules, cells x genes.
    genes : pandas.Index
        symbols of the columns, without repeats.
    wanted : sequence of str
        symbols; those that are not among `genes` are passed over.
    """
    place = genes.get_indexer(pd.Index(list(dict.fromkeys(wanted))))
    names = [gene for gene, at in zip(dict.fromkeys(wanted), place, strict=True) if at >= 0]
    slots = np.full(len(genes), -1, dtype=np.int32)
    slots[place[place >= 0]] = np.arange(len(names))
    depth = np.zeros(counts.shape[0])
    taken = np.zeros((counts.shape[0], len(names)), dtype=np.float32)
    is_segment = genes.astype(str).str.match(SEGMENT).astype(np.bool_)
    has_segment = np.zeros(counts.shape[0], dtype=np.bool_)
    matrix = counts.indptr, counts.indices, counts.data
    _take(*matrix, slots, np.asarray(is_segment), depth, taken, has_segment)
    total = taken.sum(axis=0)
    of_gene = {gene: taken[:, i].astype(np.float64) for i, gene in enumerate(names) if total[i] > 0}
    return Molecules(depth, of_gene, frozenset(names), has_segment)


@numba.njit(cache=True, nogil=True)
def _take(
    indptr: Any,
    indices: Any,
    data: Any,
    slots: Any,
    is_segment: Any,
    depth: Any,
    taken: Any,
    has_segment: Any,
) -> None:
    for row in range(indptr.shape[0] - 1):
        total = 0.0
        for i in range(indptr[row], indptr[row + 1]):
            total += data[i]
            gene = indices[i]
            if is_segment[gene] and data[i] > 0:
                has_segment[row] = True
            slot = slots[gene]
            if slot >= 0:
                taken[row, slot] += data[i]
        depth[row] = total
