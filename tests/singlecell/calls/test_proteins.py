from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from itc_analysis.singlecell.calls.call import call_cells
from itc_analysis.singlecell.calls.proteins import fit_peaks, name_proteins, weigh_proteins
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.calls.weights import read_evidence
from itc_analysis.singlecell.intake.contigs import read_contigs
from itc_analysis.singlecell.intake.library import read_library
from singlecell.made_cells import sheet_row, weigh_rna

EVIDENCE = read_evidence()


@pytest.mark.parametrize(
    ("name", "protein"),
    [
        ("CD3-TotalSeqC", "CD3"),
        ("CD3E_TotalSeqB", "CD3"),
        ("CD161_PROT", "CD161"),
        ("Hu.CD8", "CD8"),
        ("TCRgd-TotalSeqC", "TCRgd"),
        ("anti-human TCR γ/δ", "TCRgd"),
        ("TCR Vα7.2", "Va7.2"),
        ("TCR.V_alpha7.2", "Va7.2"),
        ("CD4_TotalA", "CD4"),
        ("Hu.CD3-UCHT1", "CD3"),
        ("Hu.CD4-RPA.T4", "CD4"),
        ("Hu.CD14-M5E2", "CD14"),
        ("Hu.TCR.Va7.2", "Va7.2"),
        ("TCR-V-7.2", "Va7.2"),
        ("anti-human_CD3_(UCHT1)", "CD3"),
        ("CD161_A0149", "CD161"),
        ("CD14.1", "CD14"),
    ],
)
def test_antibodies_are_known_by_the_names_that_vendors_give(name: str, protein: str) -> None:
    assert name_proteins(pd.Index(["CD45RA", name])) == {protein: name}


def test_neighbouring_names_are_other_proteins() -> None:
    others = ["CD45", "CD40", "CD8 isotype", "CD38", "CD34", "CD141", "CD197", "TCR", "CD141.1"]
    assert name_proteins(pd.Index(others)) == {}


