"""Scoring methods against the slow obvious way, and what depth and patients must not do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from itc_analysis.scores.scoring.methods import (
    METHODS,
    PRIOR_PER_MILLION,
    Reference,
    _variance_per_cell,
    mean_logit_z,
    mean_median_z,
    pseudobulk_z,
)


def reference(n_healthy: int, n_all: int, least: int = 3) -> Reference:
    return Reference(
        participants=np.array([f"p{i}" for i in range(n_all)], dtype=object),
        batches=np.array(["a"] * n_all, dtype=object),
        is_reference=np.arange(n_all) < n_healthy,
        min_reference=least,
    )


def test_shares_of_a_known_spread_are_scored_by_the_slow_obvious_way() -> None:
    """With endless cells the score is the weighted mean of the markers' (logit - mean) / SD."""
    rng = np.random.default_rng(8)
    logits = rng.normal(0, 1, size=(43, 3)) * [0.3, 0.6, 1.2]
    totals = np.full(43, 4e7)
    counts = np.round(totals[:, None] / (1 + np.exp(-logits)))
    counts[41, 1] = math.nan
    weights = np.array([1.0, 2.0, -1.0])
    found = mean_logit_z(counts, totals, weights, reference(40, 43))
    sd = logits[:40].std(axis=0, ddof=1)
    z = (logits - logits[:40].mean(axis=0)) / sd
    whole = z @ weights / 4
    without = z[:, [0, 2]] @ [1, -1] / 2
    expected = np.where(np.arange(43) == 41, without, whole)
    # the SD is enlarged by 3/8 of the squared relative error of a variance of 39 degrees of
    # freedom, 2 %, and
    # drawn a trace towards the other markers'
    np.testing.assert_allclose(found.value, expected, rtol=0.06, atol=0.02)
    assert list(found.n_used) == [3] * 41 + [2, 3]
    assert list(found.n_reference) == [40, 40, 40]


@pytest.mark.parametrize("n_cells", [20, 50, 150, 500, 5_000])
@pytest.mark.parametrize("share", [0.03, 0.1, 0.5, 0.9])
def test_mean_of_a_group_does_not_depend_on_its_cells(n_cells: int, share: float) -> None:
    """Half an SD planted in people of few cells comes out; healthy people have 3,000 cells."""
    rng = np.random.default_rng(n_cells)
    logits = math.log(share / (1 - share)) + rng.normal(0, 0.6, size=(2_500, 1))
    logits[500:] += 0.3
    totals = np.concatenate([np.full(500, 3_000.0), np.full(2_000, float(n_cells))])
    counts = rng.binomial(totals.astype(int)[:, None], 1 / (1 + np.exp(-logits))).astype(float)
    found = mean_logit_z(counts, totals, np.ones(1), reference(500, 2_500))
    healthy, patients = found.value[:500], found.value[500:]
    error = math.sqrt(np.var(healthy) / 500 + np.var(patients) / 2_000)
    assert np.mean(patients) - np.mean(healthy) == pytest.approx(0.5, abs=0.06 + 2 * error)
    assert np.isfinite(found.value).all()


def test_error_depends_on_the_cells_and_never_on_the_count() -> None:
    rng = np.random.default_rng(4)
    counts = np.concatenate([rng.binomial(400, 0.1, 30), np.arange(0, 50)]).astype(float)[:, None]
    totals = np.concatenate([np.full(30, 400.0), np.full(50, 60.0)])
    found = mean_logit_z(counts, totals, np.ones(1), reference(30, 80))
    assert len(set(found.standard_error[30:])) == 1
    assert found.standard_error[30] > 2 * found.standard_error[0]
    # more positive cells never score lower
    assert (np.diff(found.value[30:]) >= -1e-9).all()


def test_marker_too_rare_for_the_cells_is_not_used() -> None:
    rng = np.random.default_rng(5)
    people = rng.normal(0, 0.6, size=(40, 3))
    shares = np.array([0.005, 0.2, 0.3])
    counts = rng.binomial(5_000, 1 / (1 + (1 / shares - 1) * np.exp(people))).astype(float)
    totals = np.full(40, 5_000.0)
    counts[-1], totals[-1] = [0, 3, 5], 15
    found = mean_logit_z(counts, totals, np.ones(3), reference(30, 40))
    assert list(found.is_thin[-1]) == [True, False, False]
    assert found.n_used[-1] == 2


