"""Scoring methods as cards: pure functions of arrays behind one runner.

A new method is a function with the signature of `mean_logit_z`, a card in `METHODS`, and a test
that computes it again the slow way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from itc_analysis.scores.healthy.latent import Kind, Latent, estimate_latent
from itc_analysis.scores.healthy.reference import (
    Healthy,
    Objects,
    Reference,
    fit_reference,
    learn_reference,
)
from itc_analysis.scores.healthy.spread import Spreads, share_spread
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.half_cell import log_ratio

__all__ = [
    "MEDIANS",
    "METHODS",
    "Method",
    "Reference",
    "Scored",
    "mean_logit_z",
    "mean_median_z",
    "pseudobulk_z",
]

#: One molecule in the smallest profile that is scored, 20 cells of 5,000 molecules, is 10 per
#: million.
#: Genes rarer than that in healthy people weigh less than the others, by the ratio of the two.
PRIOR_PER_MILLION = 10.0
#: A feature whose group mean could be off by more than this, in healthy SD, for lack of cells is
#: not used; unless the mean of as many people as the reference holds has an error that makes it no
#: more than a quarter of that: then a true null is rejected in 5.7 % in place of 5.
MAX_BIAS, OF_ERROR = 0.1, 0.25
#: Where learning the SD of people begins, on the logit or log scale.
FIRST_SD = 0.7
#: Keeps a division by zero away where no feature was found; such rows have no score.
_TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Scored:
    """Scores of one signature in one subset, in the unit of its method.

    Parameters
    ----------
    value, standard_error : FloatArray
        Shape (n_samples,); NaN where there is no score. For comparing groups: unbiased for the mean
        of a group however few cells its people have. The error is that of counting in the sample
        itself, taken from the number of cells and never from what was counted.
    posterior, posterior_error : FloatArray
        Best guess for the one person, drawn towards the healthy people; never for comparing groups.
    anchor_error : FloatArray
        Error of the healthy centre of the sample's batch, shared by the batch.
    is_anchored : numpy.ndarray
        False where the batch has no centre that could be trusted; such samples have no score.
    is_thin : numpy.ndarray
        Shape (n_samples, n_features), counts too thin to use.
    n_used : numpy.ndarray
        Features behind each score.
    n_reference : numpy.ndarray
        Healthy participants behind each feature, shape (n_features,).
    parts : FloatArray
        Shape (n_samples, n_features), z of each feature; NaN where not used.
    """

    value: FloatArray
    standard_error: FloatArray
    posterior: FloatArray
    posterior_error: FloatArray
    anchor_error: FloatArray
    is_anchored: npt.NDArray[np.bool_]
    is_thin: npt.NDArray[np.bool_]
    n_used: npt.NDArray[np.int64]
    n_reference: npt.NDArray[np.int64]
    parts: FloatArray


@dataclass(frozen=True)
class Method:
    """A scoring method.

    Parameters
    ----------
    name : str
        As written in the scores table.
    function : Callable
        (counts, totals, weights, reference, correlation=) -> Scored.
    unit : str
        Of the score.
    """

    name: str
    function: Callable[..., Scored]
    unit: str


def mean_logit_z(
    counts: FloatArray,
    totals: FloatArray,
    weights: FloatArray,
    reference: Reference,
    *,
    correlation: FloatArray | None = None,
) -> Scored:
    """Return the weighted mean over markers of the z of a person's true logit of positivity.

    The form is this package's own: no published score of the kind was found.

    Parameters
    ----------
    counts : FloatArray
        Positive cells k, shape (n_samples, n_markers); NaN where the marker was not read.
    totals : FloatArray
        Cells n of the subset, shape (n_samples,).
    weights : FloatArray
        One per marker, fixed; a marker that is missing in a sample drops out of its mean.
    reference : Reference
        Who the healthy are.
    correlation : FloatArray
        Shape (n_markers, n_markers), of the markers on the cells of a person: cells that carry one
        receptor carry the others, so that the errors of counting go together. None: independent.
    """
    latents, people = _learn_markers(counts, totals, reference)
    values = np.column_stack([latent.value for latent in latents])
    variances = np.column_stack([latent.variance for latent in latents])
    thin = np.column_stack(
        [is_too_thin(latent, healthy) for latent, healthy in zip(latents, people, strict=True)]
    )
    posterior = np.column_stack([latent.posterior for latent in latents])
    doubt = np.column_stack([latent.posterior_variance for latent in latents])
    return combine(
        np.where(thin, np.nan, values), variances, weights, people, correlation,
        max_anchor_error=reference.max_anchor_error, thin=thin, posterior=(posterior, doubt),
    )  # fmt: skip


def mean_median_z(
    medians: FloatArray,
    totals: FloatArray,
    weights: FloatArray,
    reference: Reference,
    *,
    correlation: FloatArray | None = None,
) -> Scored:
    """Return the weighted mean over markers of the z of the median intensity (transformed units).

    Parameters
    ----------
    medians : FloatArray
        Shape (n_samples, n_markers); NaN where the marker was not read.
    totals : FloatArray
        As in `mean_logit_z`.
    weights : FloatArray
        As in `mean_logit_z`.
    reference : Reference
        As in `mean_logit_z`.
    correlation : FloatArray, optional
        As in `mean_logit_z`.

    Notes
    -----
    A median of n cells has the variance ``c / n``; c is not read from the sample, whose spread
    would be of its value, but is the same for everybody: what the healthy people's medians vary
    more the fewer cells they have.
    """
    people, variances = [], np.empty_like(medians)
    for column in range(medians.shape[1]):
        per_cell = _variance_per_cell(medians[:, column], totals, reference)
        variances[:, column] = per_cell / np.maximum(totals, 1)
        people.append(fit_reference(medians[:, column], variances[:, column], reference))
    sd = share_spread(Spreads.of(people))
    people = [replace(one, sd=float(own)) for one, own in zip(people, sd, strict=True)]
    thin = np.zeros(medians.shape, dtype=bool)
    shrunk = [_shrink(medians[:, c], variances[:, c], people[c]) for c in range(medians.shape[1])]
    both = (
        np.column_stack([one[0] for one in shrunk]),
        np.column_stack([one[1] for one in shrunk]),
    )
    return combine(
        medians,
        variances,
        weights,
        people,
        correlation,
        max_anchor_error=reference.max_anchor_error,
        thin=thin,
        posterior=both,
    )


def pseudobulk_z(
    counts: FloatArray,
    totals: FloatArray,
    weights: FloatArray,
    reference: Reference,
    *,
    correlation: FloatArray | None = None,  # noqa: ARG001
) -> Scored:
    """Return the z of the log of a signature's summed, gene-scaled rates in pseudobulk profiles.

    The participant is the unit, not the cell (Squair 2021, doi:10.1038/s41467-021-25960-2).

    Each gene's rate (per million) is divided by its healthy mean rate in the subset plus
    `PRIOR_PER_MILLION`, so that a few strong genes do not carry the score; R is the weighted mean
    of these over the genes (just under 1 in healthy), and the score is the z of the person's true
    log(1 + R). Genes of negative weight form an R of their own, subtracted by its share of the
    weights.

    Parameters
    ----------
    counts : FloatArray
        Molecules, shape (n_samples, n_genes); 0 is a count, NaN a gene that the library could
        not show, which drops out of the means.
    totals : FloatArray
        All molecules of the profile, shape (n_samples,).
    weights : FloatArray
        As in `mean_logit_z`.
    reference : Reference
        As in `mean_logit_z`.
    correlation : FloatArray
        Not used: molecules are summed before anything is estimated.

    Notes
    -----
    Summing before the log, rather than averaging z scores of each gene's log counts: PDCD1, LAG3
    and CTLA4 have a few molecules in a profile of 20 cells. A sum of scaled molecules is taken for
    a Poisson count of the same mean and variance in healthy people, and the person's true value
    estimated as in `latent`.
    """
    found = np.isfinite(counts)
    n = len(totals)
    value, variance = np.zeros(n), np.zeros(n)
    guess, doubt = np.zeros(n), np.zeros(n)
    thin, parts = np.zeros(n, dtype=bool), []
    for sign in (1, -1):
        weight = np.where(found & (np.sign(weights) == sign), np.abs(weights), 0.0)
        total_weight = weight.sum(axis=1)
        if not total_weight.any():
            continue
        molecules, exposure = _effective(counts, totals, weight, reference)
        latent, healthy = learn_feature(molecules, exposure, reference, "rate")
        of_all = total_weight / np.maximum((found * np.abs(weights)).sum(axis=1), _TINY)
        value += sign * of_all * np.where(of_all > 0, latent.value, 0)
        guess += sign * of_all * np.where(of_all > 0, latent.posterior, 0)
        variance += of_all**2 * np.where(of_all > 0, latent.variance, 0)
        doubt += of_all**2 * np.where(of_all > 0, latent.posterior_variance, 0)
        thin |= (of_all > 0) & is_too_thin(latent, healthy)
        parts.append(healthy)
    value[~found.any(axis=1) | thin] = np.nan
    if len(parts) == 1:
        people = parts[0]
    else:
        people = fit_reference(value, variance, reference)
        people = replace(people, sd=float(share_spread(Spreads.of([people]))[0]))
    scored = combine(
        value[:, None], variance[:, None], np.ones(1), [people], None,
        max_anchor_error=reference.max_anchor_error,
        thin=thin[:, None], posterior=(guess[:, None], doubt[:, None]),
    )  # fmt: skip
    # a batch that is not anchored lacks its centre, not its genes
    is_scored = np.isfinite(scored.value) | ~scored.is_anchored
    return replace(
        scored,
        is_thin=np.repeat(thin[:, None], counts.shape[1], axis=1),
        n_used=np.where(is_scored, found.sum(axis=1), 0),
        n_reference=np.full(len(weights), people.n_reference),
    )


def _effective(
    counts: FloatArray, totals: FloatArray, weight: FloatArray, reference: Reference
) -> tuple[FloatArray, FloatArray]:
    """Return Poisson counts of the mean and variance of the scaled sums, and their exposures."""
    per_count = 1e6 / totals[:, None]
    healthy = _mean_per_person(counts * per_count, reference)
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), _TINY)
    scale = share / (healthy + PRIOR_PER_MILLION)
    # variance over mean of one molecule's part, in healthy people; genes of none there count as the
    # prior does
    rate = healthy + PRIOR_PER_MILLION / max(counts.shape[1], 1)
    unit = (scale**2 * rate).sum(axis=1) / np.maximum((scale * rate).sum(axis=1), _TINY)
    unit = np.maximum(unit, _TINY)
    molecules = (scale * np.where(np.isfinite(counts), counts, 0.0)).sum(axis=1) / unit
    return molecules, totals / 1e6 / unit


def _learn_markers(
    counts: FloatArray, totals: FloatArray, reference: Reference
) -> tuple[list[Latent], list[Healthy]]:
    """Return true logits and healthy people of the markers, whose SD are estimated together."""
    first = [_learn(counts[:, m], totals, reference, "share") for m in range(counts.shape[1])]
    sd = share_spread(Spreads.of(first))
    latents, people = [], []
    for column, one in enumerate(first):
        healthy = replace(one, sd=sd[column])
        latents.append(_estimate(counts[:, column], totals, healthy, "share"))
        people.append(healthy)
    return latents, people


def learn_feature(
    counts: FloatArray, totals: FloatArray, reference: Reference, kind: Kind
) -> tuple[Latent, Healthy]:
    """Return true values and the healthy distribution of one marker, or of one sum of genes."""
    healthy = _learn(counts, totals, reference, kind)
    healthy = replace(healthy, sd=float(share_spread(Spreads.of([healthy]))[0]))
    return _estimate(counts, totals, healthy, kind), healthy


def is_too_thin(latent: Latent, healthy: Healthy) -> npt.NDArray[np.bool_]:
    """Return where so few cells were looked at that a group's mean would be off too far."""
    spread = healthy.sd**2 if healthy.sd > 0 else np.nan
    error = np.sqrt((1 + latent.variance / spread) / max(healthy.n_reference, 1))
    return latent.bias > np.fmax(MAX_BIAS, OF_ERROR * error)


