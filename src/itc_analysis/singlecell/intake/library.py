"""Read one library, in whatever form Cell Ranger, scanpy or muon left it, as molecules per cell and
gene.

Every form ends in the same AnnData: `X` raw counts (csr, int32), one column per gene symbol in the
order of the file; antibody features apart in `obsm["antibodies"]`. What could only be guessed
(several human genomes, log values, unknown gene names) is refused in one sentence.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata
from isal import isal_zlib

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.cellranger import read_10x_h5, read_10x_mtx
from itc_analysis.singlecell.intake.features import assemble, refuse_empty, refuse_repeats
from itc_analysis.singlecell.intake.h5ad import read_h5ad, read_h5mu

log = logging.getLogger(__name__)

#: Format of the library sheet to its reader.
READERS = {
    "10x_h5": read_10x_h5,
    "10x_mtx": read_10x_mtx,
    "h5ad": read_h5ad,
    "h5mu": read_h5mu,
}
#: What h5py, scipy.io, anndata and the decompressors raise for truncated or foreign files.
_BROKEN = (OSError, KeyError, ValueError, TypeError, EOFError, RuntimeError, zlib.error)
_BROKEN_TOO: Any = (isal_zlib.error, AttributeError, IndexError)


def read_library(row: Mapping[str, Any]) -> anndata.AnnData:
    """Read the counts of one library.

    Parameters
    ----------
    row : mapping of str to object
        a row of the library sheet; `library_id`, `path` (joined to the data folder) and `format`
        are read.

    Returns
    -------
    anndata.AnnData
        AnnData with `X` molecules, csr_matrix of shape (n_barcodes, n_genes), int32; `obs_names`
        barcodes as in the file; `var_names` gene symbols, unique: genes that share a symbol are
        added up; `obs["n_other_genome"]` molecules of another species, where the file holds one;
        `obsm["antibodies"]` a table when the library has antibody features; `uns["remarks"]` a list
        of sentences about the file.

    Raises
    ------
    UnreadableFile
        the file is absent, broken or empty, holds several human genomes, values that are not
        counts, gene names that are not understood, a barcode twice, or cells twice.
    """
    path = Path(str(row["path"]))
    if not path.exists():
        raise UnreadableFile(path.name, "the file is not there; check `path` and the data folder")
    try:
        data = assemble(READERS[str(row["format"])](path), path)
    except (*_BROKEN, *_BROKEN_TOO) as error:
        raise UnreadableFile(
            path.name,
            f"not a readable {row['format']} library ({type(error).__name__}: {error}); "
            "check the `format` column and copy the file again",
        ) from None
    refuse_empty(data, path)
    refuse_repeats(data, path)
    log.debug("%s: %d barcodes, %d genes", path.name, *data.shape)
    return data
