"""One FCS file as the instrument wrote it, ready to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.api.cards import card
from itc_analysis.errors import did_you_mean
from itc_analysis.flow.fcs.read import FcsFile
from itc_analysis.flow.fcs.read import read_fcs as read_file
from itc_analysis.flow.spillover.compensation import find_spillover
from itc_analysis.provenance import describe


def read_fcs(path: str | Path) -> FcsTube:
    """Read an FCS file (2.0 to 3.2), or say in words why it cannot be read.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    FcsTube
        Its channels, keywords and events, in instrument units and not compensated.

    Raises
    ------
    UnreadableFile
        The file is not there, not FCS, cut short, or contradicts itself; nothing is guessed.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> tube = itc.read_fcs(itc.example_fcs(n_events=2000, seed=1))
    >>> tube
    <FcsTube 'donor_1': 2,000 events x 21 channels>
    >>> tube.channels.loc[3:5, ["channel", "label"]].values.tolist()
    [['Time', ''], ['BUV395-A', 'CD3'], ['BUV496-A', 'CD4']]
    >>> tube.events.shape
    (2000, 21)
    >>> bool(tube.values("CD3").max() > 1000)
    True
    """
    return FcsTube(path)


class FcsTube:
    """One tube as the instrument wrote it.

    Parameters
    ----------
    path : str or Path
        The file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: FcsFile = read_file(self.path)

    @property
    def name(self) -> str:
        """The file's name without folder and ending."""
        return self.path.stem

    @property
    def n_events(self) -> int:
        """Events in the file."""
        return self._file.n_events

    @property
    def keywords(self) -> dict[str, str]:
        """Keywords of the TEXT segment, upper case, without the leading '$'."""
        return dict(self._file.keywords)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be known about the file, e.g. slips of the standard that do no harm."""
        return self._file.remarks

    @property
    def channels(self) -> pd.DataFrame:
        """One row per channel: `channel` ($PnN), `label` ($PnS), `range` in instrument units."""
        columns = {
            "channel": [channel.name for channel in self._file.channels],
            "label": [channel.label for channel in self._file.channels],
            "range": [channel.scaled_range for channel in self._file.channels],
        }
        return pd.DataFrame(columns)

    @property
    def spillover(self) -> pd.DataFrame | None:
        """The file's spillover: rows are fluorochromes, columns detectors; None without one."""
        _, found = find_spillover(self._file)
        if found is None:
            return None
        names = list(found.channels)
        return pd.DataFrame(found.matrix, index=names, columns=names)

    @property
    def events(self) -> pd.DataFrame:
        """One row per event, one column per channel; float32, instrument units, not compensated."""
        table = pd.DataFrame(self._file.events.T, columns=list(self._file.channel_names))
        table.attrs["itc_analysis"] = self.provenance
        return table

    @property
    def provenance(self) -> dict[str, Any]:
        """What read the file, and the file's digest."""
        return describe("itc_analysis.read_fcs", inputs=[self.path])

    def values(self, name: str) -> npt.NDArray[np.float32]:
        """Return the events of one channel.

        Parameters
        ----------
        name : str
            The channel ($PnN) or its label ($PnS).

        Returns
        -------
        numpy.ndarray
            Shape (n_events,), instrument units.

        Raises
        ------
        KeyError
            No channel, or more than one, has this name.
        """
        names, labels = self._file.channel_names, self._file.channel_labels
        hits = [i for i, known in enumerate(names) if known == name]
        hits = hits or [i for i, known in enumerate(labels) if known == name]
        if len(hits) == 1:
            row: npt.NDArray[np.float32] = self._file.events[hits[0]]
            return row
        known = dict.fromkeys([*names, *filter(None, labels)])
        what = f"{len(hits)} channels are called" if hits else "no channel is called"
        msg = f"{what} '{name}'; {did_you_mean(name, known)}"
        raise KeyError(msg)

    def __len__(self) -> int:
        return self.n_events

    def __repr__(self) -> str:
        n_channels = len(self._file.channels)
        return f"<FcsTube '{self.name}': {self.n_events:,} events x {n_channels} channels>"

    def _repr_html_(self) -> str:
        cytometer = self._file.keywords.get("CYT", "unknown cytometer")
        facts = "; ".join([f"{self.n_events:,} events", cytometer, *self.remarks])
        rows = self.channels.itertuples(index=False, name=None)
        shown = ((name, label, f"{top:,.0f}") for name, label, top in rows)
        return card(self.name, facts, ("channel", "label", "range"), shown, more="channels")
