"""Open every library of a study before anything is computed, and say what is wrong with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.cohort.data_files import contig_files, copied_libraries
from itc_analysis.errors import ItcError
from itc_analysis.singlecell.intake.contigs import read_contigs
from itc_analysis.singlecell.intake.genes import explain_missing_t_genes
from itc_analysis.singlecell.intake.h5ad import OF_SEVERAL
from itc_analysis.singlecell.intake.hashtags import check_hashtags
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.intake.pairing import explain_mismatch, is_pair
from itc_analysis.singlecell.intake.pooled import is_of_sample, samples_given


def open_libraries(
    rows: Sequence[Mapping[str, Any]], *, min_genes: int = 0
) -> tuple[list[ItcError], list[str]]:
    """Return what is wrong with the files of libraries: counts, genes, contigs, pairs of both, and
    whose the cells of a pool are.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        of the library sheet, paths joined to the data folder.
    min_genes : int
        genes that a cell needs; a library that holds fewer cannot have one.

    Returns
    -------
    errors : list of ItcError
        One error per library and fault. Contigs whose barcodes are those of another library are
        named with the library that they fit.
    told : list of str
        What a person should look at: cells of several people under one sample, and cells that a
        table gives to a sample without a row.
    """
    told: list[str] = []
    errors: list[ItcError] = []
    names: dict[str, pd.Index] = {}
    chains: list[tuple[str, str, pd.Index]] = []
    for row in rows:
        library = str(row["library_id"])
        try:
            data = read_library(row)
            names[library] = data.obs_names
            if not row.get("cells_path") and not row.get("hashtags"):
                remarks = [text for text in data.uns["remarks"] if text.endswith(OF_SEVERAL)]
                told += [f"look at: library {library}: {text}" for text in remarks]
            unclear = explain_missing_t_genes(data.var_names)
            if not unclear and data.n_vars < min_genes:
                unclear = (
                    f"it holds {data.n_vars} genes, and a cell needs {min_genes} "
                    "(singlecell.min_genes): every cell would be dropped; give the whole matrix"
                )
            if unclear:
                raise ItcError(Path(str(row["path"])).name, unclear)
            if row.get("hashtags"):
                file = Path(str(row["path"])).name
                check_hashtags(data.obsm.get("antibodies"), row["hashtags"], file)
            is_of_sample(row, data.obs_names, data.obsm.get("antibodies"))
            for path in contig_files(row):
                chains.append((library, path.name, pd.Index(read_contigs(path)["barcode"])))
        except ItcError as error:
            errors.append(_of_library(library, error))
    for library, file, barcodes in chains:
        if library in names and not is_pair(barcodes, names[library]):
            others = {other: found for other, found in names.items() if other != library}
            text = explain_mismatch(barcodes, names[library], others=others)
            errors.append(_of_library(library, ItcError(file, text)))
    for library, text in copied_libraries(rows).items():
        errors.append(ItcError(f"library {library}", text))
    return errors, told + _of_nobody(rows)


def _of_nobody(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each table that gives cells to a sample without a row in the sheet."""
    known: dict[str, set[str]] = {}
    for row in rows:
        if row.get("cells_path"):
            known.setdefault(str(row["cells_path"]), set()).add(str(row["sample_id"]))
    lines = []
    for path, samples in known.items():
        try:
            given = samples_given(path)
        except ItcError:
            continue  # told with its library
        if unknown := sorted(given - samples):
            lines.append(
                f"look at: {Path(path).name}: the library sheet has no row for "
                f"{', '.join(unknown)}, whose cells are left out"
            )
    return lines


def _of_library(library: str, error: ItcError) -> ItcError:
    # Cell Ranger names every library's file alike
    return ItcError(f"library {library}, {error.source}", error.faults)
