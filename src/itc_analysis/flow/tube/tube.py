"""A tube ready for gating: compensated, transformed, cleaned events with marker names.

This is all that the gating engine sees of an FCS file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.flow.quality.restart import Restart
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.spillover.batch_agreement import SpillLeft
from itc_analysis.flow.spillover.matrix_text import Spillover
from itc_analysis.flow.tube.warp import Warp


@dataclass(frozen=True)
class Tube:
    """Events of one tube.

    Parameters
    ----------
    file_id, sample_id, panel, batch, kind : str
        from the sheet; `kind` is stained, fmo or unstained.
    fmo_markers : tuple of str
        markers left out of an FMO tube; empty otherwise.
    markers : tuple of str
        marker name of each row of `events`.
    events : numpy.ndarray
        float32, shape (n_markers, n_events), each row contiguous; compensated, transformed
        (fluorescence: 0..1 logicle units; scatter: linear over the transform's t), and only events
        that passed the margin and time checks.
    transforms : dict of str to Transform
        the transform of each marker, to go back to instrument units.
    n_events_file : int
        events in the file before cleaning.
    compensation : str
        file, matrix (of the study), identity, none or already_compensated.
    spillover : Spillover, optional
        the matrix of the study, which other programs need beside the file; None otherwise.
    spill_left : SpillLeft, optional
        what compensation leaves, to be compared with the other tubes; None when the tube was judged
        by an earlier step.
    sketch : tuple of int
        of the events as the file has them (`sketch_of`); () when the tube was judged by an earlier
        step.
    restart : Restart, optional
        where the clock starts again; None where it runs on, or the tube was judged by an earlier
        step.
    remarks : tuple of str
        things to know about the file.
    missing_markers : tuple of str
        markers of the panel for which the file has no channel.
    channels : dict of str to str
        the file's channel ($PnN) of each marker.
    alignment : mapping of str to Warp
        how the values of a marker were moved after transformation; {} as a rule.
    instrument : dict of str to str
        what the file tells about the cytometer, as columns of `TubeQuality`.
    acquisition : pandas.DataFrame, optional
        the tube along its acquisition, of `acquisition.timeline_table`; None when it could not be
        judged.
    """

    file_id: str
    sample_id: str
    panel: str
    batch: str
    kind: str
    fmo_markers: tuple[str, ...]
    markers: tuple[str, ...]
    events: npt.NDArray[np.float32]
    transforms: dict[str, Transform]
    n_events_file: int
    compensation: str
    remarks: tuple[str, ...] = field(default=())
    missing_markers: tuple[str, ...] = field(default=())
    channels: dict[str, str] = field(default_factory=dict)
    acquisition: pd.DataFrame | None = None
    keep: npt.NDArray[np.bool_] | None = None
    instrument: dict[str, str] = field(default_factory=dict)
    spillover: Spillover | None = None
    spill_left: SpillLeft | None = None
    sketch: tuple[int, ...] = ()
    restart: Restart | None = None
    alignment: Mapping[str, Warp] = field(default_factory=dict)

    @property
    def n_events(self) -> int:
        """Events that entered gating."""
        return int(self.events.shape[1])

    def values(self, marker: str) -> npt.NDArray[np.float32]:
        """Return the events of one marker, shape (n_events,); KeyError when it is not in the
        tube.
        """
        try:
            row: npt.NDArray[np.float32] = self.events[self.markers.index(marker)]
        except ValueError:
            raise KeyError(marker) from None
        return row
