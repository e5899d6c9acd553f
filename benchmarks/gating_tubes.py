"""Tubes for the validation of gating, drawn event by event from a model of their own.

Not the study simulator: other markers, other noise, other shapes, so that what was built with that
one in view is not judged by it. Every tube holds T cells among other leucocytes, debris, and
doublets; seven markers, each carried by a rare population of another frequency, permuted from tube
to tube. Brightness, spread, spillover and drift differ between batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from itc_analysis.simulate.instrument.fcs import write_fcs

FloatArray = npt.NDArray[np.float64]

#: Share of T cells of the seven populations of every tube.
LEVELS = (0.05, 0.01, 0.005, 0.001, 0.0005, 0.0001, 0.0)
#: The decades between the median of the negatives and that of the positives.
DECADES = (1.5, 1.75, 2.0, 2.5)
MARKERS = tuple(f"R{i}" for i in range(1, len(LEVELS) + 1))
SCATTER = ("FSC-A", "FSC-H", "SSC-A", "Time")
COLOURS = ("CD3", *MARKERS)
TOP = 262_144.0
N_EVENTS = (150_000, 300_000)
T_SHARE, DEBRIS_SHARE, DOUBLET_SHARE = 0.5, 0.08, 0.04
EVENTS_PER_SECOND = 4_000.0


@dataclass(frozen=True)
class Staining:
    """How a batch stains, per colour (CD3 first).

    Parameters
    ----------
    negative, negative_sd : median of the negatives, instrument units, and SD of its log10.
    decades, positive_sd : between the medians of negatives and positives; SD of log10.
    noise : electronic noise, instrument units.
    spillover : true matrix; row: fluorochrome.
    stated : the matrix in the files.
    gain : of the detectors.
    """

    negative: FloatArray
    negative_sd: FloatArray
    decades: FloatArray
    positive_sd: FloatArray
    noise: FloatArray
    spillover: FloatArray
    stated: FloatArray
    gain: FloatArray


def draw_staining(rng: np.random.Generator) -> Staining:
    """Draw a batch."""
    n = len(COLOURS)
    decades = rng.choice(DECADES, n)
    decades[0] = 2.2
    stated = np.eye(n)
    for source in range(n):
        for detector in rng.choice([d for d in range(n) if d != source], 2, replace=False):
            stated[source, detector] = rng.uniform(0.005, 0.10)
    spillover = stated * np.where(np.eye(n) > 0, 1, 1 + 0.02 * rng.standard_normal((n, n)))
    return Staining(
        negative=10 ** rng.uniform(1.7, 2.1, n),
        negative_sd=rng.uniform(0.15, 0.40, n),
        decades=decades,
        positive_sd=rng.uniform(0.12, 0.28, n),
        noise=rng.uniform(30, 120, n),
        spillover=spillover,
        stated=stated,
        gain=np.exp(rng.normal(0, 0.10, n)),
    )


def write_tube(
    path: Path,
    staining: Staining,
    levels: FloatArray,
    rng: np.random.Generator,
    *,
    is_control: bool = False,
) -> dict[str, Any]:
    """Write one tube; returns the true number of single T cells and of each rare population.

    Parameters
    ----------
    levels : share of T cells that carry each of `MARKERS`.
    is_control : leave all of `MARKERS` out (their negatives remain).
    """
    n = int(rng.integers(*N_EVENTS))
    carries, is_t, area, side, light = _cells(n, staining, levels, rng, is_control=is_control)
    height = area.copy()
    is_debris = rng.random(n) < DEBRIS_SHARE
    light[is_debris] *= 0.1
    area[is_debris] *= 0.25
    side[is_debris] *= 0.4
    height[is_debris] *= 0.25
    is_doublet = ~is_debris & (rng.random(n) < DOUBLET_SHARE)
    m = int(is_doublet.sum())
    _, _, area_2, side_2, light_2 = _cells(m, staining, levels, rng, is_control=is_control)
    overlap = rng.uniform(0, 0.6, m)
    height[is_doublet] = np.maximum(area[is_doublet], area_2) + overlap * np.minimum(
        area[is_doublet], area_2
    )
    area[is_doublet] += area_2
    side[is_doublet] += side_2
    light[is_doublet] += light_2
    seen = (light * staining.gain * np.exp(rng.normal(0, 0.03, len(COLOURS)))) @ staining.spillover
    seen += rng.standard_normal(seen.shape) * np.sqrt(10 * seen + staining.noise**2)
    height *= 0.8 * (1 + 0.03 * rng.standard_normal(n))
    scatter = np.exp(rng.normal(0, 0.03))
    ticks = np.floor(np.sort(rng.random(n)) * n / EVENTS_PER_SECOND * 100)
    columns = [area * scatter, height * scatter, side * scatter, ticks, *seen.T]
    names = [*SCATTER, *(f"{marker}-A" for marker in COLOURS)]
    write_fcs(
        path,
        np.minimum(np.column_stack(columns), TOP - 1).astype(np.float32),
        channels=names,
        labels=[*("" for _ in SCATTER), *COLOURS],
        ranges=[TOP] * len(names),
        spillover=staining.stated,
        spillover_channels=names[len(SCATTER) :],
        keywords={"$TIMESTEP": "0.01"},
    )
    single = is_t & ~is_debris & ~is_doublet
    true = (carries & single[:, None]).sum(axis=0)
    return {"t_cells": int(single.sum()), **dict(zip(MARKERS, true.tolist(), strict=True))}


def _cells(
    n: int, staining: Staining, levels: FloatArray, rng: np.random.Generator, *, is_control: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], FloatArray, FloatArray, FloatArray]:
    """Draw cells: which markers they carry, whether T cells, FSC, SSC and light of each colour."""
    is_t = rng.random(n) < T_SHARE
    is_monocyte = ~is_t & (rng.random(n) < 0.4)
    area = np.where(is_monocyte, 125_000, 75_000) * np.exp(0.11 * rng.standard_normal(n))
    side = np.where(is_monocyte, 80_000, 22_000) * np.exp(0.17 * rng.standard_normal(n))
    # what a cell glows and binds unspecifically goes together in part
    common = rng.standard_normal((n, 1))
    own = rng.standard_normal((n, len(COLOURS)))
    light = staining.negative * 10 ** (staining.negative_sd * (0.5 * common + np.sqrt(0.75) * own))
    light[is_monocyte] *= 2
    carries = (rng.random((n, len(MARKERS))) < levels) & is_t[:, None]
    positive = np.column_stack([is_t, carries & (not is_control)])
    bright = staining.negative * 10 ** (
        staining.decades + staining.positive_sd * rng.standard_normal((n, len(COLOURS)))
    )
    light = np.where(positive, bright, light)
    return carries, is_t, area, side, light
