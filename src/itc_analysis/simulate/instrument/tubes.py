"""One tube: draw its events from a participant's truth, and what the instrument makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.simulate.cells.brightness import (
    VA72,
    draw_light,
    draw_scatter,
    kinds_of_live_cells,
)
from itc_analysis.simulate.cells.kinds import KINDS, LEAVES, NON_T_LEAVES
from itc_analysis.simulate.instrument import artefacts
from itc_analysis.simulate.instrument.artefacts import Events
from itc_analysis.simulate.instrument.cytometer import Drift, detect
from itc_analysis.simulate.instrument.fcs import write_fcs
from itc_analysis.simulate.instrument.panels import TOP_OF_RANGE, Panel
from itc_analysis.simulate.parameters import UNSTIMULATED

#: Shares of the events that are no beads.
DOUBLET_SHARE = 0.04
DEBRIS_SHARE = 0.08
#: Cells that die in a day of culture, on top of those that came dead [P].
DEAD_IN_CULTURE = 0.06
#: Blood per counting tube; with the beads of `design` some 4,500 bead events come with 60,000.
BLOOD_VOLUME_UL = 300.0
#: Events per second through the instrument, and the time step of the file in seconds.
EVENTS_PER_SECOND, TIME_STEP = 3_000.0, 0.01
#: Height of a pulse over its area, and its relative spread [P].
HEIGHT_OF_AREA, HEIGHT_CV = 0.8, np.float32(0.035)
#: Nonspecific binding of every reagent in the tube, instrument units [P].
REAGENT_BACKGROUND = 35.0
#: Labels of events that are no single live cell.
NO_CELLS = ("bead", "debris", "doublet", "dead")
#: Every label, in the order of the categories in the truth files.
LABELS = (*NO_CELLS, *LEAVES, *NON_T_LEAVES)

_IS_T_KIND = np.array([kind.phenotype is not None for kind in KINDS])
_LABEL_OF_KIND = np.array([LABELS.index(kind.population) for kind in KINDS])


@dataclass(frozen=True)
class TubePlan:
    """What is in a tube.

    Parameters
    ----------
    file_id, sample_id, panel, batch : str
        as in the tube sheet.
    fmo_marker : str or None
        the reagent left out; None for a fully stained tube.
    n_events : int
        events acquired.
    beads_per_tube : float, optional
        counting beads added; None for none.
    bead_lot : str, optional
        their lot.
    condition : str, optional
        stimulation, or unstimulated; None for cells stained as they came.
    """

    file_id: str
    sample_id: str
    panel: str
    batch: str
    fmo_marker: str | None
    n_events: int
    beads_per_tube: float | None = None
    bead_lot: str | None = None
    condition: str | None = None


@dataclass(frozen=True)
class SimulatedTube:
    """Events and their truth.

    Parameters
    ----------
    events : numpy.ndarray
        float32, shape (n_events, n_channels), columns in the order of the panel sheet.
    truth : pandas.DataFrame
        one row per event: population (one of `LABELS`) and is_va72_pos (single live cells that
        carry Valpha7.2, MAIT or not).
    shares : dict of str to float
        expected share of the tube's events of every label; sums to 1.
    """

    events: npt.NDArray[np.float32]
    truth: pd.DataFrame
    shares: dict[str, float]


def simulate_tube(
    plan: TubePlan,
    truth: Mapping[str, Any],
    panel: Panel,
    drift: Drift,
    rng: np.random.Generator,
) -> SimulatedTube:
    """Draw one tube.

    Parameters
    ----------
    plan : TubePlan
        what is in the tube.
    truth : mapping of str to object
        the participant: a row of `cohort.simulate_measurement_truth` and of `blood.draw_blood`.
    panel, drift : Panel or Drift
        the panel and the instrument's state in this batch.
    rng : numpy.random.Generator
        random numbers of this tube.
    """
    n = plan.n_events
    shares = label_shares(plan, truth)
    kind_shares = kinds_of_live_cells(truth)
    other = np.array([shares[name] for name in NO_CELLS])
    label = _draw(np.append(other, 1 - other.sum()), n, rng)
    is_bead, is_debris, is_doublet, is_dead = (label == i for i in range(len(NO_CELLS)))

    kind = _draw(kind_shares, n, rng)
    condition = plan.condition or UNSTIMULATED
    events, is_positive = _cells(kind, truth, panel, rng, condition)
    partner_kind = _draw(kind_shares, int(is_doublet.sum()), rng)
    partners, _ = _cells(partner_kind, truth, panel, rng, condition)
    artefacts.join_doublets(events, is_doublet, partners, rng)
    artefacts.make_dead(events, is_dead, panel, rng)
    artefacts.make_debris(events, is_debris, rng)
    background = np.full(len(panel.markers), REAGENT_BACKGROUND, dtype=np.float32)
    if plan.fmo_marker is not None:
        left_out = panel.markers.index(plan.fmo_marker)
        events.light[:, left_out] = background[left_out] = 0
    events.light += background * events.glow[:, None]
    artefacts.make_beads(events, is_bead, rng)

    is_live_cell = label == len(NO_CELLS)
    code = np.where(is_live_cell, _LABEL_OF_KIND[kind], label)
    frame = pd.DataFrame(
        {
            "population": pd.Categorical(np.array(LABELS)[code], categories=LABELS),
            "is_va72_pos": is_positive[:, panel.markers.index(VA72)] & is_live_cell,
        }
    )
    return SimulatedTube(_acquire(events, panel, drift, rng), frame, shares)


def write_tube(path: Path, tube: SimulatedTube, panel: Panel, sample_id: str, *, note: str) -> None:
    """Write a tube as an FCS file.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    tube : SimulatedTube
        The events.
    panel : Panel
        Their channels and the spillover that the file states.
    sample_id : str
        The sample ($SRC).
    note : str
        Says that the file is simulated ($COM).
    """
    is_time = panel.sheet["channel"] == "Time"
    write_fcs(
        path,
        tube.events,
        channels=list(panel.sheet["channel"]),
        labels=list(panel.sheet["marker"].where(panel.sheet["fluorochrome"] != "", "")),
        ranges=list(np.where(is_time, max(tube.events[-1, is_time.argmax()], 1), TOP_OF_RANGE)),
        spillover=panel.spillover,
        spillover_channels=panel.channels,
        keywords={
            "$COM": note,
            "$CYT": "simulated cytometer",
            "$FIL": path.name,
            "$SRC": sample_id,
            "$TIMESTEP": f"{TIME_STEP:g}",
        },
    )


def label_shares(plan: TubePlan, truth: Mapping[str, Any]) -> dict[str, float]:
    """Return the expected share of a tube's events of each of `LABELS`.

    Beads are as many as make (live single T cells / beads) x beads per tube / blood volume the
    participant's T cells per uL; dead cells and doublets come on top.
    """
    kind_shares = kinds_of_live_cells(truth)
    dead = float(truth["dead_share"])
    if plan.condition is not None:
        dead = min(dead + DEAD_IN_CULTURE, 0.9)
    live = 1 - DOUBLET_SHARE - DEBRIS_SHARE - dead
    beads = 0.0
    if plan.beads_per_tube is not None:
        t_in_tube = float(truth["t_cells_per_ul"]) * BLOOD_VOLUME_UL
        beads = live * float(kind_shares[_IS_T_KIND].sum()) * plan.beads_per_tube / t_in_tube
    weights = dict.fromkeys(LABELS, 0.0)
    weights |= {"bead": beads, "debris": DEBRIS_SHARE, "doublet": DOUBLET_SHARE, "dead": dead}
    for kind, share in zip(KINDS, kind_shares, strict=True):
        weights[kind.population] += live * float(share)
    return {name: weight / (1 + beads) for name, weight in weights.items()}


def _cells(
    kind: npt.NDArray[np.intp],
    truth: Mapping[str, Any],
    panel: Panel,
    rng: np.random.Generator,
    condition: str,
) -> tuple[Events, npt.NDArray[np.bool_]]:
    """Draw single live cells of the given kinds, and which markers they carry."""
    light, is_positive = draw_light(kind, truth, panel.markers, rng, condition=condition)
    area, side, glow = draw_scatter(kind, rng)
    return Events(light, glow, area, side, area.copy()), is_positive


def _acquire(
    events: Events, panel: Panel, drift: Drift, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return what the file holds, columns in the order of the panel sheet."""
    n = len(events.area)
    seen = detect(events.light, events.glow, panel, drift, rng)
    height = HEIGHT_OF_AREA * events.peak
    height *= 1 + HEIGHT_CV * rng.standard_normal(n, dtype=np.float32)
    seconds = np.sort(rng.random(n)) * n / EVENTS_PER_SECOND
    columns = {
        "FSC-A": events.area * drift.scatter[0],
        "FSC-H": height * drift.scatter[1],
        "SSC-A": events.side * drift.scatter[2],
        "Time": np.floor(seconds / TIME_STEP),
        **dict(zip(panel.channels, seen.T, strict=True)),
    }
    return np.column_stack([columns[channel] for channel in panel.sheet["channel"]]).astype(
        np.float32
    )


def _draw(
    shares: npt.NDArray[np.float64], n: int, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Draw `n` indices with the given probabilities."""
    edges = np.cumsum(shares)
    return np.searchsorted(edges / edges[-1], rng.random(n), side="right")
