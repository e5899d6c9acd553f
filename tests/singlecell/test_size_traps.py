"""Sizes and types at which libraries of common versions are known to break."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from itc_analysis.singlecell.calls.call import call_cells
from itc_analysis.singlecell.calls.receptors import summarise_receptors
from itc_analysis.singlecell.calls.weights import read_evidence
from itc_analysis.singlecell.pseudobulk import SampleSums, tabulate
from itc_analysis.singlecell.scores.ranks import rank_scores
from singlecell import made_cells as made

EVIDENCE = read_evidence()


def called(data: anndata.AnnData) -> pd.DataFrame:
    return call_cells(
        made.weigh_rna(data, evidence=EVIDENCE),
        summarise_receptors(None, data.obs_names),
        evidence=EVIDENCE,
        call_threshold=0.8,
        has_contigs=False,
    )


@pytest.mark.slow
def test_neighbours_of_more_than_8192_cells_are_found() -> None:
    """pynndescent 0.7 next to scanpy 1.11 stops here."""
    import scanpy

    rng = np.random.default_rng(1)
    data = anndata.AnnData(rng.normal(size=(8300, 5)).astype(np.float32))
    scanpy.pp.neighbors(data, n_neighbors=10, use_rep="X", random_state=1)
    assert data.obsp["connectivities"].shape == (8300, 8300)


def test_a_csr_array_is_called_summed_and_scored_as_a_csr_matrix() -> None:
    data = made.blood(**made.KINDS)
    other = anndata.AnnData(sp.csr_array(data.X), obs=data.obs, var=data.var)
    pd.testing.assert_frame_equal(called(data), called(other))
    sets = {"a": ["CD3D", "KLRB1"]}
    np.testing.assert_array_equal(
        rank_scores(data.X, data.var_names, sets), rank_scores(other.X, other.var_names, sets)
    )


def test_a_donor_without_cells_has_rows_without_molecules() -> None:
    sums = {"empty": SampleSums(), "full": SampleSums()}
    data = made.blood(**made.KINDS)
    sums["full"].add(data, called(data), call_threshold=0.8)
    profiles, depth = tabulate(sums)
    assert (depth.set_index("sample_id").loc["empty", "n_cells"] == 0).all()
    assert set(profiles["sample_id"]) == {"full"}
