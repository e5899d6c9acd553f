"""Which tubes are of resting cells, of stimulated cells, and of their unstimulated controls.

A condition is what the cells went through before they were stained; stained, fmo or unstained
stays the kind of tube. What is measured in resting cells is never mixed with stimulated ones.
No pandas here: the Snakefile asks as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

#: What an empty condition means.
RESTING = "resting"


def conditions_of(tubes: pd.DataFrame) -> pd.Series:
    """Return the condition of each row of the tube sheet; `RESTING` where none is written."""
    return tubes["condition"].astype("string").fillna(RESTING)


def is_of(row: Mapping[str, Any], conditions: Collection[str]) -> bool:
    """Tell whether a row of the tube sheet, as plain data, is of one of some conditions."""
    return (row.get("condition") or RESTING) in conditions
