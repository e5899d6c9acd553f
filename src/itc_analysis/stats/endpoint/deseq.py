"""Negative binomial regression of every gene, by PyDESeq2: dispersions are learned from all genes
together.

Love, Huber and Anders 2014 (doi:10.1186/s13059-014-0550-8), Muzellec et al. 2023
(doi:10.1093/bioinformatics/btad547). The library takes over a second to import, which only `itc
compare-genes` pays.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from itc_analysis.statistics.arrays import Matrix, Vector

if TYPE_CHECKING:
    from pydeseq2.dds import DeseqDataSet

log = logging.getLogger(__name__)

#: Fewer genes than this without a zero: the median of their ratios is one gene's biology rather
#: than depth, and genes with zeros take part as well (DESeq2's "poscounts").
MIN_GENES_WITHOUT_ZERO = 50
#: Decimals of the design: participants with the same covariates are replicates to the outlier rule,
#: whatever the rounding.
DECIMALS = 10
#: DESeq2's rule: a count is an outlier beyond this quantile of F(p, n - p) in Cook's distance,
#: unless as many other participants have more molecules of the gene; it judges participants with so
#: many replicates only.
COOKS_QUANTILE, MIN_REPLICATES = 0.99, 3
#: What the library warns of, and what is said with the result.
SAID = {
    "dispersion trend curve fitting did not converge": (
        "one dispersion for all genes: they follow no trend with the mean"
    ),
    "residual degrees of freedom is less than 3": (
        "few residual degrees of freedom: dispersions are poorly known"
    ),
}


@dataclass(frozen=True)
class FittedGenes:
    """All genes of one population, fitted.

    Parameters
    ----------
    size_factors : numpy.ndarray
        shape (n,), depth of each profile, geometric mean about 1.
    decided_by : pandas.Series
        by gene, the participant whose molecules alone would decide it; only genes that have one.
    remarks : tuple of str
        what must be said with the numbers.
    """

    dataset: DeseqDataSet
    size_factors: Vector
    decided_by: pd.Series
    remarks: tuple[str, ...]


def fit_genes(counts: pd.DataFrame, X: Matrix) -> FittedGenes:
    """Fit size factors, dispersions and coefficients.

    Parameters
    ----------
    counts : pandas.DataFrame
        participants x genes, whole numbers; every gene with a molecule in somebody.
    X : Matrix
        shape (n, p), full-rank design with n > p.
    """
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.default_inference import DefaultInference

    n_without_zero = int((counts > 0).all(axis=0).sum())
    names = [f"x{i}" for i in range(X.shape[1])]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        dataset = DeseqDataSet(
            counts=counts,
            metadata=pd.DataFrame(index=counts.index),
            design=pd.DataFrame(np.round(X, DECIMALS), index=counts.index, columns=names),
            size_factors_fit_type="ratio"
            if n_without_zero >= MIN_GENES_WITHOUT_ZERO
            else "poscounts",
            inference=DefaultInference(n_cpus=1),
            quiet=True,
        )
        dataset.deseq2()
    return FittedGenes(
        dataset,
        dataset.obs["size_factors"].to_numpy(dtype=float),
        _find_outliers(dataset),
        tuple(_remarks(heard)),
    )


def contrast_genes(fitted: FittedGenes, weights: Vector) -> pd.DataFrame:
    """Test a contrast of the coefficients in every gene by Wald's test, without shrinkage.

    Parameters
    ----------
    fitted : FittedGenes
        from `fit_genes`.
    weights : numpy.ndarray
        shape (p,).

    Returns
    -------
    pandas.DataFrame
        Table by gene: mean_count, log2_fold_change, standard_error (log2), statistic, p_value. p is
        NaN where one participant decides (`FittedGenes.decided_by`).
    """
    from pydeseq2.default_inference import DefaultInference
    from pydeseq2.ds import DeseqStats

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        found = DeseqStats(
            fitted.dataset,
            contrast=weights,
            cooks_filter=False,  # `decided_by` holds these genes and more
            independent_filter=False,  # filtered by expression before, and adjusted by the caller
            inference=DefaultInference(n_cpus=1),
            quiet=True,
        )
        found.summary()
    _remarks(heard)
    table: pd.DataFrame = found.results_df.set_axis(
        ["mean_count", "log2_fold_change", "standard_error", "statistic", "p_value", "p_adjusted"],
        axis=1,
    ).drop(columns="p_adjusted")
    table.loc[fitted.decided_by.index, "p_value"] = np.nan
    return table


def _find_outliers(dataset: DeseqDataSet) -> pd.Series:
    """Return genes that one participant decides, with the participant.

    The library judges only participants with replicates, that is with the same row in the design:
    with age in the model nobody has one, and one patient could carry a gene. Here those without
    replicates are judged by the same cut-off; the counts of those with seven or more have been
    replaced by the library, as in DESeq2.
    """
    design = dataset.obsm["design_matrix"]
    n, p = design.shape
    cutoff = stats.f.ppf(COOKS_QUANTILE, p, n - p)
    n_alike = design.groupby(list(design.columns))[design.columns[0]].transform("size")
    is_alone = (n_alike < MIN_REPLICATES).to_numpy(dtype=bool)
    cooks, counts = dataset.layers["cooks"], np.asarray(dataset.X)
    largest = np.where(is_alone[:, None], cooks, 0).argmax(axis=0)
    genes = np.arange(counts.shape[1])
    is_far = np.where(is_alone[:, None], cooks, 0)[largest, genes] > cutoff
    is_far &= (counts > counts[largest, genes]).sum(axis=0) < MIN_REPLICATES
    # those that the library itself judges, and had too few replicates to replace
    own = np.asarray(dataset.var["_pvalue_cooks_outlier"], dtype=bool)
    who = np.where(is_far, largest, cooks.argmax(axis=0))
    names = np.asarray(dataset.obs_names, dtype=object)[who]
    found: pd.Series = pd.Series(names, index=dataset.var_names)[is_far | own]
    return found


def _remarks(heard: list[warnings.WarningMessage]) -> list[str]:
    """Return the sentences for known warnings; others are for the log."""
    remarks = []
    for message in dict.fromkeys(str(warning.message) for warning in heard):
        known = [said for part, said in SAID.items() if part in message]
        remarks += known
        if not known:
            log.debug("PyDESeq2: %s", message)
    return remarks
