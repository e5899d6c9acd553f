"""Peaks are followed along the acquisition."""

from __future__ import annotations

import numpy as np
from scipy.stats import gaussian_kde

from itc_analysis.flow.quality.signal_peaks import track_peaks

N_STEPS, PER_STEP = 60, 100


def draw(rng: np.random.Generator, share_positive: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    n = N_STEPS * PER_STEP
    positive = rng.random(n) < share_positive
    values = np.where(positive, rng.normal(0.7, 0.03, n), rng.normal(0.3, 0.05, n))
    return values.astype(np.float32), np.repeat(np.arange(N_STEPS), PER_STEP)


def test_negative_and_positive_cells_are_two_peaks_in_their_places() -> None:
    values, step = draw(np.random.default_rng(1))
    tracks = track_peaks(values, step, N_STEPS)
    assert tracks.shape == (N_STEPS - 1, 2)
    # 0.01: a fifth of the negatives' spread; the mode of 120 values is no better known
    np.testing.assert_allclose(np.nanmedian(tracks, axis=0), [0.3, 0.7], atol=0.01)


def test_a_peak_is_where_a_kernel_density_has_it() -> None:
    values = np.random.default_rng(2).normal(0.4, 0.05, N_STEPS * PER_STEP).astype(np.float32)
    step = np.repeat(np.arange(N_STEPS), PER_STEP)
    track = track_peaks(values, step, N_STEPS)[:, 0]
    for window in (0, 20, 58):
        own = values[(step == window) | (step == window + 1)]
        grid = np.linspace(0.2, 0.6, 2001)
        # Silverman's rule with the spread of the whole channel, as the module takes it
        width = 0.9 * 0.05 * len(own) ** -0.2 / own.std(ddof=1)
        peak = grid[np.argmax(gaussian_kde(own, bw_method=width)(grid))]
        assert abs(track[window] - peak) < 0.005  # bins of the grid, and the rounding of the spread


def test_a_shift_of_all_signals_moves_the_peaks_of_its_windows() -> None:
    values, step = draw(np.random.default_rng(3))
    values[(step >= 20) & (step < 26)] -= np.float32(0.12)
    tracks = track_peaks(values, step, N_STEPS)
    moved = tracks[21:24] - np.nanmedian(tracks, axis=0)
    np.testing.assert_allclose(moved, -0.12, atol=0.04)  # of single windows


def test_the_number_of_positive_cells_moves_no_peak() -> None:
    rng = np.random.default_rng(4)
    values, step = draw(rng)
    few, _ = draw(rng, share_positive=0.25)
    late = step >= 30
    values[late] = few[late]
    tracks = track_peaks(values, step, N_STEPS)
    before, after = np.nanmedian(tracks[:29], axis=0), np.nanmedian(tracks[31:], axis=0)
    np.testing.assert_allclose(before, after, atol=0.015)


def test_a_channel_without_spread_has_no_peak() -> None:
    step = np.repeat(np.arange(N_STEPS), PER_STEP)
    assert track_peaks(np.full(len(step), 0.3, np.float32), step, N_STEPS).shape == (59, 0)
