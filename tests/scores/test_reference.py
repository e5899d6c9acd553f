"""Standardising against healthy people: by hand, and what must not move the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from itc_analysis.scores.reference import Standardised, standardise


def z_of(
    values: list[float], people: str, batches: str, healthy: str, least: int = 3
) -> Standardised:
    return standardise(
        np.array(values, dtype=float),
        participants=np.array(people.split(), dtype=object),
        batches=np.array(batches.split(), dtype=object),
        is_reference=np.array([name in healthy.split() for name in people.split()]),
        min_reference=least,
    )


def test_one_batch_by_hand() -> None:
    found = z_of([1, 2, 6, 10], "h1 h2 h3 p", "a a a a", "h1 h2 h3")
    sd = math.sqrt((4 + 1 + 9) / 2)
    assert found.scale == pytest.approx(sd)
    assert found.n_reference == 3
    np.testing.assert_allclose(found.z, [-2 / sd, -1 / sd, 3 / sd, 7 / sd])


def test_batch_with_enough_healthy_people_has_its_own_centre_and_the_common_scale() -> None:
    values = [0, 1, 2, 100, 101, 102, 2, 102]
    found = z_of(values, "a b c d e f p q", "x x x y y y x y", "a b c d e f")
    # residuals -1, 0, 1 twice; six people, two centres
    assert found.scale == pytest.approx(math.sqrt(4 / 4))
    np.testing.assert_allclose(found.z[-2:], [1, 1])


def test_batch_with_too_few_healthy_people_takes_the_centre_of_all() -> None:
    found = z_of([0, 1, 2, 9, 3], "a b c d p", "x x x y y", "a b c d")
    # x has three of its own (centre 1); y has one, so the centre is that of all four, 3
    assert found.z[-1] == pytest.approx(0)
    assert found.scale == pytest.approx(math.sqrt((1 + 0 + 1 + 36) / (4 - 2)))


def test_several_samples_of_one_person_count_once() -> None:
    once = z_of([1, 2, 6, 10], "h1 h2 h3 p", "a a a a", "h1 h2 h3")
    twice = z_of([1, 2, 5, 7, 10], "h1 h2 h3 h3 p", "a a a a a", "h1 h2 h3")
    assert twice.n_reference == 3
    assert twice.z[-1] == pytest.approx(once.z[-1])


def test_patients_never_move_centre_or_scale() -> None:
    before = z_of([1, 2, 6, 10, 4], "h1 h2 h3 p q", "a a a a a", "h1 h2 h3")
    after = z_of([1, 2, 6, 10, 4e6], "h1 h2 h3 p q", "a a a a a", "h1 h2 h3")
    np.testing.assert_array_equal(before.z[:4], after.z[:4])


def test_too_few_healthy_people_give_no_z() -> None:
    found = z_of([1, 2, 6], "h1 h2 p", "a a a", "h1 h2")
    assert np.isnan(found.z).all()
    assert found.n_reference == 2


def test_missing_numbers_neither_count_nor_get_a_z() -> None:
    found = z_of([1, 2, 6, math.nan, math.nan], "h1 h2 h3 h4 p", "a a a a a", "h1 h2 h3 h4")
    assert found.n_reference == 3
    assert np.isnan(found.z[3:]).all()


def test_healthy_people_who_do_not_differ_give_no_z() -> None:
    assert np.isnan(z_of([0.1, 0.1, 0.1, 5], "h1 h2 h3 p", "a a a a", "h1 h2 h3").z).all()


def test_order_of_the_samples_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=40)
    people = np.array([f"p{i % 33}" for i in range(40)], dtype=object)
    batches = np.array([f"b{i % 4}" for i in range(40)], dtype=object)
    healthy = np.array([i % 33 < 20 for i in range(40)])

    def run(order: np.ndarray) -> np.ndarray:
        return standardise(
            values[order],
            participants=people[order],
            batches=batches[order],
            is_reference=healthy[order],
            min_reference=4,
        ).z

    order = rng.permutation(40)
    np.testing.assert_array_equal(run(np.arange(40))[order], run(order))


def test_healthy_z_scores_vary_by_the_documented_factor() -> None:
    rng = np.random.default_rng(4)
    n = 4
    spread = []
    for _ in range(2_000):
        values = rng.normal(size=4 * n)  # four batches of four healthy people
        found = standardise(
            values,
            participants=np.arange(4 * n).astype(object),
            batches=np.repeat(np.arange(4), n).astype(object),
            is_reference=np.ones(4 * n, dtype=bool),
            min_reference=n,
        )
        spread.append(np.mean(found.z**2))
    # exact: residuals have variance 1 - 1/n and the scale divides by the same degrees of freedom
    assert math.sqrt(np.mean(spread)) == pytest.approx(math.sqrt(1 - 1 / n), rel=1e-9)
