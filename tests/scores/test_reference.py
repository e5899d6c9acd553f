"""The healthy reference: by hand, against simulated truth, and what must not move it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special

from itc_analysis.scores.healthy.latent import estimate_latent
from itc_analysis.scores.healthy.reference import (
    BORROWED,
    LARGEST,
    NOT_ANCHORED,
    OWN,
    ROUNDING,
    SHIFTS,
    SMALLEST,
    Healthy,
    Reference,
    _best_people,
    _solve,
    _Units,
    fit_reference,
    learn_reference,
)


def who(people: str, batches: str, healthy: str, least: int = 3, bridge: str = "") -> Reference:
    names = people.split()
    return Reference(
        participants=np.array(names, dtype=object),
        batches=np.array(batches.split(), dtype=object),
        is_reference=np.array([name in healthy.split() for name in names]),
        min_reference=least,
        is_bridge=np.array([name in bridge.split() for name in names]),
    )


def fit(values: list[float], reference: Reference, variance: float = 0.0) -> Healthy:
    return fit_reference(np.array(values, dtype=float), np.full(len(values), variance), reference)


def test_one_batch_by_hand() -> None:
    found = fit([1, 2, 6, 10], who("h1 h2 h3 p", "a a a a", "h1 h2 h3"))
    assert found.sd == pytest.approx(math.sqrt((4 + 1 + 9) / 2), rel=1e-3)
    assert found.n_reference == 3
    np.testing.assert_allclose(found.centre, 3, rtol=1e-6)
    np.testing.assert_allclose(found.anchor_error, 0, atol=1e-6)
    assert set(found.anchor) == {OWN}


def test_what_counting_adds_is_taken_out_of_the_spread() -> None:
    found = fit([1, 2, 6, 10], who("h1 h2 h3 p", "a a a a", "h1 h2 h3"), variance=3.0)
    assert found.sd == pytest.approx(math.sqrt(14 / 2 - 3), rel=1e-3)


def test_people_who_differ_no_more_than_counting_explains_have_no_spread() -> None:
    assert fit([1, 2, 3, 9], who("a b c p", "x x x x", "a b c"), variance=50.0).sd == 0


def test_several_samples_of_one_person_count_once() -> None:
    once = fit([1, 2, 6, 10], who("h1 h2 h3 p", "a a a a", "h1 h2 h3"))
    twice = fit([1, 2, 5, 7, 10], who("h1 h2 h3 h3 p", "a a a a a", "h1 h2 h3"))
    assert twice.n_reference == 3
    assert twice.centre[-1] == pytest.approx(once.centre[-1])


def test_patients_never_move_centre_or_spread() -> None:
    reference = who("h1 h2 h3 p q", "a a a a a", "h1 h2 h3")
    before, after = fit([1, 2, 6, 10, 4], reference), fit([1, 2, 6, 10, 4e6], reference)
    np.testing.assert_array_equal(before.centre, after.centre)
    assert before.sd == after.sd


def test_too_few_healthy_people_are_no_reference() -> None:
    found = fit([1, 2, 6], who("h1 h2 p", "a a a", "h1 h2"))
    assert math.isnan(found.sd)
    assert np.isnan(found.centre).all()
    assert found.n_reference == 2


def test_healthy_people_who_do_not_differ_have_no_spread() -> None:
    found = fit([0.1, 0.1, 0.1, 5], who("h1 h2 h3 p", "a a a a", "h1 h2 h3"))
    assert (found.sd, found.sd_error) == (0, 0)


def drifting(
    n_healthy: list[int], shifts: list[float], seed: int, n_bridge: int = 0
) -> tuple[np.ndarray, Reference, np.ndarray]:
    """Healthy people of SD 1, a patient in each batch, and bridge controls that repeat well."""
    rng = np.random.default_rng(seed)
    batch = np.repeat(np.arange(len(shifts)), np.array(n_healthy) + 1 + n_bridge)
    kind = np.concatenate([["h"] * n + ["p"] + ["b"] * n_bridge for n in n_healthy])
    noise = np.where(kind == "b", 0.1, 1.0) * rng.normal(size=len(batch))
    values = np.array(shifts)[batch] + noise
    reference = Reference(
        participants=np.array([f"{k}{i}" for i, k in enumerate(kind)], dtype=object),
        batches=np.array([f"batch{b}" for b in batch], dtype=object),
        is_reference=kind == "h",
        min_reference=4,
        is_bridge=kind == "b",
    )
    return values, reference, batch


def test_batch_with_healthy_people_of_its_own_has_its_own_centre() -> None:
    """By hand: each batch's mean, whatever the other's."""
    values, reference, batch = drifting([20, 20], [0.0, 5.0], seed=1)
    found = fit(list(values), reference)
    for place in (0, 1):
        own = values[(batch == place) & reference.is_reference].mean()
        assert found.centre[batch == place][0] == pytest.approx(own, abs=0.02)
    assert set(found.anchor) == {OWN}


def test_batch_of_three_healthy_people_next_to_one_of_twenty_is_not_anchored() -> None:
    values, reference, batch = drifting([20, 3], [0.0, 0.8], seed=2)
    found = fit(list(values), reference)
    assert set(found.anchor[batch == 0]) == {OWN}
    assert set(found.anchor[batch == 1]) == {NOT_ANCHORED}
    assert (found.anchor_error[batch == 1] > 0.5).all()


def test_batch_without_healthy_people_is_not_anchored_by_two_batches() -> None:
    values, reference, batch = drifting([20, 0], [0.0, 0.8], seed=3)
    assert set(fit(list(values), reference).anchor[batch == 1]) == {NOT_ANCHORED}


def test_batch_borrows_where_many_batches_show_that_they_lie_close() -> None:
    values, reference, batch = drifting([12] * 9 + [1], [0.0] * 10, seed=4)
    found = fit(list(values), reference)
    assert set(found.anchor[batch == 9]) == {BORROWED}
    assert 0 < found.anchor_error[batch == 9][0] < 0.5


def test_three_batches_show_nothing_however_few_people_a_reference_needs() -> None:
    # the fewest people are a setting, the fewest batches are not
    for n_batches, expected in ((3, NOT_ANCHORED), (9, BORROWED)):
        values, reference, batch = drifting([12] * (n_batches - 1) + [1], [0.0] * n_batches, seed=4)
        found = fit(list(values), replace(reference, min_reference=2))
        assert set(found.anchor[batch == n_batches - 1]) == {expected}
    found = fit(list(values), replace(reference, min_reference=20))
    assert set(found.anchor[batch == n_batches - 1]) == {BORROWED}


def test_bridge_controls_anchor_batches_of_few_healthy_people() -> None:
    shifts = list(np.random.default_rng(5).normal(0, 1, 8))
    bare, reference, _ = drifting([2] * 8, shifts, seed=5)
    assert NOT_ANCHORED in set(fit(list(bare), reference).anchor)
    values, reference, batch = drifting([2] * 8, shifts, seed=5, n_bridge=2)
    found = fit(list(values), reference)
    assert NOT_ANCHORED not in set(found.anchor)
    first = [np.flatnonzero(batch == place)[0] for place in range(8)]
    assert np.corrcoef(found.centre[first], shifts)[0, 1] > 0.9


def test_error_of_a_centre_is_that_of_repeated_studies() -> None:
    """A centre's root mean square distance from its true place is its anchor error."""
    wrong, said = [], []
    for seed in range(60):
        shifts = np.random.default_rng(1_000 + seed).normal(0, 0.5, 6)
        values, reference, batch = drifting([10] * 6, list(shifts), seed=seed)
        found = fit(list(values), reference)
        first = [np.flatnonzero(batch == place)[0] for place in range(6)]
        off = found.centre[first] - shifts
        wrong.append(np.mean((off - off.mean()) ** 2))
        said.append(np.mean((found.anchor_error[first] * found.sd) ** 2))
    # 360 centres: relative error of a root mean square about 4 %
    assert math.sqrt(np.mean(said)) == pytest.approx(math.sqrt(np.mean(wrong)), rel=0.15)


