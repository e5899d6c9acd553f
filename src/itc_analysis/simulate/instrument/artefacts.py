"""What is no single live cell: doublets, dead cells, debris and counting beads.

Each function changes the chosen events in place. Sizes and shares are priors ([P]).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.simulate.instrument.panels import Panel
from itc_analysis.statistics.arrays import BoolArray

FloatArray = npt.NDArray[np.float32]

#: How far the smaller cell of a doublet adds to the pulse height: 0 when one follows the other.
LARGEST_OVERLAP = 0.6
#: Viability dye in dead cells: log10 and SD.
DEAD_VIABILITY = (4.15, 0.30)
#: Reagents that stick to dead cells, log10 and SD: 6B11 behaves like a tetramer.
STICKY = {"6B11": (3.3, 0.4), "Va7.2": (2.8, 0.4), "TCRgd": (2.8, 0.4)}
#: Dead cells: marker light left, autofluorescence, FSC and SSC, against live ones.
DEAD_LIGHT, DEAD_GLOW, DEAD_AREA, DEAD_SIDE = np.array([0.7, 3.5, 0.68, 1.5], dtype=np.float32)
#: Debris: median FSC-A and SSC-A with ln SD; one in five carries membrane with some marker.
DEBRIS_AREA, DEBRIS_AREA_SIGMA, DEBRIS_SIDE, DEBRIS_SIDE_SIGMA = 20_000, 0.35, 9_000, 0.5
DEBRIS_WITH_MEMBRANE, DEBRIS_LIGHT, DEBRIS_GLOW = 0.2, 0.05, np.float32(0.25)
#: Beads: log10 light in every colour with SD; FSC-A, SSC-A and their ln SD.
BEAD_LIGHT, BEAD_LIGHT_SD, BEAD_AREA, BEAD_SIDE, BEAD_SIGMA = 4.6, 0.025, 14_000, 165_000, 0.05


@dataclass
class Events:
    """Events before the detectors.

    Parameters
    ----------
    light : FloatArray
        fluorochromes, shape (n_events, n_markers).
    glow : FloatArray
        relative autofluorescence, shape (n_events,).
    area, side : FloatArray
        FSC-A and SSC-A, shape (n_events,).
    peak : FloatArray
        the FSC-A that the pulse height belongs to: lower than the area in doublets.
    """

    light: FloatArray
    glow: FloatArray
    area: FloatArray
    side: FloatArray
    peak: FloatArray


def join_doublets(
    events: Events, which: BoolArray, partners: Events, rng: np.random.Generator
) -> None:
    """Let a second cell pass with each chosen event: light and areas add, the height hardly
    does.
    """
    overlap = rng.uniform(0, LARGEST_OVERLAP, len(partners.area)).astype(np.float32)
    larger = np.maximum(events.area[which], partners.area)
    smaller = np.minimum(events.area[which], partners.area)
    events.peak[which] = larger + overlap * smaller
    events.light[which] += partners.light
    events.glow[which] += partners.glow
    events.area[which] += partners.area
    events.side[which] += partners.side


def make_dead(events: Events, which: BoolArray, panel: Panel, rng: np.random.Generator) -> None:
    """Let the dye in; dead cells are autofluorescent, sticky, smaller and more granular."""
    n = int(which.sum())
    events.light[which] *= DEAD_LIGHT
    events.light[which, panel.markers.index("Viability")] = 10 ** rng.normal(*DEAD_VIABILITY, n)
    for marker, (log10, sd) in STICKY.items():
        stuck = (10 ** rng.normal(log10, sd, n)).astype(np.float32)
        events.light[which, panel.markers.index(marker)] += stuck
    events.glow[which] *= DEAD_GLOW
    events.area[which] *= DEAD_AREA
    events.side[which] *= DEAD_SIDE
    events.peak[which] = events.area[which]


def make_debris(events: Events, which: BoolArray, rng: np.random.Generator) -> None:
    """Leave fragments: small and hardly fluorescent."""
    n = int(which.sum())
    has_membrane = rng.random(n) < DEBRIS_WITH_MEMBRANE
    events.light[which] *= np.where(has_membrane, DEBRIS_LIGHT, 0).astype(np.float32)[:, None]
    events.glow[which] *= DEBRIS_GLOW
    events.area[which] = DEBRIS_AREA * np.exp(DEBRIS_AREA_SIGMA * rng.standard_normal(n))
    events.side[which] = DEBRIS_SIDE * np.exp(DEBRIS_SIDE_SIGMA * rng.standard_normal(n))
    events.peak[which] = events.area[which]


def make_beads(events: Events, which: BoolArray, rng: np.random.Generator) -> None:
    """Put counting beads: bright in every colour, low FSC, high SSC, no autofluorescence."""
    n = int(which.sum())
    shape = (n, events.light.shape[1])
    events.light[which] = 10 ** rng.normal(BEAD_LIGHT, BEAD_LIGHT_SD, shape)
    events.glow[which] = 0
    events.area[which] = BEAD_AREA * np.exp(BEAD_SIGMA * rng.standard_normal(n))
    events.side[which] = BEAD_SIDE * np.exp(BEAD_SIGMA * rng.standard_normal(n))
    events.peak[which] = events.area[which]
