from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from itc_analysis.config.sections import SingleCell
from itc_analysis.singlecell.calls.call import CALLS, call_cells, find_not_callable
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.calls.weights import read_evidence
from itc_analysis.singlecell.intake.contigs import read_contigs
from itc_analysis.singlecell.intake.library import read_library
from itc_analysis.singlecell.quality import cells as quality
from itc_analysis.tables.singlecell import INNATE
from singlecell import made_cells as made

EVIDENCE = read_evidence()
SETTINGS = SingleCell()
FOLDER_5P = "singlecell/01_10x_5p_pbmc1k_gex_tcr"


def called(
    data: anndata.AnnData, contigs: pd.DataFrame | None = None, *, threshold: float = 0.8
) -> pd.DataFrame:
    receptors = summarise_receptors(contigs, data.obs_names)
    rna = made.weigh_rna(data, evidence=EVIDENCE)
    return call_cells(
        rna,
        receptors,
        evidence=EVIDENCE,
        call_threshold=threshold,
        has_contigs=contigs is not None,
    )


def chains(of: Mapping[str, Sequence[tuple[str, str, str, str]]]) -> pd.DataFrame:
    locus = {"TRA": "alpha", "TRB": "beta", "TRG": "gamma", "TRD": "delta"}
    rows = [(name, locus[c[0]], *c[1:]) for name, many in of.items() for c in many]
    columns = ["barcode", "chain", "v_gene", "j_gene", "cdr3"]
    return pd.DataFrame(rows, columns=columns, dtype="string")


# --- real cells whose truth is known -----------------------------------------------------------


@pytest.fixture(scope="module")
def pbmc5p(real_data: Path) -> tuple[anndata.AnnData, pd.DataFrame, pd.DataFrame]:
    """Return the 1000 cells that pass quality control, their contigs, and their labels."""
    folder = real_data / FOLDER_5P
    path = folder / "pbmc5p_1k_gex.h5ad"
    data = read_library(made.sheet_row(path, "h5ad"))
    verdict = quality.judge_cells(quality.measure_cells(data), settings=SETTINGS)
    data = data[verdict.isna().to_numpy()].copy()
    contigs = read_contigs(folder / "vdj_v1_hs_pbmc_t_filtered_contig_annotations.csv")
    import h5py

    with h5py.File(path) as file:
        obs = anndata.io.read_elem(file["obs"])
    return data, contigs, obs.reindex(data.obs_names)


@pytest.mark.real_data
def test_receptor_proven_mait_are_called_when_the_contigs_are_withheld(pbmc5p: tuple) -> None:
    data, _, labels = pbmc5p
    is_mait = labels["tcr_MAIT"].to_numpy(dtype=bool)
    assert is_mait.sum() == 14
    calls = called(data)
    assert (calls["call"][is_mait] == "mait").sum() >= 12
    assert set(calls["decided_by"].dropna()) == {"rna"}


@pytest.mark.real_data
def test_rna_calls_of_mait_are_borne_out_by_withheld_beta_chains(pbmc5p: tuple) -> None:
    """Cells called MAIT by RNA whose alpha chain was not captured: their beta chains must be those
    of MAIT.

    Of other T cells 0.2 carry TRBV6 or TRBV20; of these cells far more should.
    """
    data, contigs, _ = pbmc5p
    calls = called(data)
    receptors = summarise_receptors(contigs, data.obs_names)
    no_alpha = (calls["call"] == "mait") & (receptors["n_alpha"] == 0) & (receptors["n_beta"] > 0)
    assert no_alpha.sum() >= 5
    assert (receptors.loc[no_alpha, "beta_kind"] == "mait").mean() > 0.6
    # and no cell called MAIT by RNA has only an alpha chain of another kind
    other = (calls["call"] == "mait") & (receptors["alpha_kind"] == "other").fillna(value=False)
    assert not other.any()


@pytest.mark.real_data
@pytest.mark.parametrize("with_contigs", [False, True])
def test_nk_cells_are_not_called_gamma_delta_although_they_show_trdc(
    pbmc5p: tuple, *, with_contigs: bool
) -> None:
    data, contigs, labels = pbmc5p
    is_nk = (labels["ccRCC_Minor"] == "NK.Cell").to_numpy()
    shows_trdc = (data[:, "TRDC"].X.toarray()[:, 0] > 0)[is_nk]
    assert is_nk.sum() > 55
    assert shows_trdc.mean() > 0.5  # the trap is there
    calls = called(data, contigs if with_contigs else None)
    assert (calls["call"][is_nk] == "gd_t_cells").sum() <= 1
    assert (calls["call"][is_nk] == "not_t").mean() > 0.75