def test_batches_of_one_person_each_are_taken_for_one() -> None:
    """A batch that holds a single healthy person cannot be told from the person."""
    found = fit([0, 1, 2, 9], who("a b c d", "w x y z", "a b c d"))
    assert set(found.anchor) == {OWN}
    np.testing.assert_allclose(found.centre, 3)


@pytest.mark.parametrize("n_cells", [50, 500, 5_000])
def test_spread_of_healthy_people_does_not_depend_on_their_cells(n_cells: int) -> None:
    rng = np.random.default_rng(6)
    reference = who(" ".join(f"h{i}" for i in range(60)), " ".join("a" * 60), "")
    reference = replace(reference, is_reference=np.ones(60, dtype=bool))
    totals = np.full(60, float(n_cells))
    variances = []
    for _ in range(12):
        share = special.expit(special.logit(0.1) + rng.normal(0, 0.6, 60))
        counts = rng.binomial(n_cells, share).astype(float)

        def measure(
            centre: np.ndarray, sd: float, k: np.ndarray = counts
        ) -> tuple[np.ndarray, np.ndarray]:
            latent = estimate_latent(k, totals, centre=centre, sd=sd, kind="share")
            return latent.value, latent.variance

        variances.append(learn_reference(measure, reference, centre=-2.0, sd=0.7).sd ** 2)
    # standard error of the mean of 12 variances: 5 % with many cells, 9 % with 50
    assert np.mean(variances) == pytest.approx(0.36, rel=0.2)


