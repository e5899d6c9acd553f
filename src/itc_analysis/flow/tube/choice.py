"""Which tubes stand for a whole panel: a few stained ones, evenly spread over the batches.

No numpy here: the Snakefile asks as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from itc_analysis.tables.conditions import is_of

#: Tubes that scales are learned on. The median of so many is known to a quarter of their spread
#: (1.25 / sqrt(24) standard deviations), and the step stays short however large the study is.
MAX_TUBES = 24


def choose_tubes(
    rows: Sequence[Mapping[str, Any]], *, stimulated: Collection[str] = ()
) -> list[Mapping[str, Any]]:
    """Return the tubes that scales are learned on.

    Parameters
    ----------
    rows : sequence of mapping of str to object
        rows of the tube sheet of one panel, in any order.
    stimulated : collection of str
        conditions in which cells were stimulated.

    Returns
    -------
    list of mapping of str to object
        At most `MAX_TUBES`, by batch and file_id. Controls lack a marker, so their events below
        zero are others; they, and stimulated tubes, are taken only where a panel has nothing else.
    """
    stained = [row for row in rows if row["tube"] == "stained"]
    usual = [row for row in stained if not is_of(row, stimulated)]
    ordered = sorted(
        usual or stained or rows, key=lambda row: (str(row["batch"]), str(row["file_id"]))
    )
    if len(ordered) <= MAX_TUBES:
        return ordered
    last = len(ordered) - 1
    return [ordered[round(place * last / (MAX_TUBES - 1))] for place in range(MAX_TUBES)]
