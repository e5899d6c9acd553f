"""Which tubes and libraries there are, and in which batch: every batch holds every group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from itc_analysis.config.sections import Cohort
from itc_analysis.simulate.instrument.panels import FMO_MARKERS, FUNCTION_PANEL, PANELS
from itc_analysis.simulate.instrument.tubes import TubePlan
from itc_analysis.simulate.parameters import UNSTIMULATED

INDEX_GROUP, HEALTHY = Cohort().index_group, Cohort().healthy_group
#: Sample id of the bridge control.
BRIDGE = "BRIDGE"
#: As many can be stained and acquired in a day, twice over for two panels.
PARTICIPANTS_PER_BATCH = 12
#: FMO tubes need fewer events: they show where negatives end.
FMO_EVENTS = 20_000
#: The panel with counting beads, and beads per tube by lot (a new lot every other batch).
COUNTING_PANEL = "panel_a"
BEAD_LOTS = {"LOT-1": 51_230.0, "LOT-2": 49_610.0}

#: Where only some have a library: so many of each group are prepared together, so that a batch
#: holds healthy people enough to be anchored by (the centre of n is uncertain by 1 / sqrt(n) SD).
LIBRARIES_PER_GROUP = 6


@dataclass(frozen=True)
class LibraryPlan:
    """A single-cell library: its id, sample and batch."""

    library_id: str
    sample_id: str
    batch: str


def sample_of(participant_id: str) -> str:
    """Return the id of a participant's only sample: P012 gave S012."""
    return "S" + participant_id.removeprefix("P")


def default_batches(sizes: Mapping[str, int]) -> int:
    """Return the number of batches: about twelve participants each, every group in every batch."""
    wanted = round(sum(sizes.values()) / PARTICIPANTS_PER_BATCH)
    return max(1, min(min(sizes.values()), max(2, wanted)))


def assign_batches(
    truth: pd.DataFrame, n_batches: int, rng: np.random.Generator, *, imbalance: float = 0.0
) -> dict[str, int]:
    """Deal each group's participants over the batches in random order; returns id to batch number.

    Groups start at the batch where the group before ended, so that batches are of equal size.

    Parameters
    ----------
    imbalance : float
        share of the index group that is stained in the first half of the batches, and of the
        healthy people in the second, beyond what dealing gives.
    """
    dealt: dict[str, int] = {}
    next_batch = 0
    for group in dict.fromkeys(sorted(truth["group"])):
        members = truth.loc[truth["group"] == group, "participant_id"].to_numpy()
        for participant in rng.permutation(members):
            dealt[str(participant)] = next_batch % n_batches + 1
            next_batch += 1
    if imbalance > 0 and n_batches > 1:
        half = max(1, n_batches // 2)
        for group, first, last in ((INDEX_GROUP, 1, half), (HEALTHY, half + 1, n_batches)):
            members = sorted(truth.loc[truth["group"] == group, "participant_id"])
            for place, participant in enumerate(members[: round(imbalance * len(members))]):
                dealt[str(participant)] = first + place % (last - first + 1)
    return dealt


def plan_tubes(
    truth: pd.DataFrame,
    batch_of: Mapping[str, int],
    *,
    events: int,
    stimulations: Sequence[str] = (),
) -> list[TubePlan]:
    """Return every tube of the study, panel by panel and batch by batch.

    Parameters
    ----------
    stimulations : sequence of str
        cells of everybody, and of the bridge control, are stained after each of them and without
        stimulation as well.
    """
    tubes = []
    fmo_events = min(events, FMO_EVENTS)
    for panel in PANELS:
        for number in sorted(set(batch_of.values())):
            batch = f"batch{number}"
            lot = list(BEAD_LOTS)[(number - 1) // 2 % len(BEAD_LOTS)]
            for participant in truth["participant_id"]:
                if batch_of[participant] != number:
                    continue
                counts = panel == COUNTING_PANEL
                sample = sample_of(participant)
                tubes.append(
                    TubePlan(
                        file_id=f"{sample}_{panel}",
                        sample_id=sample,
                        panel=panel,
                        batch=batch,
                        fmo_marker=None,
                        n_events=events,
                        beads_per_tube=BEAD_LOTS[lot] if counts else None,
                        bead_lot=lot if counts else None,
                    )
                )
            control = f"{BRIDGE}_{batch}_{panel}"
            tubes.append(TubePlan(control, BRIDGE, panel, batch, None, events))
            tubes += [
                TubePlan(f"{control}_fmo_{marker}", BRIDGE, panel, batch, marker, fmo_events)
                for marker in FMO_MARKERS[panel]
            ]
    return tubes + (_cultured(truth, batch_of, events, stimulations) if stimulations else [])


def _cultured(
    truth: pd.DataFrame, batch_of: Mapping[str, int], events: int, stimulations: Sequence[str]
) -> list[TubePlan]:
    """Return the cultured tubes: everybody's unstimulated and stimulated cells."""
    tubes = []
    for number in sorted(set(batch_of.values())):
        batch = f"batch{number}"
        samples = [sample_of(one) for one in truth["participant_id"] if batch_of[one] == number]
        for sample in (*samples, BRIDGE):
            own = f"{BRIDGE}_{batch}" if sample == BRIDGE else sample
            tubes += [
                TubePlan(
                    f"{own}_{condition}", sample, FUNCTION_PANEL, batch, None, events,
                    condition=condition,
                )
                for condition in (UNSTIMULATED, *stimulations)
            ]  # fmt: skip
        tubes += [
            TubePlan(
                f"{BRIDGE}_{batch}_{FUNCTION_PANEL}_fmo_{marker}", BRIDGE, FUNCTION_PANEL, batch,
                marker, min(events, FMO_EVENTS), condition=UNSTIMULATED,
            )
            for marker in FMO_MARKERS[FUNCTION_PANEL]
        ]  # fmt: skip
    return tubes


def plan_libraries(
    truth: pd.DataFrame,
    batch_of: Mapping[str, int],
    *,
    sizes: Mapping[str, int] | None = None,
) -> list[LibraryPlan]:
    """Return which participants have a single-cell library, and in which batch.

    Parameters
    ----------
    truth : pandas.DataFrame
        participant_id and group of each participant.
    batch_of : mapping of str to int
        batch of each participant's staining.
    sizes : mapping of str to int, optional
        libraries of each group, of its first participants; these are prepared in batches of their
        own, `LIBRARIES_PER_GROUP` of each group in a batch. None for a library of everybody,
        prepared in the batches of the staining.
    """
    if sizes is None:
        chosen = {participant: batch_of[participant] for participant in truth["participant_id"]}
    else:
        n_batches = max(1, round(min(sizes.values()) / LIBRARIES_PER_GROUP))
        chosen = {
            participant: 1 + place % n_batches
            for group, people in truth.groupby("group", sort=False)["participant_id"]
            for place, participant in enumerate(people.iloc[: sizes[str(group)]])
        }
    return [
        LibraryPlan(
            f"{sample_of(participant)}_cells",
            sample_of(participant),
            f"library_batch{chosen[participant]}",
        )
        for participant in truth["participant_id"]
        if participant in chosen
    ]
