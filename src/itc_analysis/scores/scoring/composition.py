"""Scores of a population that holds subsets, at the healthy people's composition of subsets.

γδ T cells are Vδ1, Vδ2 and others, which carry receptors unlike: when one kind is lost the score of
the whole changes though no cell does. Each subset is read against the same subset of healthy
people, and the subsets are joined with the healthy people's shares. What the score of the whole
says beyond that is composition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from itc_analysis.scores.healthy.reference import Healthy, Reference, fit_reference
from itc_analysis.scores.healthy.spread import Spreads, share_spread
from itc_analysis.scores.scoring.methods import Scored, combine, is_too_thin, learn_feature
from itc_analysis.statistics.arrays import FloatArray

#: A sample whose subsets with cells enough make up less of the healthy composition is not
#: standardised.
MIN_COVERED = 0.5
#: Cells outside of all subsets are a subset of their own where they are this share of healthy
#: people's cells.
MIN_REST = 0.02


def with_rest(
    whole: tuple[FloatArray, FloatArray],
    subsets: Sequence[tuple[FloatArray, FloatArray]],
    reference: Reference,
) -> list[tuple[FloatArray, FloatArray]]:
    """Return the subsets and, where it is more than negligible, what the whole holds outside of
    them.

    Parameters
    ----------
    whole : tuple of (FloatArray, FloatArray)
        (counts, totals), shapes (n, markers) and (n,).
    subsets : sequence of tuple of (FloatArray, FloatArray)
        the same of each, for the same samples.
    """
    counts = whole[0] - np.sum([subset[0] for subset in subsets], axis=0)
    totals = whole[1] - np.sum([subset[1] for subset in subsets], axis=0)
    most = np.maximum(np.nan_to_num(totals), 0)[:, None]
    rest = np.where(totals[:, None] > 0, np.clip(counts, 0, most), np.nan)
    mine = reference.is_reference & np.isfinite(totals) & (whole[1] > 0)
    share = np.mean(np.maximum(totals[mine], 0) / whole[1][mine]) if mine.any() else 0.0
    return [*subsets, (rest, np.maximum(totals, 0))] if share >= MIN_REST else list(subsets)


def healthy_composition(totals: Sequence[FloatArray], reference: Reference) -> FloatArray:
    """Return the mean share of each subset in healthy people, each person once; sums to 1."""
    together = np.column_stack(totals)
    usable = reference.is_reference & np.isfinite(together).all(axis=1) & (together.sum(axis=1) > 0)
    names = sorted(set(reference.participants[usable]), key=str)
    shares = []
    for name in names:
        cells = together[usable & (reference.participants == name)].sum(axis=0)
        shares.append(cells / cells.sum())
    n = together.shape[1]
    return np.mean(shares, axis=0) if shares else np.full(n, 1 / n)


def standardised_logit_z(
    subsets: Sequence[tuple[FloatArray, FloatArray]],
    weights: FloatArray,
    reference: Reference,
    *,
    correlation: FloatArray | None = None,
) -> Scored:
    """Return the score at the healthy composition.

    Parameters
    ----------
    subsets : sequence of tuple of (FloatArray, FloatArray)
        (counts, totals) of each subset, disjoint, together the population.
    weights : FloatArray
        As in `methods.mean_logit_z`.
    reference : Reference
        As in `methods.mean_logit_z`.
    correlation : FloatArray, optional
        As in `methods.mean_logit_z`.

    Notes
    -----
    A subset with too few cells in a sample drops out of the sample's mean; what is left is joined
    with the healthy shares of the others. Which drop out depends on numbers of cells alone.
    """
    composition = healthy_composition([totals for _, totals in subsets], reference)
    n_markers = subsets[0][0].shape[1]
    joined = [_join(subsets, marker, composition, reference) for marker in range(n_markers)]
    sd = share_spread(Spreads.of([healthy for _, _, healthy in joined]))
    people = [replace(healthy, sd=one) for (_, _, healthy), one in zip(joined, sd, strict=True)]
    values = np.column_stack([value for value, _, _ in joined])
    variances = np.column_stack([variance for _, variance, _ in joined])
    kept = sd**2 / np.maximum(sd**2 + variances, np.finfo(float).tiny)
    return combine(
        values, variances, weights, people, correlation,
        max_anchor_error=reference.max_anchor_error,
        thin=np.isnan(values), posterior=(kept * values, kept * variances),
    )  # fmt: skip


def _join(
    subsets: Sequence[tuple[FloatArray, FloatArray]],
    marker: int,
    composition: FloatArray,
    reference: Reference,
) -> tuple[FloatArray, FloatArray, Healthy]:
    """Return a marker's distance from healthy people in logits, its variance, and these people."""
    n = len(reference.batches)
    value, variance, covered = np.zeros(n), np.zeros(n), np.zeros(n)
    centre = np.zeros(n)
    for (counts, totals), share in zip(subsets, composition, strict=True):
        latent, healthy = learn_feature(counts[:, marker], totals, reference, "share")
        distance = latent.value - healthy.centre
        usable = np.isfinite(distance) & ~is_too_thin(latent, healthy)
        value += np.where(usable, share * distance, 0)
        variance += np.where(usable, share**2 * latent.variance, 0)
        centre += share * np.nan_to_num(healthy.centre)
        covered += share * usable
    enough = covered >= MIN_COVERED
    divisor = np.where(enough, covered, 1)
    value = np.where(enough, value / divisor, np.nan)
    variance = variance / divisor**2
    # the batches' shifts are taken out of each subset
    everywhere = replace(
        reference, batches=np.full(n, "", dtype=object), is_bridge=np.zeros(0, dtype=bool)
    )
    people = fit_reference(value, variance, everywhere)
    # put back, they say how well the joined centre of a batch is known: a person's subsets go
    # together, their counting errors do not
    batches = fit_reference(value + centre, variance, reference)
    error = batches.anchor_error * batches.sd / people.sd if people.sd > 0 else centre * np.nan
    return value, variance, replace(people, anchor_error=error)
