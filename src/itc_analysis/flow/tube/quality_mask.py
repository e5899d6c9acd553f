"""Which events of each tube were kept: judged once by `itc fit-gates`, handed over to `itc
apply-gates`.

So both steps see the same events, and the margins and the acquisition are judged once.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.errors import Fault, ItcError
from itc_analysis.statistics.arrays import BoolArray

_SOURCE = "itc apply-gates"


def kept_row(file_id: str, keep: BoolArray | None) -> dict[str, Any]:
    """Return a tube's row of `KeptEvents`.

    Parameters
    ----------
    keep : numpy.ndarray or None
        shape (n_events,), true for events to analyse; None when the tube is not used.
    """
    if keep is None:
        return {"file_id": file_id, "n_events": 0, "kept": None}
    text = base64.b64encode(np.packbits(keep).tobytes()).decode("ascii")
    return {"file_id": file_id, "n_events": keep.size, "kept": text}


class Judged:
    """What `itc fit-gates` found out about the tubes of a batch.

    Parameters
    ----------
    quality : pandas.DataFrame
        `TubeQuality`.
    kept : pandas.DataFrame
        `KeptEvents` of the same tubes.

    Notes
    -----
    Masks are unpacked one at a time, since only one tube is in memory.
    """

    def __init__(self, quality: pd.DataFrame, kept: pd.DataFrame) -> None:
        columns = ["status", "reason", "n_clean"]
        verdicts = quality[columns].astype(object).itertuples(index=False, name=None)
        self._verdicts = {
            file_id: dict(zip(columns, verdict, strict=True))
            for file_id, verdict in zip(quality["file_id"], verdicts, strict=True)
        }
        used = kept.dropna(subset=["kept"])
        self._kept = dict(
            zip(used["file_id"], zip(used["n_events"], used["kept"], strict=True), strict=True)
        )

    def refuse_others(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Refuse tubes that were not judged.

        Parameters
        ----------
        rows : iterable of mapping of str to object
            rows of the tube sheet.

        Raises
        ------
        ItcError
            a tube has no verdict, or can be used and has no kept events.
        """
        faults = []
        for file_id in (str(row["file_id"]) for row in rows):
            verdict = self._verdicts.get(file_id)
            if verdict is None or (verdict["status"] == "ok" and file_id not in self._kept):
                what = "which of its events to keep was not judged"
                faults.append(Fault(f"tube '{file_id}'", what, "fit the gates of its batch again"))
        if faults:
            raise ItcError(_SOURCE, faults)

    def verdict(self, file_id: str) -> dict[str, Any]:
        """Return `status`, `reason` and `n_clean` of a tube."""
        return self._verdicts[file_id]

    def keep(self, file_id: str) -> BoolArray:
        """Return the events to keep of a tube that can be used, shape (n_events,)."""
        n_events, text = self._kept[file_id]
        packed = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
        return np.unpackbits(packed, count=int(n_events)).view(np.bool_)