def test_order_of_the_samples_changes_nothing() -> None:
    values, reference, _ = drifting([6, 7, 5, 8], [0.0, 0.3, -0.2, 0.1], seed=7)
    order = np.random.default_rng(2).permutation(len(values))
    turned = replace(
        reference,
        participants=reference.participants[order],
        batches=reference.batches[order],
        is_reference=reference.is_reference[order],
        is_bridge=reference.is_bridge[order],
    )
    straight, shuffled = fit(list(values), reference), fit(list(values[order]), turned)
    np.testing.assert_array_equal(straight.centre[order], shuffled.centre)
    assert straight.sd == shuffled.sd


def solve_in_full(units: Any, people: float, batches: float, repeat: float) -> Any:
    """Solve the whole system of equations at once, as Henderson wrote it."""
    weight = 1 / (units.variance + np.where(units.is_bridge, repeat, 1.0) * people + ROUNDING)
    kinds = [~units.is_bridge] + ([units.is_bridge] if units.is_bridge.any() else [])
    n_kinds, n_places = len(kinds), len(units.places)
    columns = [kind.astype(float) for kind in kinds]
    if batches > 0:
        columns += [(units.batch == place).astype(float) for place in range(n_places)]
    design = np.column_stack(columns)
    system = design.T @ (design * weight[:, None])
    likelihood = 0.5 * float(np.sum(np.log(weight)))
    if batches > 0:
        at = np.arange(n_kinds, n_kinds + n_places)
        system[at, at] += 1 / batches
        likelihood -= 0.5 * n_places * np.log(batches)
    inverse = np.linalg.inv(system)
    right = design.T @ (weight * units.value)
    answer = inverse @ right
    likelihood -= 0.5 * float(np.linalg.slogdet(system)[1])
    likelihood -= 0.5 * float(units.value @ (weight * units.value) - right @ answer)
    to_centre = np.zeros((n_places, len(answer)))
    to_centre[:, 0] = 1.0
    if batches > 0:
        to_centre[:, n_kinds:] = np.eye(n_places)
    share = np.bincount(units.batch[~units.is_bridge], minlength=n_places).astype(float)
    apart = to_centre - (share / share.sum()) @ to_centre
    variance = np.einsum("ij,jk,ik->i", apart, inverse, apart)
    return likelihood, to_centre @ answer, np.maximum(variance, 0.0)


@pytest.mark.parametrize("has_bridge", [True, False])
@pytest.mark.parametrize("batches", [0.0, 1e-4, 0.3, 40.0])
def test_the_equations_are_solved_as_in_full(batches: float, has_bridge: bool) -> None:  # noqa: FBT001
    rng = np.random.default_rng(5)
    n, n_places = 60, 9
    # one batch has nobody, another one only its bridge control
    batch = rng.integers(0, n_places - 2, n)
    is_bridge = np.zeros(n, dtype=bool)
    if has_bridge:
        is_bridge[:8] = True
        batch[0] = n_places - 2
    units = _Units(
        rng.normal(2, 1, n), rng.uniform(0, 0.4, n), batch, is_bridge,
        {f"b{i}": i for i in range(n_places)}, n,
    )  # fmt: skip
    people = np.array([0.5, 1e-3])
    for repeat in (1.0, 0.1):
        solved = _solve(units, people, np.full(2, batches), repeat)
        for tried in range(2):
            full = solve_in_full(units, people[tried], batches, repeat)
            assert solved.likelihood[tried] == pytest.approx(full[0], rel=1e-10)
            np.testing.assert_allclose(solved.centre[tried], full[1], rtol=1e-9)
            np.testing.assert_allclose(solved.variance[tried], full[2], rtol=1e-7, atol=1e-12)


