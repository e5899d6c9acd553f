"""Which tubes are held: their numbers stay out of the statistics until a person confirms them."""

from __future__ import annotations

import pandas as pd

#: Begins the reason of every number that is held.
HELD_UNTIL = "held until confirmed"


def held_tubes(identity: pd.DataFrame, tubes: pd.DataFrame | None) -> dict[str, str]:
    """Return why each tube is held, by file id; those that a person confirmed are not.

    Parameters
    ----------
    identity : pandas.DataFrame
        `TubeIdentity` of all panels; without rows where nothing was compared.
    tubes : pandas.DataFrame or None
        `Tubes`; None: nobody confirmed any.
    """
    held = identity[identity["is_held"].astype(bool)]
    confirmed = confirmed_tubes(tubes)
    return {
        str(row.file_id): f"{HELD_UNTIL}: {row.reason}"
        for row in held.itertuples()
        if str(row.file_id) not in confirmed
    }


def confirmed_tubes(tubes: pd.DataFrame | None) -> set[str]:
    """Return the tubes that a person confirmed in the sheet of tubes."""
    if tubes is None or "confirmed" not in tubes:
        return set()
    is_confirmed = tubes["confirmed"].fillna(value=False).astype(bool)
    return set(tubes.loc[is_confirmed, "file_id"].astype(str))
