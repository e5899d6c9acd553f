from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.calls.receptors import (
    alpha_kinds,
    beta_kinds,
    summarise_receptors,
)
from itc_analysis.singlecell.intake.contigs import read_contigs
from singlecell import made_cells as made


def contigs(path: Path, rows: list[tuple[str, tuple[str, str, str, str]]]) -> pd.DataFrame:
    table = pd.DataFrame([made.contig_row(barcode, *chain) for barcode, chain in rows])
    table.to_csv(path, index=False)
    return read_contigs(path)


def cells_with(table: pd.DataFrame, kinds: pd.Series, *wanted: str) -> set[str]:
    return set(table.loc[kinds.isin(wanted), "barcode"])


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "n_mait", "n_inkt", "n_paired"),
    [
        # counts as stated in the SOURCE.md files
        (
            "01_10x_5p_pbmc1k_gex_tcr/vdj_v1_hs_pbmc_t_filtered_contig_annotations.csv",
            182,
            14,
            2422,
        ),
        (
            "06_tcr_contigs_only/vdj_nextgem_hs_pbmc3_t_filtered_contig_annotations.csv.gz",
            62,
            2,
            1316,
        ),
        ("02_screpertoire_ards_gex_tcr/P17B_filtered_contig_annotations.csv.gz", 2, 0, None),
        ("02_screpertoire_ards_gex_tcr/P17L_filtered_contig_annotations.csv.gz", 40, None, None),
        ("02_screpertoire_ards_gex_tcr/P19B_filtered_contig_annotations.csv.gz", 32, None, None),
        ("02_screpertoire_ards_gex_tcr/P19L_filtered_contig_annotations.csv.gz", 25, None, None),
    ],
)
def test_published_files_hold_as_many_mait_and_inkt_as_stated(
    real_data: Path, name: str, n_mait: int, n_inkt: int | None, n_paired: int | None
) -> None:
    table = read_contigs(real_data / "singlecell" / name)
    alpha = table[table["chain"] == "alpha"]
    assert len(cells_with(alpha, alpha_kinds(alpha), "mait", "mait_other_length")) == n_mait
    if n_inkt is not None:
        assert len(cells_with(alpha, alpha_kinds(alpha), "inkt")) == n_inkt
    if n_paired is not None:
        found = summarise_receptors(table, pd.Index(table["barcode"].unique()))
        assert int(found["has_ab_pair"].sum()) == n_paired


@pytest.mark.real_data
def test_inkt_alpha_chains_pair_with_trbv25_as_stated(real_data: Path) -> None:
    folder = real_data / "singlecell"
    for name, n_paired in [
        ("01_10x_5p_pbmc1k_gex_tcr/vdj_v1_hs_pbmc_t_filtered_contig_annotations.csv", 13),
        ("06_tcr_contigs_only/vdj_nextgem_hs_pbmc3_t_filtered_contig_annotations.csv.gz", 1),
    ]:
        table = read_contigs(folder / name)
        found = summarise_receptors(table, pd.Index(table["barcode"].unique()))
        inkt = found[found["alpha_kind"] == "inkt"]
        assert int((inkt["beta_kind"] == "inkt").sum()) == n_paired


