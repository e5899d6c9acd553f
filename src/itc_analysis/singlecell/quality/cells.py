"""Which barcodes are cells that can be used, and why the others are not."""

from __future__ import annotations

from typing import Any

import anndata
import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.config.sections import CellCalling
from itc_analysis.plural import plural
from itc_analysis.statistics.robust import robust_sd

#: Symbols of the 37 genes of mitochondrial DNA start with this.
MITO_PREFIX = "MT-"
#: Genes of ribosomal proteins, and of haemoglobin.
RIBO_PATTERN, HAEMOGLOBIN_PATTERN = r"RP[LS]\d|RPLP\d|RPSA$", r"HB[ABDEGMQZ]\d?$"
#: Genes that enzymes and warmth switch on within the hour in which cells are taken apart
#: (van den Brink 2017, 10.1038/nmeth.4437: immediate-early genes and heat-shock proteins).
DISSOCIATION_GENES = (
    *(
        "ATF3",
        "DUSP1",
        "EGR1",
        "FOS",
        "FOSB",
        "HSPA1A",
        "HSPA1B",
        "HSP90AA1",
        "IER2",
        "JUN",
        "JUNB",
    ),
    *("NR4A1", "ZFP36"),
)
#: A cell with more than this share of molecules of another species is one of it, or a doublet.
MAX_SHARE_OTHER_GENOME = 0.1
#: Share of `min_genes` that a typical barcode has at least where the barcodes are cells.
LEAST_OF_A_CELL = 0.1
#: Fewer usable cells, or a smaller share of a file of cells, are said: shares of T cells of 20
#: cells are known to a fifth at best, and ordinary runs keep nine of ten barcodes.
FEWEST_USABLE, SMALLEST_USABLE = 20, 0.1
#: References list more genes than this; shorter lists are parts of one.
FEWEST_LISTED = 10_000
#: Order in which a barcode is judged; it is counted under the first reason that holds.
REASONS = ("other_genome", "few_genes", "mito", "outlier", "doublet")
WORDS = {
    "other_genome": "molecules of another species",
    "few_genes": "too few genes",
    "mito": "too large a mitochondrial share",
    "outlier": "molecules or genes far from the library's median",
    "doublet": "droplets with two cells",
}


def measure_cells(data: anndata.AnnData) -> pd.DataFrame:
    """Measure depth and the shares of telling genes of each barcode.

    Returns
    -------
    pandas.DataFrame
        Indexed by barcode: n_genes, n_counts (molecules), share_mito, share_ribo,
        share_haemoglobin, share_dissociation (0-1; null when the library lists none of these genes,
        and for a barcode without molecules), and share_other_genome, only where the file holds
        another species.
    """
    names = data.var_names.astype(str)
    groups = {
        "share_mito": names.str.startswith(MITO_PREFIX),
        "share_ribo": names.str.match(RIBO_PATTERN),
        "share_haemoglobin": names.str.match(HAEMOGLOBIN_PATTERN),
        "share_dissociation": names.isin(DISSOCIATION_GENES),
    }
    # no gene is in two groups; the last number stands for none
    group = np.full(len(names), len(groups), dtype=np.int8)
    for number, is_member in enumerate(groups.values()):
        group[np.asarray(is_member, dtype=bool)] = number
    matrix: Any = data.X
    totals = np.zeros((data.n_obs, len(groups) + 1))
    _sum_groups(matrix.indptr, matrix.indices, matrix.data, group, totals)
    n_counts = totals.sum(axis=1)
    measured = pd.DataFrame(
        {"n_genes": np.diff(matrix.indptr).astype(np.int64), "n_counts": n_counts},
        index=pd.Index(data.obs_names, name="barcode"),
    )
    for number, (name, is_member) in enumerate(groups.items()):
        share = np.full(len(n_counts), np.nan)
        if np.any(is_member):
            np.divide(totals[:, number], n_counts, out=share, where=n_counts > 0)
        measured[name] = share
    if "n_other_genome" in data.obs:
        foreign = data.obs["n_other_genome"].to_numpy(dtype=np.float64)
        measured["share_other_genome"] = foreign / np.maximum(n_counts + foreign, 1.0)
    return measured


