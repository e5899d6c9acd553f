"""Molecules summed over the cells of each sample and population: what scores and models read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anndata
import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from itc_analysis.tables import contract
from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth

#: The denominator: all T cells, whatever kind.
T_CELLS = "t_cells"
#: Populations that get a profile; `t_cells` holds the cells of all others.
POPULATIONS = (
    "mait",
    "inkt",
    "gd_t_cells",
    "innate_cd8",
    "cd4_t_cells",
    "cd8_t_cells",
    T_CELLS,
)


def is_member(cells: pd.DataFrame, population: str, *, call_threshold: float) -> pd.Series:
    """Say which cells belong to a population.

    A cell is a T cell when its probability of being one reaches the call threshold, even if its
    kind is indeterminate: leaving those out would make every share of T too large.
    """
    if population == T_CELLS:
        return (cells["posterior_t"] >= call_threshold).astype(bool)
    return (cells["call"] == population).astype(bool)


def sum_molecules(
    counts: sp.csr_matrix, cells: pd.DataFrame, *, call_threshold: float
) -> npt.NDArray[np.float64]:
    """Sum molecules over the cells of each population, shape (n_populations, n_genes).

    Parameters
    ----------
    counts : sp.csr_matrix
        molecules, shape (n_cells, n_genes).
    cells : pandas.DataFrame
        from `calls.call_cells`, in the order of the rows.
    """
    members = np.array(
        [is_member(cells, population, call_threshold=call_threshold) for population in POPULATIONS]
    )
    total = np.zeros((len(POPULATIONS), counts.shape[1]))
    _add_up(counts.indptr, counts.indices, counts.data, members, total)
    return total


@dataclass
class SampleSums:
    """Running sums of one sample over its libraries.

    Parameters
    ----------
    profiles : pandas.DataFrame
        molecules, genes x populations; grows by the genes that a further library brings.
    n_cells : pandas.Series
        cells behind each population.
    is_filtered : bool
        whether all of its libraries have lists of genes with molecules only.
    n_hidden : int
        cells that may show a gene that such lists lack.
    """

    profiles: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(POPULATIONS), dtype=np.float64)
    )
    n_cells: pd.Series = field(
        default_factory=lambda: pd.Series(0, index=list(POPULATIONS), dtype=np.int64)
    )
    is_filtered: bool = True
    n_hidden: int = 0

    def add(
        self,
        data: anndata.AnnData,
        cells: pd.DataFrame,
        *,
        call_threshold: float,
        fewest_cells: int | None = None,
    ) -> None:
        """Add a library of the sample; `fewest_cells` as `genes.find_filter` says."""
        self.is_filtered &= fewest_cells is not None
        self.n_hidden += 0 if fewest_cells is None else fewest_cells - 1
        sums = sum_molecules(data.X, cells, call_threshold=call_threshold)
        table = pd.DataFrame(sums.T, index=data.var_names.astype(str), columns=list(POPULATIONS))
        self.profiles = self.profiles.add(table, fill_value=0) if len(self.profiles) else table
        for population in POPULATIONS:
            members = is_member(cells, population, call_threshold=call_threshold)
            self.n_cells[population] += int(members.sum())


def tabulate(sums: dict[str, SampleSums]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the Pseudobulk and PseudobulkDepth tables of several samples.

    Pseudobulk holds the genes with a molecule; for t_cells every gene that the library could have
    shown, zeros included, so that a gene without a molecule is told from a gene that the reference
    lacks. Of a sample whose lists may be filtered nobody knows how many genes could have been
    shown. A sample without a readable library has its depth rows, with no cells.
    """
    profiles, depth = [contract.empty(Pseudobulk)], []
    for sample_id, sample in sorted(sums.items()):
        table = sample.profiles.sort_index()
        is_filtered = bool(len(table)) and sample.is_filtered
        for population in POPULATIONS:
            counts = table[population]
            depth.append(
                {
                    "sample_id": sample_id,
                    "population": population,
                    "n_cells": int(sample.n_cells[population]),
                    "n_counts": float(counts.sum()),
                    "n_genes_measured": None if is_filtered else len(table),
                    "n_cells_hidden": sample.n_hidden if is_filtered else None,
                }
            )
            shown = counts if population == T_CELLS else counts[counts > 0]
            if len(shown):
                profiles.append(
                    pd.DataFrame(
                        {
                            "sample_id": sample_id,
                            "population": population,
                            "gene": shown.index.astype("string"),
                            "n_counts": shown.to_numpy(),
                        }
                    )
                )
    filled = [table for table in profiles if len(table)] or profiles
    return (
        contract.check(pd.concat(filled, ignore_index=True), Pseudobulk),
        contract.make(depth, PseudobulkDepth),
    )


@numba.njit(cache=True, nogil=True)
def _add_up(indptr: Any, indices: Any, data: Any, members: Any, total: Any) -> None:
    for population in range(members.shape[0]):
        for row in range(members.shape[1]):
            if members[population, row]:
                for i in range(indptr[row], indptr[row + 1]):
                    total[population, indices[i]] += data[i]
