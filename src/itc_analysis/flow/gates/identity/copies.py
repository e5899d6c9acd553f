"""One file under two names: two tubes that hold the same events."""

from __future__ import annotations

import pandas as pd

from itc_analysis.flow.gates.negatives import MIN_EVENTS

#: So many different numbers of events in parent gates, all the same in two tubes, are no chance.
TELLING = 4


def copies(fits: pd.DataFrame) -> dict[str, str]:
    """Return stained tubes that hold the same events as another one: one file under two names.

    Two tubes with the same number of events in every parent gate are no coincidence.

    Parameters
    ----------
    fits : pandas.DataFrame
        rows of `GateFits` of all populations and batches.

    Returns
    -------
    dict of str to str
        What is odd, by file id; which of the two names is the right one cannot be told.
    """
    stained = fits[(fits["tube"] == "stained") & fits["n_parent"].notna()]
    alike: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for file_id, own in stained.groupby("file_id", sort=True):
        pairs = zip(own["population"].astype(str), own["n_parent"].astype(int), strict=True)
        counts = tuple(sorted(pairs))
        if len({n for _, n in counts if n >= MIN_EVENTS}) >= TELLING:
            alike.setdefault(counts, []).append(str(file_id))
    return {
        file_id: (
            f"its events are those of {', '.join(name for name in names if name != file_id)}: "
            "one file under two names"
        )
        for names in alike.values()
        if len(names) > 1
        for file_id in names
    }
