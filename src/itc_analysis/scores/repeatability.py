"""How well a score repeats itself: the bridge control's runs against what people differ by.

The intraclass correlation is the share of the variance between people that is not the variance of
one material measured again in every batch. Scores are read against each batch's own centre, to
which the bridge control itself contributes: with few healthy people in a batch its runs agree a
little better than those of another material would.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

KEYS = ["assay", "population", "signature", "method"]
#: Fewer runs or people give no variance that is worth a ratio.
MIN_RUNS = 3
LEVEL = 0.95


def bridge_repeatability(
    scores: pd.DataFrame, samples: pd.DataFrame, participants: pd.DataFrame
) -> pd.DataFrame:
    """Return the intraclass correlation of every score that the bridge control has.

    Parameters
    ----------
    scores : pd.DataFrame
        The ScoreTable.
    samples, participants : pd.DataFrame
        SampleSheet and Participants; who is analysed, in which group.

    Returns
    -------
    pd.DataFrame
        One row per score with a run of the bridge control: assay, population, signature, method,
        n_runs, n_people, sd_runs, sd_people (within their groups, so that a difference between
        groups makes no score look repeatable), icc and its 95 % limits, reason where there is none.
    """
    who = samples[["sample_id", "participant_id", "sample_type"]].merge(
        participants[["participant_id", "group", "is_analysed"]],
        on="participant_id",
        how="left",
        validate="many_to_one",
    )
    rows = scores[scores["status"] == "ok"].merge(
        who, on="sample_id", how="left", validate="many_to_one"
    )
    found = [
        {**dict(zip(KEYS, key, strict=True)), **_judge(own)}
        for key, own in rows.groupby(KEYS, sort=True)
        if (own["sample_type"] == "bridge_control").any()
    ]
    columns = [
        *KEYS,
        "n_runs",
        "n_people",
        "sd_runs",
        "sd_people",
        "icc",
        "lower",
        "upper",
        "reason",
    ]
    return pd.DataFrame(found, columns=columns)


def intraclass_correlation(
    variance_runs: float, df_runs: int, variance_people: float, df_people: int
) -> tuple[float, float, float]:
    """Return 1 - (variance of runs) / (variance of people) with its limits from the ratio's F
    distribution.

    Parameters
    ----------
    variance_runs, variance_people : float
        Observed; the variance of people holds that of runs.
    df_runs, df_people : int
        Degrees of freedom of each.
    """
    ratio = variance_runs / variance_people
    tail = (1 - LEVEL) / 2
    highest = ratio / stats.f.ppf(tail, df_runs, df_people)
    lowest = ratio / stats.f.ppf(1 - tail, df_runs, df_people)
    inside = np.clip([1 - ratio, 1 - highest, 1 - lowest], 0.0, 1.0)
    return float(inside[0]), float(inside[1]), float(inside[2])


def _judge(own: pd.DataFrame) -> dict[str, object]:
    runs = own.loc[own["sample_type"] == "bridge_control", "value"].to_numpy(dtype=float)
    people = own[own["is_analysed"].eq(other=True)]
    means = people.groupby(["group", "participant_id"], as_index=False)["value"].mean()
    within = means["value"] - means.groupby("group")["value"].transform("mean")
    df_people, df_runs = len(means) - means["group"].nunique(), len(runs) - 1
    none = {"sd_runs": np.nan, "sd_people": np.nan, "icc": np.nan, "lower": np.nan, "upper": np.nan}
    count = {"n_runs": len(runs), "n_people": len(means)}
    if len(runs) < MIN_RUNS or df_people < MIN_RUNS - 1:
        return {**count, **none, "reason": f"{len(runs)} runs and {len(means)} people are too few"}
    of_runs = float(np.var(runs, ddof=1))
    of_people = float(np.sum(within**2)) / df_people
    if of_people <= 0 or of_runs <= 0:
        who = "people" if of_people <= 0 else "the runs"
        return {**count, **none, "reason": f"{who} do not differ at all"}
    icc, lower, upper = intraclass_correlation(of_runs, df_runs, of_people, df_people)
    spreads = {"sd_runs": np.sqrt(of_runs), "sd_people": np.sqrt(of_people)}
    return {**count, **spreads, "icc": icc, "lower": lower, "upper": upper, "reason": None}