@pytest.mark.real_data
def test_odd_contig_files_load_or_give_a_sentence(real_data: Path) -> None:
    folder = real_data / "singlecell" / "22_odd_inputs"
    refused = {
        "scirpy/10x__sc5p_v2_hs_melanoma_10k_b_filtered_contig_annotations.csv.gz": "B cell "
        "receptors",
        "dandelion/annotation_10x_cr6.csv": "B cell receptors",
        "scirpy/airr__issue_625.tsv": "B cell receptors",
        "scirpy/airr__rearrangement_ig.tsv": "B cell receptors",
        "scirpy/10x__all_contig_annotations.json": "JSON",
        "scirpy/bd__test_per_cell_chain.csv": "Rhapsody",
        "scirpy/bd__test_unfiltered_contigs.csv": "Rhapsody",
        "celltypist_sample_cell_by_gene.csv.gz": "not a contig table",
    }
    for name, words in refused.items():
        with pytest.raises(UnreadableFile, match=words):
            read_contigs(folder / name)
    # none of the delta contigs is productive, however that is spelt
    for name in ("dandelion/annotation_10x_tr1.csv", "dandelion/annotation_10x_tr2.csv"):
        assert (read_contigs(folder / name)["chain"] != "delta").all()
    mixed = read_contigs(folder / "scirpy/10x__filtered_contig_annotations.csv")
    assert set(mixed["chain"]) <= {"alpha", "beta", "gamma", "delta"}
    dual = read_contigs(folder / "dandelion/annotation_10x_travdv.csv")
    assert not dual["v_gene"].isna().any()
    # AIRR: a V gene of both loci joined to a delta J gene, filed under TRA, is a delta chain
    delta = read_contigs(folder / "dandelion/airr_travdv.csv")
    assert set(delta["chain"]) == {"delta"}
    assert set(delta["j_gene"]) == {"TRDJ2"}
    # several V genes: which is open, so the chain proves nothing about its V gene
    several = read_contigs(folder / "scirpy/airr__tra_issue_280.tsv")
    alpha = several[several["chain"] == "alpha"]
    assert alpha["v_gene"].isna().all()
    assert alpha["j_gene"].tolist() == ["TRAJ31"]
    # immunoglobulin genes under locus TRB are no T cell chains
    assert read_contigs(folder / "scirpy/airr__rearrangement_trb.tsv").empty


@pytest.mark.real_data
def test_real_gamma_delta_clones_are_gamma_delta_pairs_with_dual_named_genes(
    real_data: Path, tmp_path: Path
) -> None:
    path = real_data / "singlecell/06_tcr_contigs_only/tcrdist3_sant2019_gamma_delta_clones.csv"
    clones = pd.read_csv(path, dtype=str).dropna(subset=["v_d_gene", "v_g_gene"])
    rows = []
    for i, clone in clones.iterrows():
        delta = ("TRD", clone["v_d_gene"].split("*")[0], "TRDJ1", clone["cdr3_d_aa"])
        gamma = ("TRG", clone["v_g_gene"].split("*")[0], "TRGJP", clone["cdr3_g_aa"])
        rows += [(f"C{i}-1", delta), (f"C{i}-1", gamma)]
    table = contigs(tmp_path / "gd.csv", rows)
    found = summarise_receptors(table, pd.Index(table["barcode"].unique()))
    assert len(found) == 363  # SOURCE.md: 366 clones, of which 3 have no delta gene
    assert found["has_gd_pair"].all()
    assert (found["receptor"] == "gd").all()
    assert int(table["v_gene"].str.contains("/DV").sum()) == 9  # SOURCE.md: dual-name trap


def test_each_rule_by_hand(tmp_path: Path) -> None:
    rows = [
        ("MAIT-1", made.MAIT_ALPHA),
        ("MAIT-1", made.MAIT_BETA),
        ("LONG-1", ("TRA", "TRAV1-2", "TRAJ33", "CAVRDSNYQLIWGGG")),
        ("OTHERJ-1", ("TRA", "TRAV1-2", "TRAJ45", "CAVRDSNYQLIW")),
        ("TRAV1-1-1", ("TRA", "TRAV1-1", "TRAJ33", "CAVRDSNYQLIW")),
        ("INKT-1", made.INKT_ALPHA),
        ("INKT-1", made.INKT_BETA),
        ("SHORT-1", ("TRA", "TRAV10", "TRAJ18", "CVVSDRGSTLG")),
        ("BETA-1", made.OTHER_BETA),
        ("GAMMA-1", made.GAMMA),
        ("GD-1", made.GAMMA),
        ("GD-1", made.DELTA),
        ("DUAL-1", made.OTHER_ALPHA),
        ("DUAL-1", made.MAIT_ALPHA),
    ]
    table = contigs(tmp_path / "c.csv", rows)
    names = list(dict.fromkeys(barcode for barcode, _ in rows))
    found = summarise_receptors(table, pd.Index([*names, "NOTHING-1"]))["receptor"]
    assert found.fillna("null").to_dict() == {
        "MAIT-1": "mait",
        "LONG-1": "mait",
        "OTHERJ-1": "ab",
        "TRAV1-1-1": "ab",
        "INKT-1": "inkt",
        "SHORT-1": "ab",
        "BETA-1": "ab",
        "GAMMA-1": "null",  # alpha-beta cells transcribe gamma too
        "GD-1": "gd",
        "DUAL-1": "mait",  # two alpha chains: the MAIT one tells
        "NOTHING-1": "null",
    }


