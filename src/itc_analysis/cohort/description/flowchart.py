"""The flow of participants (STROBE item 13): enrolled, excluded, to be queried, analysed, measured.

Every person is counted once at every node, so that the numbers add up. `flowchart_svg` draws it.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from itc_analysis.cohort.eligibility.criteria import RULES
from itc_analysis.tables.quantities import STATUSES

#: The nodes in the order of reading; those of an assay follow for each assay.
STAGES = ("enrolled", "excluded", "to_be_queried", "analysed")
ASSAYS = ("flow", "singlecell")
#: Below the limit of detection is a (censored) result, and cells too few for a phenotype were
#: counted: no losses.
USABLE = frozenset({"ok", "below_lod", "few_cells"})
COLUMNS = ["group", "stage", "reason", "n", "n_any"]
ALL_GROUPS = "all"
BY_HAND = "decided by hand"


def count_flow(
    participants: pd.DataFrame,
    eligibility: pd.DataFrame,
    measurements: pd.DataFrame | None = None,
    *,
    groups: Iterable[str],
    assays: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Count the participants at every node.

    Parameters
    ----------
    participants, eligibility, measurements : pandas.DataFrame, optional
        the tables of these names; without measurements the nodes of the assays are left out.
    groups : iterable of str
        in the order of reading.
    assays : iterable of str, optional
        those that the study has, "flow" and "singlecell"; by default those with measurements. The
        nodes of others are left out; one without any measurement has lost everybody.

    Returns
    -------
    pandas.DataFrame
        Long table. `group` (or "all"), `stage`, `reason` (empty for the node itself), `n` people,
        each counted under one reason, and `n_any` people to whom the reason applies at all. Stages:
        `enrolled` = `excluded` + `to_be_queried` + `analysed`, and for each assay `analysed` =
        `with_<assay>` + `without_<assay>`. The reasons of a node add up to it. People with open
        queries who are analysed all the same (`analyse_queried`) stand under `analysed`.
    """
    stages = _stages(participants)
    first, every = _reasons(participants, eligibility)
    person = participants[["participant_id", "group"]].assign(stage=stages, reason=first)
    blocks = [person.assign(stage="enrolled", reason=""), person]
    shown: list[str] = []
    if measurements is not None:
        measured = set(measurements["assay"]) if assays is None else set(assays)
        shown = [assay for assay in ASSAYS if assay in measured]
        analysed = participants.loc[participants["is_analysed"], ["participant_id", "group"]]
        blocks += [_losses(analysed, measurements, assay) for assay in shown]
    people = pd.concat(blocks, ignore_index=True)
    any_reason = person[["participant_id", "group", "stage"]].merge(every, on="participant_id")
    rows = []
    for group in (*groups, ALL_GROUPS):
        ours = people if group == ALL_GROUPS else people[people["group"] == group]
        any_ours = any_reason if group == ALL_GROUPS else any_reason[any_reason["group"] == group]
        for stage in _stage_order(shown):
            here = ours[ours["stage"] == stage]
            rows.append([group, stage, "", len(here), len(here)])
            everywhere = people.loc[people["stage"] == stage, "reason"]
            for reason in sorted(set(everywhere) - {""}, key=_reason_rank):
                n = int((here["reason"] == reason).sum())
                among = any_ours[any_ours["stage"] == stage]
                n_any = int((among["reason"] == reason).sum())
                rows.append([group, stage, reason, n, max(n, n_any)])
    return pd.DataFrame(rows, columns=COLUMNS)


def _stage_order(assays: list[str]) -> list[str]:
    return [*STAGES, *(stage for assay in assays for stage in _nodes(assay))]


def _nodes(assay: str) -> tuple[str, str]:
    return f"with_{assay}", f"without_{assay}"


def _stages(participants: pd.DataFrame) -> pd.Series:
    stages = participants["decision"].map({"excluded": "excluded", "query": "to_be_queried"})
    return stages.mask(participants["is_analysed"], "analysed").astype("string")


def _reasons(
    participants: pd.DataFrame, eligibility: pd.DataFrame
) -> tuple[pd.Series, pd.DataFrame]:
    """Return each person's first reason (empty for the analysed), and all (person, reason)
    pairs.
    """
    outcome = {"excluded": "fails", "query": "missing"}
    rank = {rule.name: place for place, rule in enumerate(RULES)}
    judged = eligibility.merge(
        participants[["participant_id", "decision", "is_analysed", "decided_by"]],
        on="participant_id",
    )
    by_rules = judged[
        (judged["outcome"] == judged["decision"].map(outcome))
        & ~judged["is_analysed"]
        & (judged["decided_by"] == "rules")
    ]
    every = by_rules[["participant_id", "rule"]].rename(columns={"rule": "reason"})
    every = every.assign(rank=every["reason"].map(rank)).sort_values("rank", kind="stable")
    first = every.drop_duplicates("participant_id").set_index("participant_id")["reason"]
    found = participants["participant_id"].map(first).astype("string")
    by_hand = (participants["decided_by"] != "rules") & ~participants["is_analysed"]
    return found.mask(by_hand, BY_HAND).fillna(""), every[["participant_id", "reason"]]


def _losses(analysed: pd.DataFrame, measurements: pd.DataFrame, assay: str) -> pd.DataFrame:
    """Return the analysed people with the node they reach in an assay and why not further."""
    with_, without = _nodes(assay)
    rows = measurements[measurements["assay"] == assay]
    usable = set(rows.loc[rows["status"].isin(USABLE), "participant_id"].dropna())
    # The commonest status of a person's rows; of equally common ones the first of STATUSES.
    counted = rows.groupby(["participant_id", "status"]).size().reset_index(name="n")
    counted["rank"] = counted["status"].map(STATUSES.index)
    counted = counted.sort_values(["n", "rank"], ascending=[False, True], kind="stable")
    why = counted.drop_duplicates("participant_id").set_index("participant_id")["status"]
    reached = analysed["participant_id"].isin(usable)
    reason = analysed["participant_id"].map(why).astype("string").fillna("not measured")
    stage = pd.Series(without, index=analysed.index).mask(reached, with_)
    return analysed.assign(stage=stage, reason=reason.mask(reached, ""))


def _reason_rank(reason: str) -> tuple[int, str]:
    names = [rule.name for rule in RULES]
    return (names.index(reason) if reason in names else len(names), reason)