@pytest.mark.real_data
def test_with_contigs_the_proven_mait_are_called_and_no_other_cell(pbmc5p: tuple) -> None:
    data, contigs, labels = pbmc5p
    is_mait = labels["tcr_MAIT"].to_numpy(dtype=bool)
    every = called(data, contigs)
    assert ((every["call"] == "mait").to_numpy() == is_mait).all()
    # those that look like MAIT cells but lack the chain keep their probability
    is_open = (every["call"] == "indeterminate") & (every["posterior_mait"] > 0.8)
    assert is_open.sum() >= 10
    calls = every[is_mait]
    assert (calls["decided_by"] == "both").sum() >= 10
    assert (calls["receptor"] == "mait").all()


@pytest.mark.real_data
def test_lineages_agree_with_labels_that_others_gave(pbmc5p: tuple) -> None:
    data, contigs, labels = pbmc5p
    calls = called(data, contigs)["call"]
    lineage = labels["ccRCC_Minor"].astype(str).to_numpy()
    assert (calls[lineage == "B.Cell"] == "not_t").mean() > 0.95
    assert (calls[lineage == "Monocyte"] == "not_t").mean() > 0.85
    assert (calls[lineage == "CD4.T.Cell"] == "cd4_t_cells").mean() > 0.9
    assert (calls[lineage == "CD8.T.Cell"] == "cd4_t_cells").mean() < 0.15


@pytest.mark.real_data
def test_sorted_nk_cells_are_no_t_cells_where_the_reference_lacks_receptor_genes(
    real_data: Path,
) -> None:
    path = real_data / "singlecell/17_pbmc_facs_sorted/pbmc_facs.h5ad"
    data = read_library(made.sheet_row(path, "h5ad"))
    import h5py

    with h5py.File(path) as file:
        celltype = anndata.io.read_elem(file["obs"])["celltype"].astype(str)
    calls = called(data)["call"]
    nk = calls[(celltype == "CD56+ NK").to_numpy()]
    assert len(nk) == 673
    assert not (calls == "gd_t_cells").any()
    assert (nk == "not_t").mean() > 0.9
    assert nk.isin(["not_t", "indeterminate"]).mean() > 0.99
    is_other = celltype.isin(["CD56+ NK", "CD19+ B", "CD14+ Monocyte"]).to_numpy()
    assert calls[is_other].isin(INNATE).mean() <= 0.005
    # MAIT cells hide among sorted cytotoxic CD8 cells, and nowhere else
    assert set(celltype[(calls == "mait").to_numpy()]) == {"CD8+ Cytotoxic T"}
    for name in ("CD4+ T Helper2", "CD4+/CD45RO+ Memory", "CD4+/CD45RA+/CD25- Naive T"):
        assert calls[(celltype == name).to_numpy()].isin(["cd8_t_cells", "not_t"]).mean() < 0.02
    reasons = find_not_callable(
        made.weigh_rna(data, evidence=EVIDENCE),
        has_contigs=False,
        has_delta_contigs=False,
        evidence=EVIDENCE,
    )
    assert set(reasons) == {"gd_t_cells", "inkt", "mait"}


@pytest.mark.real_data
def test_gamma_delta_calls_in_lung_show_v_delta_genes_and_no_alpha_beta_pair(
    real_data: Path,
) -> None:
    folder = real_data / "singlecell/04_liao2020_balf_covid_gex_tcr"
    path = folder / "GSM4339772_C144_filtered_feature_bc_matrix.h5"
    data = read_library(made.sheet_row(path))
    verdict = quality.judge_cells(quality.measure_cells(data), settings=SETTINGS)
    data = data[verdict.isna().to_numpy()].copy()
    contigs = read_contigs(folder / "GSM4385993_C144_filtered_contig_annotations.csv.gz")
    receptors = summarise_receptors(contigs, data.obs_names)
    calls = called(data)  # contigs withheld
    is_gd = (calls["call"] == "gd_t_cells").to_numpy()
    assert is_gd.sum() >= 10
    # a pair was captured in about half of the alpha-beta cells, and in next to none of these
    has_pair = receptors["has_ab_pair"].to_numpy()
    assert has_pair[calls["call"].isin(["cd4_t_cells", "cd8_t_cells"])].mean() > 0.4
    assert has_pair[is_gd].mean() < 0.1
    with_contigs = called(data, contigs)["call"].to_numpy()
    assert not has_pair[with_contigs == "gd_t_cells"].any()
    v_delta = data[is_gd, ["TRDV1", "TRDV2", "TRDV3"]].X.toarray().sum(axis=1)
    assert (v_delta > 0).mean() > 0.9


