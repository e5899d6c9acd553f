"""Match each person of the index group with a control of the same sex and about the same age.

For a sensitivity analysis beside adjustment: of all possible pairs those are chosen that match the
most people and, among these, with the smallest differences of age in sum.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize

COLUMNS = ["participant_id", "control_id", "age_difference", "reason"]


def match_controls(
    participants: pd.DataFrame, *, index_group: str, control_group: str, max_years: float
) -> pd.DataFrame:
    """Pair the index group with one control group, one to one.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants`; only analysed people are matched.
    index_group, control_group : str
        who is matched with whom.
    max_years : float
        largest difference of age within a pair.

    Returns
    -------
    pandas.DataFrame
        One row per analysed person of the index group, by id: `control_id` (null when there is
        none), `age_difference` in years (index minus control) and `reason` (why there is no
        control).
    """
    analysed = participants[participants["is_analysed"]].sort_values("participant_id")
    index = analysed[analysed["group"] == index_group]
    controls = analysed[analysed["group"] == control_group]
    known = controls[controls["age_years"].notna() & controls["sex"].notna()]
    asked = index[index["age_years"].notna() & index["sex"].notna()]
    pairs = _pair(asked, known, max_years)
    rows = []
    for name, age, sex in zip(
        index["participant_id"], index["age_years"], index["sex"], strict=True
    ):
        if name in pairs:
            control, difference = pairs[name]
            rows.append([name, control, difference, None])
        else:
            unknown = pd.isna(age) or pd.isna(sex)
            reason = (
                "age or sex is missing" if unknown else "no control of this sex and age is left"
            )
            rows.append([name, None, np.nan, reason])
    return pd.DataFrame(rows, columns=COLUMNS)


def _pair(
    index: pd.DataFrame, controls: pd.DataFrame, max_years: float
) -> dict[str, tuple[str, float]]:
    if index.empty or controls.empty:
        return {}
    years = index["age_years"].to_numpy()[:, None] - controls["age_years"].to_numpy()[None, :]
    same_sex = index["sex"].to_numpy()[:, None] == controls["sex"].to_numpy()[None, :]
    allowed = same_sex & (np.abs(years) <= max_years)
    # A forbidden pair costs more than all allowed ones together, so the most people are matched.
    forbidden = (max_years + 1) * (len(index) + len(controls))
    rows, columns = optimize.linear_sum_assignment(np.where(allowed, np.abs(years), forbidden))
    return {
        str(index["participant_id"].iloc[row]): (
            str(controls["participant_id"].iloc[column]),
            float(years[row, column]),
        )
        for row, column in zip(rows, columns, strict=True)
        if allowed[row, column]
    }
