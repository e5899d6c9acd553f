"""Tubes with three levels of CD161 on V-alpha-7.2+ T cells, drawn event by event from a model of
their own.

Negative, intermediate (on a tenth to more than half of the conventional cells) and bright (MAIT
cells, 3 to 20,000 in a tube). The distance between intermediate and bright, the form of the
positives (skewed, with heavy tails), brightness and drift differ between batches; depleted tubes
stand among ordinary ones, and some batches are stained dimly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from itc_analysis.simulate.instrument.fcs import write_fcs

FloatArray = npt.NDArray[np.float64]

COLOURS = ("CD3", "Va7.2", "CD161", "CD8")
SCATTER = ("FSC-A", "FSC-H", "SSC-A", "Time")
TOP = 262_144.0
N_EVENTS = (60_000, 220_000)
#: Decades between the medians of intermediate and bright cells; share of conventional cells that
#: are intermediate.
DECADES = (0.4, 0.55, 0.7, 0.85, 1.0)
INTERMEDIATE = (0.10, 0.35, 0.60)
#: Part of the tubes that are depleted of MAIT cells, and how many these hold.
DEPLETED_SHARE, DEPLETED, ORDINARY = 0.25, (3, 20), (20, 20_000)
DIM_SHARE = 0.2
EVENTS_PER_SECOND = 5_000.0


@dataclass(frozen=True)
class LevelStaining:
    """How a batch stains.

    Parameters
    ----------
    decades : between intermediate and bright CD161.
    bright : log10 of bright CD161, instrument units.
    intermediate_sd, bright_sd : spread of log10.
    skew : of the positives' log10: -1 (tail to the left) .. 1.
    heavy : degrees of freedom of the positives' tails.
    va72 : log10 of positive V-alpha-7.2.
    share : of conventional cells that are intermediate.
    negative : log10 of what the unstained glow, by colour.
    noise : electronic, by colour.
    spillover : true matrix; the files state one that is slightly off.
    stated : the matrix of the files.
    """

    decades: float
    bright: float
    intermediate_sd: float
    bright_sd: float
    skew: float
    heavy: float
    va72: float
    share: float
    negative: FloatArray
    noise: FloatArray
    spillover: FloatArray
    stated: FloatArray


def draw_level_staining(rng: np.random.Generator) -> LevelStaining:
    """Draw a batch."""
    n = len(COLOURS)
    stated = np.eye(n)
    for source in range(n):
        stated[source, (source + 1) % n] = rng.uniform(0.0, 0.08)
    off = np.where(np.eye(n) > 0, 1, 1 + 0.02 * rng.standard_normal((n, n)))
    dim = rng.uniform(0.2, 0.45) if rng.random() < DIM_SHARE else 0.0
    return LevelStaining(
        decades=float(rng.choice(DECADES)),
        bright=float(rng.uniform(3.9, 4.4)) - dim,
        intermediate_sd=float(rng.uniform(0.12, 0.22)),
        bright_sd=float(rng.uniform(0.08, 0.15)),
        skew=float(rng.uniform(-0.6, 0.3)),
        heavy=float(rng.choice([4.0, 6.0, 12.0])),
        va72=float(rng.uniform(3.5, 4.1)) - dim,
        share=float(rng.choice(INTERMEDIATE)),
        negative=rng.uniform(1.7, 2.2, n),
        noise=rng.uniform(30, 100, n),
        spillover=stated * off,
        stated=stated,
    )


def write_level_tube(
    path: Path,
    staining: LevelStaining,
    rng: np.random.Generator,
    *,
    depleted: float = DEPLETED_SHARE,
) -> dict[str, Any]:
    """Write one tube; returns the true number of single T cells and of each level.

    Parameters
    ----------
    depleted : float
        probability that it holds hardly any MAIT cells.
    """
    n = int(rng.integers(*N_EVENTS))
    is_t = rng.random(n) < rng.uniform(0.45, 0.7)
    is_depleted = rng.random() < depleted
    low, high = DEPLETED if is_depleted else ORDINARY
    expected = min(float(np.exp(rng.uniform(np.log(low), np.log(high)))), float(is_t.sum() // 4))
    n_mait = int(rng.poisson(expected))
    is_mait = np.zeros(n, dtype=np.bool_)
    is_mait[rng.choice(np.flatnonzero(is_t), n_mait, replace=False)] = True
    is_conventional = is_t & ~is_mait & (rng.random(n) < rng.uniform(0.015, 0.05))
    share = np.clip(staining.share * np.exp(rng.normal(0, 0.25)), 0.02, 0.9)
    is_intermediate = is_conventional & (rng.random(n) < share)
    # some conventional cells without V-alpha-7.2 carry CD161 as well, and other lymphocytes do
    others = is_t & ~is_mait & ~is_conventional & (rng.random(n) < 0.12)
    others |= ~is_t & (rng.random(n) < 0.3)

    glow = rng.standard_normal((n, 1))
    own = rng.standard_normal((n, len(COLOURS)))
    logs = staining.negative + 0.25 * (0.6 * glow + 0.8 * own)
    stain = np.full((n, len(COLOURS)), -9.0)
    drift = rng.normal(0, 0.012, len(COLOURS))
    cd3, va72, cd161, cd8 = range(len(COLOURS))
    stain[is_t, cd3] = _positive(rng, 4.1, 0.12, staining, int(is_t.sum()))
    is_va72 = is_mait | is_conventional
    stain[is_va72, va72] = _positive(rng, staining.va72, 0.13, staining, int(is_va72.sum()))
    middle = staining.bright - staining.decades
    is_dim = is_intermediate | others
    stain[is_dim, cd161] = _positive(
        rng, middle, staining.intermediate_sd, staining, int(is_dim.sum())
    )
    stain[is_mait, cd161] = _positive(rng, staining.bright, staining.bright_sd, staining, n_mait)
    is_cd8 = is_t & (rng.random(n) < np.where(is_mait, 0.7, 0.35))
    stain[is_cd8, cd8] = _positive(rng, 4.0, 0.15, staining, int(is_cd8.sum()))
    light = 10**logs + 10 ** (stain + drift)

    area = 80_000 * np.exp(0.11 * rng.standard_normal(n))
    side = 24_000 * np.exp(0.18 * rng.standard_normal(n))
    is_debris = rng.random(n) < 0.05
    light[is_debris] *= 0.1
    area[is_debris] *= 0.25
    side[is_debris] *= 0.4
    height = 0.8 * area * (1 + 0.03 * rng.standard_normal(n))
    is_doublet = ~is_debris & (rng.random(n) < 0.03)
    partner = rng.permutation(n)[: int(is_doublet.sum())]
    area[is_doublet] += area[partner]
    side[is_doublet] += side[partner]
    light[is_doublet] += light[partner]
    seen = light @ staining.spillover
    seen += rng.standard_normal(seen.shape) * np.sqrt(8 * seen + staining.noise**2)
    ticks = np.floor(np.sort(rng.random(n)) * n / EVENTS_PER_SECOND * 100)
    names = [*SCATTER, *(f"{marker}-A" for marker in COLOURS)]
    write_fcs(
        path,
        np.minimum(np.column_stack([area, height, side, ticks, seen]), TOP - 1).astype(np.float32),
        channels=names,
        labels=[*("" for _ in SCATTER), *COLOURS],
        ranges=[TOP] * len(names),
        spillover=staining.stated,
        spillover_channels=names[len(SCATTER) :],
        keywords={"$TIMESTEP": "0.01"},
    )
    single = ~is_debris & ~is_doublet
    return {
        "t_cells": int((is_t & single).sum()),
        "mait": int((is_mait & single).sum()),
        "mait_share": expected / float(is_t.sum()),
        "intermediate": int((is_intermediate & single).sum()),
    }


def _positive(
    rng: np.random.Generator, middle: float, sd: float, staining: LevelStaining, n: int
) -> FloatArray:
    """Return log10 of positives: scaled Student and exponential variables about a median."""
    tails = rng.standard_t(staining.heavy, n) * np.sqrt((staining.heavy - 2) / staining.heavy)
    skewed = rng.standard_exponential(n) - np.log(2)
    weight = staining.skew
    return middle + sd * (np.sqrt(1 - weight**2) * tails + weight * skewed)
