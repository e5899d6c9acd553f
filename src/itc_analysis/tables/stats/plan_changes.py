"""What was changed since the plan was locked."""

import pandas as pd
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import text

#: States of a result towards the lock of the plan.
LOCK_STATES = ["as_locked", "post_hoc", "not_locked"]


class PlanChanges(Contract, key=("part", "where")):
    """Fields of the plan, and of what it depends on, that differ from the lock, and what was
    decided by hand since; no rows when nothing does or when nothing was locked.
    """

    part: Series[pd.StringDtype] = text(
        "plan, gating, signatures or settings; by_hand: participants decided on, gates reviewed or "
        "drawn, and tubes confirmed by a person.",
        allowed=["plan", "gating", "signatures", "settings", "by_hand"],
    )
    where: Series[pd.StringDtype] = text("The field, e.g. 'families.primary.adjustment'.")
    locked: Series[pd.StringDtype] = text("Its value in the lock, as JSON; '(none)': not there.")
    now: Series[pd.StringDtype] = text("Its value now, as JSON; '(none)': not there.")
    affects: Series[pd.StringDtype] = text(
        "Which results follow from it and so are post hoc; none by themselves of by_hand."
    )


def lock_state() -> object:
    """Return the column that says how a result stands towards the lock."""
    return text(
        "as_locked; post_hoc: the plan, or what this result depends on, was changed after the "
        "lock, or the plan never held it; not_locked: the plan was not locked; null: nobody "
        "looked (run without `--changes`).",
        nullable=True,
        allowed=LOCK_STATES,
    )