def test_markers_that_come_together_have_a_larger_error() -> None:
    rng = np.random.default_rng(6)
    counts = rng.binomial(300, 0.2, size=(12, 2)).astype(float)
    totals = np.full(12, 300.0)
    apart = mean_logit_z(counts, totals, np.ones(2), reference(12, 12))
    twins = mean_logit_z(counts, totals, np.ones(2), reference(12, 12), correlation=np.ones((2, 2)))
    np.testing.assert_allclose(twins.standard_error, apart.standard_error * math.sqrt(2), rtol=0.02)
    np.testing.assert_array_equal(twins.value, apart.value)


def test_median_score_by_hand_and_its_error_from_cells() -> None:
    rng = np.random.default_rng(7)
    totals = np.concatenate([np.full(60, 4_000.0), np.full(60, 40.0), [4_000.0]])
    medians = rng.normal(0.4, 0.05, 121) + rng.normal(0, 0.8, 121) / np.sqrt(totals)
    found = mean_median_z(medians[:, None], totals, np.ones(1), reference(120, 121))
    # people differ by .05, 40 cells by .8 / sqrt(40) = .126 beyond that: 2.5 SD, give or take a
    # fifth
    assert found.standard_error[60] == pytest.approx(2.5, rel=0.35)
    assert found.standard_error[0] == pytest.approx(found.standard_error[60] / 10, rel=1e-6)


@pytest.mark.parametrize(("least", "has_error"), [(4, True), (5, False)])
def test_as_many_healthy_people_as_make_a_reference_teach_the_error_of_a_median(
    least: int, *, has_error: bool
) -> None:
    medians, totals = np.array([0.0, 1.0, 0.4, 0.6]), np.array([10.0, 10.0, 1_000.0, 1_000.0])
    found = _variance_per_cell(medians, totals, reference(4, 4, least))
    assert (found > 0) == has_error


def test_error_of_the_flow_score_is_that_of_repeated_counting() -> None:
    """Of people drawn like healthy ones: what the scores vary beyond the people themselves."""
    rng = np.random.default_rng(9)

    def draw(n: int, cells: int) -> np.ndarray:
        logits = np.log(np.array([0.3, 0.15, 0.05]) / (1 - np.array([0.3, 0.15, 0.05])))
        people = logits + rng.normal(0, 0.6, size=(n, 3))
        return rng.binomial(cells, 1 / (1 + np.exp(-people))).astype(float)

    counts = np.vstack([draw(400, 4_000), draw(3_000, 60)])
    totals = np.concatenate([np.full(400, 4_000.0), np.full(3_000, 60.0)])
    found = mean_logit_z(counts, totals, np.ones(3), reference(400, len(counts)))
    counted = np.var(found.value[400:]) - np.var(found.value[:400])
    assert math.sqrt(counted) == pytest.approx(found.standard_error[400], rel=0.08)


def test_positive_fraction_of_all_or_none_has_a_finite_score() -> None:
    counts = np.array([[10.0, 12], [14, 9], [8, 15], [0, 100]])
    found = mean_logit_z(counts, np.full(4, 100.0), np.ones(2), reference(3, 4))
    assert np.isfinite(found.value).all()
    assert np.isfinite(found.standard_error).all()


def slow_pseudobulk_index(
    counts: np.ndarray, totals: np.ndarray, weights: list[float], healthy: int
) -> list[float]:
    """The index of profiles so deep that counting adds nothing, gene by gene."""
    result = []
    for row, total in zip(counts, totals, strict=True):
        index = 0.0
        for sign in (1, -1):
            genes = [g for g, w in enumerate(weights) if w * sign > 0]
            weight_sum = sum(abs(weights[g]) for g in genes)
            part = 0.0
            for gene in genes:
                rates = [
                    r[gene] / t * 1e6
                    for r, t in zip(counts[:healthy], totals[:healthy], strict=True)
                ]
                mean = sum(rates) / healthy
                part += (
                    row[gene]
                    / total
                    * 1e6
                    * abs(weights[gene])
                    / weight_sum
                    / (mean + PRIOR_PER_MILLION)
                )
            if genes:
                share = weight_sum / sum(abs(w) for w in weights)
                index += sign * share * math.log(1 + part)
        result.append(index)
    return result


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [1.0, 2.0, -1.0]])
def test_pseudobulk_z_is_the_slow_obvious_way_where_molecules_are_many(
    weights: list[float],
) -> None:
    rng = np.random.default_rng(10)
    totals = rng.integers(1e10, 2e11, size=43).astype(float)
    rates = np.array([5e-6, 40e-6, 400e-6]) * np.exp(rng.normal(0, 0.4, size=(43, 3)))
    counts = rng.poisson(totals[:, None] * rates).astype(float)
    found = pseudobulk_z(counts, totals, np.array(weights), reference(40, 43))
    index = np.array(slow_pseudobulk_index(counts, totals, weights, 40))
    z = (index - index[:40].mean()) / index[:40].std(ddof=1)
    # E(1/SD) of 39 degrees of freedom, put right: 3/8 of 2/39
    np.testing.assert_allclose(found.value, z / (1 + 3 / 8 * 2 / 39), rtol=5e-3, atol=5e-3)


