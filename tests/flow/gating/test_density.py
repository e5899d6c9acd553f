"""Densities: against the explicit sum of kernels, and what they must not depend on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage, stats

from flow.made_tubes import NEGATIVE, POSITIVE, SPREAD, two_populations
from itc_analysis.flow.gating import density as densities


def test_smooth_density_is_the_sum_of_one_kernel_per_event() -> None:
    values, _ = two_populations(3000, 0.05, seed=1)
    found = densities.estimate(values)
    # the slow obvious way: one normal curve per event, each as wide as its bin's kernel
    bandwidth = densities.BIN_WIDTH / (found.height * np.sqrt(2 * np.pi))
    bins = np.floor(values.astype(float) / densities.BIN_WIDTH)
    place = (bins + 0.5) * densities.BIN_WIDTH
    own = bandwidth[np.searchsorted(found.centres, place - densities.BIN_WIDTH / 4)]
    slow = densities.BIN_WIDTH * np.sum(
        stats.norm.pdf(found.centres[:, None], place[None, :], own[None, :]), axis=1
    )
    inner = slice(20, -20)  # at the ends the kernels are cut off and scaled up again
    # float32 kernels, and normalised over bins instead of integrated: a thousandth of the peak
    np.testing.assert_allclose(found.smooth[inner], slow[inner], atol=1e-3 * slow.max())


def test_density_holds_every_event() -> None:
    values, _ = two_populations(5000, 0.01, seed=2)
    found = densities.estimate(np.append(values, [7.0, -9.0]))  # off the scale
    assert found.n_events == 5002
    assert found.smooth.sum() == pytest.approx(5002, rel=1e-5)  # float32 kernel


def test_order_of_events_changes_nothing() -> None:
    values, _ = two_populations(5000, 0.01, seed=3)
    shuffled = np.random.default_rng(0).permutation(values)
    one, other = densities.estimate(values), densities.estimate(shuffled)
    np.testing.assert_array_equal(one.smooth, other.smooth)


@pytest.mark.parametrize("share", [0.5, 0.05, 0.005, 0.001])
def test_valley_lies_between_the_two_populations(share: float) -> None:
    values, _ = two_populations(30_000, share, seed=4)
    found = densities.valleys(densities.estimate(values), min_z=densities.CLEAR_Z)
    assert len(found) == 1
    cut = densities.bottoms(densities.estimate(values), found[0])[0]
    assert NEGATIVE + 3 * SPREAD < cut < POSITIVE - 2 * SPREAD


def test_one_population_has_no_valley() -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).normal(NEGATIVE, SPREAD, 20_000)
        assert densities.valleys(densities.estimate(values), min_z=densities.CLEAR_Z) == []


def test_width_of_a_peak_is_told_from_its_left_half() -> None:
    rng = np.random.default_rng(5)
    values = np.append(rng.normal(NEGATIVE, SPREAD, 20_000), rng.uniform(0.25, 0.6, 3000))
    found = densities.estimate(values)
    peak = densities.main_peak(found)
    # a mode of 20,000 normal values is good to about a tenth of a standard deviation
    assert densities.left_width(found.counts, peak) == pytest.approx(SPREAD, rel=0.15)


def test_no_events_have_no_density() -> None:
    with pytest.raises(ValueError, match="no events"):
        densities.estimate(np.array([]))


def test_a_histogram_in_pieces_is_the_histogram() -> None:
    # more events than one pass takes, some of them beyond the scale
    values = np.random.default_rng(6).normal(0.5, 0.4, 70_001).astype(np.float32)
    found = densities.estimate(values)
    clipped = np.clip(values, densities.LOWEST, densities.HIGHEST).astype(float)
    bins = np.floor(clipped / densities.BIN_WIDTH)
    centres = (bins + 0.5) * densities.BIN_WIDTH
    slow = [(np.abs(centres - centre) < densities.BIN_WIDTH / 4).sum() for centre in found.centres]
    np.testing.assert_array_equal(found.counts, slow)


@pytest.mark.parametrize("n_bins", [3, 60, 400])
@pytest.mark.parametrize("width", [1.0, 7.3, 40.0])
def test_the_pilot_is_smoothed_as_scipy_does(n_bins: int, width: float) -> None:
    counts = np.random.default_rng(7).poisson(5, n_bins).astype(float)
    smooth = densities._smooth_fixed(counts, width * densities.BIN_WIDTH)
    expected = ndimage.gaussian_filter1d(counts, width, mode="reflect")
    np.testing.assert_allclose(smooth, expected, rtol=1e-12)


def cut_of(*parts: npt.ArrayLike) -> float:
    density = densities.estimate(np.concatenate(parts))
    best = max(densities.valleys(density), key=lambda valley: valley.score)
    return float(densities.bottoms(density, best)[0])


def test_a_sparse_gap_is_cut_where_the_lesser_population_ends() -> None:
    rng = np.random.default_rng(3)
    many, few = rng.normal(0.2, 0.03, 5_000), rng.normal(0.7, 0.03, 60)
    both = np.concatenate([many, few])
    assert 0.45 < cut_of(both) < few.min()
    assert cut_of(0.9 - both) == pytest.approx(0.9 - cut_of(both), abs=0.02)  # on whichever side
    strays = [0.36, 0.39, 0.395, 0.42, 0.47]  # of a tail, far from the few as these spread
    assert max(strays) < cut_of(both, strays) < few.min()
    as_many = rng.normal(0.7, 0.03, 5_000)
    assert cut_of(many, as_many) == pytest.approx(0.45, abs=0.03)


def test_dim_cells_of_a_wide_population_are_counted_with_it() -> None:
    rng = np.random.default_rng(4)
    many, few = rng.normal(0.2, 0.03, 5_000), rng.normal(0.7, 0.09, 60)
    side_by_side = [0.39, 0.395]  # in an empty gap two at one place are chance
    assert many.max() < cut_of(many, few, side_by_side) < 0.39


def test_a_sticky_tail_is_not_counted_with_rare_cells() -> None:
    rng = np.random.default_rng(8)
    n_tubes, n_sticky, n_false = 20, 4, 0
    for _ in range(n_tubes):
        negatives = rng.normal(0.22, 0.065, 20_000)
        sticky = 0.45 + rng.exponential(0.03, n_sticky)  # ends where the rare cells are far from
        rare = rng.normal(0.67, 0.03, rng.poisson(100))
        tube = np.concatenate([negatives, sticky, rare])
        n_false += int((tube >= cut_of(tube)).sum()) - rare.size
    # a quarter of them where a gap reaches as far as chance alone allows
    assert abs(n_false) < 0.1 * n_tubes * n_sticky


def test_ascending_values_give_the_same_counts() -> None:
    width = np.float32(densities.BIN_WIDTH)
    at_edges = np.arange(-210, 640).astype(np.float32) * width
    beside = [np.nextafter(at_edges, np.float32(end)) for end in (-9.0, 9.0)]
    drawn = np.random.default_rng(4).normal(0.4, 0.3, 5000).astype(np.float32)
    for values in (np.concatenate([at_edges, *beside, drawn]), drawn, drawn[:1], drawn * 0 + 2):
        one = densities.estimate(values, is_adaptive=False)
        other = densities.estimate(np.sort(values), is_adaptive=False, is_sorted=True)
        np.testing.assert_array_equal(one.centres, other.centres)
        np.testing.assert_array_equal(one.counts, other.counts)
        np.testing.assert_array_equal(one.smooth, other.smooth)