@pytest.mark.real_data
def test_the_order_of_real_cells_and_genes_changes_no_call(pbmc5p: tuple) -> None:
    data, contigs, _ = pbmc5p
    rng = np.random.default_rng(5)
    turned = data[rng.permutation(data.n_obs), rng.permutation(data.n_vars)].copy()
    one, other = called(data, contigs), called(turned, contigs).reindex(data.obs_names)
    assert one["call"].tolist() == other["call"].tolist()
    np.testing.assert_allclose(one["posterior"], other["posterior"], rtol=1e-9)


# --- cells made by hand ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mait", "gd_t_cells", "cd4_t_cells", "cd8_t_cells", "innate_cd8"])
def test_a_typical_cell_is_called_by_rna(kind: str) -> None:
    found = called(made.blood(special=made.KINDS[kind])).loc["special"]
    assert found["call"] == kind
    assert found["decided_by"] == "rna"
    assert found["posterior_t"] > 0.9


@pytest.mark.parametrize("kind", ["nk", "b", "monocyte"])
def test_other_blood_cells_are_not_t(kind: str) -> None:
    found = called(made.blood(special=made.KINDS[kind])).loc["special"]
    assert found["call"] == "not_t"
    assert found["posterior_t"] < 0.2


def test_a_t_and_b_cell_in_one_droplet_is_a_doublet() -> None:
    assert called(made.blood(special=made.T_B_DOUBLET)).loc["special", "call"] == "doublet"


def test_inkt_are_never_called_by_rna_alone() -> None:
    assert called(made.blood(special=made.INKT)).loc["special", "call"] not in ("inkt", "not_t")


def test_an_invariant_receptor_makes_the_call_and_says_so() -> None:
    data = made.blood(inkt=made.INKT, mait=made.MAIT, plain=made.CD8)
    contigs = chains(
        {
            "inkt": [made.INKT_ALPHA, made.INKT_BETA],
            "mait": [made.MAIT_ALPHA, made.MAIT_BETA],
            "plain": [made.MAIT_ALPHA, made.MAIT_BETA],
        }
    )
    found = called(data, contigs)
    assert found.loc["inkt", "call"] == "inkt"
    assert found.loc["inkt", "decided_by"] == "receptor"
    assert found.loc["mait", "call"] == "mait"
    assert found.loc["mait", "decided_by"] == "both"
    assert not found.loc["mait", "is_conflict"]
    # RNA of an ordinary CD8 cell, receptor of a MAIT cell: said, whatever is called
    assert found.loc["plain", "is_conflict"]


def test_a_missing_alpha_chain_leaves_a_mait_cell_open_and_its_probability_alone() -> None:
    data = made.blood(mait=made.MAIT)
    without = called(data).loc["mait"]
    assert without["call"] == "mait"
    none = called(data, chains({})).loc["mait"]
    with_beta = called(data, chains({"mait": [made.MAIT_BETA]})).loc["mait"]
    other_beta = called(data, chains({"mait": [made.OTHER_BETA]})).loc["mait"]
    # sequenced receptors decide; what was not caught makes no other cell of it
    assert [row["call"] for row in (none, with_beta, other_beta)] == ["indeterminate"] * 3
    assert none["posterior_mait"] == pytest.approx(without["posterior_mait"])
    assert with_beta["posterior_mait"] > other_beta["posterior_mait"] > 0.8
    with_alpha = called(data, chains({"mait": [made.MAIT_ALPHA]})).loc["mait"]
    assert with_alpha["call"] == "mait"