def test_a_batch_without_healthy_people_enough_is_not_anchored_and_keeps_its_genes() -> None:
    """Two healthy people leave the centre of their batch uncertain by 0.7 SD: that is said, not
    that healthy people do not differ.
    """
    rng = np.random.default_rng(13)
    n = 24
    batches = np.array(["a"] * 14 + ["b"] * 10, dtype=object)
    is_healthy = np.arange(n) < 16  # 14 in batch a, two in batch b
    rates = np.array([2e-5, 8e-5, 4e-4]) * np.exp(rng.normal(0, 0.5, size=(n, 3)))
    totals = np.full(n, 2e7)
    counts = rng.poisson(totals[:, None] * rates).astype(float)
    people = replace(reference(n, n), batches=batches, is_reference=is_healthy)
    found = pseudobulk_z(counts, totals, np.ones(3), people)
    in_b = batches == "b"
    assert np.isfinite(found.value[~in_b]).all()
    assert np.isnan(found.value[in_b]).all()
    assert not found.is_anchored[in_b].any()
    assert (found.n_used == 3).all()


def simulate(depth: float, people: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Molecules of six rare genes, the same rates in everybody but for people's own variation."""
    totals = np.full(people, depth)
    rates = np.array([4, 8, 10, 15, 25, 60]) * 1e-6 * np.exp(rng.normal(0, 0.3, size=(people, 6)))
    return rng.poisson(totals[:, None] * rates).astype(float), totals


def test_shallow_profiles_do_not_score_differently_for_being_shallow() -> None:
    rng = np.random.default_rng(11)
    deep, deep_totals = simulate(8e5, 400, rng)
    shallow, shallow_totals = simulate(1e5, 4_000, rng)  # 20 cells of 5,000 molecules
    counts, totals = np.vstack([deep, shallow]), np.concatenate([deep_totals, shallow_totals])
    found = pseudobulk_z(counts, totals, np.ones(6), reference(400, len(totals)))
    # eight times fewer molecules; Monte Carlo error of the difference .06 SD. A mean of the z of
    # each gene's log2 counts per million, the usual way, is off by far more (next lines)
    assert abs(np.mean(found.value[400:]) - np.mean(found.value[:400])) < 0.12
    logged = np.log2((counts + 0.5) / (totals[:, None] + 1) * 1e6)
    usual = ((logged - logged[:400].mean(0)) / logged[:400].std(0, ddof=1)).mean(axis=1)
    usual /= usual[:400].std(ddof=1)
    assert abs(np.mean(usual[400:]) - np.mean(usual[:400])) > 0.4


def test_error_of_the_pseudobulk_score_is_that_of_repeated_sequencing() -> None:
    rng = np.random.default_rng(12)
    healthy, healthy_totals = simulate(5e7, 400, rng)
    shallow, shallow_totals = simulate(2e5, 3_000, rng)
    counts, totals = np.vstack([healthy, shallow]), np.concatenate([healthy_totals, shallow_totals])
    found = pseudobulk_z(counts, totals, np.ones(6), reference(400, len(totals)))
    counted = np.var(found.value[400:]) - np.var(found.value[:400])
    assert math.sqrt(counted) == pytest.approx(found.standard_error[400], rel=0.08)


def test_profile_without_a_molecule_of_the_signature_is_not_certain() -> None:
    counts = np.array([[3.0, 5], [6, 2], [4, 4], [0, 0]])
    found = pseudobulk_z(counts, np.full(4, 2e5), np.ones(2), reference(3, 4))
    assert found.standard_error[-1] > 0


def test_negative_weight_lowers_the_score() -> None:
    rng = np.random.default_rng(13)
    counts = rng.poisson(50, size=(6, 2)).astype(float)
    counts[-1] = [50, 400]
    found = pseudobulk_z(counts, np.full(6, 1e6), np.array([1.0, -1.0]), reference(5, 6))
    assert found.value[-1] < -2


def test_every_assay_has_a_method_with_its_unit() -> None:
    assert set(METHODS) == {"flow", "singlecell"}
    assert METHODS["flow"].unit == "mean z of the markers"
    assert METHODS["singlecell"].unit == "SD of healthy"
