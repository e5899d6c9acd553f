"""Polygons along contours: what they hold of known clusters, their error, and when they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.flow.gating.geometry import Polygon
from itc_analysis.flow.gating.methods import density_contour

COMMON = {"markers": ("A", "B"), "n_bootstrap": 10, "seed": 1}
COVARIANCE = [[0.0025, 0.0012], [0.0012, 0.0025]]


def draw(seed: int, n_high: int = 6000, n_low: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Draw a low round cluster and a high slanted one; the values and which events are high."""
    rng = np.random.default_rng(seed)
    low = rng.normal(0.25, 0.05, (n_low, 2))
    high = rng.multivariate_normal([0.6, 0.55], COVARIANCE, n_high)
    return np.concatenate([low, high]).T.astype(np.float32), np.arange(n_low + n_high) >= n_low


def radii(corners: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return how far an outline lies from the centre of the high cluster."""
    off = corners - [0.6, 0.55]
    place = np.arctan2(off[:, 1], off[:, 0])
    order = np.argsort(place)
    return np.interp(angles, place[order], np.hypot(*off.T)[order], period=2 * np.pi)


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_the_polygon_holds_what_it_says_of_the_cluster_and_nobody_else(coverage: float) -> None:
    values, is_high = draw(1)
    found = density_contour.fit(values, side="above", coverage=coverage, **COMMON)
    assert isinstance(found.geometry, Polygon)
    inside = found.geometry.contains(values)
    # 6,000 events in bins of a fifth of the standard deviation
    assert np.mean(inside[is_high]) == pytest.approx(coverage, abs=0.015)
    assert not inside[~is_high].any()
    assert (found.status, found.cut) == ("ok", None)
    assert found.quality == pytest.approx(1, abs=0.02)


def test_the_polygon_follows_the_shape_of_the_cluster() -> None:
    values, _ = draw(2)
    found = density_contour.fit(values, side="above", **COMMON)
    assert isinstance(found.geometry, Polygon)
    corners = np.array(found.geometry.vertices)
    assert len(corners) <= 48
    radius = radii(corners, np.array([np.pi / 4, -np.pi / 4]))
    # the contour of a normal cluster is an ellipse along the axes of its covariance, here smoothed
    # by 10 x 26,000^(-1/6) = 1.8 bins of 0.01
    smoothing = 0.018**2
    expected = np.sqrt((0.0037 + smoothing) / (0.0013 + smoothing))
    assert radius[0] / radius[1] == pytest.approx(expected, rel=0.1)


def test_below_encloses_the_lowest_cluster() -> None:
    values, is_high = draw(3)
    found = density_contour.fit(values, side="below", **COMMON)
    assert isinstance(found.geometry, Polygon)
    inside = found.geometry.contains(values)
    assert np.mean(inside[~is_high]) == pytest.approx(0.95, abs=0.03)
    assert not inside[is_high].any()


def test_a_cluster_that_hardly_stands_apart_is_weak_and_no_cluster_is_refused() -> None:
    rng = np.random.default_rng(4)
    near = np.concatenate(
        [rng.normal(0.40, 0.05, (20_000, 2)), rng.normal(0.485, 0.035, (12_000, 2))]
    )
    found = density_contour.fit(near.T.astype(np.float32), side="above", **COMMON)
    assert found.status in ("weak", "ok")
    assert (found.status == "weak") == (found.quality is not None and found.quality < 0.3)
    few = density_contour.fit(near[:30].T.astype(np.float32), side="above", **COMMON)
    assert few.status == "not_estimable"
    spread_out = rng.uniform(-0.4, 1.4, (2, 60)).astype(np.float32)
    assert density_contour.fit(spread_out, side="above", min_share=0.5, **COMMON).geometry is None
