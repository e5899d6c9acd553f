"""Does a cohort split at random show differences? `.venv/bin/python benchmarks/random_halves.py
[--halves N]`.

Forty healthy donors of OneK1K (public data, folder 18_onek1k_scdesignpop_40donors) fall into random
halves. Shares of four populations go through the models of `itc compare`, genes through those of
`itc compare-genes`, and the share of tests with p < 0.05 is printed with its 95 % Monte-Carlo
interval; halves, not tests, are what is counted, because the populations of a half and the genes of
a donor depend on one another.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import anndata
import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.stats.endpoint.deseq import contrast_genes, fit_genes
from itc_analysis.stats.models.linear import contrast, fit_least_squares
from itc_analysis.stats.multiplicity.adjust import adjust
from itc_analysis.stats.people.expression import filter_by_expression
from itc_analysis.stats.people.responses import HALF_CELL

ROOT = Path(__file__).resolve().parent.parent
DATA = "singlecell/18_onek1k_scdesignpop_40donors/onek1k_subset.h5ad"
#: As `singlecell.min_pseudobulk_cells`.
MIN_CELLS = 20
DIFFERENCE = np.array([1.0, -1.0])


def say(what: str, per_half: list[float]) -> None:
    """Print the mean over the halves with its interval."""
    mean, error = np.mean(per_half), np.std(per_half, ddof=1) / np.sqrt(len(per_half))
    print(
        f"{what}: {mean:.2%} ({mean - 1.96 * error:.2%} to {mean + 1.96 * error:.2%}), "
        f"{len(per_half)} halves"
    )


def halves(n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the design of one random split: columns of the first and the second half."""
    is_first = rng.permutation(np.arange(n) < n // 2)
    return np.column_stack([is_first, ~is_first]).astype(float)


def compare_shares(cells: pd.DataFrame, n_halves: int, rng: np.random.Generator) -> None:
    """Compare the share of each population on the logit scale, HC3."""
    counts = pd.crosstab(cells["indiv"].astype(str), cells["cell_type"].astype(str))
    total = counts.sum(axis=1).to_numpy()[:, None]
    logit = np.log((counts + HALF_CELL) / (total - counts + HALF_CELL)).to_numpy()
    hits = []
    for _ in range(n_halves):
        X = halves(len(counts), rng)
        p = [
            contrast(fit_least_squares(y, X), DIFFERENCE, confidence=0.95).p_value for y in logit.T
        ]
        hits.append(float(np.mean(np.array(p) < 0.05)))
    say(f"shares of {', '.join(counts.columns)}: p < 0.05", hits)


def compare_genes(data: anndata.AnnData, n_halves: int, rng: np.random.Generator) -> None:
    """Compare the genes of each population."""
    for kind in sorted(set(data.obs["cell_type"].astype(str))):
        cells = data[(data.obs["cell_type"] == kind).to_numpy()]
        donors = cells.obs["indiv"].astype(str)
        size = donors.value_counts()
        names = sorted(size.index[size >= MIN_CELLS])
        member = np.array([(donors == name).to_numpy(dtype=float) for name in names])
        counts = pd.DataFrame((member @ cells.X).astype(int), index=names, columns=cells.var_names)
        hits, claims = [], []
        for _ in range(n_halves):
            X = halves(len(names), rng)
            kept = counts.loc[:, filter_by_expression(counts.to_numpy(dtype=float), X)]
            p = contrast_genes(fit_genes(kept, X), DIFFERENCE)["p_value"].dropna()
            hits.append(float((p < 0.05).mean()))
            claims.append(float((adjust(p, method="bh") < 0.05).mean()))
        say(f"genes of {kind}, {len(names)} donors: p < 0.05", hits)
        say(f"genes of {kind}, {len(names)} donors: adjusted p < 0.05", claims)


def main() -> None:
    """Read the donors and print both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--halves", type=int, default=2_000, help="splits for the shares")
    parser.add_argument("--gene-halves", type=int, default=40, help="splits for the genes")
    options = parser.parse_args()
    folder = Path(os.environ.get("ITC_REAL_DATA", ROOT.parent / "shared" / "data"))
    data = anndata.read_h5ad(folder / DATA)
    rng = np.random.default_rng(3)
    compare_shares(data.obs, options.halves, rng)
    compare_genes(data, options.gene_halves, rng)


if __name__ == "__main__":
    main()
