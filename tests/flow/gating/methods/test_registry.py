"""Gating methods against populations whose truth is known."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy import stats

from flow.made_tubes import NEGATIVE, POSITIVE, SPREAD, two_populations
from itc_analysis.flow.gating.geometry import Ellipse, Threshold
from itc_analysis.flow.gating.methods import (
    bright_in_all,
    control_quantile,
    density_minimum,
    fixed,
    rare_positive,
    scatter_ellipse,
    singlets,
    tail,
)
from itc_analysis.flow.gating.methods.registry import METHODS, arguments_of

COMMON = {"markers": ("6B11",), "n_bootstrap": 50, "seed": 1}


@pytest.mark.parametrize("share", [0.05, 0.005, 0.0005])
def test_rare_positives_are_counted_right(share: float) -> None:
    values, is_positive = two_populations(60_000, share, seed=11)
    fitted = rare_positive.fit(values[None], **COMMON)
    assert fitted.status == "ok"
    assert fitted.cut is not None
    counted = int((values >= np.float32(fitted.cut)).sum())
    # populations nine standard deviations apart: hardly an event is on the wrong side
    assert counted == pytest.approx(int(is_positive.sum()), rel=0.02, abs=1)
    assert fitted.quality == pytest.approx(1, abs=0.05)


def test_where_nobody_is_positive_the_cut_is_weak_and_lies_at_the_tail() -> None:
    values, _ = two_populations(60_000, 0, seed=12)
    fitted = rare_positive.fit(values[None], **COMMON)
    assert fitted.status == "weak"
    assert fitted.reason is not None
    assert "no positive population stands out" in fitted.reason
    # 4 standard deviations above the mode, whose own error is a few tenths of one
    assert fitted.cut == pytest.approx(NEGATIVE + 4 * SPREAD, abs=0.5 * SPREAD)
    assert int((values >= fitted.cut).sum()) < 10


def test_a_long_tail_is_not_a_population() -> None:
    rng = np.random.default_rng(13)
    values = (NEGATIVE + SPREAD * (rng.gamma(9, 1 / 3, 60_000) - 3)).astype(np.float32)
    fitted = rare_positive.fit(values[None], **COMMON)
    assert fitted.status == "weak"
    assert fitted.cut is not None
    assert int((values >= fitted.cut).sum()) < 20  # the usual limit of detection


@pytest.mark.parametrize("side", ["above", "below"])
def test_density_minimum_separates_either_way(side: str) -> None:
    values, is_positive = two_populations(20_000, 0.7, seed=14)
    fitted = density_minimum.fit(values[None], side=side, **COMMON)
    assert isinstance(fitted.geometry, Threshold)
    inside = fitted.geometry.contains(values[None])
    wanted = is_positive if side == "above" else ~is_positive
    assert np.mean(inside == wanted) > 0.9995


def test_a_single_peak_is_refused_unless_the_template_says_what_it_is() -> None:
    values, _ = two_populations(20_000, 0, seed=15)
    refused = density_minimum.fit(values[None], side="below", **COMMON)
    assert (refused.status, refused.cut, refused.geometry) == ("not_estimable", None, None)
    negative = density_minimum.fit(values[None], side="below", only_peak="negative", **COMMON)
    positive = density_minimum.fit(values[None], side="above", only_peak="positive", **COMMON)
    assert negative.status == positive.status == "weak"
    assert negative.cut is not None
    assert positive.cut is not None
    assert positive.cut < NEGATIVE - 3 * SPREAD < NEGATIVE + 3 * SPREAD < negative.cut


def test_bootstrap_error_is_the_scatter_of_repeated_draws() -> None:
    # overlapping populations, so that the valley is a place and not a wide empty gap
    cuts, errors = [], []
    for seed in range(60):
        values, _ = two_populations(20_000, 0.3, seed=seed, at=0.42)
        fitted = density_minimum.fit(values[None], side="above", **COMMON)
        cuts.append(fitted.cut)
        errors.append(fitted.cut_se)
    # 60 draws give the scatter within 9 %; the bootstrap may be off by as much as the smoothing
    assert np.median(errors) == pytest.approx(np.std(cuts), rel=0.4)


def test_a_fit_is_the_same_whatever_the_order_of_events() -> None:
    values, _ = two_populations(10_000, 0.003, seed=16)
    shuffled = np.random.default_rng(0).permutation(values)
    for method in (rare_positive.fit, lambda v, **k: tail.fit(v, side="above", **k)):
        assert method(values[None], **COMMON) == method(shuffled[None], **COMMON)


def test_tail_cut_lies_at_the_quantile_of_a_normal_peak() -> None:
    values = np.random.default_rng(17).normal(NEGATIVE, SPREAD, 50_000).astype(np.float32)
    fitted = tail.fit(values[None], side="below", z=3.0, **COMMON)
    assert fitted.cut is not None
    expected = NEGATIVE + 3 * SPREAD
    assert abs(fitted.cut - expected) < 4 * (fitted.cut_se or 0)
    assert np.mean(values < fitted.cut) == pytest.approx(stats.norm.cdf(3), abs=0.003)


def test_tail_takes_the_lowest_peak_when_asked() -> None:
    values, _ = two_populations(20_000, 0.8, seed=18)
    low = tail.fit(values[None], side="above", peak="lowest", **COMMON)
    high = tail.fit(values[None], side="below", peak="largest", **COMMON)
    assert low.cut is not None
    assert high.cut is not None
    assert NEGATIVE < low.cut < POSITIVE < high.cut


def test_control_quantile_is_numpys_and_refuses_small_controls() -> None:
    values = np.random.default_rng(19).normal(NEGATIVE, SPREAD, 50_000).astype(np.float32)
    fitted = control_quantile.fit(values[None], markers=("6B11",), side="above")
    assert fitted.cut == pytest.approx(float(np.quantile(values, 0.999)))
    assert fitted.method == control_quantile.NAME
    # asymptotic standard error of a quantile: sqrt(q (1-q) / n) / density
    density = stats.norm.pdf(stats.norm.ppf(0.999)) / SPREAD
    assert fitted.cut_se == pytest.approx(np.sqrt(0.999 * 0.001 / 50_000) / density, rel=0.5)
    few = control_quantile.fit(values[None, :300], markers=("6B11",), side="above")
    assert few.status == "not_estimable"


def test_singlets_keep_single_cells_and_lose_doublets() -> None:
    rng = np.random.default_rng(20)
    area = rng.normal(0.3, 0.04, 20_000)
    height = 0.8 * area * rng.normal(1, 0.02, 20_000)
    is_doublet = np.arange(20_000) < 1500
    area[is_doublet] *= 2
    values = np.array([area, height], dtype=np.float32)
    fitted = singlets.fit(values, markers=("FSC-A", "FSC-H"), n_bootstrap=10, seed=1)
    assert fitted.geometry is not None
    inside = fitted.geometry.contains(values)
    assert np.mean(inside[~is_doublet]) > 0.995
    assert np.mean(inside[is_doublet]) < 0.005
    swapped = singlets.fit(-values, markers=("FSC-A", "FSC-H"), n_bootstrap=10, seed=1)
    assert swapped.status == "not_estimable"


def test_ellipse_finds_lymphocytes_among_debris_monocytes_granulocytes_and_beads() -> None:
    rng = np.random.default_rng(21)
    clusters = {
        "lymphocytes": ((0.30, 0.10), (0.03, 0.015), 6000),
        "debris": ((0.06, 0.05), (0.03, 0.02), 9000),
        "monocytes": ((0.50, 0.26), (0.04, 0.03), 1500),
        "granulocytes": ((0.46, 0.60), (0.05, 0.07), 12000),
        "beads": ((0.12, 0.80), (0.005, 0.01), 1000),
    }
    parts = [rng.normal(centre, sd, (n, 2)) for centre, sd, n in clusters.values()]
    names = np.repeat(list(clusters), [n for *_, n in clusters.values()])
    values = np.concatenate(parts).T.astype(np.float32)
    fitted = scatter_ellipse.fit(values, markers=("FSC-A", "SSC-A"), n_bootstrap=10, seed=1)
    assert isinstance(fitted.geometry, Ellipse)
    # 6,000 events in bins of 0.01: the centre is good to a bin
    np.testing.assert_allclose(fitted.geometry.centre, (0.30, 0.10), atol=0.01)
    inside = fitted.geometry.contains(values)
    assert np.mean(inside[names == "lymphocytes"]) > 0.97
    for other in ("debris", "granulocytes", "beads"):
        assert np.mean(inside[names == other]) < 0.005


def test_ellipse_of_a_normal_cluster_has_its_covariance() -> None:
    rng = np.random.default_rng(22)
    covariance = np.array([[0.0025, 0.0006], [0.0006, 0.0016]])
    values = rng.multivariate_normal([0.4, 0.3], covariance, 100_000).T.astype(np.float32)
    fitted = scatter_ellipse.fit(
        values, markers=("FSC-A", "SSC-A"), n_bootstrap=10, seed=1, coverage=0.9
    )
    assert isinstance(fitted.geometry, Ellipse)
    # told from the core alone, in bins of a quarter of the standard deviation
    np.testing.assert_allclose(fitted.geometry.covariance, covariance, rtol=0.1, atol=1e-4)
    assert np.mean(fitted.geometry.contains(values)) == pytest.approx(0.9, abs=0.02)


def test_beads_are_what_shines_in_every_marker() -> None:
    rng = np.random.default_rng(23)
    n, n_beads = 20_000, 600
    values = rng.normal(NEGATIVE, SPREAD, (3, n)).astype(np.float32)
    for i in range(3):  # every cell may carry one of the markers, none carries all
        values[i, i * 5000 : (i + 1) * 5000] += 0.5
    values[:, -n_beads:] = rng.normal(0.85, 0.02, (3, n_beads))
    fitted = bright_in_all.fit(values, markers=("TCRgd", "CD4", "6B11"), n_bootstrap=20, seed=1)
    assert fitted.geometry is not None
    inside = fitted.geometry.contains(values)
    assert inside[-n_beads:].all()
    assert inside.sum() == n_beads
    none = bright_in_all.fit(values[:, :-n_beads], markers=("a", "b", "c"), n_bootstrap=20, seed=1)
    assert none.status == "not_estimable"


def test_where_dim_cells_end_no_beads_begin() -> None:
    rng = np.random.default_rng(29)
    values = rng.normal(NEGATIVE, SPREAD, (3, 20_000)).astype(np.float32)
    for shift in (3 * SPREAD, 6 * SPREAD):  # a wrong matrix lifts a part of the cells in all
        lifted = values.copy()
        lifted[:, 11_000:] += shift
        fitted = bright_in_all.fit(lifted, markers=("TCRgd", "CD4"), n_bootstrap=20, seed=1)
        assert (fitted.status, fitted.cut) == ("not_estimable", None)
        assert fitted.reason == "no bright events beyond an empty gap in all of TCRgd, CD4"


def test_fixed_cut_is_used_as_given() -> None:
    fitted = fixed.fit(np.zeros((1, 5), dtype=np.float32), side="above", cut=0.4, **COMMON)
    assert (fitted.cut, fitted.cut_se, fitted.status) == (0.4, 0.0, "ok")


def test_every_method_can_be_called_as_its_card_says() -> None:
    for name, card in METHODS.items():
        parameters = inspect.signature(card.fit).parameters
        assert {"markers", "n_bootstrap", "seed"} <= set(parameters), name
        assert ("side" in parameters) == card.takes_side, name
        assert not {"values", "side", "seed"} & set(arguments_of(name)), name


def test_no_method_answers_with_a_bound_of_the_data() -> None:
    constant = np.full((1, 500), 0.3, dtype=np.float32)
    for method in (rare_positive.fit, lambda v, **k: tail.fit(v, side="above", **k)):
        fitted = method(constant, **COMMON)
        assert fitted.cut is None or 0.3 < fitted.cut < 0.4
    saturated = np.ones((2, 500), dtype=np.float32)
    for card in (scatter_ellipse, singlets):
        fitted = card.fit(saturated, markers=("FSC-A", "SSC-A"), n_bootstrap=10, seed=1)
        assert fitted.status == "not_estimable"
        assert "detector" in (fitted.reason or "")