def judge_cells(measured: pd.DataFrame, *, settings: CellCalling) -> pd.Series:
    """Say why each barcode is dropped; null for those that are kept.

    Parameters
    ----------
    measured : pandas.DataFrame
        from `measure_cells`.

    Returns
    -------
    pandas.Series
        other_genome (more than a tenth of molecules of another species); few_genes; mito (share
        above the limit of the settings); outlier (log molecules or log genes further than `n_mads`
        MADs from the median of the barcodes that passed so far); or null. A spread of zero, as
        among very few cells, makes nobody an outlier. Median and MAD follow Germain 2020
        (10.1186/s13059-020-02136-7).
    """
    verdict = pd.Series(pd.NA, index=measured.index, dtype="string", name="dropped_because")
    verdict[measured["n_genes"] < settings.min_genes] = "few_genes"
    if "share_other_genome" in measured:
        verdict[measured["share_other_genome"] > MAX_SHARE_OTHER_GENOME] = "other_genome"
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


def explain_bounds(measured: pd.DataFrame, *, settings: CellCalling) -> list[str]:
    """Say what a bound of the settings does to a library whose typical cell lies beyond it, and the
    cure.

    Bounds are the same for all libraries of a study. One that was sequenced less deeply loses all
    but its deepest cells by `min_genes`, and one of another tissue its cells by `max_share_mito`. A
    file of all droplets, where the typical barcode is empty, is not meant.

    Parameters
    ----------
    measured : pandas.DataFrame
        from `measure_cells`.
    """
    told = []
    n_genes = measured["n_genes"]
    typical = float(n_genes.median()) if len(n_genes) else 0.0
    if settings.min_genes * LEAST_OF_A_CELL <= typical < settings.min_genes:
        n_lost = int((n_genes < settings.min_genes).sum())
        told.append(
            f"the typical barcode has {typical:.0f} genes, fewer than `min_genes` of the settings "
            f"({settings.min_genes}), which dropped {n_lost} of {len(n_genes)}, the shallow ones "
            "first: if these are cells, set `singlecell: min_genes` lower for the study"
        )
    shares = measured.loc[n_genes >= settings.min_genes, "share_mito"].dropna()
    share = float(shares.median()) if len(shares) else 0.0
    if share > settings.max_share_mito:
        told.append(
            f"the typical cell is {share:.0%} mitochondrial, more than `max_share_mito` of the "
            f"settings ({settings.max_share_mito:.0%}): if its tissue explains that, set "
            "`singlecell: max_share_mito` higher for the study"
        )
    return told


def explain_few(
    verdict: pd.Series, measured: pd.DataFrame, *, n_listed: int, settings: CellCalling
) -> list[str]:
    """Say that hardly a barcode is usable, and the likely cause.

    Said below `FEWEST_USABLE` cells, and below `SMALLEST_USABLE` of the barcodes unless the typical
    barcode is an empty droplet.

    Parameters
    ----------
    verdict, measured : pandas.Series, pandas.DataFrame
        from `judge_cells` and `measure_cells`.
    n_listed : int
        genes in the list of the library.
    """
    n, n_usable = len(verdict), int(verdict.isna().sum())
    typical = float(measured["n_genes"].median()) if n else 0.0
    is_of_cells = typical >= settings.min_genes * LEAST_OF_A_CELL
    is_small = is_of_cells and n_usable < SMALLEST_USABLE * n
    if n_usable == n or not (n_usable < FEWEST_USABLE or is_small):
        return []
    reason = str(verdict.value_counts().index[0])
    cause = WORDS[reason]
    if reason == "few_genes" and n_listed < FEWEST_LISTED:
        cause += f" (it lists only {n_listed:,}: a part of the genes, as highly variable ones are?)"
    return [
        f"only {n_usable:,} of {plural(n, 'barcode')} can be used, most of the others were dropped "
        f"for {cause}"
    ]


def _mads_away(
    values: npt.NDArray[np.float64], reference: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return distances from the median of the reference cells, in robust standard deviations."""
    if not reference.any():
        return np.zeros(len(values))
    median = np.median(values[reference])
    spread = robust_sd(values[reference])
    if spread == 0:
        return np.zeros(len(values))
    away: npt.NDArray[np.float64] = np.abs(values - median) / spread
    return away


@numba.njit(cache=True, nogil=True)
def _sum_groups(indptr: Any, indices: Any, data: Any, group: Any, totals: Any) -> None:
    for row in range(indptr.shape[0] - 1):
        for i in range(indptr[row], indptr[row + 1]):
            totals[row, group[indices[i]]] += data[i]
