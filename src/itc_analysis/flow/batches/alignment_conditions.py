"""Whether the batches of a panel may be aligned: the bridge control in each, and groups spread over
them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.batches.bridge import refuse_confounded


def read_people(path: str | Path) -> pd.DataFrame:
    """Read who was stained in which batch: people, batches as rows and groups as columns.

    Parameters
    ----------
    path : str or Path
        JSON list of {batch, group, n_people}; an empty list when nobody but the bridge control was.

    Raises
    ------
    ItcError
        the file is not there or holds something else.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ItcError(str(path), "the list of people is not there; check the path") from None
    except json.JSONDecodeError as error:
        raise ItcError(str(path), f"not valid JSON ({error})") from None
    columns = ["batch", "group", "n_people"]
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and set(row) == set(columns) for row in rows
    ):
        raise ItcError(str(path), f"a list of rows with {', '.join(columns)} is wanted")
    return people_by_batch(rows)


def people_by_batch(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return people from rows of {batch, group, n_people}: batches as rows, groups as columns."""
    return pd.DataFrame(rows, columns=["batch", "group", "n_people"]).pivot_table(
        index="batch", columns="group", values="n_people", aggfunc="sum", fill_value=0
    )


def refuse_unfit(people: pd.DataFrame, bridge: Sequence[Mapping[str, Any]], panel: str) -> None:
    """Refuse to align batches that have no bridge tube, or that cannot be told from groups.

    Parameters
    ----------
    people : pandas.DataFrame
        people of the panel, batches as rows and groups as columns.
    bridge : sequence of mapping of str to object
        rows of the tube sheet of the stained bridge tubes.
    panel : str
        for the message.

    Raises
    ------
    ItcError
        all faults at once.
    """
    with_bridge = {str(row["batch"]) for row in bridge}
    faults = [
        Fault(
            f"batch '{batch}'",
            "it has no bridge control, so nothing says how far it moved",
            "stain the bridge control in every batch, or set flow.align to false",
        )
        for batch in people.index
        if str(batch) not in with_bridge
    ]
    if not with_bridge:
        what = "the panel has no bridge control, so nothing says how far its batches moved"
        faults = [Fault("", what, "stain one in every batch, or set flow.align to false")]
    try:
        if len(people):
            refuse_confounded(people, source=panel)
    except ItcError as error:
        faults += error.faults
    if faults:
        source = f"alignment of {panel}"
        raise ItcError(source, faults)
