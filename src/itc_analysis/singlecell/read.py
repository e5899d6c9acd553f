"""Read one library, in whatever form Cell Ranger or scanpy left it, as molecules per cell and gene.

Every form ends in the same AnnData: `X` raw counts (csr, float32), one column per gene symbol,
symbols in alphabetical order; antibody features apart in `obsm["antibodies"]`. What could only be
guessed (several genomes, log values, Ensembl ids without symbols) is refused in one sentence.
"""

from __future__ import annotations

import gzip
import logging
import re
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.io
import scipy.sparse as sp

from itc_analysis.errors import UnreadableFile

log = logging.getLogger(__name__)

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
_ENSEMBL = re.compile(r"^ENS[A-Z]*G\d{11}")
_GENES = "Gene Expression"
_ANTIBODIES = "Antibody Capture"
#: A matrix whose names are Ensembl ids in more than this share needs a column of symbols.
_MOSTLY = 0.5


def read_library(row: Mapping[str, Any]) -> anndata.AnnData:
    """Read the counts of one library.

    Parameters
    ----------
    row : a row of the library sheet; `library_id`, `path` (joined to the data folder) and `format`
        are read.

    Returns
    -------
    AnnData with `X` molecules, csr_matrix of shape (n_barcodes, n_genes), float32 whole numbers;
    `obs_names` barcodes as in the file; `var_names` gene symbols, sorted, unique: genes that share a
    symbol are added up; `obsm["antibodies"]` a table when the library has antibody features;
    `uns["remarks"]` a list of sentences about the file.

    Raises
    ------
    UnreadableFile : the file is absent, broken or empty, holds several genomes, values that are not
        counts, Ensembl ids without symbols, or a barcode twice.
    """
    path = Path(str(row["path"]))
    if not path.exists():
        raise UnreadableFile(path.name, "the file is not there; check `path` and the data folder")
    readers = {"10x_h5": _read_10x_h5, "10x_mtx": _read_10x_mtx, "h5ad": _read_h5ad}
    try:
        data = readers[str(row["format"])](path)
    except (OSError, KeyError, ValueError, EOFError, zlib.error) as error:
        # h5py, scipy.io and anndata raise these for truncated or foreign files
        what = f"not a readable {row['format']} library ({type(error).__name__}: {error})"
        raise UnreadableFile(
            path.name, f"{what}; check the `format` column and copy the file again"
        ) from None
    _refuse_empty(data, path)
    log.debug("%s: %d barcodes, %d genes", path.name, *data.shape)
    return data


def _read_10x_h5(path: Path) -> anndata.AnnData:
    with h5py.File(path, "r") as file:
        if "matrix" in file:  # Cell Ranger 3 and later
            group = file["matrix"]
            features = group["features"]
            kinds = _strings(features["feature_type"])
            genomes = _strings(features["genome"])[kinds == _GENES]
            table = _features(_strings(features["id"]), _strings(features["name"]), kinds)
            _refuse_genomes(sorted(set(genomes)), path)
        else:  # Cell Ranger 1 and 2: one group per genome
            _refuse_genomes(sorted(file), path)
            group = file[next(iter(file))]
            names = _strings(group["gene_names"])
            table = _features(_strings(group["genes"]), names, np.full(len(names), _GENES))
        n_features, n_barcodes = (int(n) for n in group["shape"][:])
        # 10x writes features x barcodes by column, which is barcodes x features by row
        counts = sp.csr_matrix(
            (group["data"][:], group["indices"][:], group["indptr"][:]),
            shape=(n_barcodes, n_features),
        )
        barcodes = _strings(group["barcodes"])
    return _assemble(counts, barcodes, table, path)


def _read_10x_mtx(path: Path) -> anndata.AnnData:
    if not path.is_dir():
        what = (
            "format 10x_mtx wants the folder that holds matrix.mtx, barcodes.tsv and features.tsv"
        )
        raise UnreadableFile(path.name, what)
    matrix = _one_of(path, "matrix.mtx")
    barcodes = _lines(_one_of(path, "barcodes.tsv"))
    rows = [line.split("\t") for line in _lines(_one_of(path, "features.tsv", "genes.tsv"))]
    opener = gzip.open if matrix.suffix == ".gz" else open
    with opener(matrix, "rb") as stream:
        counts = sp.csr_matrix(scipy.io.mmread(stream).T)
    ids = np.array([row[0] for row in rows], dtype=object)
    names = np.array([row[1] if len(row) > 1 else row[0] for row in rows], dtype=object)
    kinds = np.array([row[2] if len(row) > 2 else _GENES for row in rows], dtype=object)
    if counts.shape != (len(barcodes), len(rows)):
        what = (
            f"matrix.mtx is {counts.shape[1]} x {counts.shape[0]}, but there are {len(rows)} features "
            f"and {len(barcodes)} barcodes; the three files are not of one run"
        )
        raise UnreadableFile(path.name, what)
    return _assemble(counts, np.array(barcodes, dtype=object), _features(ids, names, kinds), path)


