"""Made-up pseudobulk with a known truth, for the tests of gene comparisons."""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.stats.questions.genes import GeneTables
from itc_analysis.tables import contract
from itc_analysis.tables.cohort import sheets
from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth

#: Genes at the end that hardly anybody expresses.
N_LOW = 5


def make_counts(people, *, n_up=10, n_genes=120, seed=4):
    """Negative binomial molecules, people x genes; the first genes fourfold in SSc, the last hardly
    expressed.
    """
    rng = np.random.default_rng(seed)
    mean = np.concatenate([np.geomspace(15, 400, n_genes - N_LOW), np.full(N_LOW, 0.3)])
    mu = np.outer(rng.lognormal(0, 0.3, len(people)), mean)
    mu[:, :n_up] *= np.where(people["group"] == "SSc", 4, 1)[:, None]
    molecules = rng.negative_binomial(5, 5 / (5 + mu))
    columns = [f"G{i:03d}" for i in range(n_genes)]
    return pd.DataFrame(molecules, index=people["participant_id"].tolist(), columns=columns)


def tables_of(counts, *, population="mait", n_cells=60, batch="b1", samples=None):
    """Gene tables from people x genes; one sample and library per person unless `samples` gives the
    owner of each row.
    """
    own = list(counts.index) if samples is None else samples
    ids = [f"s{i}" for i in range(len(counts))]
    long = counts.set_axis(ids).rename_axis("sample_id").reset_index()
    long = long.melt("sample_id", var_name="gene", value_name="n_counts")
    long = long.assign(n_counts=long["n_counts"].astype(float))
    pseudobulk = pd.concat(
        [
            long.assign(population="t_cells"),
            long[long["n_counts"] > 0].assign(population=population),
        ]
    )
    n = np.broadcast_to(n_cells, len(ids))
    depth = pd.DataFrame(
        {
            "sample_id": np.tile(ids, 2),
            "population": np.repeat(["t_cells", population], len(ids)),
            "n_cells": np.concatenate([np.full(len(ids), 1_000), n]),
            "n_counts": np.tile(counts.to_numpy().sum(axis=1), 2).astype(float),
            "n_genes_measured": counts.shape[1],
            "n_cells_hidden": pd.NA,
        }
    )
    sheet = pd.DataFrame({"sample_id": ids, "participant_id": own, "sample_type": "participant"})
    libraries = pd.DataFrame(
        {"library_id": ids, "sample_id": ids, "format": "10x_h5", "batch": batch}
    )
    return GeneTables(
        contract.make(pseudobulk.reset_index(drop=True), Pseudobulk),
        contract.make(depth, PseudobulkDepth),
        contract.make(sheet, sheets.SampleSheet),
        contract.make(libraries, sheets.Libraries),
    )
