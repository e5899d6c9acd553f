"""Single-cell libraries: read by scanpy and pandas, compared with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scanpy

from itc_analysis.simulate.cells.receptors import CONTIG_COLUMNS, draw_receptor
from itc_analysis.simulate.cells.transcriptome import INTERFERON_GENES, N_GENES, load_transcriptome
from itc_analysis.simulate.instrument.libraries import (
    SimulatedLibrary,
    simulate_library,
    write_library,
)
from itc_analysis.simulate.people import cohort
from itc_analysis.simulate.people.blood import draw_blood


def person(scenario: Any = "effect", group: str = "healthy", seed: int = 8) -> dict[str, Any]:
    people = cohort.simulate_measurement_truth(scenario, {group: 1}, seed)
    blood = draw_blood(people, np.random.default_rng(seed))
    return people.merge(blood, on="participant_id").to_dict("records")[0]


@pytest.fixture(scope="module")
def library() -> SimulatedLibrary:
    return simulate_library(person(), "effect", np.random.default_rng(3), n_barcodes=3000)


@pytest.fixture(scope="module")
def labels(library: SimulatedLibrary) -> np.ndarray:
    return np.array(library.labels)


def test_scanpy_reads_the_h5_as_10x(tmp_path: Path, library: SimulatedLibrary) -> None:
    write_library(tmp_path / "S001_cells", library, note="SIMULATED effect seed 1")
    read = scanpy.read_10x_h5(tmp_path / "S001_cells" / "filtered_feature_bc_matrix.h5")
    assert read.shape == (3000, N_GENES)
    assert list(read.var_names) == list(library.genes)
    assert list(read.obs_names) == list(library.barcodes)
    assert (library.counts != read.X).nnz == 0
    assert set(read.var["feature_types"]) == {"Gene Expression"}


def test_contigs_have_cell_rangers_columns_and_known_barcodes(
    tmp_path: Path, library: SimulatedLibrary
) -> None:
    write_library(tmp_path, library, note="SIMULATED")
    contigs = pd.read_csv(tmp_path / "filtered_contig_annotations.csv")
    assert tuple(contigs.columns) == CONTIG_COLUMNS
    assert set(contigs["barcode"]) <= set(library.barcodes)
    assert contigs["contig_id"].is_unique
    assert set(contigs["chain"]) == {"TRA", "TRB"}  # gamma-delta chains were not amplified
    productive = contigs[contigs["productive"]]
    assert (productive["cdr3_nt"].str.len() == 3 * productive["cdr3"].str.len()).all()
    assert productive["cdr3"].str.match("^C.*[FW]$").all()


def test_a_quarter_of_cells_lack_alpha(library: SimulatedLibrary, labels: np.ndarray) -> None:
    chains = library.contigs[library.contigs["productive"]].groupby("chain")["barcode"].agg(set)
    cells = np.array(library.barcodes)[labels == "cd4_t_cells"]
    assert np.isin(cells, list(chains["TRA"])).mean() == pytest.approx(0.75, abs=0.04)
    assert np.isin(cells, list(chains["TRB"])).mean() == pytest.approx(0.90, abs=0.03)


def test_invariant_receptors_follow_the_definitions() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        alpha, _beta = draw_receptor("mait", 0.03, rng)
        assert alpha.v_gene == "TRAV1-2"
        assert alpha.j_gene in {"TRAJ33", "TRAJ20", "TRAJ12"}
        assert len(alpha.cdr3) == 12
        alpha, beta = draw_receptor("inkt", 0.03, rng)
        assert (alpha.v_gene, alpha.j_gene, beta.v_gene) == ("TRAV10", "TRAJ18", "TRBV25-1")
        assert pd.Series([alpha.cdr3]).str.fullmatch("CVV.DRGSTLGRLYF").all()
        alpha, _beta = draw_receptor("cd4_t_cells", 0.5, rng)
        mait_like = alpha.v_gene == "TRAV1-2" and alpha.j_gene in {"TRAJ33", "TRAJ20", "TRAJ12"}
        assert not mait_like
        assert alpha.j_gene != "TRAJ18" or alpha.v_gene == "TRAV1-2"
        assert draw_receptor("vd2_gd", 0.03, rng).alpha is None
        assert draw_receptor("nk_cells", 0.03, rng) == (None, None)


def test_cells_are_the_participants(library: SimulatedLibrary, labels: np.ndarray) -> None:
    truth = person()
    is_t = ~np.isin(labels, ["b_cells", "nk_cells", "monocytes", "doublet", "low_quality"])
    assert is_t.mean() > 0.7  # enriched
    n = is_t.sum()
    for name in ("mait", "vd2_gd", "cd4_t_cells", "innate_cd8"):
        share = truth[f"share_{name}"]
        error = 4 * np.sqrt(share * (1 - share) / n)
        assert (labels == name).sum() / n == pytest.approx(share, abs=error), name
    assert (labels == "doublet").mean() == pytest.approx(0.03, abs=0.015)
    assert (labels == "low_quality").mean() == pytest.approx(0.05, abs=0.02)


def test_marker_genes_tell_the_populations(library: SimulatedLibrary, labels: np.ndarray) -> None:
    depth = library.counts.sum(axis=1).A1
    column = {gene: i for i, gene in enumerate(library.genes)}

    def rate(gene: str, label: str) -> float:
        chosen = labels == label
        counts = library.counts[chosen, column[gene]].sum()
        return float(1e4 * counts / depth[chosen].sum())

    assert rate("SLC4A10", "mait") > 10 * rate("SLC4A10", "cd4_t_cells")
    assert rate("KLRB1", "mait") > 5 * rate("KLRB1", "cd4_t_cells")
    assert rate("TRDV2", "vd2_gd") > 20 * rate("TRDV2", "cd4_t_cells")
    assert rate("TRDC", "nk_cells") > 1  # TRDC is not gamma-delta specific
    assert rate("CD3E", "nk_cells") < 0.2 * rate("CD3E", "cd4_t_cells")
    assert rate("TRAV1-2", "mait") > 10 * rate("TRAV1-2", "cd4_t_cells")
    assert rate("LYZ", "b_cells") > 0  # ambient RNA


def test_poor_droplets_are_empty_or_mitochondrial(
    library: SimulatedLibrary, labels: np.ndarray
) -> None:
    detected = library.counts.getnnz(axis=1)
    is_mito = np.char.startswith(np.array(library.genes), "MT-")
    mito = library.counts[:, is_mito].sum(axis=1).A1 / library.counts.sum(axis=1).A1
    poor = labels == "low_quality"
    assert ((detected < 200) | (mito > 0.2))[poor].all()
    assert ((detected > 200) & (mito < 0.2))[~poor].mean() > 0.99


def test_interferon_genes_follow_the_disease_in_effect_only() -> None:
    def interferon(scenario: Any) -> float:
        # the same person and random numbers in both scenarios
        truth = person(scenario, "SLE")
        one = simulate_library(truth, scenario, np.random.default_rng(1), n_barcodes=300)
        chosen = np.isin(one.genes, INTERFERON_GENES)
        return float(one.counts[:, chosen].sum() / one.counts.sum())

    assert interferon("effect") == pytest.approx(2.5 * interferon("null"), rel=0.1)


def test_genes_of_the_signatures_are_in_the_libraries() -> None:
    genes = load_transcriptome().genes
    assert len(genes) == len(set(genes)) == N_GENES
    wanted = {"KLRB1", "SLC4A10", "TRAV1-2", "ZBTB16", "TRDC", "TRDV1", "TRDV2", "TRGV9", "EOMES"}
    wanted |= {"PDCD1", "LAG3", "HAVCR2", "TIGIT", "CTLA4", "TOX", "ENTPD1", "CD69", "HLA-DRA"}
    wanted |= {"KIR2DL3", "KIR3DL1", "KLRC1", "FCER1G", "TYROBP", "KLRF1", "NCAM1", "ISG15", "MX1"}
    assert wanted <= set(genes)
