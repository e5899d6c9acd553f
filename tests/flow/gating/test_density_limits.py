"""What the constants of densities decide: how fine a peak is seen, and how few events make one."""

from __future__ import annotations

import numpy as np
import pytest

from flow.made_tubes import NEGATIVE, SPREAD
from itc_analysis.flow.gating import density as densities


@pytest.mark.parametrize("sd", [0.004, 0.006, 0.01, 0.02])
def test_a_peak_as_narrow_as_a_compensation_bead_keeps_its_width(sd: float) -> None:
    """Bins twice as wide would show the narrowest of these at more than one and a half times its
    width.
    """
    values = np.random.default_rng(1).normal(0.3, sd, 20_000)
    found = densities.estimate(values)
    peak = densities.main_peak(found)
    # the place of a mode is good to a bin, which is more than half of the narrowest one's SD
    assert densities.left_width(found.counts, peak) == pytest.approx(sd, rel=0.2)
    assert densities.peak_width(found.smooth, peak) == pytest.approx(sd, rel=0.2)


def test_a_whole_scale_has_eight_hundred_bins() -> None:
    """Finer ones would cost more (the kernel is bins by bins) and show nothing that a cytometer
    does.
    """
    found = densities.estimate(np.array([densities.LOWEST, densities.HIGHEST]))
    assert found.centres.size == 800 + 3  # one beyond either end, and the upper end's own


def isolated(n_rare: int, seed: int) -> list[densities.Valley]:
    """Return the valleys, however weak, left of a few events far above the negatives."""
    rng = np.random.default_rng(seed)
    values = np.append(rng.normal(NEGATIVE, SPREAD, 3000), rng.normal(0.7, 0.02, n_rare))
    density = densities.estimate(values)
    found = densities.valleys(density, min_z=0.1)
    return [valley for valley in found if density.centres[valley.bottom] > 0.4]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("n_rare", "is_found", "is_clear"), [(4, False, False), (5, True, False), (9, True, False),
                                         (10, True, True)],
)  # fmt: skip
def test_five_events_far_from_all_others_are_found_and_ten_are_trusted(
    n_rare: int, seed: int, *, is_found: bool, is_clear: bool
) -> None:
    """n events above an empty gap stand out by n / sqrt(n + 1) standard errors: 2.04 for 5, 3.02
    for 10.
    """
    (valley,) = isolated(n_rare, seed)
    assert valley.z == pytest.approx(n_rare / np.sqrt(n_rare + 1), abs=0.02)
    assert (valley.z >= densities.WEAK_Z) is is_found
    assert (valley.z >= densities.CLEAR_Z) is is_clear
