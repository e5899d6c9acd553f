"""Tables of the single-cell room: the quality of libraries, called cells and their pseudobulk."""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import DETECTIONS, count, maybe_count, quantity, text

#: Populations that get a probability of their own in every cell.
INNATE = ("mait", "inkt", "gd_t_cells", "innate_cd8")


class LibraryQuality(Contract, key=("library_id",)):
    """One row per library: could it be used."""

    library_id: Series[pd.StringDtype] = text("The library.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    batch: Series[pd.StringDtype] = text("The library batch.")
    status: Series[pd.StringDtype] = text(
        "ok, unreadable or failed_quality.", allowed=["ok", "unreadable", "failed_quality"]
    )
    reason: Series[pd.StringDtype] = text("Why not ok.", nullable=True)
    n_barcodes: Series[int] = count("Barcodes in the file.", "cells")
    n_cells: Series[int] = count("Cells after quality control.", "cells")
    n_with_receptor: Series[pd.Int64Dtype] = maybe_count(
        "Cells with a productive receptor; null without contigs.", "cells"
    )
    share_ambient: Series[float] = quantity(
        "Share of a droplet's molecules that come from other cells, by the T cell genes that B "
        "cells and "
        "monocytes show; null where fewer than 50 of these can tell.",
        "share",
        0,
        1,
    )
    molecules_per_t_cell: Series[float] = quantity(
        "Depth: median number of molecules of a T cell; populations that RNA calls are found more "
        "often the higher it is. Null without T cells.",
        "molecules",
        0,
    )
    has_contigs: Series[bool] = pa.Field(description="Contigs were given.", metadata={"unit": ""})
    has_delta_contigs: Series[bool] = pa.Field(
        description="Gamma-delta receptors were enriched, so delta chains can call a cell.",
        metadata={"unit": ""},
    )
    remarks: Series[pd.StringDtype] = text("Other things to know about the library.", nullable=True)


class Cells(Contract, key=("library_id", "barcode")):
    """One row per cell after quality control, with the innate T call and its evidence."""

    library_id: Series[pd.StringDtype] = text("The library.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    barcode: Series[pd.StringDtype] = text("The barcode.")
    n_genes: Series[int] = count("Detected genes.", "genes")
    n_counts: Series[float] = quantity("Molecules (UMI).", "counts", 0)
    share_mito: Series[float] = quantity("Mitochondrial share.", "share", 0, 1)
    share_ribo: Series[float] = quantity("Share of ribosomal protein genes.", "share", 0, 1)
    share_haemoglobin: Series[float] = quantity("Share of haemoglobin genes.", "share", 0, 1)
    share_dissociation: Series[float] = quantity(
        "Share of genes that taking cells apart switches on (immediate-early, heat shock).",
        "share",
        0,
        1,
    )
    call: Series[pd.StringDtype] = text(
        "mait, inkt, gd_t_cells, innate_cd8, cd4_t_cells, cd8_t_cells, other_t_cells, not_t, "
        "doublet or indeterminate."
    )
    posterior: Series[float] = quantity("Posterior probability of the call.", "probability", 0, 1)
    posterior_t: Series[float] = quantity(
        "Posterior probability of being a T cell of any kind; counted as T from the call "
        "threshold on.",
        "probability",
        0,
        1,
    )
    posterior_mait: Series[float] = quantity("Probability of MAIT.", "probability", 0, 1)
    posterior_inkt: Series[float] = quantity("Probability of iNKT.", "probability", 0, 1)
    posterior_gd_t_cells: Series[float] = quantity(
        "Probability of a gamma-delta T cell.", "probability", 0, 1
    )
    posterior_innate_cd8: Series[float] = quantity(
        "Probability of an innate CD8 T cell.", "probability", 0, 1
    )
    mait_by_rna: Series[float] = quantity(
        "Probability of MAIT by RNA alone: what alpha chains can be compared with.",
        "probability",
        0,
        1,
    )
    has_alpha: Series[bool] = pa.Field(
        description="A productive alpha chain was seen.", metadata={"unit": ""}
    )
    receptor: Series[pd.StringDtype] = text(
        "What the contigs show: mait, inkt, ab, gd or doublet; null for no productive chain.",
        nullable=True,
    )
    decided_by: Series[pd.StringDtype] = text(
        "protein, receptor, rna, or both (receptor and rna).", nullable=True
    )
    is_conflict: Series[bool] = pa.Field(
        description="Receptor and RNA disagree.", metadata={"unit": ""}
    )


class Receptors(Contract, key=("library_id", "barcode", "chain", "number")):
    """One row per productive receptor chain of a cell after quality control.

    A cell without rows had no chain in the contig file, or its library has none; chains that were
    read twice stand once.
    """

    library_id: Series[pd.StringDtype] = text("The library.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    barcode: Series[pd.StringDtype] = text("The barcode, as in cells.")
    call: Series[pd.StringDtype] = text("What the cell was called, as in cells.")
    chain: Series[pd.StringDtype] = text("The chain.", allowed=["alpha", "beta", "gamma", "delta"])
    number: Series[int] = count(
        "1 for the cell's chain of this kind with most molecules.", "chains"
    )
    v_gene: Series[pd.StringDtype] = text(
        "V gene; null when the file leaves it open.", nullable=True
    )
    j_gene: Series[pd.StringDtype] = text(
        "J gene; null when the file leaves it open.", nullable=True
    )
    cdr3: Series[pd.StringDtype] = text("Amino acids of the junction, C to F or W.", nullable=True)
    n_umis: Series[pd.Int64Dtype] = maybe_count(
        "Molecules of the chain; null when the file does not say.", "counts"
    )


class SoftCounts(Contract, key=("library_id", "population")):
    """Innate populations of a library counted in three ways, to see what threshold and capture do.

    Shares of T cells are measured by n_corrected where it is known, and by n_called elsewhere.
    Where n_expected says something else, the calls hang on the threshold or on the receptors.
    """

    library_id: Series[pd.StringDtype] = text("The library.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.", allowed=list(INNATE))
    n_t_cells: Series[int] = count("T cells of the library.", "cells")
    n_called: Series[pd.Int64Dtype] = maybe_count(
        "Cells with the call; null when the library cannot show the population.", "cells"
    )
    n_expected: Series[float] = quantity("Sum of the cells' probabilities.", "cells", 0)
    standard_error: Series[float] = quantity(
        "Of n_expected, given the probabilities; sampling of cells not included.", "cells", 0
    )
    share_with_alpha: Series[float] = quantity(
        "Alpha-beta T cells with a productive alpha chain: the capture; null without contigs.",
        "share",
        0,
        1,
    )
    n_corrected: Series[float] = quantity(
        "n_called over share_with_alpha; null without contigs and for populations that no alpha "
        "chain defines.",
        "cells",
        0,
    )


class ThinnedCounts(Contract, key=("library_id", "population", "depth")):
    """Cells of a library that RNA calls, at its own depth and had it been sequenced less deeply.

    Calls by RNA need their genes to be seen, so a deeper library finds more of the same cells. Here
    molecules are dropped at random and the cells called again; shares are taken at one depth for
    the whole study (`itc measure`). Populations that a receptor proves have no rows.
    """

    library_id: Series[pd.StringDtype] = text("The library.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    depth: Series[float] = quantity("Median number of molecules of a T cell.", "molecules", 0)
    is_own: Series[bool] = pa.Field(
        description="Nothing was dropped: this is the library's own depth.", metadata={"unit": ""}
    )
    n_called: Series[int] = count("Cells with the call.", "cells")
    detection: Series[pd.StringDtype] = text("As in counts, of n_called.", allowed=DETECTIONS)
    n_expected: Series[float] = quantity(
        "Sum of the cells' probabilities; innate populations only.", "cells", 0
    )
    expected_se: Series[float] = quantity("Standard error of it.", "cells", 0)


class Pseudobulk(Contract, key=("sample_id", "population", "gene"), joined={"n_counts": "sum"}):
    """Molecules summed over the cells of a sample and population; those of a sample with libraries
    in several batches are added up when the batches are read.

    `t_cells` holds every gene of the library's list, zeros included; the other populations only
    genes with a count, so that a gene nobody could measure differs from a gene nobody expressed.
    """

    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    gene: Series[pd.StringDtype] = text("Gene symbol.")
    n_counts: Series[float] = quantity("Molecules.", "counts", 0)


class PseudobulkDepth(
    Contract,
    key=("sample_id", "population"),
    joined={
        "n_cells": "sum",
        "n_counts": "sum",
        "n_genes_measured": "max",
        "n_cells_hidden": "max",
    },
):
    """How many cells and molecules lie behind each pseudobulk profile; added up over batches as
    these.
    """

    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    n_cells: Series[int] = count("Cells summed.", "cells")
    n_counts: Series[float] = quantity("All molecules summed.", "counts", 0)
    n_genes_measured: Series[pd.Int64Dtype] = maybe_count(
        "Genes that the library could have shown; null where (nearly) every gene of its list has a "
        "molecule, so that rare genes may have been removed.",
        "genes",
    )
    n_cells_hidden: Series[pd.Int64Dtype] = maybe_count(
        "Cells that may show a gene that a filtered list lacks (2 for a filter of 3 cells); null "
        "where the list is not filtered.",
        "cells",
    )