def drawn(n: int, share: float, *, signal: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    is_positive = rng.random(n) < share
    return rng.poisson(np.where(is_positive, signal, 4) * rng.gamma(5, 0.2, n)), is_positive


def test_two_peaks_are_found_and_one_is_not_taken_for_two() -> None:
    counts, is_positive = drawn(2000, 0.3, signal=150)
    peaks = fit_peaks(np.log1p(counts))
    assert peaks.are_apart
    assert peaks.share_signal == pytest.approx(is_positive.mean(), abs=0.03)
    nothing, _ = drawn(2000, 0.0, signal=150)
    assert not fit_peaks(np.log1p(nothing)).are_apart


def library(seed: int = 1) -> pd.DataFrame:
    """CD4 on two of three cells, CD8 on the others; three antibodies that no cell carries."""
    rng = np.random.default_rng(seed)
    is_cd4 = np.arange(600) % 3 > 0
    rates = {
        "CD4_TotalC": np.where(is_cd4, 200, 5),
        "CD8_TotalC": np.where(is_cd4, 5, 300),
        "TCRgd_TotalC": np.full(600, 3),
        "IgG1": np.full(600, 4),
        "IgG2a": np.full(600, 5),
    }
    stain = rng.gamma(6, 1 / 6, 600)
    return pd.DataFrame({name: rng.poisson(rate * stain) for name, rate in rates.items()})


def test_a_protein_speaks_for_the_classes_that_carry_it_and_one_without_peaks_says_nothing() -> (
    None
):
    found, used = weigh_proteins(library(), evidence=EVIDENCE)
    assert set(used) == {"CD4", "CD8"}
    cd4, cd8 = (EVIDENCE.names.index(name) for name in ("cd4_memory", "cd8_memory"))
    is_cd4 = np.arange(600) % 3 > 0
    assert (found[is_cd4, cd4] > found[is_cd4, cd8]).mean() > 0.99
    assert (found[~is_cd4, cd4] < found[~is_cd4, cd8]).mean() > 0.99
    # no antibody says more than 99 to 1: two of them 2 log(99)
    assert np.ptp(found, axis=1).max() <= 2 * np.log(100) + 1e-9


@pytest.mark.parametrize("extra", [[], ["CD8"], ["CD8", "CD45RA"]])
def test_a_small_panel_of_t_cells_is_not_held_against_its_own_signals(extra: list[str]) -> None:
    """CD3 and CD4 on the same cells: their median is a signal there, and a background elsewhere."""
    rng = np.random.default_rng(2)
    kind = np.arange(900) % 3  # CD4, CD8, neither
    carried = {"CD3": kind < 2, "CD4": kind == 0, "CD8": kind == 1, "CD45RA": kind < 2}
    stain = rng.gamma(8, 1 / 8, 900)
    panel = pd.DataFrame(
        {n: rng.poisson(np.where(carried[n], 150, 8) * stain) for n in ["CD3", "CD4", *extra]}
    )
    found, used = weigh_proteins(panel, evidence=EVIDENCE)
    assert set(used) == {"CD3", "CD4", *extra} - {"CD45RA"}
    classes = ["cd4_memory", "cd8_memory", "b"]
    cd4, cd8, b = (found[:, EVIDENCE.names.index(name)] for name in classes)
    assert (cd4 > np.maximum(cd8, b))[kind == 0].mean() > 0.97
    assert (cd8 > np.maximum(cd4, b))[kind == 1].mean() > 0.97
    assert (b > cd4)[kind == 2].mean() > 0.97


def test_too_few_cells_form_no_peaks() -> None:
    found, used = weigh_proteins(library().head(50), evidence=EVIDENCE)
    assert not used
    assert not found.any()


@pytest.mark.real_data
def test_antibodies_move_real_calls_in_the_right_direction(real_data: Path) -> None:
    """320 T cells with RNA, 37 antibodies and contigs: what RNA left open, CD4 and CD8 protein
    decide.
    """
    folder = real_data / "singlecell/14_trex_gex_adt_tcr"
    data = read_library(sheet_row(folder / "trex_example.h5ad", "h5ad"))
    contigs = read_contigs(folder / "P17B_filtered_contig_annotations.csv.gz")
    receptors = summarise_receptors(contigs, data.obs_names)
    assert receptors["receptor"].notna().sum() > 200  # three modalities on the same cells
    antibodies = data.obsm["antibodies"]
    assert len(antibodies) == 320
    protein, used = weigh_proteins(antibodies, evidence=EVIDENCE)
    assert {"CD4", "CD8"} <= set(used)
    rna = weigh_rna(data, evidence=EVIDENCE)
    both = {
        name: call_cells(
            rna,
            receptors,
            evidence=EVIDENCE,
            call_threshold=0.8,
            has_contigs=True,
            protein=weights,
        )
        for name, weights in (("without", None), ("with", protein))
    }
    kinds = ["cd4_t_cells", "cd8_t_cells"]
    n_decided = {name: int(calls["call"].isin(kinds).sum()) for name, calls in both.items()}
    assert n_decided["with"] > n_decided["without"]
    level = {name: np.log1p(antibodies[f"{name}-TotalSeqC"]) for name in ("CD4", "CD8")}
    newly = both["with"]["call"].isin(kinds) & ~both["without"]["call"].isin(kinds)
    is_cd4 = (both["with"]["call"] == "cd4_t_cells")[newly]
    more_cd4 = (level["CD4"] - level["CD8"])[newly]
    assert more_cd4[is_cd4].median() > more_cd4[~is_cd4].median() + 1
    # calls that RNA and receptor were sure of are hardly ever turned round
    sure = both["without"]["call"].isin(kinds)
    same = both["with"]["call"][sure] == both["without"]["call"][sure]
    assert same.mean() > 0.9
