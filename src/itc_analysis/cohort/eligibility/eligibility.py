"""Who is eligible, who is excluded and why, and about whom something must still be asked.

Every participant is judged by every rule of `criteria`; any failure excludes, otherwise any missing
item makes a query. Decisions taken by hand replace the result but the rules' verdicts stay beside.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from itc_analysis.cohort.classification.run import Facts, facts_of
from itc_analysis.cohort.eligibility.criteria import RULES, Person, Rule
from itc_analysis.cohort.eligibility.windows import describe_window
from itc_analysis.config.sections import CheckedCohort
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Eligibility, Participants
from itc_analysis.tables.columns import plain_rows

_UNITS = {
    str(name): str((column.metadata or {}).get("unit", ""))
    for name, column in contract.columns_of(Participants).items()
}


#: Without items nothing is found: the criteria are then as declared.
_NOTHING_FOUND = Facts(by_items=None, told="", elsewhere="", open_items=frozenset())


def judge_participants(
    participants: pd.DataFrame,
    classification: pd.DataFrame | None = None,
    *,
    cohort: CheckedCohort,
    doubts: Mapping[str, frozenset[str]] | None = None,
) -> pd.DataFrame:
    """Apply every rule to every participant.

    Parameters
    ----------
    participants : pandas.DataFrame
        `ParticipantSheet`.
    classification : pandas.DataFrame, optional
        `Classification` of the same people; None when the criteria are only declared.
    cohort : CheckedCohort
        groups, and the protocol version for people whose row names none.
    doubts : mapping of str to frozenset of str, optional
        items that other items contradict, by participant: no rule takes either side.

    Returns
    -------
    pandas.DataFrame
        `Eligibility`: one row per participant and rule, in the order of sheet and record. A rule
        that the person's protocol version or group does not have is `not_applicable`.
    """
    facts = {} if classification is None else facts_of(classification)
    rows = []
    for person in plain_rows(participants):
        found = facts.get(person["participant_id"], _NOTHING_FOUND)
        doubted = (doubts or {}).get(person["participant_id"], frozenset())
        person |= {
            "classified_by_items": found.by_items,
            "criteria_of_group": _of_group(person, found),
            "criteria_elsewhere": found.elsewhere,
            "criteria_doubted": bool(doubted & found.open_items),
        }
        judged = person | dict.fromkeys(doubted & set(person))
        version = person["protocol_version"] or cohort.protocol_version
        for rule in RULES:
            outcome = _outcome(rule, judged, version, cohort)
            rows.append(
                {
                    "participant_id": person["participant_id"],
                    "rule": rule.name,
                    "protocol_version": version,
                    "outcome": outcome,
                    "evidence": "; ".join(
                        [
                            describe_items(person, rule),
                            *(person[name] for name in rule.findings if person[name]),
                        ]
                    ),
                }
            )
    return contract.make(pd.DataFrame(rows), Eligibility) if rows else contract.empty(Eligibility)


def decide(
    participants: pd.DataFrame,
    eligibility: pd.DataFrame,
    decisions: pd.DataFrame,
    *,
    analyse_queried: bool,
) -> pd.DataFrame:
    """Return everybody with one decision each.

    Parameters
    ----------
    participants : pandas.DataFrame
        `ParticipantSheet`.
    eligibility : pandas.DataFrame
        `Eligibility` of the same people.
    decisions : pandas.DataFrame
        `DecisionSheet`, possibly without rows; these replace the rules' decision.
    analyse_queried : bool
        whether people with open queries enter comparisons.

    Returns
    -------
    pandas.DataFrame
        `Participants`, in the order of `participants`. `reasons` names every failing rule, or every
        missing item, with its evidence; for a decision by hand also what the rules had said.
    """
    verdicts = {str(name): rows for name, rows in eligibility.groupby("participant_id", sort=False)}
    by_hand = {row["participant_id"]: row for row in decisions.to_dict("records")}
    rows = []
    for name in participants["participant_id"]:
        decision, reasons = _decide_by_rules(verdicts[name])
        decided_by = "rules"
        if name in by_hand:
            hand = by_hand[name]
            said = f"the rules: {decision}" + (f", {reasons}" if reasons else "")
            decision, decided_by = hand["decision"], hand["decided_by"]
            reasons = f"{hand['why']} ({said})"
        rows.append(
            {
                "decision": decision,
                "reasons": reasons or None,
                "decided_by": decided_by,
                "is_analysed": decision == "eligible" or (decision == "query" and analyse_queried),
            }
        )
    decided = pd.DataFrame(rows, index=participants.index)
    return contract.make(pd.concat([participants, decided], axis=1), Participants)


def describe_items(person: Person, rule: Rule) -> str:
    """Return ``"weight_kg = 54 kg"``: the items of a rule and what the sheet says.

    A time window is described by its number, or as answered without one.
    """
    return "; ".join(
        describe_window(person, rule.window)
        if rule.window is not None and item == rule.window.asked
        else f"{item} = {_show(person[item], _UNITS[item])}"
        for item in rule.items
    )


def _of_group(person: Person, found: Facts) -> str:
    """Return what the items say of the person's own criteria, and whether a declaration stands
    in.
    """
    is_declared = found.by_items is None and person["classification_met"] is not None
    return f"{found.told}; as declared" if found.told and is_declared else found.told


def _outcome(rule: Rule, person: Person, version: str, cohort: CheckedCohort) -> str:
    if version not in rule.versions or not rule.applies(person, cohort):
        return "not_applicable"
    verdict = rule.judge(person)
    return "missing" if verdict is None else "passes" if verdict else "fails"


def _decide_by_rules(verdicts: pd.DataFrame) -> tuple[str, str]:
    for outcome, decision in (("fails", "excluded"), ("missing", "query")):
        found = verdicts[verdicts["outcome"] == outcome]
        if len(found):
            told = zip(found["rule"], found["evidence"], strict=True)
            return decision, "; ".join(f"{rule} ({evidence})" for rule, evidence in told)
    return "eligible", ""


def _show(value: object, unit: str) -> str:
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g} {unit}".strip()
    return str(value)
