"""Time windows of the trial record, answered as a number of days or months, or as yes or no.

A number can be checked against the file and decides; yes or no is accepted and marked as not
dated. What happened exactly at the end of a window lies outside it: 13 days are within the last
2 weeks, 14 days are not; 11.9 months of the last 12 are, 12.0 are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

NOT_DATED = "answered yes/no, not dated"


@dataclass(frozen=True)
class Window:
    """One window of the record.

    Parameters
    ----------
    asked : str
        yes/no column: did it happen within the window?
    dated : str
        column with the time since it ended; 0 while it lasts.
    limit : float
        length of the window; what happened this long ago or longer lies outside.
    unit : str
        of `dated` and `limit`.
    """

    asked: str
    dated: str
    limit: float
    unit: str


CHEMOTHERAPY = Window(
    "chemotherapy_or_checkpoint_12_months", "chemotherapy_or_checkpoint_months_ago", 12, "months"
)
INFECTION = Window(
    "infection_or_antibiotics_2_weeks", "infection_or_antibiotics_days_ago", 14, "days"
)
VACCINATION = Window("vaccination_4_weeks", "vaccination_days_ago", 28, "days")
IMMUNOSUPPRESSANT = Window(
    "immunosuppressant_3_months", "immunosuppressant_months_ago", 3, "months"
)
BIOLOGIC = Window("biologic_6_months", "biologic_months_ago", 6, "months")
WINDOWS = (CHEMOTHERAPY, INFECTION, VACCINATION, IMMUNOSUPPRESSANT, BIOLOGIC)


def happened_within(person: dict[str, Any], window: Window) -> bool | None:
    """Return whether it happened within the window; None when unknown or contradictory."""
    asked, since = person[window.asked], person[window.dated]
    if since is None:
        return None if asked is None else bool(asked)
    by_number = bool(since < window.limit)
    return None if asked is not None and bool(asked) != by_number else by_number


def describe_window(person: dict[str, Any], window: Window) -> str:
    """Return what the sheet says, and whether a number or a bare yes or no decided."""
    asked, since = person[window.asked], person[window.dated]
    words = {None: "missing", True: "yes", False: "no"}
    answer = words[None if asked is None else bool(asked)]
    if since is None:
        return f"{window.asked} = {answer}" + ("" if asked is None else f" ({NOT_DATED})")
    side = "fewer than" if since < window.limit else "not fewer than"
    told = f"{window.dated} = {since:g} {window.unit} ({side} {window.limit:g})"
    if asked is not None and happened_within(person, window) is None:
        return f"{window.asked} = {answer}; {told}"
    return told


def answer_by_numbers(participants: pd.DataFrame) -> pd.DataFrame:
    """Return the participants with the yes/no items that are empty answered by their numbers.

    Parameters
    ----------
    participants : pandas.DataFrame
        `ParticipantSheet`. An item that is answered stays as it is, also against its number.
    """
    answered = participants.copy()
    for window in WINDOWS:
        since = participants[window.dated]
        by_number = (since < window.limit).astype("boolean").mask(since.isna())
        answered[window.asked] = participants[window.asked].fillna(by_number)
    return answered


def count_answers(participants: pd.DataFrame) -> tuple[int, int]:
    """Return how many answers to the windows are dated, and how many are bare yes or no."""
    dated = sum(int(participants[window.dated].notna().sum()) for window in WINDOWS)
    bare = sum(
        int((participants[window.asked].notna() & participants[window.dated].isna()).sum())
        for window in WINDOWS
    )
    return dated, bare
