from __future__ import annotations

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata.utils import make_index_unique
from scipy import stats

from itc_analysis.singlecell.scores.ranks import rank_scores, score_signatures


@pytest.mark.real_data
@pytest.mark.parametrize("max_rank", [500, 1500])
def test_scores_are_those_of_ucell_in_r(real_data: Path, max_rank: int) -> None:
    reference = real_data / "singlecell" / "15_reference_outputs"
    theirs = pd.read_csv(reference / f"pbmc5p_1k_UCell_maxRank{max_rank}.csv", index_col=0)
    with h5py.File(real_data / "singlecell/01_10x_5p_pbmc1k_gex_tcr/pbmc5p_1k_gex.h5ad") as file:
        counts = sp.csr_matrix(anndata.io.read_elem(file["X"]))
        genes = make_index_unique(anndata.io.read_elem(file["var"]).index.astype(str))
        barcodes = anndata.io.read_elem(file["obs"]).index
    # UCell in R counts a gene that the file lacks as one without a molecule; we leave it out
    lines = (reference / "pbmc5p_1k_gene_sets.gmt_like.tsv").read_text().splitlines()
    named = {gene.removesuffix("-") for line in lines for gene in line.split("\t")[1:]}
    lacking = sorted(named - set(genes))
    counts = sp.hstack([counts, sp.csr_matrix((counts.shape[0], len(lacking)))], format="csr")
    genes = genes.append(pd.Index(lacking))
    checked = 0
    for line in lines:
        name, *members = line.split("\t")
        positive = [gene for gene in members if not gene.endswith("-")]
        negative = [gene[:-1] for gene in members if gene.endswith("-")]
        if negative:  # a set with negative genes is cut off at 0 in UCell
            both = rank_scores(counts, genes, {"+": positive, "-": negative}, max_rank=max_rank)
            ours = np.maximum(both[:, 0] - both[:, 1], 0)
        else:
            ours = rank_scores(counts, genes, {"+": positive}, max_rank=max_rank)[:, 0]
        expected = theirs.loc[barcodes, f"{name}_UCell"]
        np.testing.assert_allclose(ours, expected, atol=1e-6)
        checked += 1
    assert checked == 8


def drawn(seed: int, n_genes: int = 120) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(0.3, 2, n_genes), (30, n_genes))
    counts[:, 3] *= 200  # beyond the numbers that are counted
    counts[:, 4] = counts[:, 3]
    return sp.csr_matrix(counts.astype(np.int32))


@pytest.mark.parametrize("max_rank", [10, 50, 1500])
def test_ranks_are_those_of_scipy(max_rank: int) -> None:
    counts, genes = drawn(1), pd.Index([f"G{i}" for i in range(120)])
    sets = {"a": ["G3", "G4", "G7", "G90"], "b": ["G1"], "c": ["NOT"], "all": list(genes[:40])}
    found = rank_scores(counts, genes, sets, max_rank=max_rank)
    limit = min(max_rank, 120)
    ranks = stats.rankdata(-counts.toarray(), axis=1)
    ranks = np.minimum(ranks, limit)
    for k, members in enumerate(sets.values()):
        place = [genes.get_loc(gene) for gene in members if gene in genes]
        n = len(place)
        if not n:
            assert not found[:, k].any()
            continue
        least = n * (n + 1) / 2
        expected = 1 - (ranks[:, place].sum(axis=1) - least) / (n * limit - least)
        np.testing.assert_allclose(found[:, k], np.maximum(expected, 0), atol=1e-12)


def test_the_order_of_genes_and_cells_changes_no_score() -> None:
    counts, genes = drawn(2), pd.Index([f"G{i}" for i in range(120)])
    rng = np.random.default_rng(3)
    rows, columns = rng.permutation(30), rng.permutation(120)
    sets = {"a": ["G5", "G6", "G60"]}
    one = rank_scores(counts, genes, sets)
    other = rank_scores(sp.csr_matrix(counts[rows][:, columns]), genes[columns], sets)
    np.testing.assert_allclose(one[rows], other)


def test_negative_genes_lower_a_score_and_thin_signatures_are_not_scored() -> None:
    counts, genes = drawn(4), pd.Index([f"G{i}" for i in range(120)])
    sheet = pd.DataFrame(
        {
            "signature": ["up", "both", "both", "thin", "thin"],
            "assay": "singlecell",
            "feature": ["G3", "G3", "G7", "G5", "NOT"],
            "weight": [1.0, 1.0, -1.0, 1.0, 1.0],
        }
    )
    barcodes = pd.Index([f"C{i}" for i in range(30)])
    found = score_signatures(counts, genes, sheet, barcodes=barcodes)
    assert (found.values["both"] <= found.values["up"]).all()
    assert found.values["thin"].isna().all()
    assert found.not_scored == {"thin": "1 of 2 genes are in the library's reference, 60% needed"}
