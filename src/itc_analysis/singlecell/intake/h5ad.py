"""Raw counts of an h5ad or h5mu file, wherever in it they are; nothing else of it is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp
from anndata.io import read_elem

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.features import RawMatrix
from itc_analysis.singlecell.intake.genes import ANTIBODIES, GENES
from itc_analysis.singlecell.intake.hdf5 import read_numbers, refuse_inflated
from itc_analysis.singlecell.intake.tidy import looks_like_counts, why_not_counts

#: Columns of `var` in which h5ad files of common origin keep the gene symbol.
SYMBOL_COLUMNS = (
    "gene_symbols",
    "gene_symbol",
    "symbol",
    "gene_name",
    "gene_names",
    "feature_name",
    "symbolid",
)
#: Columns of `obs` in which files of several people say whose a cell is.
_DONOR_COLUMNS = ("donor_id", "donor", "individual", "individual_id", "patient_id")
#: Ends the remark on a file of several people.
OF_SEVERAL = "without cells_path in the library sheet all cells count as one person's"
#: Layers in which counts are kept by custom, before X.
COUNT_LAYERS = ("counts", "raw_counts", "umi_counts")
#: Names by which muon users keep expression and proteins.
RNA_NAMES, PROTEIN_NAMES = ("rna", "gex", "RNA", "GEX"), ("prot", "adt", "protein", "ADT", "PROT")
#: Rows of a dense matrix that are made sparse at a time.
_DENSE_ROWS = 1000


def read_h5ad(path: Path) -> RawMatrix:
    """Read an h5ad file: of `layers["counts"]`, `X` and `raw.X` the one with most genes that holds
    counts, the first of equals.

    Raises
    ------
    UnreadableFile
        no matrix of the file holds counts, or only one of some genes of the file does.
    """
    with h5py.File(path, "r") as file, warnings.catch_warnings():
        # other authors' old files are not ours to mend
        warnings.simplefilter("ignore")
        refuse_inflated(file)
        return _read_group(file, path)


def read_h5mu(path: Path) -> RawMatrix:
    """Read the expression of an h5mu file, and its proteins where it has them.

    Raises
    ------
    UnreadableFile
        no modality is called rna or gex, or proteins are those of other barcodes.
    """
    with h5py.File(path, "r") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refuse_inflated(file)
        modalities = sorted(file["mod"]) if "mod" in file else []
        rna = next((name for name in RNA_NAMES if name in modalities), None)
        if rna is None:
            told = ", ".join(modalities) or "none"
            what = f"no modality is called {' or '.join(RNA_NAMES[:2])} (found: {told})"
            raise UnreadableFile(path.name, what)
        found = _read_group(file["mod"][rna], path)
        protein = next((name for name in PROTEIN_NAMES if name in modalities), None)
        return found if protein is None else _join(found, _read_group(file["mod"][protein], path))


def _about_donors(cells: pd.DataFrame) -> list[str]:
    """Return a remark where a file says that its cells are of several people."""
    for name in _DONOR_COLUMNS:
        if name in cells and (n_donors := cells[name].dropna().nunique()) > 1:
            return [f"obs['{name}'] names {n_donors} people; {OF_SEVERAL}"]
    return []


def _read_group(group: h5py.Group, path: Path) -> RawMatrix:
    reasons: list[str] = []
    n_not_counts = 0
    # highly variable genes stay in X and the layers, and all genes go to raw
    candidates = sorted(_candidates(group), key=lambda one: -len(one[2]))
    for name, matrix, var in candidates:
        values = matrix["data"] if isinstance(matrix, h5py.Group) else matrix
        if isinstance(matrix, h5py.Group) and not looks_like_counts(values[:100_000]):
            reasons.append(f"{name} {why_not_counts(values[:])}")
            n_not_counts = max(n_not_counts, len(var))
            continue
        indptr, indices, numbers = _as_csr(matrix)
        reason = why_not_counts(numbers)
        if reason:
            reasons.append(f"{name} {reason}")
            n_not_counts = max(n_not_counts, len(var))
            continue
        if len(var) < n_not_counts:
            what = (
                f"{name} holds {len(var):,} of the {n_not_counts:,} genes of raw (highly variable "
                f"ones?), and {'; '.join(reasons)}; give the counts of all genes in X, "
                "layers['counts'] or raw.X"
            )
            raise UnreadableFile(path.name, what)
        ids = var.index.astype(str).to_numpy(dtype=object)
        kinds = (
            var["feature_types"].astype(str).to_numpy(dtype=object)
            if "feature_types" in var
            else np.full(len(var), GENES, dtype=object)
        )
        remarks = [f"{text}; counts were taken from {name}" for text in reasons]
        cells = read_elem(group["obs"])
        remarks += _about_donors(cells)
        barcodes = cells.index.astype(str).to_numpy(dtype=object)
        symbols = _symbols(var, ids)
        return RawMatrix(indptr, indices, numbers, barcodes, ids, symbols, kinds, remarks=remarks)
    what = "; ".join(reasons) or "it holds no matrix"
    raise UnreadableFile(path.name, f"{what}: give raw counts in X or in layers['counts']")


def _candidates(group: h5py.Group) -> Iterator[tuple[str, Any, pd.DataFrame]]:
    """Give the matrices that may hold counts, in the order of trust, with their `var`."""
    var = read_elem(group["var"])
    for layer in COUNT_LAYERS:
        if layer in group.get("layers", {}):
            yield f"layers['{layer}']", group["layers"][layer], var
    if "X" in group and not _is_null(group["X"]):
        yield "X", group["X"], var
    # without a raw, anndata writes an empty data set of the name
    if isinstance(group.get("raw"), h5py.Group) and "X" in group["raw"]:
        yield "raw.X", group["raw/X"], read_elem(group["raw/var"])


def _is_null(item: Any) -> bool:
    return isinstance(item, h5py.Dataset) and item.shape in (None, ())


def _as_csr(
    matrix: h5py.Group | h5py.Dataset,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    if isinstance(matrix, h5py.Group):
        form = str(matrix.attrs.get("encoding-type", matrix.attrs.get("h5sparse_format", "csr")))
        parts = matrix["indptr"][:], read_numbers(matrix["indices"]), read_numbers(matrix["data"])
        if not form.startswith("csc"):
            return parts
        shape = tuple(matrix.attrs.get("shape", matrix.attrs.get("h5sparse_shape")))
        rows = sp.csc_matrix((parts[2], parts[1], parts[0]), shape=shape).tocsr()
        return rows.indptr, rows.indices, rows.data
    blocks = [
        sp.csr_matrix(matrix[start : start + _DENSE_ROWS])
        for start in range(0, matrix.shape[0], _DENSE_ROWS)
    ]
    if not blocks:
        return np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    rows = sp.vstack(blocks, format="csr")
    return rows.indptr, rows.indices, rows.data


def _symbols(var: pd.DataFrame, ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return gene symbols: a column of `var` when there is one, else the names themselves."""
    for column in SYMBOL_COLUMNS:
        if column in var:
            symbols: npt.NDArray[Any] = (
                var[column].astype("string").fillna("").to_numpy(dtype=object)
            )
            return symbols
    return ids