def test_beta_families_do_not_swallow_their_neighbours() -> None:
    genes = ["TRBV6-4", "TRBV6", "TRBV20-1", "TRBV2", "TRBV25-1", "TRBV60-1", "TRBV20/OR9-2", None]
    kinds = beta_kinds(pd.DataFrame({"v_gene": pd.Series(genes, dtype="string")}))
    assert kinds.tolist()[:-1] == ["mait", "mait", "mait", "other", "inkt", "other", "other"]
    assert pd.isna(kinds.iloc[-1])  # no gene named is no evidence


def test_three_beta_chains_are_evidence_of_two_cells(tmp_path: Path) -> None:
    chains = [("TRB", f"TRBV5-{i}", "TRBJ2-7", f"CASS{'L' * i}YEQYF") for i in (1, 2, 3)]
    table = contigs(
        tmp_path / "c.csv",
        [("TWO-1", chains[0]), ("TWO-1", chains[1]), *(("THREE-1", chain) for chain in chains)],
    )
    found = summarise_receptors(table, pd.Index(["TWO-1", "THREE-1"]))
    assert found["receptor"].tolist() == ["ab", "doublet"]


@pytest.mark.parametrize("suffixes", [("-1", ""), ("", "-1"), ("-1", "-1"), ("", "")])
def test_barcodes_match_with_and_without_suffix(tmp_path: Path, suffixes: tuple[str, str]) -> None:
    in_contigs, in_library = suffixes
    table = contigs(tmp_path / "c.csv", [(f"AAAC{in_contigs}", made.MAIT_ALPHA)])
    found = summarise_receptors(table, pd.Index([f"AAAC{in_library}", f"TTTT{in_library}"]))
    assert found.index[0] == f"AAAC{in_library}"
    assert found["receptor"].fillna("null").tolist() == ["mait", "null"]


def test_unproductive_unsure_and_foreign_contigs_are_left_out(tmp_path: Path) -> None:
    rows = [made.contig_row(f"C{i}-1", *made.MAIT_ALPHA) for i in range(6)]
    rows[0]["productive"] = "False"
    rows[1]["productive"] = "None"
    rows[2]["is_cell"] = "False"
    rows[3]["high_confidence"] = "false"
    rows[4]["chain"] = "Multi"
    rows[5]["productive"] = "TRUE"
    path = tmp_path / "c.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    assert read_contigs(path)["barcode"].tolist() == ["C5-1"]


def test_none_is_not_a_gene(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    row = made.contig_row("C-1", "TRB", "None", "TRBJ2-1", "None")
    pd.DataFrame([row]).to_csv(path, index=False)
    table = read_contigs(path)
    assert table["v_gene"].isna().all()
    assert table["cdr3"].isna().all()


def test_absent_and_empty_contig_files_give_sentences(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="not there; check `contigs_path`"):
        read_contigs(tmp_path / "gone.csv")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(UnreadableFile, match="not a contig table"):
        read_contigs(empty)
    header = tmp_path / "header.csv"
    header.write_text("barcode,chain,v_gene,j_gene,productive,cdr3\n")
    with pytest.raises(UnreadableFile, match="has no rows"):
        read_contigs(header)
