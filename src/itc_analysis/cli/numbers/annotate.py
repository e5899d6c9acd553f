"""Call innate T cells in the single-cell libraries of one batch.

Reads each library and its receptor contigs, drops barcodes that are not cells, calls every cell
(MAIT, iNKT, gamma-delta, innate CD8, other T, not T, doublet, or indeterminate), counts the
populations and sums their molecules. Writes quality, cells, receptors, counts, soft_counts,
thinned_counts,
pseudobulk and pseudobulk_depth (Parquet) and one h5ad per library. A library that cannot be read is
recorded, and the others go on.
"""

from __future__ import annotations

import argparse
import logging


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--libraries", required=True, help="JSON list of rows of the library sheet")
    parser.add_argument("--signatures", required=True, help="signature sheet (TSV)")
    parser.add_argument("--output-folder", required=True, help="folder of the batch's tables")


def run(options: argparse.Namespace) -> None:
    """Annotate the libraries and write their tables."""
    import json
    from pathlib import Path

    from itc_analysis import provenance
    from itc_analysis.cohort.data_files import name_libraries, paths_of_libraries, there
    from itc_analysis.cohort.sheets.read import read_sheet
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import AnnotateSettings
    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.runs.contents import contents
    from itc_analysis.singlecell import annotate
    from itc_analysis.singlecell.calls.weights import read_evidence
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort.sheets import SignatureSheet
    from itc_analysis.tables.measured import Counts
    from itc_analysis.tables.singlecell import (
        Cells,
        LibraryQuality,
        Pseudobulk,
        PseudobulkDepth,
        Receptors,
        SoftCounts,
        ThinnedCounts,
    )

    settings = read_settings(options.config, AnnotateSettings).singlecell
    rows = json.loads(Path(options.libraries).read_text(encoding="utf-8"))
    if not rows:
        raise ItcError(options.libraries, "the list of libraries is empty")
    folder = Path(options.output_folder)
    tables = annotate.annotate_libraries(
        rows,
        settings=settings,
        evidence=read_evidence(),
        signatures=read_sheet(options.signatures, SignatureSheet),
        folder=folder,
    )
    changed = [
        Fault(f"library {row['library_id']}", "a file of it changed during the run", "run again")
        for row in rows
        if "content" in row and contents(paths_of_libraries([row])) != row["content"]
    ]
    if changed:
        raise ItcError(options.libraries, changed)
    made_by = provenance.describe(
        "itc annotate",
        parameters=settings.model_dump(mode="json"),
        data=there(name_libraries(rows)),
        packages=("anndata", "numpy", "pandas", "scipy"),
        methods=annotate.METHODS,
        citations=annotate.CITATIONS,
    )
    for name, table, form in (
        ("quality", tables.quality, LibraryQuality),
        ("cells", tables.cells, Cells),
        ("receptors", tables.receptors, Receptors),
        ("counts", tables.counts, Counts),
        ("soft_counts", tables.soft_counts, SoftCounts),
        ("thinned_counts", tables.thinned_counts, ThinnedCounts),
        ("pseudobulk", tables.pseudobulk, Pseudobulk),
        ("pseudobulk_depth", tables.pseudobulk_depth, PseudobulkDepth),
    ):
        contract.write(table, folder / f"{name}.parquet", form, provenance=made_by)
    n_ok = int((tables.quality["status"] == "ok").sum())
    logging.getLogger(__name__).info("%d of %d libraries annotated", n_ok, len(rows))
