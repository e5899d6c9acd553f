"""Calls at lower depths: a deep library thinned says what a shallow one of the same cells says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from itc_analysis.config.sections import CellCalling
from itc_analysis.singlecell.calls.call import call_cells
from itc_analysis.singlecell.calls.evidence import wanted_genes, weigh_molecules
from itc_analysis.singlecell.calls.molecules import Molecules, take_molecules
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.calls.weights import read_evidence
from itc_analysis.singlecell.thinning import GRID, Caller, count_thinned, thin

EVIDENCE, SETTINGS = read_evidence(), CellCalling()
WITH_CONTIGS = {"library_id": "L", "sample_id": "S", "contigs_path": "contigs.csv"}


@pytest.fixture(scope="module")
def taken() -> Molecules:
    """Return the molecules of a simulated library of 3 000 droplets."""
    from itc_analysis.simulate.instrument.libraries import simulate_library
    from itc_analysis.simulate.people import blood, cohort

    truth = cohort.simulate_measurement_truth("null", 2, 1)
    drawn = blood.draw_blood(truth, np.random.default_rng(1))
    more = [c for c in drawn.columns if c not in truth.columns]
    person = truth.merge(drawn[["participant_id", *more]], on="participant_id").iloc[0].to_dict()
    library = simulate_library(person, "null", np.random.default_rng(4), n_barcodes=3000)
    counts = sp.csr_matrix(library.counts.astype(np.float32))
    return take_molecules(counts, pd.Index(library.genes), wanted_genes(EVIDENCE))


def caller(taken: Molecules) -> Caller:
    barcodes = pd.Index([f"c{i}" for i in range(len(taken.depth))])
    receptors = summarise_receptors(None, barcodes)

    def call(molecules: Molecules) -> pd.DataFrame:
        return call_cells(
            weigh_molecules(molecules, barcodes, evidence=EVIDENCE),
            receptors,
            evidence=EVIDENCE,
            call_threshold=0.8,
            has_contigs=False,
        )

    return Caller(taken, call, {"inkt": "no receptor contigs"})


def counted(taken: Molecules, row: dict[str, Any] = WITH_CONTIGS) -> pd.DataFrame:
    made = caller(taken)
    return count_thinned(row, made, made.call(taken), settings=SETTINGS)


def test_a_thinned_library_calls_what_one_of_half_the_depth_calls(taken: Molecules) -> None:
    """Both at 1 000 molecules per T cell; the shallow one at its own depth finds far fewer."""
    half = thin(taken, 0.5, rng=np.random.default_rng(1))
    whole, shallow = counted(taken), counted(half)
    for population in ("gd_t_cells", "cd8_t_cells"):
        of = [rows[rows["population"] == population] for rows in (whole, shallow)]
        own = [rows.loc[rows["is_own"], "n_called"].item() for rows in of]
        alike = [rows.loc[rows["depth"] == 1000, "n_called"].item() for rows in of]
        assert own[1] < 0.85 * own[0]
        assert abs(alike[0] - alike[1]) < 3 * np.sqrt(sum(alike))


def test_every_depth_of_the_grid_below_the_own_one_is_counted(taken: Molecules) -> None:
    rows = counted(taken)
    rows = rows[rows["population"] == "gd_t_cells"]
    own = rows.loc[rows["is_own"], "depth"].item()
    assert own == rows["depth"].max()
    below = sorted(rows.loc[~rows["is_own"], "depth"])
    assert below == [depth for depth in GRID if 0.1 * own <= depth < own]


def test_what_a_receptor_proves_has_no_rows(taken: Molecules) -> None:
    with_contigs = set(counted(taken)["population"])
    assert with_contigs == {"gd_t_cells", "innate_cd8", "cd4_t_cells", "cd8_t_cells"}
    without = counted(taken, WITH_CONTIGS | {"contigs_path": None})
    assert set(without["population"]) == with_contigs | {"mait"}


def test_thinning_is_the_same_in_every_run_and_another_in_every_library(taken: Molecules) -> None:
    one, again = counted(taken), counted(taken)
    pd.testing.assert_frame_equal(one, again)
    other = counted(taken, WITH_CONTIGS | {"library_id": "M"})
    assert not one["n_called"].equals(other["n_called"])


@pytest.mark.parametrize("part", [0.2, 0.7])
def test_thinning_keeps_the_part_that_was_asked_for(taken: Molecules, part: float) -> None:
    thinned = thin(taken, part, rng=np.random.default_rng(2))
    assert thinned.depth.sum() / taken.depth.sum() == pytest.approx(part, rel=0.01)
    kept = sum(found.sum() for found in thinned.of_gene.values())
    assert kept / sum(found.sum() for found in taken.of_gene.values()) == pytest.approx(
        part, rel=0.02
    )
    assert all((thinned.of_gene[gene] <= taken.of_gene[gene]).all() for gene in thinned.of_gene)