def test_another_alpha_chain_speaks_against_mait() -> None:
    other = chains({"mait": [made.OTHER_ALPHA, made.OTHER_BETA]})
    data = made.blood(mait=made.MAIT, more=made.MAIT)
    assert called(data, other).loc["mait", "posterior"] < called(data).loc["mait", "posterior"]
    # RNA says MAIT and the receptor says no: neither is believed, and the cell says why
    found = called(data, other).loc["mait"]
    assert found["call"] == "indeterminate"
    assert found["is_conflict"]
    # nothing of the receptor that defines it, and another one
    unseen = {gene: n for gene, n in made.MAIT.items() if gene != "TRAV1-2"}
    data = made.blood(mait=unseen, more=made.MAIT)
    assert called(data).loc["mait", "call"] == "mait"
    assert called(data, other).loc["mait", "call"] != "mait"


def test_trdc_alone_makes_no_gamma_delta_cell() -> None:
    data = made.blood(
        nk=made.NK | {"TRDC": 15},
        nk_with_cd3e=made.NK | {"TRDC": 15, "CD3E": 3},
        gd=made.VD2,
    )
    found = called(data)["call"]
    assert found["nk"] == "not_t"
    assert found["nk_with_cd3e"] != "gd_t_cells"
    assert found["gd"] == "gd_t_cells"


def test_an_alpha_beta_pair_rules_gamma_delta_out() -> None:
    data = made.blood(cell=made.VD2)
    found = called(data, chains({"cell": [made.OTHER_ALPHA, made.OTHER_BETA]})).loc["cell"]
    assert found["call"] != "gd_t_cells"
    assert found["is_conflict"]


def test_a_delta_chain_proves_gamma_delta_where_the_genes_are_not_in_the_reference() -> None:
    lacking = ["TRDC", "TRDV2", "TRGV9", "TRGC1"]
    data = made.library(
        [made.CD4] * 20 + [made.VD2] * 2,
        without=lacking,
        names=[*(f"C{i}" for i in range(20)), "a", "b"],
    )
    found = called(data, chains({"a": [made.DELTA, made.GAMMA]}))
    assert found.loc["a", "call"] == "gd_t_cells"
    assert found.loc["a", "decided_by"] == "receptor"
    assert found.loc["b", "call"] != "gd_t_cells"


def test_three_beta_chains_make_a_doublet() -> None:
    data = made.blood(cell=made.CD4)
    beta = [("TRB", f"TRBV5-{i}", "TRBJ2-7", "CASSLDRTYEQYF") for i in (1, 4, 5)]
    found = called(data, chains({"cell": [made.OTHER_ALPHA, *beta]})).loc["cell"]
    assert found["call"] == "doublet"
    assert found["decided_by"] == "receptor"


def test_innate_cd8_needs_a_kir_or_nkg2a_molecule() -> None:
    plain = {gene: n for gene, n in made.INNATE_CD8.items() if not gene.startswith("KIR")}
    data = made.blood(plain=plain, kir=made.INNATE_CD8, nkg2a=plain | {"KLRC1": 2})
    found = called(data)["call"]
    assert found["plain"] != "innate_cd8"
    assert found["kir"] == "innate_cd8"
    assert found["nkg2a"] == "innate_cd8"


def test_a_mait_cell_with_a_kir_stays_mait() -> None:
    found = called(made.blood(cell=made.MAIT | {"KIR3DL1": 1}), chains({"cell": [made.MAIT_ALPHA]}))
    assert found.loc["cell", "call"] == "mait"


def test_a_t_cell_without_cd4_and_cd8_is_a_t_cell_of_no_stated_kind() -> None:
    found = called(made.blood(cell=made.T_CELL | {"CD8A": 1, "CD4": 1})).loc["cell"]
    assert found["call"] in ("other_t_cells", "cd4_t_cells", "cd8_t_cells", "indeterminate")
    assert found["posterior_t"] >= 0.8


def test_a_shallow_cell_without_markers_is_not_forced_into_a_kind() -> None:
    deep = made.blood()
    shallow = made.library([{}], depth=250, names=["poor"])
    found = called(anndata.concat([deep, shallow])).loc["poor"]
    assert found["call"] == "indeterminate"
    assert pd.isna(found["decided_by"])