def _read_h5ad(path: Path) -> anndata.AnnData:
    with warnings.catch_warnings():
        # repeated names are what `_assemble` is for; other authors' old files are not ours to mend
        warnings.simplefilter("ignore")
        found = anndata.read_h5ad(path)
    candidates: dict[str, tuple[Any, pd.DataFrame]] = {}
    if "counts" in found.layers:
        candidates["layers['counts']"] = (found.layers["counts"], found.var)
    if found.X is not None:
        candidates["X"] = (found.X, found.var)
    if found.raw is not None:
        candidates["raw.X"] = (found.raw.X, found.raw.var)
    reasons = []
    for name, (values, var) in candidates.items():
        counts = sp.csr_matrix(values)
        reason = _why_not_counts(counts.data)
        if not reason:
            ids = var.index.astype(str).to_numpy(dtype=object)
            names = _symbols(var, ids, path)
            kinds = (
                var["feature_types"].astype(str).to_numpy(dtype=object)
                if "feature_types" in var
                else np.full(len(var), _GENES, dtype=object)
            )
            barcodes = found.obs_names.astype(str).to_numpy(dtype=object)
            return _assemble(counts, barcodes, _features(ids, names, kinds), path)
        reasons.append(f"{name} {reason}")
    what = "; ".join(reasons) or "it holds no matrix"
    raise UnreadableFile(path.name, f"{what}: give raw counts in X or in layers['counts']")


def _assemble(
    counts: sp.csr_matrix, barcodes: npt.NDArray[Any], features: pd.DataFrame, path: Path
) -> anndata.AnnData:
    """Add up genes that share a symbol, sort them, and set antibodies apart."""
    reason = _why_not_counts(counts.data)
    if reason:
        raise UnreadableFile(path.name, f"the matrix {reason}: give raw counts")
    names = pd.Index([str(barcode) for barcode in barcodes])
    if names.has_duplicates:
        what = f"barcode '{names[names.duplicated()][0]}' stands twice; one library per row, please"
        raise UnreadableFile(path.name, what)
    remarks = []
    genes = np.flatnonzero(features["kind"] == _GENES)
    symbols = pd.Index(features["symbol"].iloc[genes])
    wanted = pd.Index(sorted(symbols.unique()), dtype=object)
    n_shared = len(symbols) - len(wanted)
    if n_shared:
        remarks.append(
            f"{n_shared} genes share a symbol with another; their molecules were added up"
        )
    adding = sp.csr_matrix(
        (np.ones(len(genes), dtype=np.float32), (genes, wanted.get_indexer(symbols))),
        shape=(counts.shape[1], len(wanted)),
    )
    expression = sp.csr_matrix(counts.astype(np.float32) @ adding)
    expression.eliminate_zeros()
    expression.sort_indices()
    data = anndata.AnnData(
        expression,
        obs=pd.DataFrame(index=names),
        var=pd.DataFrame(index=wanted),
    )
    antibodies = np.flatnonzero(features["kind"] == _ANTIBODIES)
    if len(antibodies):
        data.obsm["antibodies"] = pd.DataFrame(
            counts[:, antibodies].toarray(),
            index=data.obs_names,
            columns=[str(name) for name in features["symbol"].iloc[antibodies]],
        )
        remarks.append(f"{len(antibodies)} antibody features were kept apart from the genes")
    n_other = len(features) - len(genes) - len(antibodies)
    if n_other:
        remarks.append(f"{n_other} features are neither genes nor antibodies and were left out")
    data.uns["remarks"] = remarks
    return data


def _features(
    ids: npt.NDArray[Any], names: npt.NDArray[Any], kinds: npt.NDArray[Any]
) -> pd.DataFrame:
    symbols = [str(name) if str(name) else str(key) for key, name in zip(ids, names, strict=True)]
    return pd.DataFrame({"symbol": symbols, "kind": [str(kind) for kind in kinds]})


def _symbols(var: pd.DataFrame, ids: npt.NDArray[Any], path: Path) -> npt.NDArray[Any]:
    """Return gene symbols: a column of `var` when there is one, else the names themselves."""
    for column in SYMBOL_COLUMNS:
        if column in var:
            symbols = var[column].astype("string").fillna("")
            return symbols.to_numpy(dtype=object)
    if np.mean([bool(_ENSEMBL.match(str(name))) for name in ids]) > _MOSTLY:
        what = (
            f"genes are named by Ensembl ids ({ids[0]}) and no column of var holds symbols; "
            f"add one, named '{SYMBOL_COLUMNS[0]}'"
        )
        raise UnreadableFile(path.name, what)
    return ids


def _why_not_counts(values: npt.NDArray[Any]) -> str:
    """Return why values cannot be molecules; empty when they can."""
    if not len(values):
        return ""
    if not np.isfinite(values).all():
        return "holds values that are not finite"
    if values.min() < 0:
        return f"holds negative values ({values.min():.3g}), as scaled data do"
    odd = values[values != np.round(values)]
    if len(odd):
        # log2(TPM + 1) of whole genomes stays below 20
        kind = "log-transformed" if values.max() < 20 else "normalised (TPM, CPM or the like)"
        return f"holds values that are not whole numbers (such as {odd[0]:.4g}; it looks {kind})"
    return ""


def _refuse_empty(data: anndata.AnnData, path: Path) -> None:
    for n, what in ((data.n_obs, "barcodes"), (data.n_vars, "genes"), (data.X.nnz, "molecules")):
        if n == 0:
            raise UnreadableFile(path.name, f"the library has no {what}; was the run finished?")


def _refuse_genomes(genomes: list[str], path: Path) -> None:
    if len(genomes) > 1:
        what = (
            f"it holds several genomes ({', '.join(genomes)}); give the library of the human genome"
        )
        raise UnreadableFile(path.name, what)
    if not genomes:
        raise UnreadableFile(path.name, "it holds no gene expression; is it a Cell Ranger file?")


def _strings(values: h5py.Dataset) -> npt.NDArray[Any]:
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values[:]], object)


def _one_of(folder: Path, *names: str) -> Path:
    for name in names:
        for candidate in (folder / name, folder / f"{name}.gz"):
            if candidate.exists():
                return candidate
    raise UnreadableFile(folder.name, f"the folder has no {' or '.join(names)} (nor .gz)")


def _lines(path: Path) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        return [line.rstrip("\r\n") for line in stream if line.strip()]
