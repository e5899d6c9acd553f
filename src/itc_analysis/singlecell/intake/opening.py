"""Open every library of a study before anything is computed, and say what is wrong with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.errors import ItcError
from itc_analysis.singlecell.intake.contigs import read_contigs
from itc_analysis.singlecell.intake.genes import explain_missing_t_genes
from itc_analysis.singlecell.intake.hashtags import check_hashtags
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.intake.pairing import explain_mismatch, is_pair


def open_libraries(rows: Sequence[Mapping[str, Any]]) -> list[ItcError]:
    """Return what is wrong with the files of libraries: counts, genes, contigs, and pairs of both.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        of the library sheet, paths joined to the data folder.

    Returns
    -------
    list of ItcError
        One error per library and fault. Contigs whose barcodes are those of another library are
        named with the library that they fit.
    """
    errors: list[ItcError] = []
    names: dict[str, pd.Index] = {}
    chains: dict[str, tuple[str, pd.Index]] = {}
    for row in rows:
        library = str(row["library_id"])
        try:
            data = read_library(row)
            names[library] = data.obs_names
            unclear = explain_missing_t_genes(data.var_names)
            if unclear:
                raise ItcError(Path(str(row["path"])).name, unclear)
            if row.get("hashtags"):
                file = Path(str(row["path"])).name
                check_hashtags(data.obsm.get("antibodies"), row["hashtags"], file)
            if row.get("contigs_path") is not None:
                path = str(row["contigs_path"])
                chains[library] = Path(path).name, pd.Index(read_contigs(path)["barcode"])
        except ItcError as error:
            errors.append(_of_library(library, error))
    for library, (file, barcodes) in chains.items():
        if library in names and not is_pair(barcodes, names[library]):
            others = {other: found for other, found in names.items() if other != library}
            text = explain_mismatch(barcodes, names[library], others=others)
            errors.append(_of_library(library, ItcError(file, text)))
    return errors


def _of_library(library: str, error: ItcError) -> ItcError:
    # Cell Ranger names every library's file alike
    return ItcError(f"library {library}, {error.source}", error.faults)
