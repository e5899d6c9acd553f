"""Write the T cells of a library as h5ad: counts once, calls next to them, in a form that R reads
too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp
from anndata.io import write_elem

from itc_analysis.singlecell.intake.hdf5 import write_numbers
from itc_analysis.singlecell.pseudobulk import T_CELLS, is_member
from itc_analysis.whole_files import written_whole

log = logging.getLogger(__name__)

#: The entry of `uns` that says who wrote a file.
_MARK = "itc_analysis"
#: Cells whose counts are put together at a time.
_CELLS_AT_A_TIME = 1000


def write_cells(
    data: anndata.AnnData,
    cells: pd.DataFrame,
    path: Path,
    *,
    scores: pd.DataFrame,
    not_callable: Mapping[str, str],
    call_threshold: float,
) -> None:
    """Write the T cells of a library, and those that may be: `layers["counts"]`, calls in `obs`; no
    `X`.

    Left out are cells that are surely no T cells: they stand in cells.parquet with their calls, and
    their counts in the file that the library came from.

    Parameters
    ----------
    data : anndata.AnnData
        molecules of the usable cells of a library.
    cells : pandas.DataFrame
        the Cells table of the library, in the order of `data`.
    scores : pandas.DataFrame
        one column per signature, cells in the order of `data`; written as `obs["ucell_..."]`.
    not_callable : mapping of str to str
        populations that the library cannot show, with the reason; kept in `uns`.
    call_threshold : float
        probability from which on a cell is a T cell.
    """
    is_t = is_member(cells, T_CELLS, call_threshold=call_threshold).to_numpy()
    rows = np.flatnonzero(
        is_t | ~cells["call"].isin(["not_t", "doublet", "indeterminate"]).to_numpy()
    )
    described = cells.iloc[rows].set_index("barcode")
    described.index = described.index.astype(object)
    text: list[str] = described.select_dtypes("string").columns.tolist()
    for column in text:
        described[column] = described[column].astype(object).astype("category")
    for name, values in scores.iloc[rows].items():
        described[f"ucell_{name}"] = values.to_numpy(dtype=np.float32)
    outline = anndata.AnnData(
        obs=described,
        var=data.var,
        uns={_MARK: json.dumps({"not_callable": dict(not_callable)}, sort_keys=True)},
    )
    with written_whole(path) as partial, h5py.File(partial, "w") as file:
        write_elem(file, "/", outline)
        _write_counts(file.require_group("layers"), data.X, rows)


def remove_others(folder: Path, written: Iterable[Path]) -> None:
    """Remove the files that an earlier run wrote there and this one does not: of a library that was
    withdrawn, or can no longer be read. Files that `write_cells` did not write stay.
    """
    for path in sorted(set(folder.glob("*.h5ad")) - set(written)):
        try:
            with h5py.File(path, "r") as file:
                is_own = f"uns/{_MARK}" in file
        except OSError:
            continue
        if is_own:
            path.unlink()
            log.info("%s is not of this batch any more: removed", path.name)


def _write_counts(layers: h5py.Group, counts: sp.csr_matrix, rows: npt.NDArray[np.intp]) -> None:
    """Write rows of a csr matrix as anndata does, block by block, without a copy of the whole."""
    lengths = np.diff(counts.indptr)[rows]
    ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    group = layers.create_group("counts")
    group.attrs["encoding-type"] = "csr_matrix"
    group.attrs["encoding-version"] = "0.1.0"
    group.attrs["shape"] = np.array([len(rows), counts.shape[1]], dtype=np.int64)
    n = int(ends[-1])
    write_numbers(group, "indptr", [ends], length=len(ends), dtype=np.int64)
    for name, values in (("indices", counts.indices), ("data", counts.data)):
        blocks = _blocks(values, counts.indptr, rows)
        write_numbers(group, name, blocks, length=n, dtype=np.int32)


def _blocks(
    values: npt.NDArray[Any], indptr: npt.NDArray[Any], rows: npt.NDArray[np.intp]
) -> Iterator[npt.NDArray[Any]]:
    for start in range(0, len(rows), _CELLS_AT_A_TIME):
        chosen = rows[start : start + _CELLS_AT_A_TIME]
        yield np.concatenate([values[indptr[row] : indptr[row + 1]] for row in chosen])
