"""The single-cell score beside those of R's UCell and Seurat on the same cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.scores.scoring.methods import Reference, pseudobulk_z

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.filterwarnings("ignore:Variable names are not unique"),  # of the public file
]

#: Clusters of fewer cells are noise in every program.
MIN_CELLS = 20
#: Gene sets of 15_reference_outputs; '-' marks a gene that counts against.
SETS = (
    "scGate_Exhausted",
    "SignatuR_Texh",
    "CellTypist_MAIT",
    "scGate_CD8_GD",
    "scGate_Cytotoxic",
    "scGate_CD8_N_with_negatives",
    "Terekhova_MAIT_top30",
    "Terekhova_gd_top30",
)


@pytest.fixture(scope="module")
def clusters(real_data: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Molecules per cluster (clusters x genes) and the cluster of each cell, 14 published
    clusters.
    """
    path = real_data / "singlecell/01_10x_5p_pbmc1k_gex_tcr/pbmc5p_1k_gex.h5ad"
    if not path.is_file():
        pytest.skip("01_10x_5p_pbmc1k_gex_tcr is absent")
    anndata = pytest.importorskip("anndata")
    cells = anndata.read_h5ad(path)
    label = cells.obs["ccRCC_cluster"].astype(str)
    size = label.value_counts()
    names = sorted(size.index[size >= MIN_CELLS])
    member = np.array([(label == name).to_numpy(dtype=float) for name in names])
    sums = pd.DataFrame(np.asarray(member @ cells.X), index=names, columns=cells.var_names)
    return sums.T.groupby(level=0).first().T.assign(_total=sums.sum(axis=1)), label


@pytest.mark.parametrize("name", SETS)
def test_clusters_stand_in_the_order_of_ucell_and_seurat(
    clusters: tuple[pd.DataFrame, pd.Series], real_data: Path, name: str
) -> None:
    """Sums of 14 clusters, scored as samples, against the mean of the cells' scores: rank
    correlation.

    Not equal by construction: UCell ranks the genes of each cell, Seurat subtracts random control
    genes, ours sums
    scaled rates. They agree with each other by 0.94 to 1.00, ours with either by 0.93 to 1.00.
    """
    sums, label = clusters
    folder = real_data / "singlecell/15_reference_outputs"
    lines = (folder / "pbmc5p_1k_gene_sets.gmt_like.tsv").read_text().splitlines()
    genes = {line.split("\t")[0]: line.split("\t")[1:] for line in lines}[name]
    found = {gene.rstrip("-"): -1.0 if gene.endswith("-") else 1.0 for gene in genes}
    found = {gene: weight for gene, weight in found.items() if gene in sums}
    everybody = Reference(
        participants=np.array(sums.index, dtype=object),
        batches=np.full(len(sums), "b", dtype=object),
        is_reference=np.ones(len(sums), dtype=bool),
        min_reference=3,
    )
    ours = pseudobulk_z(
        sums[list(found)].to_numpy(dtype=float),
        sums["_total"].to_numpy(dtype=float),
        np.array(list(found.values())),
        everybody,
    ).value
    for file, column in (
        ("pbmc5p_1k_UCell_maxRank1500.csv", f"{name}_UCell"),
        ("pbmc5p_1k_SeuratAddModuleScore_seed1_ctrl100.csv", name),
    ):
        cells = pd.read_csv(folder / file, index_col=0)[column].to_numpy()
        theirs = pd.Series(cells).groupby(label.to_numpy()).mean()[list(sums.index)]
        assert stats.spearmanr(ours, theirs).statistic >= 0.93