def test_a_higher_threshold_only_moves_cells_to_indeterminate(pbmc5p: tuple) -> None:
    data, contigs, _ = pbmc5p
    low, high = called(data, contigs, threshold=0.6), called(data, contigs, threshold=0.95)
    moved = low["call"] != high["call"]
    assert moved.any()
    assert high["call"][moved].isin(["indeterminate", "other_t_cells"]).all()


def test_posteriors_are_probabilities_and_calls_are_known() -> None:
    found = called(made.blood(**made.KINDS))
    assert found["posterior"].between(0, 1).all()
    assert found["posterior_t"].between(0, 1).all()
    assert set(found["call"]) <= set(CALLS)
    sure = found["call"] != "indeterminate"
    assert (found.loc[sure, "posterior"] >= 0.8).all()
    assert found.loc[sure, "decided_by"].notna().all()


def test_what_a_library_cannot_show_is_told_with_the_reason() -> None:
    def reasons(without: list[str], *, contigs: bool, delta: bool) -> dict[str, str]:
        rna = made.weigh_rna(
            made.library(list(made.KINDS.values()), without=without), evidence=EVIDENCE
        )
        return find_not_callable(
            rna, has_contigs=contigs, has_delta_contigs=delta, evidence=EVIDENCE
        )

    assert reasons([], contigs=True, delta=False) == {}
    lacking = [gene for gene in made.GENES if gene.startswith("TRD")]
    found = reasons(lacking, contigs=False, delta=False)
    assert found["gd_t_cells"].endswith("none of TRDC, TRDV1, TRDV2, TRDV3")
    assert "RNA alone" in found["inkt"]
    assert "gd_t_cells" not in reasons(lacking, contigs=True, delta=True)


V_GENES = [gene for gene in made.GENES if gene.startswith(("TRAV", "TRBV", "TRDV", "TRGV"))]


def test_a_library_without_v_genes_and_contigs_abstains_from_mait_and_gamma_delta() -> None:
    data = made.library([made.CD4] * 20 + [made.MAIT] * 5 + [made.VD2] * 5, without=V_GENES)
    rna = made.weigh_rna(data, evidence=EVIDENCE)
    reasons = find_not_callable(rna, has_contigs=False, has_delta_contigs=False, evidence=EVIDENCE)
    assert set(reasons) == {"mait", "inkt", "gd_t_cells"}
    assert "not callable from this library" in reasons["mait"]
    found = call_cells(
        rna,
        summarise_receptors(None, data.obs_names),
        evidence=EVIDENCE,
        call_threshold=0.8,
        has_contigs=False,
        not_callable=reasons,
    )
    assert not found["call"].isin(["mait", "gd_t_cells"]).any()
    assert (found["posterior_t"] > 0.8).all()  # T cells they are all the same
    # contigs bring back what they can show
    again = find_not_callable(rna, has_contigs=True, has_delta_contigs=False, evidence=EVIDENCE)
    assert set(again) == {"gd_t_cells"}


@pytest.mark.real_data
@pytest.mark.parametrize("with_v_genes", [True, False])
def test_genes_without_a_molecule_change_no_call(pbmc5p: tuple, *, with_v_genes: bool) -> None:
    data, _, _ = pbmc5p
    if not with_v_genes:
        data = data[:, ~data.var_names.str.match(r"TR[ABDG]V")].copy()
    some = data[::7].copy()  # in fewer cells more genes have no molecule
    has_molecule = np.asarray((some.X > 0).sum(axis=0)).ravel() > 0
    more = anndata.AnnData(
        sp.hstack([some.X, sp.csr_matrix((some.n_obs, 3), dtype=some.X.dtype)], format="csr"),
        obs=some.obs,
        var=pd.DataFrame(index=[*some.var_names, "TRAV99", "TRAV98", "NOTAGENE"]),
    )
    one, other, third = called(some), called(some[:, has_molecule].copy()), called(more)
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(one, third)


@pytest.mark.real_data
def test_mait_of_five_prime_cells_are_left_open_when_v_genes_and_contigs_are_withheld(
    pbmc5p: tuple,
) -> None:
    data, _, _ = pbmc5p
    blind = data[:, ~data.var_names.str.match(r"TR[ABDG]V")].copy()
    reasons = find_not_callable(
        made.weigh_rna(blind, evidence=EVIDENCE),
        has_contigs=False,
        has_delta_contigs=False,
        evidence=EVIDENCE,
    )
    assert set(reasons) == {"mait", "inkt", "gd_t_cells"}
