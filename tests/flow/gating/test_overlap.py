"""Two overlapping populations: what lies on the wrong side of a cut, against the truth of every
event.
"""

from __future__ import annotations

import numpy as np
import pytest

from flow.made_tubes import NEGATIVE, SPREAD
from itc_analysis.flow.gating import density as densities
from itc_analysis.flow.gating.methods import density_minimum
from itc_analysis.flow.gating.overlap import fit_overlap

N_NEGATIVE = 60_000


def draw(share: float, apart: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw negatives and positives `apart` standard deviations from one another."""
    rng = np.random.default_rng(seed)
    n_positive = round(share * N_NEGATIVE)
    negative = rng.normal(NEGATIVE, SPREAD, N_NEGATIVE)
    return negative, rng.normal(NEGATIVE + apart * SPREAD, SPREAD, n_positive)


@pytest.mark.parametrize(("share", "apart"), [(0.05, 4.5), (0.05, 6), (0.01, 6), (0.005, 6)])
def test_the_corrected_count_is_nearer_the_truth_than_the_events_in_the_gate(
    share: float, apart: float
) -> None:
    counted, corrected, off = [], [], []
    for seed in range(10):
        negative, positive = draw(share, apart, seed)
        values = np.concatenate([negative, positive]).astype(np.float32)
        fitted = density_minimum.fit(
            values[None], markers=("A",), side="above", n_bootstrap=10, seed=1
        )
        assert fitted.cut is not None
        found = fit_overlap(densities.estimate(values), fitted.cut)
        assert found is not None
        n = np.count_nonzero(values >= fitted.cut)
        counted.append(n / positive.size)
        corrected.append((n - found.n_background + found.n_missed) / positive.size)
        wrong = np.count_nonzero(negative >= fitted.cut) - np.count_nonzero(positive < fitted.cut)
        error = np.hypot(found.background_se, found.missed_se)
        off.append(abs(found.n_background - found.n_missed - wrong) / error)
    assert abs(np.mean(corrected) - 1) < 0.01
    assert abs(np.mean(corrected) - 1) < abs(np.mean(counted) - 1)
    # 10 tubes: all within 3 standard errors with a probability of 97 %, and the draws are fixed
    assert max(off) < 3


def test_a_cut_between_populations_far_apart_misses_nobody() -> None:
    negative, positive = draw(0.01, 10, 1)
    values = np.concatenate([negative, positive]).astype(np.float32)
    found = fit_overlap(densities.estimate(values), NEGATIVE + 5 * SPREAD)
    assert found is not None
    assert found.n_missed < 0.1
    assert found.n_background < 0.5


@pytest.mark.parametrize(("share", "apart"), [(0.0, 6), (0.0005, 6), (0.01, 3)])
def test_nothing_is_said_where_the_positives_show_no_peak(share: float, apart: float) -> None:
    negative, positive = draw(share, apart, 2)
    values = np.concatenate([negative, positive]).astype(np.float32)
    assert fit_overlap(densities.estimate(values), NEGATIVE + 3.2 * SPREAD) is None


def test_the_order_of_events_does_not_matter() -> None:
    negative, positive = draw(0.02, 6, 3)
    values = np.concatenate([negative, positive]).astype(np.float32)
    cut = NEGATIVE + 3.3 * SPREAD
    shuffled = np.random.default_rng(1).permutation(values)
    one = fit_overlap(densities.estimate(values), cut)
    assert one is not None
    assert one == fit_overlap(densities.estimate(shuffled), cut)
