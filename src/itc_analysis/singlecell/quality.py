"""Which barcodes are cells that can be used, and why the others are not."""

from __future__ import annotations

import anndata
import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import SingleCell

#: A MAD of normal data times this is its standard deviation.
MAD_TO_SD = 1.4826
#: Symbols of the 37 genes of mitochondrial DNA start with this.
MITO_PREFIX = "MT-"
#: Order in which a barcode is judged; it is counted under the first reason that holds.
REASONS = ("few_genes", "mito", "outlier")
WORDS = {
    "few_genes": "too few genes",
    "mito": "too large a mitochondrial share",
    "outlier": "molecules or genes far from the library's median",
}


def measure_cells(data: anndata.AnnData) -> pd.DataFrame:
    """Measure depth and mitochondrial share of each barcode.

    Returns
    -------
    Indexed by barcode: n_genes, n_counts (molecules), share_mito (0-1; null when the library has no
    mitochondrial gene, 0 molecules included).
    """
    counts = data.X
    n_counts = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    is_mito = data.var_names.str.startswith(MITO_PREFIX)
    share = np.full(len(n_counts), np.nan)
    if is_mito.any():
        mito = np.asarray(counts[:, np.flatnonzero(is_mito)].sum(axis=1), dtype=np.float64).ravel()
        np.divide(mito, n_counts, out=share, where=n_counts > 0)
    return pd.DataFrame(
        {
            "n_genes": np.diff(counts.indptr).astype(np.int64),
            "n_counts": n_counts,
            "share_mito": share,
        },
        index=pd.Index(data.obs_names, name="barcode"),
    )


def judge_cells(measured: pd.DataFrame, *, settings: SingleCell) -> pd.Series:
    """Say why each barcode is dropped; null for those that are kept.

    Parameters
    ----------
    measured : from `measure_cells`.

    Returns
    -------
    few_genes; mito (share above the limit of the settings); outlier (log molecules or log genes
    further than `n_mads` MADs from the median of the barcodes that passed so far); or null.
    A spread of zero, as among very few cells, makes nobody an outlier. Median and MAD follow
    Germain 2020 (10.1186/s13059-020-02136-7).
    """
    verdict = pd.Series(pd.NA, index=measured.index, dtype="string", name="dropped_because")
    verdict[measured["n_genes"] < settings.min_genes] = "few_genes"
    is_mito = (measured["share_mito"] > settings.max_share_mito).to_numpy()
    verdict[is_mito & verdict.isna().to_numpy()] = "mito"
    passed = verdict.isna().to_numpy() & (measured["n_counts"] > 0).to_numpy()
    far = np.zeros(len(measured), dtype=bool)
    for column in ("n_counts", "n_genes"):
        values = np.log1p(measured[column].to_numpy(dtype=np.float64))
        far |= _mads_away(values, passed) > settings.n_mads
    verdict[far & verdict.isna().to_numpy()] = "outlier"
    return verdict


def describe_dropped(verdict: pd.Series) -> str:
    """Return how many barcodes were dropped and why, in words."""
    counts = verdict.value_counts()
    parts = [f"{counts[name]} {WORDS[name]}" for name in REASONS if name in counts]
    return f"dropped {verdict.notna().sum()} of {len(verdict)} barcodes" + (
        f": {', '.join(parts)}" if parts else ""
    )


def _mads_away(
    values: npt.NDArray[np.float64], reference: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return distances from the median of the reference cells, in robust standard deviations."""
    if not reference.any():
        return np.zeros(len(values))
    median = np.median(values[reference])
    spread = MAD_TO_SD * np.median(np.abs(values[reference] - median))
    if spread == 0:
        return np.zeros(len(values))
    away: npt.NDArray[np.float64] = np.abs(values - median) / spread
    return away
