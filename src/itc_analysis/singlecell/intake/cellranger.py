"""What Cell Ranger writes: h5 files of all versions, and folders with matrix.mtx."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import scipy.io
import scipy.sparse as sp

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.features import RawMatrix
from itc_analysis.singlecell.intake.genes import GENES
from itc_analysis.singlecell.intake.hdf5 import read_numbers, refuse_inflated


def read_10x_h5(path: Path) -> RawMatrix:
    """Read filtered_feature_bc_matrix.h5, or the filtered_gene_bc_matrices_h5.h5 of versions 1 and
    2.
    """
    genomes = None
    with h5py.File(path, "r") as file:
        refuse_inflated(file)
        if "matrix" in file:  # Cell Ranger 3 and later
            group = file["matrix"]
            features = group["features"]
            ids, names = _strings(features["id"]), _strings(features["name"])
            kinds = _strings(features["feature_type"])
            genomes = _strings(features["genome"]) if "genome" in features else None
            if not (kinds == GENES).any():
                raise UnreadableFile(
                    path.name, "it holds no gene expression; is it a Cell Ranger file?"
                )
        else:  # Cell Ranger 1 and 2: one group per genome
            group = file[_only_genome(sorted(file), path)]
            ids, names = _strings(group["genes"]), _strings(group["gene_names"])
            kinds = np.full(len(names), GENES, dtype=object)
        n_features, n_barcodes = (int(n) for n in group["shape"][:])
        # 10x writes features x barcodes by column, which is barcodes x features by row
        raw = RawMatrix(
            indptr=group["indptr"][:],
            indices=read_numbers(group["indices"]),
            values=read_numbers(group["data"]),
            barcodes=_strings(group["barcodes"]),
            ids=ids,
            names=names,
            kinds=kinds,
            genomes=genomes,
        )
    if (
        len(raw.indptr) != n_barcodes + 1
        or len(names) != n_features
        or len(raw.barcodes) != n_barcodes
    ):
        raise UnreadableFile(path.name, "its arrays do not fit one another; copy the file again")
    return raw


def read_10x_mtx(path: Path) -> RawMatrix:
    """Read a folder with matrix.mtx, barcodes.tsv and features.tsv or genes.tsv, each plain or
    gz.
    """
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
    if counts.shape != (len(barcodes), len(rows)):
        what = (
            f"matrix.mtx is {counts.shape[1]} x {counts.shape[0]}, but there are {len(rows)} "
            "features "
            f"and {len(barcodes)} barcodes; the three files are not of one run"
        )
        raise UnreadableFile(path.name, what)
    return RawMatrix(
        indptr=counts.indptr,
        indices=counts.indices,
        values=counts.data,
        barcodes=np.array(barcodes, dtype=object),
        ids=np.array([row[0] for row in rows], dtype=object),
        names=np.array([row[1] if len(row) > 1 else row[0] for row in rows], dtype=object),
        kinds=np.array([row[2] if len(row) > 2 else GENES for row in rows], dtype=object),
    )


def _only_genome(genomes: list[str], path: Path) -> str:
    if {"X", "obs", "var"} & set(genomes):
        what = "it is a file of scanpy (h5ad), not of Cell Ranger; write h5ad under `format`"
        raise UnreadableFile(path.name, what)
    if len(genomes) > 1:
        told = ", ".join(genomes)
        what = f"it holds several genomes ({told}); give the library of the human genome"
        raise UnreadableFile(path.name, what)
    if not genomes:
        raise UnreadableFile(path.name, "it holds no gene expression; is it a Cell Ranger file?")
    return genomes[0]


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
