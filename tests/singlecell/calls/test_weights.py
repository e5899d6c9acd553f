from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from itc_analysis.singlecell.calls.weights import NOT_T_CALLS, genes_of_calls, read_evidence

EVIDENCE = read_evidence()
#: Columns of the ABIS matrix that each class of the evidence stands for.
ABIS = {
    "mait": ["MAIT"],
    "gd_vd2": ["T gd Vd2"],
    "gd_other": ["T gd non-Vd2"],
    "cd8_memory": ["T CD8 Memory"],
    "cd8_naive": ["T CD8 Naive"],
    "cd4_memory": ["T CD4 Memory"],
    "cd4_naive": ["T CD4 Naive"],
    "nk": ["NK"],
    "b": ["B Naive", "B Memory"],
    "myeloid": ["Monocytes C", "Monocytes NC+I"],
}
ZHENG = {
    "nk": ["CD56+ NK"],
    "b": ["CD19+ B"],
    "myeloid": ["CD14+ Monocyte"],
    "cd8_naive": ["CD8+/CD45RA+ Naive Cytotoxic"],
    "cd4_naive": ["CD4+/CD45RA+/CD25- Naive T"],
    "cd4_memory": ["CD4+/CD45RO+ Memory"],
}


@pytest.mark.real_data
def test_levels_from_abis_are_the_published_tpm_over_100(real_data: Path) -> None:
    path = real_data / "singlecell/20_abis_sorted_bulk/sigmatrixRNAseq.txt"
    table = pd.read_csv(path, sep="\t", index_col=0)
    n_checked = 0
    for level in EVIDENCE.levels.values():
        if level.source != "abis":
            continue
        for gene, rates in level.genes.items():
            for name, columns in ABIS.items():
                expected = table.loc[gene, columns].mean() / 100
                # written to two digits; what rounds below 0.005 is left out
                assert rates.get(name, 0) == pytest.approx(expected, rel=0.06, abs=0.0051), (
                    gene,
                    name,
                )
                n_checked += 1
    assert n_checked > 200


@pytest.mark.real_data
def test_levels_from_sorted_cells_are_what_those_cells_show(real_data: Path) -> None:
    import anndata

    data = anndata.read_h5ad(real_data / "singlecell/17_pbmc_facs_sorted/pbmc_facs.h5ad")
    for level in EVIDENCE.levels.values():
        if level.source != "zheng":
            continue
        for gene in level.genes:
            rates = dict(zip(EVIDENCE.names, EVIDENCE.per_class(level.genes[gene]), strict=True))
            column = np.flatnonzero(data.var["symbol"] == gene)
            for name, types in ZHENG.items():
                rows = np.flatnonzero(data.obs["celltype"].isin(types))
                shown = 1e4 * data.X[rows][:, column].sum() / data.X[rows].sum()
                # within a factor of 2 (one level stands for all T cells), or the purity of sorting:
                # 0.65 is 5 % of a strong T cell gene
                assert rates[name] == pytest.approx(shown, rel=1, abs=0.65), (gene, name)


@pytest.mark.real_data
def test_genes_of_each_population_rank_as_in_sorted_bulk(real_data: Path) -> None:
    """Facts of the ABIS SOURCE.md: NK express TRDC, MAIT do not; SLC4A10 is the MAIT gene."""
    rate = {
        gene: dict(zip(EVIDENCE.names, EVIDENCE.per_class(level.genes[gene]), strict=True))
        for level in EVIDENCE.levels.values()
        for gene in level.genes
    }
    assert rate["TRDC"]["gd_vd2"] > rate["TRDC"]["gd_other"] > rate["TRDC"]["nk"] > 10
    assert rate["TRDC"]["mait"] < 0.01
    others = [rate["SLC4A10"][name] for name in EVIDENCE.names if name not in ("mait", "inkt")]
    assert rate["SLC4A10"]["mait"] > 9 * max(others)
    assert rate["KLRB1"]["mait"] > rate["KLRB1"]["gd_vd2"] > rate["KLRB1"]["nk"]


def test_every_source_is_explained_and_every_class_known() -> None:
    levels = list(EVIDENCE.levels.values()) + list(EVIDENCE.segments.values())
    receptor = EVIDENCE.receptor
    used = {item.source for item in levels} | {receptor.chains.source, receptor.alpha_kinds.source}
    assert used <= set(EVIDENCE.sources)
    known = set(EVIDENCE.names) | set(EVIDENCE.families) | set(NOT_T_CALLS)
    for level in EVIDENCE.levels.values():
        for rates in level.genes.values():
            assert set(rates) <= known
    for segment in EVIDENCE.segments.values():
        assert set(segment.share) <= known
        assert max(segment.share.values()) <= 1


def test_kinds_of_chains_are_shares_that_add_up_to_one() -> None:
    for kinds in (EVIDENCE.receptor.alpha_kinds, EVIDENCE.receptor.beta_kinds):
        total = sum(
            EVIDENCE.per_class(values) for name, values in kinds if name != "source" and values
        )
        ab = [EVIDENCE.names.index(name) for name in EVIDENCE.families["ab"]]
        # the shares of strays were rounded to one digit
        np.testing.assert_allclose(total[ab], 1, atol=0.06)


def test_mixtures_are_the_mean_of_their_parents() -> None:
    rates = dict(
        zip(EVIDENCE.names, EVIDENCE.per_class({"b": 4.0, "cd4_memory": 2.0}), strict=True)
    )
    assert rates["doublet_t_b"] == 3.0
    assert rates["doublet_t_myeloid"] == 1.0
    assert rates["other"] == 0.0


def test_genes_that_a_call_asks_for_define_it() -> None:
    of_calls = genes_of_calls(read_evidence())
    defining, weighing = of_calls["innate_cd8"]
    assert {"CD8A", "CD8B", "KLRC1", "KIR3DL1"} <= defining
    assert "EOMES" in weighing
    assert "EOMES" not in defining
    assert "TRAV1-2" in of_calls["mait"][0]
    assert {"TRDC", "CD3D"} <= of_calls["gd_t_cells"][0]
    assert of_calls["cd4_t_cells"][0] == {"CD4", "CD8A", "CD8B"}
    assert "GNLY" not in weighing
