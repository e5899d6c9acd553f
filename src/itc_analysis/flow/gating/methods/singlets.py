"""Gating method `singlets`: one cell at a time, by pulse height against pulse area."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from itc_analysis.flow.gating.fitted import Card, Fitted, refuse
from itc_analysis.flow.gating.geometry import Polygon
from itc_analysis.flow.gating.shape_error import one_error_away
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD, median_and_error

#: Area is cut into this many slices of equal event number; the line goes through their medians.
_N_SLICES = 30
#: Two cells in a row: twice the area at the height of one.
_DOUBLET_HEIGHT = 0.5
#: The polygon ends this far outside the scale, where no event lies.
_OUTSIDE = 2.0


def fit(
    values: npt.NDArray[np.float32],
    *,
    markers: tuple[str, ...],
    n_bootstrap: int,
    seed: int,
    z: float = 4.0,
) -> Fitted:
    """Keep events near the line of height on area, fitted robustly.

    Parameters
    ----------
    values : numpy.ndarray
        area and height, transformed (linear) units, shape (2, n_events).
    z : float
        width of the band in robust standard deviations of height relative to the line.

    Notes
    -----
    The error is a parametric bootstrap: the line is drawn through medians that scatter by their
    standard errors, and the spread by its own, which order statistics tell (no event is sorted
    again).
    """
    area, height = values
    inside = (area > 0) & (height > 0) & (area < 1) & (height < 1)  # 1: the detector is saturated
    if inside.sum() < 2 * _N_SLICES:
        return refuse(
            f"{int(inside.sum())} events with area and height inside the detector's range"
        )
    area, height = area.compress(inside), height.compress(inside)
    x, medians, errors = _slices(area, height)
    intercept, slope = (float(found[0]) for found in _lines(x, medians[None]))
    expected = intercept + slope * area.astype(np.float64)
    if slope <= 0 or np.any(expected <= 0):
        return refuse("height does not rise with area; are the channels mixed up?")
    relative = height / expected - 1
    mad, mad_error = median_and_error(np.abs(relative))
    band = z * max(MAD_TO_SD * mad, float(np.finfo(np.float32).eps))
    corners = _corners(np.array([intercept]), np.array([slope]), np.array([band]))[0]
    shape = Polygon(markers, tuple((float(x), float(y)) for x, y in corners))
    rng = np.random.default_rng(seed)
    lines = _lines(x, medians + errors * rng.standard_normal((n_bootstrap, _N_SLICES)))
    bands = band + z * MAD_TO_SD * mad_error * rng.standard_normal(n_bootstrap)
    quality = float(np.clip(1 - band / _DOUBLET_HEIGHT, 0, 1))
    reason = None if quality > 0 else "the band of single cells is as wide as doublets are far"
    return Fitted(
        geometry=shape,
        cut=None,
        cut_se=None,
        quality=quality,
        status="weak" if reason else "ok",
        reason=reason,
        shape_errors=one_error_away(shape, _corners(*lines, bands).reshape(n_bootstrap, -1)),
    )


def _slices(
    area: npt.NDArray[np.float32], height: npt.NDArray[np.float32]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return median area, median height and the latter's standard error of every slice."""
    # the bits of positive float32 numbers rise as the numbers do: events sorted by area and, where
    # that is the same, by height
    bits = area.view(np.uint32).astype(np.uint64) << np.uint64(32) | height.view(np.uint32)
    bits.sort()
    sorted_area = (bits >> np.uint64(32)).astype(np.uint32).view(np.float32).astype(float)
    sorted_height = bits.astype(np.uint32).view(np.float32).astype(float)
    x = np.array([np.median(part) for part in np.array_split(sorted_area, _N_SLICES)])
    of_slices = [median_and_error(part) for part in np.array_split(sorted_height, _N_SLICES)]
    y, errors = np.array(of_slices).T
    return x, y, errors


def _lines(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return intercepts and slopes of Theil and Sen's lines through the medians of slices.

    The slices of largest area may hold doublets only; up to 29 % of such slices do not matter.

    Parameters
    ----------
    x, y : numpy.ndarray
        shapes (n_slices,) and (R, n_slices).
    """
    i, j = np.triu_indices(_N_SLICES, k=1)
    apart = x[j] > x[i]
    if not apart.any():
        return np.zeros(len(y)), np.zeros(len(y))
    i, j = i[apart], j[apart]
    slopes = np.median((y[:, j] - y[:, i]) / (x[j] - x[i]), axis=1)
    return np.median(y - slopes[:, None] * x, axis=1), slopes


def _corners(intercepts: FloatArray, slopes: FloatArray, bands: FloatArray) -> FloatArray:
    """Return the corners of bands along lines, shape (R, 4, 2)."""
    ends = np.array([0.0, _OUTSIDE, _OUTSIDE, 0.0])
    signs = np.array([-1.0, -1.0, 1.0, 1.0])
    heights = (1 + signs * bands[:, None]) * (intercepts[:, None] + slopes[:, None] * ends)
    return np.stack([np.broadcast_to(ends, heights.shape), heights], axis=2)


def card() -> Card:
    """Return the method's card."""
    return Card(
        name="singlets",
        fit=fit,
        n_markers=2,
        takes_side=False,
        reads_as=(
            "keeps single cells: pulse height as expected from pulse area (markers: area, height)"
        ),
    )
