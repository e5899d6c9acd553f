"""Could batch or age stand in for the group? Confounding of batches, balance of covariates.

A batch that holds one group only cannot be corrected for; this is told, never repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from itc_analysis.cohort.oddities import Problem
from itc_analysis.statistics.contingency import HIGH_CRAMERS_V, cramers_v

#: Of the sample sheet, not of the participant sheet.
WAITING = "draw_to_stain_hours"
#: Covariates of innate T cells known from the literature (age, sex, CMV), body mass, treatment and
#: how long the blood waited. Batches are not a number: see `batch_by_group`.
COVARIATES = (
    "age_years",
    "sex",
    "bmi",
    "cmv_igg",
    "hydroxychloroquine",
    "glucocorticoid_mg_per_day",
    "immunosuppressant_3_months",
    "biologic_6_months",
    WAITING,
)


def batch_by_group(
    participants: pd.DataFrame,
    samples: pd.DataFrame,
    tubes: pd.DataFrame,
    libraries: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Count analysed people per batch and group, one table per panel and one for single cell.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants`; the others : `SampleSheet`, `Tubes`, `Libraries`.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``{"panel_a": counts}`` with batches as rows and groups as columns; people, not tubes, are
        counted. Assays without analysed people are left out.
    """
    analysed = participants.loc[participants["is_analysed"], ["participant_id", "group"]]
    people = samples[["sample_id", "participant_id"]].merge(analysed, on="participant_id")
    stained = tubes.loc[tubes["tube"] == "stained", ["sample_id", "panel", "batch"]]
    parts = (
        stained.rename(columns={"panel": "assay"}),
        libraries[["sample_id", "batch"]].assign(assay="single cell"),
    )
    parts_used = [part for part in parts if len(part)]
    if not parts_used:
        return {}
    used = pd.concat(parts_used, ignore_index=True)
    joined = used.merge(people, on="sample_id").drop_duplicates(
        ["assay", "batch", "participant_id"]
    )
    return {
        str(assay): pd.crosstab(rows["batch"], rows["group"])
        for assay, rows in joined.groupby("assay")
    }


def find_confounded_batches(
    participants: pd.DataFrame,
    samples: pd.DataFrame,
    tubes: pd.DataFrame,
    libraries: pd.DataFrame,
) -> list[Problem]:
    """Return rows of `Problems`: batches with one group only, and batches associated with group.

    Nothing is said of an assay with a single group, which compares nobody.
    """
    problems = []
    tables = batch_by_group(participants, samples, tubes, libraries)
    for assay, counts in tables.items():
        n_groups = counts.shape[1]
        if n_groups == 1:
            continue
        single = counts[(counts > 0).sum(axis=1) == 1]
        if len(single):
            told = ", ".join(
                f"{batch} ({row[row > 0].index[0]}, n={int(row.sum())})"
                for batch, row in single.iterrows()
            )
            what = f"{len(single)} of {len(counts)} batches hold one group only: {told}"
            remedy = "group and batch cannot be separated there, and no correction is made"
            problems.append(_problem(assay, what, remedy))
        strength = cramers_v(counts)
        if strength > HIGH_CRAMERS_V:
            what = (
                f"batch and group are associated: Cramér's V {strength:.2f}, "
                f"n={counts.to_numpy().sum()}"
            )
            remedy = "read differences between groups with the batches side by side"
            problems.append(_problem(assay, what, remedy))
    return problems


def balance(
    participants: pd.DataFrame,
    samples: pd.DataFrame | None = None,
    *,
    index_group: str,
    pools: Mapping[str, Iterable[str]] | None = None,
) -> pd.DataFrame:
    """Compare covariates of each group with those of the index group.

    Parameters
    ----------
    participants : pandas.DataFrame
        `Participants`; only analysed people enter.
    samples : pandas.DataFrame, optional
        `SampleSheet`, for the hours from draw to staining; missing throughout without it.
    index_group : str
        the group that the others are held against.
    pools : mapping of str to iterable of str, optional
        groups held against the index group together, by a name of their own.

    Returns
    -------
    pandas.DataFrame
        One row per other group (then pool) and covariate: `group`, `variable`, `n_index`, `n_group`
        (people with a value), `n_missing` (of both groups), `standardised_difference` (index minus
        group, in pooled standard deviations; for yes/no and sex that of the proportion, F for sex).
        The difference is NaN when a group has no value, or a number fewer than two, or nothing
        varies.

    References
    ----------
    Austin 2009, doi:10.1002/sim.3697
    """
    people = analysed_with_waiting(participants, samples)
    index = people[people["group"] == index_group]
    others = {str(group): [str(group)] for group in sorted(set(people["group"]) - {index_group})}
    others |= {name: list(groups) for name, groups in (pools or {}).items()}
    rows = []
    for name, groups in others.items():
        other = people[people["group"].isin(groups)]
        for variable in COVARIATES:
            ours, theirs = as_numbers(index[variable]), as_numbers(other[variable])
            is_share = people[variable].dtype != "float64"
            rows.append(
                {
                    "group": name,
                    "variable": variable,
                    "n_index": len(ours),
                    "n_group": len(theirs),
                    "n_missing": len(index) + len(other) - len(ours) - len(theirs),
                    "standardised_difference": _difference(ours, theirs, is_share=is_share),
                }
            )
    columns = ["group", "variable", "n_index", "n_group", "n_missing", "standardised_difference"]
    return pd.DataFrame(rows, columns=columns)


def analysed_with_waiting(participants: pd.DataFrame, samples: pd.DataFrame | None) -> pd.DataFrame:
    """Return the analysed people with the hours that their (longest waiting) sample waited."""
    analysed = participants[participants["is_analysed"]]
    if samples is None:
        return analysed.assign(**{WAITING: np.nan})
    longest = samples.groupby("participant_id")[WAITING].max()
    return analysed.assign(**{WAITING: analysed["participant_id"].map(longest).astype(float)})


def as_numbers(values: pd.Series) -> np.ndarray:
    """Return the known values: numbers as they are, yes and F as 1, the others as 0."""
    known = values.dropna()
    if known.dtype == "string":
        return (known == "F").to_numpy(dtype=float)
    return known.to_numpy(dtype=float)


def _difference(ours: np.ndarray, theirs: np.ndarray, *, is_share: bool) -> float:
    least = 1 if is_share else 2  # a variance needs two numbers
    if min(len(ours), len(theirs)) < least:
        return float("nan")
    degrees = 0 if is_share else 1
    spread = np.sqrt((ours.var(ddof=degrees) + theirs.var(ddof=degrees)) / 2)
    return float((ours.mean() - theirs.mean()) / spread) if spread > 0 else float("nan")


def _problem(assay: str, what: str, remedy: str) -> Problem:
    item = assay if assay == "single cell" else f"panel {assay}"
    return {"room": "cohort", "item": item, "what": what, "remedy": remedy}
