"""All sets of criteria on everybody: the table of classifications, and what it means for
eligibility.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from itc_analysis.cohort.classification import (
    iim_2017,
    ra_2010,
    sjogren_2016,
    sle_2019,
    ssc_2013,
    ssc_early_2001,
)
from itc_analysis.cohort.classification.engine import Items, Result, Truth, some
from itc_analysis.config.sections import CheckedCohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.decisions import Classification
from itc_analysis.tables.columns import plain_rows

#: Titles of the sets of criteria by name, in the order of the tables.
TITLES = {
    ssc_2013.SSC_2013.name: ssc_2013.SSC_2013.title,
    ssc_early_2001.NAME: ssc_early_2001.TITLE,
    sle_2019.SLE_2019.name: sle_2019.SLE_2019.title,
    sjogren_2016.SJOGREN_2016.name: sjogren_2016.SJOGREN_2016.title,
    ra_2010.RA_2010.name: ra_2010.RA_2010.title,
    iim_2017.NAME: iim_2017.TITLE,
}
_SCORED: tuple[Callable[[Items], Result], ...] = (
    sle_2019.assess,
    sjogren_2016.assess,
    ra_2010.assess,
    iim_2017.assess,
)
OBJECTIVE_RAYNAUD = ("observed", "measured")


@dataclass(frozen=True)
class Facts:
    """What the criteria say of one person, as far as eligibility is concerned.

    Parameters
    ----------
    by_items : Truth
        whether a set of the person's own group is fulfilled; None when the items do not tell.
    told : str
        the person's own sets in words, e.g. ``"ssc_2013 fulfils (9 to 12, cut-off 9)"``.
    elsewhere : str
        fulfilled sets of other groups in words; empty when there is none.
    open_items : frozenset of str
        items not known (or contradicted) that could still move a verdict of the own sets.
    """

    by_items: Truth
    told: str
    elsewhere: str
    open_items: frozenset[str] = frozenset()


def run_all(
    items: Items, *, objective_raynaud: Collection[str] = OBJECTIVE_RAYNAUD
) -> tuple[Result, ...]:
    """Apply all sets of criteria to one person.

    Parameters
    ----------
    items : mapping of str to object
        values by column; None, or no such column, for not assessed. Items named in
        `better_explained` do not count.
    objective_raynaud : collection of str
        evidence of Raynaud's phenomenon that is objective for early SSc.

    Returns
    -------
    tuple of Result
        One `Result` per set, in the order of `TITLES`.
    """
    counted = without_better_explained(items)
    return (
        ssc_2013.assess(counted),
        ssc_early_2001.assess(counted, objective=objective_raynaud),
        *(assess(counted) for assess in _SCORED),
    )


def without_better_explained(items: Items) -> dict[str, Any]:
    """Return the items with those that another condition explains better set to absent."""
    counted = dict(items)
    for name in better_explained(items):
        counted[name] = False
    return counted


def better_explained(items: Items) -> list[str]:
    """Return the names in `better_explained`."""
    text = items.get("better_explained") or ""
    return [name for name in (part.strip() for part in str(text).split(",")) if name]


def classify(
    participants: pd.DataFrame,
    sheet: pd.DataFrame,
    *,
    cohort: CheckedCohort,
    doubts: Mapping[str, frozenset[str]] | None = None,
) -> pd.DataFrame:
    """Apply all sets of criteria to everybody.

    Parameters
    ----------
    participants : pandas.DataFrame
        `ParticipantSheet`, or `Participants`.
    sheet : pandas.DataFrame
        `ClassificationSheet`; people without a row have only the items of `participants`.
    cohort : CheckedCohort
        which sets belong to which group, and what is objective evidence of Raynaud.
    doubts : mapping of str to frozenset of str, optional
        items that other items contradict, by participant: they count as not assessed.

    Returns
    -------
    pandas.DataFrame
        `Classification`: one row per person and set.
    """
    rows = []
    for person, items in people_with_items(participants, sheet):
        own = cohort.classification_criteria.get(person["group"], ())
        doubted = (doubts or {}).get(person["participant_id"], frozenset())
        items |= dict.fromkeys(doubted & set(items))
        for result in run_all(items, objective_raynaud=cohort.objective_raynaud):
            is_own = result.criteria in own
            rows.append(
                {
                    "participant_id": person["participant_id"],
                    "group": person["group"],
                    "criteria": result.criteria,
                    "is_of_group": is_own,
                    "verdict": result.verdict,
                    "category": result.category,
                    "score_min": _points(result.low, result.scale),
                    "score_max": _points(result.high, result.scale),
                    "cut_off": _points(result.cut_off, result.scale),
                    "declared": person["classification_met"] if is_own else None,
                    "contributions": describe_contributions(result) or None,
                    "missing_items": ", ".join(result.missing) or None,
                    "flags": "; ".join(result.flags) or None,
                }
            )
    return (
        contract.make(pd.DataFrame(rows), Classification)
        if rows
        else contract.empty(Classification)
    )


def people_with_items(
    participants: pd.DataFrame, sheet: pd.DataFrame
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return each person's row of the participant sheet, and it joined with the classification
    items.
    """
    extra = {row["participant_id"]: row for row in plain_rows(sheet)}
    return [
        (person, person | extra.get(person["participant_id"], {}))
        for person in plain_rows(participants)
    ]


def facts_of(classification: pd.DataFrame) -> dict[str, Facts]:
    """Return the facts of everybody in a `Classification` table, by participant."""
    found = {}
    for name, rows in classification.groupby("participant_id", sort=False):
        results = rows.to_dict("records")
        own = [row for row in results if row["is_of_group"]]
        other = [row for row in results if not row["is_of_group"] and row["verdict"] == "fulfils"]
        met = {"fulfils": True, "does_not_fulfil": False, "not_assessable": None}
        found[str(name)] = Facts(
            by_items=some(met[row["verdict"]] for row in own) if own else None,
            told="; ".join(describe_verdict(row) for row in own),
            elsewhere="; ".join(describe_verdict(row) for row in other),
            open_items=frozenset(
                item
                for row in own
                if not pd.isna(row["missing_items"])
                for item in str(row["missing_items"]).split(", ")
            ),
        )
    return found


def describe_verdict(row: Mapping[Any, Any]) -> str:
    """Return ``"ssc_2013 not assessable (8 to 11, cut-off 9)"``, and the condition that is not met
    where the score alone would fulfil.
    """
    verdict = str(row["verdict"]).replace("_", " ")
    if pd.isna(row["score_min"]):
        return f"{row['criteria']} {verdict}"
    low, high, cut_off = (row[name] for name in ("score_min", "score_max", "cut_off"))
    score = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    told = f"{row['criteria']} {verdict} ({score}, cut-off {cut_off:g})"
    is_for_a_condition = row["verdict"] == "does_not_fulfil" and high >= cut_off
    return f"{told}: {row['flags']}" if is_for_a_condition else told


def describe_contributions(result: Result) -> str:
    """Return ``"Raynaud 3; PAH or ILD 0 to 2"``: what each domain adds, and by which finding."""
    told = []
    for part in result.contributions:
        low, high = (f"{points / result.scale:g}" for points in (part.low, part.high))
        score = low if low == high else f"{low} to {high}"
        named = f" ({part.finding})" if part.finding not in ("", part.domain) else ""
        told.append(f"{part.domain} {score}{named}")
    return "; ".join(told)


def _points(score: int | None, scale: int) -> float | None:
    return None if score is None else score / scale
