"""The continued tail against the tail that the events were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.flank import fit_flank


@pytest.mark.parametrize("z", [2.5, 3.0, 3.5])
def test_a_normal_tail_is_continued_rightly(z: float) -> None:
    n, ratios = 40_000, []
    for seed in range(30):
        values = np.random.default_rng(seed).normal(0.2, 0.05, n)
        density = densities.estimate(values)
        end = int(np.searchsorted(density.centres, 0.2 + z * 0.05))
        flank = fit_flank(density, densities.main_peak(density), end, density.counts)
        assert flank is not None
        ratios.append(flank.beyond(flank.end)[0] / (n * stats.norm.sf((flank.end - 0.2) / 0.05)))
    # the nearest 150 events fix the tail beyond within a third; on average it must be right
    assert np.median(ratios) == pytest.approx(1, abs=0.3)


def test_its_error_covers_what_lies_beyond() -> None:
    covered = []
    for seed in range(60):
        values = np.random.default_rng(100 + seed).normal(0.2, 0.05, 30_000)
        density = densities.estimate(values)
        end = int(np.searchsorted(density.centres, 0.2 + 3 * 0.05))
        flank = fit_flank(density, densities.main_peak(density), end, density.counts)
        assert flank is not None
        n, error = flank.beyond(flank.end)
        seen = np.count_nonzero(values >= flank.end)
        covered.append(abs(seen - n) < 1.96 * np.hypot(error, np.sqrt(n)))
    assert np.mean(covered) >= 0.9  # 95 % less what 60 draws may miss


def test_a_rising_flank_is_not_continued() -> None:
    rising = 0.3 - np.random.default_rng(1).exponential(0.03, 5000)
    density = densities.estimate(rising)
    assert fit_flank(density, 2, density.centres.size - 5, density.counts) is None


def test_too_few_events_are_not_continued() -> None:
    density = densities.estimate(np.random.default_rng(1).normal(0.2, 0.05, 15))
    peak = densities.main_peak(density)
    assert fit_flank(density, peak, density.centres.size, density.counts) is None