def _learn(counts: FloatArray, totals: FloatArray, reference: Reference, kind: Kind) -> Healthy:
    is_known = np.isfinite(counts) & (totals > 0)
    known = np.where((reference.is_reference | reference.bridge) & is_known, counts, np.nan)
    mine = reference.is_reference & is_known
    n = totals[mine]
    if kind == "share":
        places = log_ratio(known[mine], n - known[mine])
    else:
        places = np.log1p(known[mine] / n)
    start = float(np.mean(np.sort(places))) if mine.any() else 0.0

    def measure(centre: FloatArray, sd: float) -> tuple[FloatArray, FloatArray]:
        latent = estimate_latent(known, totals, centre=centre, sd=sd, kind=kind)
        return latent.value, latent.variance

    return learn_reference(measure, reference, centre=start, sd=FIRST_SD)


def _estimate(counts: FloatArray, totals: FloatArray, healthy: Healthy, kind: Kind) -> Latent:
    centre = np.where(np.isfinite(healthy.centre), healthy.centre, 0.0)
    sd = healthy.sd if np.isfinite(healthy.sd) and healthy.sd > 0 else FIRST_SD
    return estimate_latent(counts, totals, centre=centre, sd=sd, kind=kind)


def combine(
    values: FloatArray,
    variances: FloatArray,
    weights: FloatArray,
    people: list[Healthy],
    correlation: FloatArray | None,
    *,
    max_anchor_error: float,
    thin: npt.NDArray[np.bool_],
    posterior: tuple[FloatArray, FloatArray],
) -> Scored:
    """Return the weighted mean of the features' z, with its errors."""
    n = len(values)
    sd = np.array([one.sd if one.sd > 0 else np.nan for one in people])
    centre = np.column_stack([one.centre for one in people])
    z = (values - centre) / sd
    used = np.isfinite(z)
    size = np.where(used, np.abs(weights), 0)
    total = size.sum(axis=1)
    some = total > 0
    share = np.where(used, weights, 0) / np.where(some, total, 1)[:, None]
    error = share * np.where(used, np.sqrt(variances) / sd, 0)
    together = np.eye(len(weights)) if correlation is None else correlation
    variance = np.einsum("ij,jk,ik->i", error, together, error)
    guess = np.where(used, (posterior[0] - centre) / sd, 0)
    doubt = share * np.where(used, np.sqrt(posterior[1]) / sd, 0)
    apart = np.column_stack([one.anchor_error for one in people])
    # the shift of a batch goes through all markers: its errors are added, not squared
    anchor_error = (np.abs(share) * np.where(used, np.nan_to_num(apart), 0)).sum(axis=1)
    # of the score, not of each marker: one marker's batch may be known worse than another's
    is_anchored = anchor_error <= max_anchor_error
    scored = some & is_anchored

    def shown(numbers: FloatArray) -> FloatArray:
        return np.where(scored, numbers, np.nan)

    return Scored(
        value=shown((share * np.where(used, z, 0)).sum(axis=1)),
        standard_error=shown(np.sqrt(variance)),
        posterior=shown((share * guess).sum(axis=1)),
        posterior_error=shown(np.sqrt(np.einsum("ij,jk,ik->i", doubt, together, doubt))),
        anchor_error=np.where(some, anchor_error, np.nan),
        is_anchored=is_anchored | ~some,
        is_thin=thin,
        n_used=used.sum(axis=1),
        n_reference=np.array([one.n_reference for one in people]),
        parts=np.where(scored[:, None], z, np.nan) if n else z,
    )


