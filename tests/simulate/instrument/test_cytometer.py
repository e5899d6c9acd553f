"""Spillover, noise and drift, undone by ordinary compensation."""

from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.simulate.instrument import cytometer
from itc_analysis.simulate.instrument.panels import SPILLOVER, load_panel

PANEL = load_panel("panel_a")
N = 20_000


def still(panel=PANEL) -> cytometer.Drift:
    """An instrument that did not drift."""
    n = len(panel.markers)
    return cytometer.Drift(
        gain=np.ones(n, np.float32),
        offset=np.zeros(n, np.float32),
        scatter=np.ones(3, np.float32),
        spillover=panel.spillover.astype(np.float32),
    )


def detected(light: dict[str, float], drift: cytometer.Drift, seed: int = 1) -> np.ndarray:
    """Compensated signal of N cells that carry so much of each marker, no autofluorescence."""
    fluorescence = np.zeros((N, len(PANEL.markers)), np.float32)
    for marker, value in light.items():
        fluorescence[:, PANEL.markers.index(marker)] = value
    seen = cytometer.detect(
        fluorescence, np.zeros(N, np.float32), PANEL, drift, np.random.default_rng(seed)
    )
    return seen @ np.linalg.inv(PANEL.spillover)


def test_compensation_recovers_positives_and_centres_negatives() -> None:
    found = detected({"CD3": 18_000, "6B11": 9_000}, still())
    means = dict(zip(PANEL.markers, found.mean(axis=0), strict=True))
    assert means.pop("CD3") == pytest.approx(18_000, rel=0.002)
    assert means.pop("6B11") == pytest.approx(9_000, rel=0.002)
    # standard error: a few hundred units of spread over the square root of 20,000
    assert max(abs(mean) for mean in means.values()) < 10


def test_compensated_negatives_spread_below_zero_and_more_beside_a_bright_neighbour() -> None:
    column = PANEL.markers.index("LAG-3")  # PE-CF594 receives 15 % of PE (6B11)
    alone, beside = detected({}, still())[:, column], detected({"6B11": 20_000}, still())[:, column]
    assert (alone < 0).mean() == pytest.approx(0.5, abs=0.02)
    assert (beside < 0).mean() == pytest.approx(0.5, abs=0.02)
    assert beside.std() > 2 * alone.std()


def test_noise_is_electronic_plus_photon_noise() -> None:
    column = PANEL.markers.index("CD3")  # nothing that is carried here spills into BUV395
    for light in (0.0, 1_000.0, 30_000.0):
        expected = np.sqrt(cytometer.ELECTRONIC_NOISE**2 + cytometer.PHOTON_NOISE * light)
        assert detected({"CD3": light}, still())[:, column].std() == pytest.approx(
            expected, rel=0.03
        )


def test_spillover_is_one_to_fifteen_per_cent_and_invertible() -> None:
    assert all(0.01 <= share <= 0.15 for share in SPILLOVER.values())
    for name in ("panel_a", "panel_b"):
        assert np.linalg.cond(load_panel(name).spillover) < 5


def test_spillover_pairs_name_dyes_of_the_panels() -> None:
    dyes = set(load_panel("panel_a").sheet["fluorochrome"]) | set(
        load_panel("panel_b").sheet["fluorochrome"]
    )
    assert {dye for pair in SPILLOVER for dye in pair} <= dyes


def test_drift_is_modest_and_leaves_compensation_nearly_right() -> None:
    drift = cytometer.draw_drift(PANEL, np.random.default_rng(4))
    assert drift.gain.min() > 0.7
    assert drift.gain.max() < 1.4
    found = detected({"6B11": 20_000}, drift)
    column, gain = PANEL.markers.index("6B11"), drift.gain[PANEL.markers.index("6B11")]
    assert found[:, column].mean() == pytest.approx(20_000 * gain, rel=0.01)
    # 15 % spillover known to 2 % of itself: 60 units of 20,000 in the neighbour, and its offset
    neighbour = found[:, PANEL.markers.index("LAG-3")].mean()
    assert abs(neighbour) < 4 * 0.15 * 0.02 * 20_000 * gain


def test_nothing_exceeds_the_range() -> None:
    found = detected({"CD3": 1e6}, still())
    assert found[:, PANEL.markers.index("CD3")].max() < 262_144
