"""What the study nurse should find out or put right, one row per question.

Open are the questions about people who are neither excluded nor decided by hand: what a rule needs
and does not have, items that contradict one another, a second set of criteria that is fulfilled.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.cohort.classification.run import describe_verdict, people_with_items
from itc_analysis.cohort.eligibility.consistency import Check, find_contradictions, with_groups
from itc_analysis.cohort.eligibility.criteria import RULES
from itc_analysis.cohort.eligibility.windows import WINDOWS
from itc_analysis.config.sections import CheckedCohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.decisions import Queries
from itc_analysis.tables.cohort.sheets import ParticipantSheet
from itc_analysis.whole_files import write_text

#: Asked of everybody because comparisons adjust for them; nobody is kept out for want of them.
COVARIATES = ("age_years", "sex", "cmv_igg")
_RULES = {rule.name: rule for rule in RULES}
_OVERLAP_RULES = ("overlap_syndrome", "no_autoimmune_disease")
_COLUMNS = {
    **contract.columns_of(ClassificationSheet),
    **contract.columns_of(ParticipantSheet),
}

Query = dict[str, Any]


def make_queries(
    participants: pd.DataFrame,
    eligibility: pd.DataFrame,
    classification: pd.DataFrame,
    sheet: pd.DataFrame,
    *,
    cohort: CheckedCohort,
) -> pd.DataFrame:
    """List the open questions.

    Parameters
    ----------
    participants, eligibility, classification : pandas.DataFrame
        the tables of these names.
    sheet : pandas.DataFrame
        `ClassificationSheet`, possibly without rows.
    cohort : CheckedCohort
        groups.

    Returns
    -------
    pandas.DataFrame
        `Queries`, in the order of the participant sheet; those that keep a person from being
        compared first. Every person whose decision is `query` has at least one that `blocks`.
    """
    verdicts = {str(name): rows for name, rows in eligibility.groupby("participant_id")}
    sets = {
        str(name): rows.to_dict("records")
        for name, rows in classification.groupby("participant_id", sort=False)
    }
    rows: list[Query] = []
    for person, items in people_with_items(participants, sheet):
        name = str(person["participant_id"])
        if person["decision"] == "excluded" or person["decided_by"] != "rules":
            continue
        contradictions = find_contradictions(with_groups(items, cohort))
        from_rules = _from_rules(person, verdicts[name], sets.get(name, []), contradictions)
        told = " ".join(query["what"] for query in from_rules)
        asked = [
            *from_rules,
            *(_contradicted(check) for check in contradictions if check.what not in told),
            *_flags(sets.get(name, [])),
        ]
        already = {query["item"] for query in asked}
        asked += [
            _missing(item) for item in COVARIATES if person[item] is None and item not in already
        ]
        rows += [{"participant_id": name, "group": person["group"]} | query for query in asked]
    return contract.make(rows, Queries) if rows else contract.empty(Queries)


def write_query_sheet(queries: pd.DataFrame, path: str | Path) -> None:
    """Write the queries as a sheet with an empty column for the answer.

    Tab-separated UTF-8 with its mark, which spreadsheets need to show accents.
    """
    sheet = queries.sort_values(
        ["participant_id", "blocks"], ascending=[True, False], kind="stable"
    )
    sheet = sheet.assign(blocks=sheet["blocks"].map({True: "yes", False: "no"}), answer="")
    text = sheet.to_csv(sep="\t", index=False, lineterminator="\n")
    write_text(path, text, encoding="utf-8-sig")


def _from_rules(
    person: dict[str, Any],
    verdicts: pd.DataFrame,
    sets: list[dict[Any, Any]],
    contradictions: list[Check],
) -> list[Query]:
    queries: list[Query] = []
    for rule_name in verdicts.loc[verdicts["outcome"] == "missing", "rule"]:
        if rule_name == "classification":
            queries.append(_about_classification(person, sets, contradictions))
            continue
        rule = _RULES[rule_name]
        second = [row for row in sets if row["verdict"] == "fulfils" and not row["is_of_group"]]
        if rule_name in _OVERLAP_RULES and second:
            queries.append(_about_overlap(rule.items[0], second))
            continue
        doubted = {item for check in contradictions for item in check.doubted}
        empty = [
            item
            for item in _needed(person, rule.items, rule_name)
            if item not in doubted or person[item] is None
        ]
        if empty:
            queries += [_missing(item, blocks=True) for item in empty]
        else:
            queries.append(
                _query(
                    "contradictory",
                    ", ".join([*rule.items, *([rule.window.dated] if rule.window else [])]),
                    f"the items contradict one another ({rule.criterion})",
                    "check both against the file",
                    blocks=True,
                )
            )
    return queries


def _needed(person: dict[str, Any], items: tuple[str, ...], rule: str) -> list[str]:
    """Return the empty items that a rule waits for."""
    empty = [item for item in items if person[item] is None]
    if rule == "malignancy" and person["malignancy_ever"]:
        return ["malignancy_remission_months"]
    if rule == "malignancy":
        return [item for item in empty if item == "malignancy_ever"]
    if rule == "pregnancy":
        return [item for item in empty if item == "pregnant_or_breastfeeding"]
    if rule == "immunosuppressant":
        return [item for item in empty if item == "immunosuppressant_3_months"]
    return empty


def _about_classification(
    person: dict[str, Any], sets: list[dict[Any, Any]], contradictions: list[Check]
) -> Query:
    own = [row for row in sets if row["is_of_group"]]
    told = "; ".join(describe_verdict(row) for row in own)
    declared = person["classification_met"]
    open_items = {
        item
        for row in own
        if not pd.isna(row["missing_items"])
        for item in str(row["missing_items"]).split(", ")
    }
    decisive = [check for check in contradictions if open_items & set(check.doubted)]
    if decisive and all(row["verdict"] != "fulfils" for row in own):
        items = ", ".join(dict.fromkeys(item for check in decisive for item in check.items))
        reasons = "; ".join(dict.fromkeys(check.what for check in decisive))
        return _query(
            "contradictory",
            items,
            f"the criteria of the group turn on items that contradict one another: {reasons} "
            f"({told})",
            "find out which is right, and correct the other",
            blocks=True,
        )
    if declared is not None:
        word = "fulfilled" if declared else "not fulfilled"
        return _query(
            "contradictory",
            "classification_met",
            f"the criteria are declared {word}, but by the items: {told}",
            "check the items and the group, then correct the one that is wrong",
            blocks=True,
        )
    missing = dict.fromkeys(
        item
        for row in own
        if not pd.isna(row["missing_items"])
        for item in str(row["missing_items"]).split(", ")
    )
    what = "not declared whether the classification criteria of the group are fulfilled"
    remedy = "state classification_met"
    if missing:
        what += f", and the items do not tell ({told})"
        remedy += f", or assess: {', '.join(missing)}"
    return _query("missing", "classification_met", what, remedy, blocks=True)


def _about_overlap(item: str, second: list[dict[Any, Any]]) -> Query:
    told = "; ".join(describe_verdict(row) for row in second)
    return _query(
        "overlap",
        item,
        f"the criteria of another disease are fulfilled: {told}",
        f"decide whether this is an overlap ({item}); settle it in the sheet of decisions",
        blocks=True,
    )


def _contradicted(check: Check) -> Query:
    items = ", ".join(check.items)
    return _query("contradictory", items, check.what, "check them against the file")


def _flags(sets: list[dict[Any, Any]]) -> list[Query]:
    """Return what a clinician should look at in the sets of the own group that are fulfilled."""
    return [
        _query("check", str(row["criteria"]), str(row["flags"]), "look at the items of this set")
        for row in sets
        if row["is_of_group"] and row["verdict"] == "fulfils" and not pd.isna(row["flags"])
    ]


def _missing(item: str, *, blocks: bool = False) -> Query:
    column = _COLUMNS[item]
    unit = str((column.metadata or {}).get("unit", ""))
    asked = f"{str(column.description).rstrip('.')}" + (f" [{unit}]" if unit else "")
    dated = [window.dated for window in WINDOWS if window.asked == item]
    if dated:
        asked += f"; better, how long ago it was, as {dated[0]}"
    return _query("missing", item, "the cell is empty", f"ask and fill in: {asked}", blocks=blocks)


def _query(kind: str, item: str, what: str, what_to_do: str, *, blocks: bool = False) -> Query:
    return {
        "kind": kind,
        "item": item,
        "what": what,
        "what_to_do": what_to_do,
        "blocks": blocks,
    }
