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
from scipy import optimize, stats

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
#: Logarithm of a group's dispersion over the shared one, at most; part of a count that the design
#: leaves free, at least.
FARTHEST, LEAST_FREE = 4.0, 0.05
#: Of PyDESeq2: smallest fitted count and ridge on the coefficients; and a bound for exp.
LEAST_MEAN, RIDGE, MOST_LOG = 0.5, 1e-6, 50.0
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


def dispersion_factors(fitted: FittedGenes, members: Matrix) -> Vector:
    """Return how many times the shared dispersion the profiles of each group have.

    All groups share the dispersion of a gene, but profiles of 25 cells vary more than those of 300.
    The factor of a group, one for all genes, is that at which its squared residuals are on average
    what the negative binomial expects of them. Genes with outliers are among them: left out, the
    group that varies most would look like the others.

    Parameters
    ----------
    fitted : FittedGenes
        from `fit_genes`.
    members : Matrix
        shape (n, n_groups), 1 where a participant is in a group.
    """
    observed, mean, dispersion, X, information = _pieces(fitted)
    variance = mean + dispersion * mean**2
    weight = mean**2 / variance
    leverage = weight * np.einsum("ni,gij,nj->ng", X, information, X, optimize=True)
    squares = (observed - mean) ** 2 / np.maximum(1 - leverage, LEAST_FREE)
    # PyDESeq2 fits fewer molecules than these as so many
    told = mean >= LEAST_MEAN
    factors = np.ones(members.shape[1])
    for i, own in enumerate(members.T > 0):
        rows = told & own[:, None]
        if rows.any():
            factors[i] = _factor(squares[rows], mean[rows], (dispersion * mean**2)[rows])
    return factors


def _factor(squares: Vector, mean: Vector, extra: Vector) -> float:
    """Return how many times `extra`, on top of the mean, the squares have as their variance."""

    def excess(log_factor: float) -> float:
        return float((squares / (mean + np.exp(log_factor) * extra)).mean()) - 1

    if excess(-FARTHEST) <= 0:
        return float(np.exp(-FARTHEST))
    if excess(FARTHEST) >= 0:
        return float(np.exp(FARTHEST))
    return float(np.exp(optimize.brentq(excess, -FARTHEST, FARTHEST)))


def widen_by_groups(
    tested: pd.DataFrame, fitted: FittedGenes, weights: Vector, members: Matrix
) -> pd.DataFrame:
    """Return a contrast with errors that hold when profiles of one side vary more, and p from t.

    The error of each gene is that of its coefficients when each group has its own dispersion
    (`dispersion_factors`), never smaller than that of the shared one; p has the residual degrees of
    freedom of the design.

    Parameters
    ----------
    tested : pandas.DataFrame
        from `contrast_genes` with the same `weights`.
    members : Matrix
        as in `dispersion_factors`.
    """
    _, mean, dispersion, X, information = _pieces(fitted)
    own = members @ dispersion_factors(fitted, members)
    factor = np.where(members.any(axis=1), own, 1.0)[:, None]
    shared = mean + dispersion * mean**2
    # of the score: weights of the fit, variance of the group
    score = mean**2 / shared**2 * (mean + factor * dispersion * mean**2)
    influence = np.einsum("i,gij,nj->ng", weights, information, X, optimize=True)
    plain = np.einsum("i,gij,j->g", weights, information, weights, optimize=True)
    ratio = np.sqrt(np.maximum((influence**2 * score).sum(axis=0) / plain, 1.0))
    wider = pd.Series(ratio, index=fitted.dataset.var_names).reindex(tested.index)
    statistic = tested["statistic"] / wider
    p = 2 * stats.t.sf(np.abs(statistic.to_numpy(dtype=float)), X.shape[0] - X.shape[1])
    return tested.assign(
        standard_error=tested["standard_error"] * wider,
        statistic=statistic,
        p_value=np.where(tested["p_value"].isna(), np.nan, p),
    )


def _pieces(fitted: FittedGenes) -> tuple[Matrix, Matrix, Vector, Matrix, Matrix]:
    """Return observed and fitted molecules (n, n_genes), dispersions, design (n, p), and the
    inverse information of each gene's coefficients (n_genes, p, p).
    """
    dataset = fitted.dataset
    X = dataset.obsm["design_matrix"].to_numpy(dtype=float)
    logs = dataset.varm["LFC"].to_numpy(dtype=float)
    mean = fitted.size_factors[:, None] * np.exp(np.clip(X @ logs.T, -MOST_LOG, MOST_LOG))
    mean = np.maximum(mean, np.finfo(float).tiny ** 0.25)
    dispersion = dataset.var["dispersions"].to_numpy(dtype=float)
    weight = mean / (1 + dispersion * mean)
    information = np.einsum("ni,ng,nj->gij", X, weight, X, optimize=True)
    information += RIDGE * np.eye(X.shape[1])
    return np.asarray(dataset.X, dtype=float), mean, dispersion, X, np.linalg.inv(information)


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
