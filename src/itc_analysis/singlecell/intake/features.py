"""From the features of a file to the AnnData that the room works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.genes import (
    ANTIBODIES,
    FOREIGN,
    GENES,
    UnclearGenes,
    find_foreign_species,
    settle_names,
)
from itc_analysis.singlecell.intake.tidy import Refused, to_genes

#: Two cells with so many molecules are not the same by chance; a few may be, with a short list of
#: genes.
_TELLING_MOLECULES, _MOST_AGAIN, _FEWEST_CELLS = 100, 0.05, 50


@dataclass
class RawMatrix:
    """A csr matrix, barcodes x features, as the file holds it.

    Parameters
    ----------
    indptr, indices, values : numpy.ndarray
        of the matrix; used up by `assemble`.
    barcodes : numpy.ndarray
        one per row.
    ids, names, kinds : numpy.ndarray
        one per feature; `genomes` likewise, where the file has them.
    remarks : list of str
        what was noticed while reading.
    """

    indptr: npt.NDArray[Any]
    indices: npt.NDArray[Any]
    values: npt.NDArray[Any]
    barcodes: npt.NDArray[Any]
    ids: npt.NDArray[Any]
    names: npt.NDArray[Any]
    kinds: npt.NDArray[Any]
    genomes: npt.NDArray[Any] | None = None
    remarks: list[str] = field(default_factory=list)


def assemble(raw: RawMatrix, path: Path) -> anndata.AnnData:
    """Name the genes, add up those that share a symbol, and set other features apart.

    Raises
    ------
    UnreadableFile
        values that are no counts, gene names that cannot be understood, a barcode twice.
    """
    names = pd.Index([str(barcode) for barcode in raw.barcodes])
    if names.has_duplicates:
        what = (
            f"barcode '{names[names.duplicated()][0]}' appears twice; one library per row, please"
        )
        raise UnreadableFile(path.name, what)
    kinds = _plain_kinds(raw.kinds)
    if len(kinds) and not (kinds == GENES).any():
        types = ", ".join(f"'{kind}'" for kind in sorted(set(map(str, kinds))))
        what = f"none of its features is of the type '{GENES}', which genes have; it has {types}"
        raise UnreadableFile(path.name, what)
    try:
        genes = settle_names(raw.ids, raw.names, kinds, genomes=raw.genomes)
    except UnclearGenes as error:
        raise UnreadableFile(path.name, str(error)) from None
    remarks = raw.remarks + genes.remarks
    is_gene = genes.kinds == GENES
    codes, symbols = pd.factorize(genes.symbols[is_gene])
    target = np.full(len(genes.kinds), -1, dtype=np.int32)
    target[is_gene] = codes
    n_shared = int(is_gene.sum()) - len(symbols)
    if n_shared:
        remarks.append(
            f"{n_shared} genes share a symbol with another; their molecules were added up"
        )
    obs = pd.DataFrame(index=names)
    # before the arrays are used up
    is_species = find_foreign_species(genes)
    antibodies = _antibodies(raw, genes.kinds, genes.symbols, names)
    if is_species.any():
        obs["n_other_genome"] = _sum_of(raw, is_species)
    try:
        counts = to_genes(raw.indptr, raw.indices, raw.values, target=target, n_genes=len(symbols))
    except Refused as refused:
        raise UnreadableFile(path.name, f"the matrix {refused}: give raw counts") from None
    data = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=pd.Index(symbols, dtype=object)))
    if antibodies is not None:
        data.obsm["antibodies"] = antibodies
        remarks.append(f"{antibodies.shape[1]} antibody features were kept apart from the genes")
    n_other = int((~np.isin(genes.kinds, [GENES, ANTIBODIES, FOREIGN])).sum())
    if n_other:
        remarks.append(f"{n_other} features are neither genes nor antibodies and were left out")
    data.uns["remarks"] = remarks
    return data


def _plain_kinds(kinds: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the types of features as Cell Ranger writes them, whatever their case."""
    known = {kind.lower(): kind for kind in (GENES, ANTIBODIES)}
    return np.array([known.get(str(kind).strip().lower(), kind) for kind in kinds], dtype=object)


def refuse_empty(data: anndata.AnnData, path: Path) -> None:
    """Refuse a library without barcodes, genes or molecules."""
    for n, what in ((data.n_obs, "barcodes"), (data.n_vars, "genes"), (data.X.nnz, "molecules")):
        if n == 0:
            raise UnreadableFile(path.name, f"the library has no {what}; was the run finished?")


def refuse_repeats(data: anndata.AnnData, path: Path) -> None:
    """Refuse a library whose cells stand in it more than once, under other barcodes."""
    rng = np.random.default_rng(0)
    weights = rng.random(data.n_vars)
    told = np.asarray(data.X.sum(axis=1)).ravel() >= _TELLING_MOLECULES
    sums = (data.X @ weights)[told]
    n_again = len(sums) - len(np.unique(sums))
    if len(sums) >= _FEWEST_CELLS and n_again > _MOST_AGAIN * len(sums):
        what = f"{n_again:,} of {len(sums):,} cells have the molecules of another cell of the file"
        raise UnreadableFile(path.name, f"{what}: a library was joined with itself; take it once")


def _antibodies(
    raw: RawMatrix, kinds: npt.NDArray[Any], symbols: npt.NDArray[Any], names: pd.Index
) -> pd.DataFrame | None:
    columns = np.flatnonzero(kinds == ANTIBODIES)
    if not len(columns):
        return None
    part = _part(raw, kinds == ANTIBODIES)
    return pd.DataFrame(part.toarray(), index=names, columns=[str(s) for s in symbols[columns]])


def _sum_of(raw: RawMatrix, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    total: npt.NDArray[np.float64] = np.asarray(_part(raw, chosen).sum(axis=1), float).ravel()
    return total


def _part(raw: RawMatrix, chosen: npt.NDArray[np.bool_]) -> sp.csr_matrix:
    """Return the columns of some features; a selection of the values, which stay as they are."""
    is_chosen = chosen[raw.indices]
    number = np.cumsum(chosen) - 1
    ends = np.concatenate([[0], np.cumsum(is_chosen)])[raw.indptr]
    return sp.csr_matrix(
        (raw.values[is_chosen], number[raw.indices[is_chosen]], ends),
        shape=(len(raw.barcodes), int(chosen.sum())),
    )
