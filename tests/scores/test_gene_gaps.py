"""What filtered gene lists hide, on drawn molecules."""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.scores.samples.profiles import SingleCellTables, expect_hidden
from itc_analysis.tables import contract
from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth

#: Molecules per million of four genes, in libraries of half a million and of 4 million molecules.
RATES = np.array([1.0, 2.0, 4.0, 20.0]) * 1e-6
SMALL, LARGE, N = 500_000, 4_000_000, 400


def drawn(hidden: int) -> tuple[SingleCellTables, np.ndarray, list[str], list[str]]:
    """Return libraries that list genes with more than `hidden` molecules, and all molecules."""
    totals = np.repeat([SMALL, LARGE], N)
    molecules = np.random.default_rng(3).poisson(totals[:, None] * RATES)
    samples = [f"s{i}" for i in range(len(totals))]
    genes = [f"G{i}" for i in range(len(RATES))]
    bulk = [
        (sample, "t_cells", gene, float(molecules[i, j]))
        for i, sample in enumerate(samples)
        for j, gene in enumerate(genes)
        if molecules[i, j] > hidden
    ]
    # so that no list is that of another sample
    bulk += [
        (sample, "t_cells", f"digit {k} is {i >> k & 1}", 9.0)
        for i, sample in enumerate(samples)
        for k in range(10)
    ]
    columns = ["sample_id", "population", "gene", "n_counts"]
    depth = pd.DataFrame({"sample_id": samples, "population": "t_cells", "n_counts": totals})
    depth = depth.assign(n_cells=100, n_genes_measured=None, n_cells_hidden=hidden)
    tables = SingleCellTables(
        sources=pd.DataFrame({"source_id": samples, "sample_id": samples, "batch": "b"}),
        pseudobulk=contract.check(pd.DataFrame(bulk, columns=columns), Pseudobulk),
        depth=contract.check(depth, PseudobulkDepth),
    )
    return tables, molecules, genes, samples


def test_hidden_molecules_are_right_on_average() -> None:
    tables, molecules, genes, samples = drawn(hidden=2)
    listed = np.where(molecules > 2, molecules, 0)
    found = listed + expect_hidden(tables, genes, samples)[0]
    assert (found[molecules > 2] == molecules[molecules > 2]).all()
    for side in (slice(0, N), slice(N, None)):
        error = np.sqrt(molecules[side].mean(axis=0) / N)
        assert (np.abs(found[side].mean(axis=0) - molecules[side].mean(axis=0)) < 4 * error).all()
    # zeros would take half of a molecule and more from the small libraries alone
    assert (molecules[:N].mean(axis=0) - listed[:N].mean(axis=0))[:3].min() > 0.4


def test_a_filter_of_genes_without_molecules_hides_nothing() -> None:
    tables, _, genes, samples = drawn(hidden=0)
    assert not expect_hidden(tables, genes, samples)[0].any()
