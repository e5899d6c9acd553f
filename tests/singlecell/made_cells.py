"""Cells made by hand for the tests of the single-cell room: each molecule is written down.

They show what immunology says a cell of a kind shows, not what `innate_evidence.yaml` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

from itc_analysis.singlecell.calls.evidence import Rna, wanted_genes, weigh_molecules
from itc_analysis.singlecell.calls.molecules import take_molecules
from itc_analysis.singlecell.calls.weights import Evidence

#: Molecules of a cell of ordinary depth; what is not named goes to genes that mean nothing here.
DEPTH = 4000
N_FILLER = 400

T_CELL = {"CD3D": 4, "CD3E": 5, "CD3G": 2, "TRAC": 4, "TRBC1": 3, "TRBC2": 5}
CD4 = T_CELL | {"CD4": 1, "CCR7": 2, "LEF1": 2, "TRAV8-1": 1}
CD8 = T_CELL | {"CD8A": 5, "CD8B": 4, "GZMK": 1, "TRAV21": 1}
MAIT = T_CELL | {"CD8A": 2, "SLC4A10": 2, "KLRB1": 6, "ZBTB16": 1, "RORC": 1, "TRAV1-2": 2}
INKT = T_CELL | {"KLRB1": 3, "ZBTB16": 1, "TRAV10": 2, "TRBV25-1": 2}
VD2 = {"CD3D": 5, "CD3E": 6, "CD3G": 3, "TRDC": 6, "TRDV2": 6, "TRGV9": 4, "TRGC1": 3, "KLRB1": 3}
NK = {"TRDC": 5, "KLRF1": 4, "NCAM1": 1, "FCER1G": 8, "TYROBP": 10, "KLRC1": 2, "KIR3DL1": 2}
INNATE_CD8 = T_CELL | {"CD8A": 6, "CD8B": 4, "KIR3DL1": 2, "KIR2DL3": 1, "EOMES": 1, "KLRC2": 1}
B_CELL = {"CD79A": 8, "MS4A1": 6, "CD79B": 5}
MONOCYTE = {"LYZ": 20, "CST3": 15, "CD14": 4, "FCN1": 6, "TYROBP": 12, "FCER1G": 8}
T_B_DOUBLET = T_CELL | B_CELL | {"CD4": 1}

KINDS = {
    "mait": MAIT,
    "inkt": INKT,
    "gd_t_cells": VD2,
    "innate_cd8": INNATE_CD8,
    "cd4_t_cells": CD4,
    "cd8_t_cells": CD8,
    "nk": NK,
    "b": B_CELL,
    "monocyte": MONOCYTE,
}
GENES = sorted({gene for kind in KINDS.values() for gene in kind})


def library(
    cells: Sequence[Mapping[str, int]],
    *,
    depth: int = DEPTH,
    without: Sequence[str] = (),
    names: Sequence[str] | None = None,
) -> anndata.AnnData:
    """Return cells with the molecules given; `without` genes are not in the reference."""
    genes = [gene for gene in GENES if gene not in without]
    filler = [f"FILLER{i}" for i in range(N_FILLER)]
    counts = np.zeros((len(cells), len(genes) + N_FILLER), dtype=np.float32)
    for row, cell in enumerate(cells):
        for gene, n in cell.items():
            if gene in genes:
                counts[row, genes.index(gene)] = n
        rest = max(depth - int(counts[row].sum()), 0)
        counts[row, len(genes) :] = rest // N_FILLER
        counts[row, len(genes) + row % N_FILLER] += rest % N_FILLER  # no two cells are alike
    index = list(names) if names is not None else [f"CELL{i:04d}-1" for i in range(len(cells))]
    return anndata.AnnData(
        sp.csr_matrix(counts), obs=pd.DataFrame(index=index), var=pd.DataFrame(index=genes + filler)
    )


def blood(**special: Mapping[str, int]) -> anndata.AnnData:
    """Return ordinary blood (40 CD4, 20 CD8, 10 NK, 10 B, 20 monocytes) and the special cells, by
    name.
    """
    ordinary = [CD4] * 40 + [CD8] * 20 + [NK] * 10 + [B_CELL] * 10 + [MONOCYTE] * 20
    names = [f"ORDINARY{i:03d}-1" for i in range(len(ordinary))]
    return library([*ordinary, *special.values()], names=[*names, *special])


def with_silent_genes(data: anndata.AnnData, n: int = 100) -> anndata.AnnData:
    """Return the library with `n` more genes in its list, as a reference has, without molecules."""
    silent = pd.DataFrame(index=[f"SILENT{i}" for i in range(n)])
    counts = sp.hstack([data.X, sp.csr_matrix((data.n_obs, n), dtype=np.float32)], format="csr")
    return anndata.AnnData(counts, obs=data.obs, var=pd.concat([data.var, silent]))


def contig_row(
    barcode: str, chain: str, v_gene: str, j_gene: str, cdr3: str, productive: str = "True"
) -> dict[str, str]:
    """Return one row of filtered_contig_annotations.csv, the columns that matter."""
    return {
        "barcode": barcode,
        "is_cell": "True",
        "contig_id": f"{barcode}_contig",
        "high_confidence": "True",
        "chain": chain,
        "v_gene": v_gene,
        "j_gene": j_gene,
        "full_length": "True",
        "productive": productive,
        "cdr3": cdr3,
    }


MAIT_ALPHA = ("TRA", "TRAV1-2", "TRAJ33", "CAVRDSNYQLIW")
INKT_ALPHA = ("TRA", "TRAV10", "TRAJ18", "CVVSDRGSTLGRLYF")
OTHER_ALPHA = ("TRA", "TRAV21", "TRAJ45", "CAVRGGGADGLTF")
MAIT_BETA = ("TRB", "TRBV6-4", "TRBJ2-1", "CASSDSGGTDTQYF")
INKT_BETA = ("TRB", "TRBV25-1", "TRBJ2-7", "CASSEYMEAGIPYEQYF")
OTHER_BETA = ("TRB", "TRBV5-1", "TRBJ2-7", "CASSLDRTYEQYF")
DELTA = ("TRD", "TRDV2", "TRDJ1", "CACDTVGDKLIF")
GAMMA = ("TRG", "TRGV9", "TRGJP", "CALWEVQELGKKIKVF")


def write_10x_h5(path: Path, data: anndata.AnnData, *, genome: str = "GRCh38") -> Path:
    """Write the layout of Cell Ranger 3."""
    counts = sp.csr_matrix(data.X)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["data"] = counts.data.astype(np.int32)
        group["indices"] = counts.indices.astype(np.int64)
        group["indptr"] = counts.indptr.astype(np.int64)
        group["shape"] = np.array(counts.shape[::-1], dtype=np.int32)
        group["barcodes"] = np.array(list(data.obs_names), dtype="S")
        features = group.create_group("features")
        features["id"] = np.array([f"ENSG{i:011d}" for i in range(data.n_vars)], dtype="S")
        features["name"] = np.array(list(data.var_names), dtype="S")
        features["feature_type"] = np.array(["Gene Expression"] * data.n_vars, dtype="S")
        features["genome"] = np.array([genome] * data.n_vars, dtype="S")
    return path


def sheet_row(path: Path, form: str = "10x_h5", **more: object) -> dict[str, object]:
    """Return a row of the library sheet."""
    return {
        "library_id": "lib1",
        "sample_id": "s1",
        "path": str(path),
        "format": form,
        "contigs_path": None,
        "has_gamma_delta_receptors": None,
        "batch": "b1",
    } | more


def weigh_rna(data: anndata.AnnData, *, evidence: Evidence) -> Rna:
    """Weigh the molecules of cells after quality control, as a library's are."""
    taken = take_molecules(data.X, data.var_names, wanted_genes(evidence))
    return weigh_molecules(taken, data.obs_names, evidence=evidence)