def _shrink(
    values: FloatArray, variances: FloatArray, people: Healthy
) -> tuple[FloatArray, FloatArray]:
    """Return the posterior mean and variance of normal values about the healthy centre."""
    kept = people.sd**2 / np.maximum(people.sd**2 + variances, _TINY)
    return people.centre + kept * (values - people.centre), kept * variances


def _variance_per_cell(values: FloatArray, totals: FloatArray, reference: Reference) -> float:
    """Return c of a median's variance c / n: what healthy people's variance gains with 1 / n."""
    mine = np.flatnonzero(reference.is_reference & np.isfinite(values) & (totals > 0))
    if len(mine) < reference.min_reference:
        return 0.0
    squared = (values[mine] - np.mean(values[mine])) ** 2
    few = 1 / totals[mine]
    spread = float(np.sum((few - few.mean()) ** 2))
    if spread <= _TINY:
        return 0.0
    return max(float(np.sum((few - few.mean()) * squared)) / spread, 0.0)


def _mean_per_person(rate: FloatArray, reference: Reference) -> FloatArray:
    """Return the mean rate of each gene over healthy people, each person once; 0 without any."""
    means = np.zeros(rate.shape[1])
    names: Objects = reference.participants
    for gene in range(rate.shape[1]):
        usable = reference.is_reference & np.isfinite(rate[:, gene])
        people = sorted(set(names[usable]), key=str)
        each = [np.mean(np.sort(rate[usable & (names == name), gene])) for name in people]
        means[gene] = np.mean(each) if each else 0.0
    return means


#: Unit of a mean over markers, each in SD of healthy people: markers do not vary all together, so
#: the mean itself has an SD below 1 among them.
MEAN_Z = "mean z of the markers"
#: Main method of each assay.
METHODS: dict[str, Method] = {
    "flow": Method(
        name="mean_logit_z",
        function=mean_logit_z,
        unit=MEAN_Z,
    ),
    "singlecell": Method(
        name="pseudobulk_z",
        function=pseudobulk_z,
        unit="SD of healthy",
    ),
}
#: Method of flow scores from medians, next to the main one.
MEDIANS = Method(
    name="mean_median_z",
    function=mean_median_z,
    unit=MEAN_Z,
)
