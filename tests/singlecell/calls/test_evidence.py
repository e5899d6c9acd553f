from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.singlecell.calls import evidence as weighing
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.calls.weights import read_evidence
from singlecell import made_cells as made

EVIDENCE = read_evidence()


def test_bins_follow_the_negative_binomial_of_scipy() -> None:
    model = EVIDENCE.model
    size = model.dispersion_size
    for mean in (0.1, 1.0, 8.0):
        drawn = stats.nbinom(size, size / (size + mean))
        stray = stats.poisson(0.3)
        totals = np.zeros(60)
        for own in range(40):
            for other in range(20):
                totals[own + other] += drawn.pmf(own) * stray.pmf(other)
        for bin_, expected in enumerate([totals[0], totals[1] + totals[2], 1 - totals[:3].sum()]):
            found = np.ones((1, 1))
            weighing.weigh_bins(
                found,
                np.array([bin_]),
                np.ones(1),
                np.array([mean]),
                np.array([0.3]),
                np.ones(1),
                model,
            )
            limited = min(max(expected, model.share_wrong), 1 - model.share_wrong)
            assert found[0, 0] == pytest.approx(limited, rel=1e-9)


def test_a_gene_that_the_reference_lacks_says_nothing() -> None:
    cells = [made.MAIT, made.CD4, made.NK]
    whole = made.weigh_rna(made.library(cells), evidence=EVIDENCE)
    lacking = made.library(cells, without=["TRDC"])
    found = made.weigh_rna(lacking, evidence=EVIDENCE)
    assert "TRDC" in whole.detected
    assert "TRDC" not in found.detected
    # without TRDC, gamma-delta and NK lose what it said, and nothing else moves by more than depth
    gd, cd4 = EVIDENCE.names.index("gd_vd2"), EVIDENCE.names.index("cd4_memory")
    change = found.log_likelihood - whole.log_likelihood
    assert change[1, gd] > change[1, cd4]


def test_the_same_molecules_say_more_against_a_class_in_a_deeper_cell() -> None:
    # other cells show the genes that are missed here: a gene without any molecule says nothing
    cells = [made.T_CELL, *made.KINDS.values()]
    shallow, deep = made.library(cells, depth=600), made.library(cells, depth=9000)
    mait = EVIDENCE.names.index("mait")
    naive = EVIDENCE.names.index("cd4_naive")
    odds = []
    for data in (shallow, deep):
        found = made.weigh_rna(data, evidence=EVIDENCE).log_likelihood
        odds.append(found[0, mait] - found[0, naive])
    # no KLRB1, no SLC4A10, no TRAV1-2: expected in a shallow MAIT cell, not in a deep one
    assert odds[1] < odds[0] < 2


def test_v_genes_are_not_missed_in_a_library_that_cannot_show_them() -> None:
    cells = [dict(made.T_CELL)] * 30
    found = made.weigh_rna(made.library(cells), evidence=EVIDENCE)
    assert not found.shows_segments
    five_prime = [made.CD8] * 30
    data = made.library(five_prime)
    assert made.weigh_rna(data, evidence=EVIDENCE).shows_segments


def test_no_receptor_is_no_evidence() -> None:
    found = summarise_receptors(None, pd.Index(["A-1", "B-1"]))
    assert not weighing.weigh_receptors(found, evidence=EVIDENCE).any()


def test_a_chain_that_is_missing_does_not_speak_against_mait() -> None:
    """Only a beta chain seen: the odds of MAIT to other alpha-beta cells are those of the beta
    chain.
    """
    contigs = pd.DataFrame(
        [("A-1", "beta", "TRBV6-4", "TRBJ2-1", "CASS")],
        columns=["barcode", "chain", "v_gene", "j_gene", "cdr3"],
        dtype="string",
    )
    found = weighing.weigh_receptors(
        summarise_receptors(contigs, pd.Index(["A-1"])), evidence=EVIDENCE
    )[0]
    mait, cd8 = EVIDENCE.names.index("mait"), EVIDENCE.names.index("cd8_memory")
    kinds = EVIDENCE.receptor.beta_kinds.mait
    assert found[mait] - found[cd8] == pytest.approx(math.log(kinds["mait"] / kinds["ab"]))
    assert found[mait] > found[cd8]
