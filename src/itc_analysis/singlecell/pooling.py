"""All T cells of a study as one AnnData on disk, put together library by library.

No more than one library is held at a time, so a million cells need no more memory than ten
thousand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
from anndata.io import read_elem, write_elem

from itc_analysis.errors import ItcError
from itc_analysis.singlecell.intake.hdf5 import read_numbers, write_numbers
from itc_analysis.whole_files import written_whole

#: Columns that say who the cell's person is, where the tables have them.
PERSON = ("participant_id", "group", "is_analysed", "age_years", "sex", "cmv_igg")


def open_cells(libraries: Sequence[Path], people: pd.DataFrame, path: Path) -> anndata.AnnData:
    """Open the T cells of a study, and put them together first when that has not been done.

    Parameters
    ----------
    libraries : sequence of Path
        `<library_id>.h5ad` files of `itc annotate`.
    people : pandas.DataFrame
        one row per sample: sample_id, and those of `PERSON` that are known. Cells of other samples
        are left out.
    path : Path
        where the pooled file is kept; it is made again when a library is newer, and for other
        libraries or people.

    Returns
    -------
    anndata.AnnData
        AnnData, backed: `X` whole numbers on disk (molecules), `obs` the calls, probabilities and
        rank scores of every cell and the columns of its person, names `<library_id>:<barcode>`.
        `adata.to_memory()` loads it, `adata[rows].to_memory()` a part of it.
    """
    if not libraries:
        what = "no library has cells here; is this a study with single-cell data?"
        raise ItcError(str(path.parent), what)
    newest = max(library.stat().st_mtime for library in libraries)
    is_old = not path.exists() or path.stat().st_mtime < newest
    if is_old or _made_from(path) != _digest(libraries, people):
        pool_libraries(sorted(libraries), people, path)
    return anndata.read_h5ad(path, backed="r")


def _digest(libraries: Sequence[Path], people: pd.DataFrame) -> str:
    """Return a digest of what is put together: which libraries, and what is known of whom."""
    names = sorted(library.stem for library in libraries)
    known = people.sort_values("sample_id").to_csv(index=False)
    return hashlib.sha256(json.dumps([names, known]).encode()).hexdigest()


def _made_from(path: Path) -> str:
    """Return the digest of what a pooled file was put together from; empty: it does not say."""
    with h5py.File(path) as file:
        return str(file["uns/made_from"].asstr()[()]) if "uns/made_from" in file else ""


def pool_libraries(libraries: Sequence[Path], people: pd.DataFrame, path: Path) -> None:
    """Write the cells of several libraries into one file, those of the samples in `people`; genes
    that a library lacks are 0 there.
    """
    genes = pd.Index([], dtype=object)
    described, lengths, is_kept = [], [], []
    for library in libraries:
        with h5py.File(library) as file:
            cells = read_elem(file["obs"]).reset_index(names="barcode")
            genes = genes.union(read_elem(file["var"]).index.astype(object), sort=False)
            stored = np.diff(file["layers/counts/indptr"][:])
        names = library.stem + ":" + cells["barcode"].astype(str)
        cells.index = pd.Index(names.to_numpy(dtype=object))
        cells = cells.astype(dict.fromkeys(cells.select_dtypes("category"), object))
        kept = cells["sample_id"].isin(people["sample_id"]).to_numpy()
        described.append(cells[kept])
        lengths.append(stored[kept])
        is_kept.append(np.repeat(kept, stored))
    obs = pd.concat(described).merge(
        people, on="sample_id", how="left", validate="many_to_one", suffixes=("", "_of_person")
    )
    obs.index = pd.concat(described).index
    for column in obs.columns[[pd.api.types.is_object_dtype(kind) for kind in obs.dtypes]]:
        obs[column] = obs[column].astype("category")
    for column in obs.select_dtypes("string").columns:
        obs[column] = obs[column].astype(object).astype("category")
    ends = np.concatenate([[0], np.cumsum(np.concatenate(lengths), dtype=np.int64)])
    with written_whole(path) as partial, h5py.File(partial, "w") as file:
        outline = anndata.AnnData(
            obs=obs,
            var=pd.DataFrame(index=genes),
            uns={"made_from": _digest(libraries, people)},
        )
        write_elem(file, "/", outline)
        for absent in ("X", "raw"):  # written as null, which a backed file cannot read
            if absent in file:
                del file[absent]
        group = file.create_group("X")
        group.attrs["encoding-type"] = "csr_matrix"
        group.attrs["encoding-version"] = "0.1.0"
        group.attrs["shape"] = np.array([len(obs), len(genes)], dtype=np.int64)
        # 64 bits: a large cohort has more than two thousand million values
        write_numbers(group, "indptr", [ends], length=len(ends), dtype=np.int64)
        for name in ("indices", "data"):
            blocks = _parts(libraries, name, genes, is_kept)
            write_numbers(group, name, blocks, length=int(ends[-1]), dtype=np.int32)


def _parts(
    libraries: Sequence[Path], name: str, genes: pd.Index, is_kept: Sequence[npt.NDArray[np.bool_]]
) -> Iterator[npt.NDArray[Any]]:
    for library, kept in zip(libraries, is_kept, strict=True):
        with h5py.File(library) as file:
            values = read_numbers(file[f"layers/counts/{name}"])
            if name == "indices":
                place = genes.get_indexer(read_elem(file["var"]).index.astype(object))
                values = place.astype(np.int32)[values]
        yield values if kept.all() else values[kept]
