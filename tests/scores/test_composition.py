"""Populations that hold subsets: composition moves the plain score, not the standardised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

from itc_analysis.config.sections import Scores
from itc_analysis.scores.scoring.composition import (
    healthy_composition,
    standardised_logit_z,
    with_rest,
)
from itc_analysis.scores.scoring.methods import Reference, mean_logit_z


def reference(n_healthy: int, n: int) -> Reference:
    return Reference(
        np.array([f"p{i}" for i in range(n)], dtype=object),
        np.full(n, "one", dtype=object),
        np.arange(n) < n_healthy,
        4,
    )


def test_composition_is_the_mean_of_healthy_people_by_hand() -> None:
    totals = [np.array([30.0, 50, 10, 999]), np.array([70.0, 50, 30, 1])]
    found = healthy_composition(totals, reference(3, 4))
    np.testing.assert_allclose(found, [(0.3 + 0.5 + 0.25) / 3, (0.7 + 0.5 + 0.75) / 3])


def test_cells_outside_of_all_subsets_are_a_subset_of_their_own() -> None:
    whole = (np.array([[20.0], [40], [9]]), np.array([100.0, 200, 50]))
    subset = (np.array([[15.0], [30], [5]]), np.array([60.0, 150, 30]))
    found = with_rest(whole, [subset], reference(2, 3))
    np.testing.assert_array_equal(found[1][0][:, 0], [5, 10, 4])
    np.testing.assert_array_equal(found[1][1], [40, 50, 20])
    everything = with_rest(subset, [subset], reference(2, 3))
    assert len(everything) == 1


def draw(lost: float, planted: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Standardised and plain scores of 300 healthy people and 600 who lost Vδ2 cells."""
    rng = np.random.default_rng(seed)
    n, is_healthy = 900, np.arange(900) < 300
    cells = rng.integers(200, 1_500, n)
    vd2 = np.where(is_healthy, 0.7, 0.7 - lost) + rng.normal(0, 0.06, n)
    n_vd2 = rng.binomial(cells, np.clip(vd2, 0, 1))
    effect = rng.normal(0, 0.6, (n, 2)) + np.where(is_healthy, 0, planted)[:, None]
    subsets = [
        (
            rng.binomial(m[:, None], special.expit(special.logit(p) + effect)).astype(float),
            m.astype(float),
        )
        for m, p in ((n_vd2, 0.05), (cells - n_vd2, 0.35))
    ]
    whole = subsets[0][0] + subsets[1][0]
    everybody = reference(300, n)
    standardised = standardised_logit_z(subsets, np.ones(2), everybody)
    plain = mean_logit_z(whole, cells.astype(float), np.ones(2), everybody)
    return standardised.value, plain.value


def test_composition_alone_moves_the_plain_score_and_not_the_standardised() -> None:
    standardised, plain = draw(lost=0.35, planted=0.0)
    assert plain[300:].mean() - plain[:300].mean() > 0.5
    assert abs(standardised[300:].mean() - standardised[:300].mean()) < 0.1


def test_a_true_difference_stands_in_the_standardised_score() -> None:
    standardised, _ = draw(lost=0.35, planted=0.3)
    assert standardised[300:].mean() - standardised[:300].mean() == pytest.approx(0.5, abs=0.1)


def drawn_batches(seed: int, shares: tuple[float, ...], cells: int) -> tuple[float, float]:
    """Return the mean squares of the batches' errors, seen in 200 patients of each and said."""
    rng = np.random.default_rng(seed)
    n_batches, healthy, patients = 6, 4, 200
    each = healthy + patients
    n, in_batch = n_batches * each, np.repeat(np.arange(n_batches), each)
    is_healthy = np.tile(np.arange(each) < healthy, n_batches)
    common = rng.normal(0, 0.5, n)
    subsets = []
    for share in shares:
        shift = rng.normal(0, 0.3, n_batches)[in_batch]
        p = special.expit(-1.5 + np.sqrt(0.7) * common + rng.normal(0, 0.27, n) + shift)
        total = rng.poisson(cells * share, n)
        subsets.append((rng.binomial(total, p)[:, None].astype(float), total.astype(float)))
    people = Reference(
        np.array([f"p{i}" for i in range(n)], dtype=object),
        np.array([f"b{b}" for b in in_batch], dtype=object),
        is_healthy, 3, max_anchor_error=10.0,
    )  # fmt: skip
    found = standardised_logit_z(subsets, np.ones(1), people)
    usable = ~is_healthy & np.isfinite(found.value)
    seen = np.array([found.value[usable & (in_batch == b)].mean() for b in range(n_batches)])
    sampled = np.nanvar(found.value[usable]) / patients
    return float(np.mean(seen**2) - sampled), float(np.nanmean(found.anchor_error**2))


@pytest.mark.parametrize(("shares", "cells"), [((0.78, 0.15, 0.07), 100), ((0.6, 0.4), 500)])
def test_the_error_of_a_batch_is_that_of_its_joined_centre(
    shares: tuple[float, ...], cells: int
) -> None:
    seen, said = np.mean([drawn_batches(seed, shares, cells) for seed in range(12)], axis=0)
    # adding the subsets' errors gives 1.9 with few cells
    assert np.sqrt(said / seen) == pytest.approx(1.0, abs=0.2)


def split(study: Any, share: float) -> None:
    """Gate two subsets of MAIT in every tube: `share` of the cells, with the same positivity."""
    for name, part in (("mait_cd8", share), ("mait_dn", 1 - share)):
        for table in ("counts", "intensity"):
            rows = getattr(study.flow, table)
            own = rows[rows["population"] == "mait"].assign(population=name)
            for column in ("n_events", "n_positive"):
                if column in own:
                    own[column] = (own[column].astype(float) * part).round().astype("Int64")
            if table == "counts":
                own = own.assign(parent="mait", n_parent=rows.loc[own.index, "n_events"])
            study.put("flow", **{table: pd.concat([rows, own], ignore_index=True)})
    study.settings = Scores(subsets={"mait": ("mait_cd8", "mait_dn", "mait_cd4")})


def test_population_with_subsets_is_standardised_and_shown_without(study: Any) -> None:
    plain = study.row("P1-a", "mait")
    split(study, 0.5)
    main = study.row("P1-a", "mait")
    assert main["method"] == "standardised_logit_z"
    without = study.row("P1-a", "mait", method="unstandardised_logit_z")
    assert without["value"] == pytest.approx(plain["value"])
    difference = study.row("P1-a", "mait", method="composition")
    assert difference["value"] == pytest.approx(without["value"] - main["value"])
    # the halves carry what the whole carries
    assert main["value"] == pytest.approx(without["value"], abs=0.35)
    others = study.score()
    others = others[(others["population"] == "mait") & (others["assay"] == "flow")]
    assert "mean_logit_z" not in set(others["method"])


def test_population_whose_subsets_are_not_gated_keeps_its_plain_score(study: Any) -> None:
    study.settings = Scores(subsets={"mait": ("mait_cd8", "mait_dn")})
    assert study.row("P1-a", "mait")["method"] == "mean_logit_z"
