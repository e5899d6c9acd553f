"""Scoring methods against the slow obvious way, and what depth and patients must not do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from itc_analysis.scores.methods import (
    METHODS,
    PRIOR_PER_MILLION,
    Reference,
    mean_logit_z,
    pseudobulk_z,
)


def reference(n_healthy: int, n_all: int, least: int = 3) -> Reference:
    return Reference(
        participants=np.array([f"p{i}" for i in range(n_all)], dtype=object),
        batches=np.array(["a"] * n_all, dtype=object),
        is_reference=np.arange(n_all) < n_healthy,
        min_reference=least,
    )


def slow_logit_score(
    counts: list[list[float]], totals: list[float], weights: list[float], healthy: int
) -> list[tuple[float, float]]:
    """One loop per person and marker, no arrays."""
    scores = []
    for k_row, n in zip(counts, totals, strict=True):
        numerator, variance, weight_sum = 0.0, 0.0, 0.0
        for marker, weight in enumerate(weights):
            if math.isnan(k_row[marker]):
                continue
            logits = [
                math.log((row[marker] + 0.5) / (total - row[marker] + 0.5))
                for row, total in zip(counts[:healthy], totals[:healthy], strict=True)
                if not math.isnan(row[marker])
            ]
            mean = sum(logits) / len(logits)
            sd = math.sqrt(sum((x - mean) ** 2 for x in logits) / (len(logits) - 1))
            k = k_row[marker]
            numerator += weight * (math.log((k + 0.5) / (n - k + 0.5)) - mean) / sd
            variance += weight**2 * (1 / (k + 0.5) + 1 / (n - k + 0.5)) / sd**2
            weight_sum += abs(weight)
        scores.append((numerator / weight_sum, math.sqrt(variance) / weight_sum))
    return scores


def test_mean_logit_z_is_the_slow_obvious_way() -> None:
    rng = np.random.default_rng(8)
    totals = rng.integers(60, 4_000, size=9).astype(float)
    counts = rng.binomial(totals.astype(int)[:, None], rng.uniform(0, 0.6, size=(9, 3))).astype(
        float
    )
    counts[7, 1] = math.nan
    weights = [1.0, 2.0, -1.0]
    found = mean_logit_z(counts, totals, np.array(weights), reference(6, 9))
    expected = slow_logit_score(counts.tolist(), totals.tolist(), weights, 6)
    np.testing.assert_allclose(found.value, [value for value, _ in expected], rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, [error for _, error in expected], rtol=1e-12)
    assert list(found.n_used) == [3] * 7 + [2, 3]
    assert list(found.n_reference) == [6, 6, 6]


def test_error_of_the_flow_score_is_that_of_repeated_counting() -> None:
    rng = np.random.default_rng(9)
    healthy = rng.binomial(500, 0.2, size=(8, 3)).astype(float)
    shares = np.array([0.3, 0.15, 0.05])
    repeats = rng.binomial(300, shares, size=(3_000, 3)).astype(float)
    counts = np.vstack([healthy, repeats])
    totals = np.concatenate([np.full(8, 500.0), np.full(3_000, 300.0)])
    found = mean_logit_z(counts, totals, np.ones(3), reference(8, len(counts)))
    observed = np.std(found.value[8:])
    # 3,000 repeats: relative error of an SD 1.3 %; the delta method itself is good to some per cent
    assert np.mean(found.standard_error[8:]) == pytest.approx(observed, rel=0.06)


def test_positive_fraction_of_all_or_none_has_a_finite_score() -> None:
    counts = np.array([[10.0, 12], [14, 9], [8, 15], [0, 100]])
    found = mean_logit_z(counts, np.full(4, 100.0), np.ones(2), reference(3, 4))
    assert np.isfinite(found.value).all()
    assert np.isfinite(found.standard_error).all()


def slow_pseudobulk_index(
    counts: list[list[float]], totals: list[float], weights: list[float], healthy: int
) -> list[float]:
    """The index before it is standardised, gene by gene."""
    result = []
    for row, total in zip(counts, totals, strict=True):
        index = 0.0
        for sign in (1, -1):
            genes = [g for g, w in enumerate(weights) if w * sign > 0]
            weight_sum = sum(abs(weights[g]) for g in genes)
            part = variance = 0.0
            for gene in genes:
                mean = (
                    sum(
                        r[gene] / t * 1e6
                        for r, t in zip(counts[:healthy], totals[:healthy], strict=True)
                    )
                    / healthy
                )
                scale = abs(weights[gene]) / weight_sum / (mean + PRIOR_PER_MILLION)
                part += row[gene] / total * 1e6 * scale
                variance += row[gene] * (1e6 / total * scale) ** 2
            if genes:
                logged = math.log(1 + part) + variance / 2 / (1 + part) ** 2
                share = weight_sum / sum(abs(w) for w in weights)
                index += sign * share * logged / math.log(2)
        result.append(index)
    return result


@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [1.0, 2.0, -1.0]])
def test_pseudobulk_z_is_the_slow_obvious_way(weights: list[float]) -> None:
    rng = np.random.default_rng(10)
    totals = rng.integers(1e5, 2e6, size=8).astype(float)
    counts = rng.poisson(totals[:, None] * np.array([5e-6, 40e-6, 400e-6])).astype(float)
    found = pseudobulk_z(counts, totals, np.array(weights), reference(5, 8))
    index = slow_pseudobulk_index(counts.tolist(), totals.tolist(), weights, 5)
    mean = sum(index[:5]) / 5
    sd = math.sqrt(sum((x - mean) ** 2 for x in index[:5]) / 4)
    np.testing.assert_allclose(found.value, [(x - mean) / sd for x in index], rtol=1e-10)


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
    assert abs(np.mean(found.value[400:]) - np.mean(found.value[:400])) < 0.2
    logged = np.log2((counts + 0.5) / (totals[:, None] + 1) * 1e6)
    usual = ((logged - logged[:400].mean(0)) / logged[:400].std(0, ddof=1)).mean(axis=1)
    usual /= usual[:400].std(ddof=1)
    assert abs(np.mean(usual[400:]) - np.mean(usual[:400])) > 0.4


def test_error_of_the_pseudobulk_score_is_that_of_repeated_sequencing() -> None:
    rng = np.random.default_rng(12)
    healthy, healthy_totals = simulate(5e5, 30, rng)
    rates = np.array([4, 8, 10, 15, 25, 60]) * 2e-6
    repeats = rng.poisson(np.full((3_000, 1), 2e5) * rates).astype(float)
    counts = np.vstack([healthy, repeats])
    totals = np.concatenate([healthy_totals, np.full(3_000, 2e5)])
    found = pseudobulk_z(counts, totals, np.ones(6), reference(30, len(totals)))
    # one molecule is added on purpose: the stated error is a little larger than the observed one
    ratio = np.mean(found.standard_error[30:]) / np.std(found.value[30:])
    assert 0.97 < ratio < 1.15


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


def test_every_method_says_what_it_needs() -> None:
    assert set(METHODS) == {"flow", "singlecell"}
    for method in METHODS.values():
        assert method.unit == "SD of healthy"
        assert method.needs
        assert method.source