def _join(rna: RawMatrix, protein: RawMatrix) -> RawMatrix:
    """Set proteins next to the expression of the same barcodes; no protein where there is none."""
    place = pd.Index(protein.barcodes).get_indexer(pd.Index(rna.barcodes))
    counts = sp.csr_matrix(
        (protein.values, protein.indices, protein.indptr),
        shape=(len(protein.barcodes), len(protein.ids)),
    )
    remarks = rna.remarks + protein.remarks
    n_absent = int((place < 0).sum())
    if n_absent:
        remarks.append(f"{n_absent} barcodes have no proteins")
    empty = sp.csr_matrix((1, counts.shape[1]), dtype=counts.dtype)
    rows = sp.vstack([counts, empty], format="csr")[place]
    expression = sp.csr_matrix(
        (rna.values, rna.indices, rna.indptr), shape=(len(rna.barcodes), len(rna.ids))
    )
    both = sp.hstack([expression, rows], format="csr")
    return RawMatrix(
        both.indptr,
        both.indices,
        both.data,
        rna.barcodes,
        np.concatenate([rna.ids, protein.ids]),
        np.concatenate([rna.names, protein.names]),
        np.concatenate([rna.kinds, np.full(len(protein.ids), ANTIBODIES, dtype=object)]),
        remarks=remarks,
    )