def test_the_likeliest_variance_is_found_for_every_shift() -> None:
    rng = np.random.default_rng(6)
    batch = np.repeat(np.arange(6), 7)
    value = rng.normal(0, 0.8, batch.size) + rng.normal(0, 0.5, 6)[batch]
    units = _Units(
        value, rng.uniform(0, 0.3, batch.size), batch, np.zeros(batch.size, dtype=bool),
        {f"b{i}": i for i in range(6)}, batch.size,
    )  # fmt: skip
    found = _best_people(units, SHIFTS, 1.0)
    for shift, likelihood in zip(SHIFTS, found.likelihood, strict=True):
        people = units.scale**2 * np.geomspace(SMALLEST, LARGEST, 3000)
        tried = _solve(units, people, shift**2 * people, 1.0).likelihood
        assert likelihood >= tried.max() - 1e-6


def test_people_who_do_not_differ_have_the_smallest_variance_that_is_tried() -> None:
    units = _Units(
        np.array([1.0, 1.01, 0.99, 1.0]), np.full(4, 1.0), np.zeros(4, dtype=int),
        np.zeros(4, dtype=bool), {"b": 0}, 4,
    )  # fmt: skip
    found = _best_people(units, SHIFTS[:1], 1.0)
    assert found.people[0] == pytest.approx(SMALLEST * units.scale**2)


@pytest.mark.parametrize(("pull", "is_settled"), [(-0.5, True), (-3.0, True), (-1e6, False)])
def test_a_reference_that_depends_on_itself_is_found_or_warned_of(caplog, pull, is_settled):
    """Values that are wider where the SD is taken to be small: four rounds went back and forth."""
    people = np.random.default_rng(1).normal(size=60)
    people /= people.std(ddof=1)
    names = np.array([f"P{i}" for i in range(60)], dtype=object)
    one_batch = np.full(60, "b1", dtype=object)
    reference = Reference(names, one_batch, np.ones(60, dtype=bool), min_reference=3)

    def measure(centre, sd):
        return people * np.clip(0.4 + pull * (sd - 0.4), 0.05, 2.0), np.zeros(60)

    found = learn_reference(measure, reference, centre=0.0, sd=0.7)
    assert bool(caplog.messages) is not is_settled
    if is_settled:
        assert found.sd == pytest.approx(0.4, abs=0.02)


def test_a_sample_of_two_batches_stands_between_their_centres():
    """It was a batch of its own, in which too few are healthy, so that nobody was scored."""
    rng = np.random.default_rng(6)
    batches = np.array(["one"] * 12 + ["two"] * 12 + ["one+two"] * 2, dtype=object)
    values = np.where(batches == "two", 3.0, 0.0) + 0.5 * rng.normal(size=26)
    values[24:] = [1.0, 9.0]
    variances = np.full(26, 1e-3)
    parts = np.array([None] * 26, dtype=object)
    parts[24], parts[25] = {"one": 0.75, "two": 0.25}, {"one": 0.5, "two": 0.5}
    of = {
        "participants": np.array([f"h{i}" for i in range(26)], dtype=object),
        "batches": batches,
        "is_reference": np.arange(26) != 24,
        "min_reference": 4,
    }
    alone = fit_reference(values, variances, Reference(**of))
    assert alone.anchor[24] == NOT_ANCHORED
    found = fit_reference(values, variances, Reference(**of, parts=parts))
    assert found.anchor[24] == OWN
    one, two = found.centre[0], found.centre[12]
    assert found.centre[24] == pytest.approx(0.75 * one + 0.25 * two)
    assert found.centre[25] == pytest.approx((one + two) / 2)
    errors = found.anchor_error
    assert errors[24] == pytest.approx(np.hypot(0.75 * errors[0], 0.25 * errors[12]))
    # the healthy person of both (9.0) teaches neither
    plain = fit_reference(
        values[:24],
        variances[:24],
        Reference(**{k: v if k == "min_reference" else v[:24] for k, v in of.items()}),
    )
    assert found.n_reference == 24
    np.testing.assert_allclose(found.centre[:24], plain.centre)


def test_parts_of_which_no_sample_is_known_leave_the_joined_batch_as_it_is():
    values = np.arange(8.0)
    parts = np.array([None] * 7 + [{"one": 0.5, "gone": 0.5}], dtype=object)
    found = Reference(
        participants=np.array([f"h{i}" for i in range(8)], dtype=object),
        batches=np.array(["one"] * 7 + ["gone+one"], dtype=object),
        is_reference=np.ones(8, dtype=bool),
        min_reference=4,
        parts=parts,
    )
    assert found.joined == {}
    assert fit_reference(values, np.full(8, 0.1), found).anchor[7] == NOT_ANCHORED
