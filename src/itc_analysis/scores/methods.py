"""Scoring methods as cards, one per assay: pure functions of arrays behind one runner.

A new method is a function with the signature of `mean_logit_z`, a card in `METHODS`, and a test
that computes it again the slow way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.scores.reference import Floats, standardise

#: Added to positives and negatives before the logit (Haldane 1956, doi:10.1111/j.1469-1809.1955.tb01285.x).
HALF = 0.5

#: One molecule in the smallest profile that is scored, 20 cells of 5,000 molecules, is 10 per million.
#: Genes rarer than that in healthy people weigh less than the others, by the ratio of the two.
PRIOR_PER_MILLION = 10.0


#: Keeps a division by zero away where no feature was found; such rows have no score.
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Reference:
    """Who the healthy are: see `reference.standardise` for each field."""

    participants: npt.NDArray[np.object_]
    batches: npt.NDArray[np.object_]
    is_reference: npt.NDArray[np.bool_]
    min_reference: int


@dataclass(frozen=True)
class Scored:
    """Scores of one signature in one subset, in SD of healthy.

    Parameters
    ----------
    value, standard_error : shape (n_samples,); NaN where there is no score. The error is that of
        counting cells or molecules in the sample itself, not that of the reference, which all share.
    n_used : features behind each score.
    n_reference : healthy participants behind each feature, shape (n_features,).
    """

    value: Floats
    standard_error: Floats
    n_used: npt.NDArray[np.int64]
    n_reference: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Method:
    """A scoring method.

    Parameters
    ----------
    name : as written in the scores table.
    function : (counts, totals, weights, reference) -> Scored.
    unit : of the score.
    needs : what the counts and totals are.
    source : where the method comes from.
    """

    name: str
    function: Callable[[Floats, Floats, Floats, Reference], Scored]
    unit: str
    needs: str
    source: str


def mean_logit_z(counts: Floats, totals: Floats, weights: Floats, reference: Reference) -> Scored:
    """Return the weighted mean over markers of the z of logit((k + 1/2) / (n - k + 1/2)).

    Parameters
    ----------
    counts : positive cells k, shape (n_samples, n_markers); NaN where the marker was not read.
    totals : cells n of the subset, shape (n_samples,).
    weights : one per marker; a marker that is missing in a sample drops out of its mean.
    reference : who the healthy are.

    Notes
    -----
    The standard error is the delta method's, var(logit) = 1/(k + 1/2) + 1/(n - k + 1/2), with the
    markers taken as independent: co-expression makes it somewhat too small.
    """
    n = totals[:, None]
    logit = np.log((counts + HALF) / (n - counts + HALF))
    variance = 1 / (counts + HALF) + 1 / (n - counts + HALF)
    parts = [
        standardise(
            logit[:, column],
            participants=reference.participants,
            batches=reference.batches,
            is_reference=reference.is_reference,
            min_reference=reference.min_reference,
        )
        for column in range(logit.shape[1])
    ]
    z = np.column_stack([part.z for part in parts])
    scale = np.array([part.scale for part in parts])
    used = np.isfinite(z)
    total_weight = np.where(used, np.abs(weights), 0).sum(axis=1)
    some = total_weight > 0
    divisor = np.where(some, total_weight, 1)
    value = np.where(used, weights * z, 0).sum(axis=1) / divisor
    error = np.sqrt(np.where(used, weights**2 * variance / scale**2, 0).sum(axis=1)) / divisor
    return Scored(
        value=np.where(some, value, np.nan),
        standard_error=np.where(some, error, np.nan),
        n_used=used.sum(axis=1),
        n_reference=np.array([part.n_reference for part in parts]),
    )


def pseudobulk_z(counts: Floats, totals: Floats, weights: Floats, reference: Reference) -> Scored:
    """Return the z of the log of a signature's summed, gene-scaled rates in pseudobulk profiles.

    Each gene's rate (per million) is divided by its healthy mean rate in the subset plus
    `PRIOR_PER_MILLION`, so that a few strong genes do not carry the score; R is the weighted mean
    of these over the genes (just under 1 in healthy), and the score is the z of log2(1 + R). Genes
    of negative weight form an R of their own, subtracted by its share of the weights.

    Parameters
    ----------
    counts : molecules, shape (n_samples, n_genes); 0 is a count, NaN a gene that the library could
        not show, which drops out of the means.
    totals : all molecules of the profile, shape (n_samples,).
    weights, reference : as in `mean_logit_z`.

    Notes
    -----
    Summing before the log, rather than averaging z scores of each gene's log counts: PDCD1, LAG3
    and CTLA4 have a few molecules in a profile of 20 cells, and the log of a small count falls with
    the depth of the profile, so that patients with fewer cells of a subset would score differently
    for that alone. Rates do not depend on depth, and the curvature of the log is corrected to
    second order (+ var(R) / (2 (1 + R)^2)). The standard error is Poisson's, by the delta method,
    with one molecule added over the signature so that a profile without any is not certain.
    """
    found = np.isfinite(counts)
    molecules = np.where(found, counts, 0.0)
    per_count = 1e6 / totals[:, None]
    index, variance = np.zeros(len(totals)), np.zeros(len(totals))
    for sign in (1, -1):
        weight = np.where(found & (np.sign(weights) == sign), np.abs(weights), 0.0)
        total_weight = weight.sum(axis=1, keepdims=True)
        if not total_weight.any():
            continue
        healthy = _mean_per_person(counts * per_count, reference)
        share = weight / np.where(total_weight > 0, total_weight, 1)
        per_molecule = share / (healthy + PRIOR_PER_MILLION) * per_count
        part = (per_molecule * molecules).sum(axis=1)
        noise = (per_molecule**2 * molecules).sum(axis=1)
        one_more = (per_molecule**2).sum(axis=1) / np.maximum((weight > 0).sum(axis=1), 1)
        logged = np.log1p(part) + noise / (2 * (1 + part) ** 2)
        of_all = total_weight[:, 0] / np.maximum((found * np.abs(weights)).sum(axis=1), _TINY)
        index += sign * of_all * logged / np.log(2)
        variance += (of_all / np.log(2)) ** 2 * (noise + one_more) / (1 + part) ** 2
    index[~found.any(axis=1)] = np.nan
    standardised = standardise(
        index,
        participants=reference.participants,
        batches=reference.batches,
        is_reference=reference.is_reference,
        min_reference=reference.min_reference,
    )
    scored = np.isfinite(standardised.z)
    return Scored(
        value=standardised.z,
        standard_error=np.where(scored, np.sqrt(variance) / standardised.scale, np.nan),
        n_used=np.where(scored, found.sum(axis=1), 0),
        n_reference=np.full(len(weights), standardised.n_reference),
    )


def _mean_per_person(rate: Floats, reference: Reference) -> Floats:
    """Return the mean rate of each gene over healthy people, each person once; 0 without any."""
    means = np.zeros(rate.shape[1])
    for gene in range(rate.shape[1]):
        usable = reference.is_reference & np.isfinite(rate[:, gene])
        names = sorted(set(reference.participants[usable]), key=str)
        each = [
            np.mean(np.sort(rate[usable & (reference.participants == name), gene]))
            for name in names
        ]
        means[gene] = np.mean(each) if each else 0.0
    return means


#: Method of each assay.
METHODS: dict[str, Method] = {
    "flow": Method(
        name="mean_logit_z",
        function=mean_logit_z,
        unit="SD of healthy",
        needs="positive cells of each marker, cells of the subset",
        source="composite z of logit positivity against healthy of the same subset (study/domain.md 5.1)",
    ),
    "singlecell": Method(
        name="pseudobulk_z",
        function=pseudobulk_z,
        unit="SD of healthy",
        needs="molecules of each gene in the pseudobulk, all molecules of the pseudobulk",
        source="pseudobulk per participant and subset (study/domain.md 5.2)",
    ),
}
