"""How results stand towards the lock of their plan: as locked, post hoc, or never locked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.plural import plural
from itc_analysis.stats.plan.lock import (
    AS_LOCKED,
    BY_HAND,
    DECIDED_BY_HAND,
    NOT_LOCKED,
    POST_HOC,
    Lock,
    Touched,
    changes_since,
    holds_by_hand,
    touched_by,
)
from itc_analysis.stats.plan.plan import GENES
from itc_analysis.tables import contract
from itc_analysis.tables.stats.plan_changes import PlanChanges

#: Key of the lock in what made the table of changes.
_LOCK, _TOUCHED = "lock", "touched"


@dataclass(frozen=True)
class Standing:
    """A plan and its lock.

    Parameters
    ----------
    changes : pandas.DataFrame
        a `PlanChanges` table; no rows when nothing was changed, or nothing was locked.
    lock : dict or None
        `date`, `digest`, `software` and `amended` of the lock, and whether it `holds_by_hand` what
        people decided; None: the plan was not locked.
    touched : Touched
        which results follow from the changes.
    """

    changes: pd.DataFrame
    lock: dict[str, Any] | None
    touched: Touched

    def of(self, *, role: str = "", **result: Any) -> str:
        """Return the state of a result; its names are those of `Touched.has`."""
        if role == POST_HOC:
            return POST_HOC
        if self.lock is None:
            return NOT_LOCKED
        return POST_HOC if self.touched.has(**result) else AS_LOCKED


def stand(lock: Lock | None, content: dict[str, Any]) -> Standing:
    """Compare the present plan, and what it depends on, with its lock."""
    if lock is None:
        return Standing(contract.empty(PlanChanges), None, Touched())
    rows = [asdict(change) for change in changes_since(lock, content)]
    known = {name: getattr(lock, name) for name in ("date", "digest", "software")}
    known |= {"amended": list(lock.amended), "holds_by_hand": holds_by_hand(lock, content)}
    return Standing(contract.make(rows, PlanChanges), known, touched_by(lock, content))


def count_by_hand(changes: pd.DataFrame) -> dict[str, int]:
    """Return how many decisions by hand differ from the lock, by their kind in
    `DECIDED_BY_HAND`; kinds without any are left out.
    """
    kinds = changes.loc[changes["part"] == BY_HAND, "where"].str.split(".", n=1).str[0]
    counts = kinds.value_counts()
    return {kind: int(counts[kind]) for kind in DECIDED_BY_HAND if kind in counts}


def describe_by_hand(standing: Standing) -> str:
    """Return what was decided by hand after the lock; empty where nothing was."""
    if standing.lock is None:
        return ""
    if not standing.lock.get("holds_by_hand"):
        return (
            "the lock does not hold manual decisions, reviewed gates, hand-drawn gates and "
            "confirmed tubes: which of them are later is not known"
        )
    told = [
        plural(n, *DECIDED_BY_HAND[kind]) for kind, n in count_by_hand(standing.changes).items()
    ]
    return f"after the lock, added, changed or removed by hand: {', '.join(told)}" if told else ""


def parameters_of(standing: Standing) -> dict[str, Any]:
    """Return what `read_standing` needs beside the rows, as plain data."""
    touched = {
        name: value if isinstance(value, bool) else sorted(value)
        for name, value in asdict(standing.touched).items()
    }
    return {_LOCK: standing.lock, _TOUCHED: touched}


def read_standing(path: str | Path) -> Standing:
    """Read the table of changes and the lock it was made with."""
    table = contract.read(path, PlanChanges)
    stored = contract.read_provenance(path).get("parameters", {})
    touched: dict[str, Any] = {
        name: value
        if isinstance(value, bool)
        else frozenset(tuple(v) if isinstance(v, list) else v for v in value)
        for name, value in stored.get(_TOUCHED, {}).items()
    }
    return Standing(table, stored.get(_LOCK), Touched(**touched))


def mark_comparisons(table: pd.DataFrame, standing: Standing) -> pd.DataFrame:
    """Return comparisons or associations with their state towards the lock; sets `lock`."""
    name = "associations" if "variable" in table else "comparisons"
    return _marked(
        table,
        [
            standing.of(
                table=name,
                role=str(row.role),
                family=row.family,
                assay=row.assay,
                populations=(row.population,),
                measure=row.measure,
                feature=row.feature,
            )
            for row in table.itertuples()
        ],
    )


def mark_verdicts(
    table: pd.DataFrame, comparisons: pd.DataFrame, standing: Standing
) -> pd.DataFrame:
    """Return verdicts with `lock`: post hoc when one of their comparisons is.

    Parameters
    ----------
    comparisons : pandas.DataFrame
        marked comparisons; a verdict rests on all that the plan has of its endpoint.
    """
    key = ["assay", "population", "measure", "feature"]
    planned = comparisons[comparisons["role"] != POST_HOC]
    late = {tuple(row) for row in planned.loc[planned["lock"] == POST_HOC, key].to_numpy()}
    margins = "verdicts" in standing.touched.tables
    return _marked(
        table,
        [
            NOT_LOCKED
            if standing.lock is None
            else (POST_HOC if margins or tuple(row) in late else AS_LOCKED)
            for row in table[key].to_numpy()
        ],
    )


def mark_compositions(table: pd.DataFrame, standing: Standing) -> pd.DataFrame:
    """Return compositions with `lock`; the joint test rests on all parts of its composition."""
    parts = {
        name: {*rows["part"], *rows["reference_part"].dropna()}
        for name, rows in table.groupby("composition")
    }
    return _marked(
        table,
        [
            standing.of(
                table="compositions",
                family=row.composition,
                assay=row.assay,
                populations=parts[row.composition],
                measure="share_of_t",
            )
            for row in table.itertuples()
        ],
    )


def mark_genes(table: pd.DataFrame, standing: Standing) -> pd.DataFrame:
    """Return gene comparisons with `lock`."""
    state = standing.of(table=GENES, family=GENES, assay="singlecell")
    return _marked(table, [state] * len(table))


def describe_standing(standing: Standing) -> str:
    """Return the sentence on the lock for the methods section."""
    lock = standing.lock
    if lock is None:
        return "The plan was not locked before the results were seen."
    text = (
        f"The plan, with gating templates, signatures and settings, was locked on {lock['date']} "
        f"(SHA-256 {lock['digest'][:12]}...)"
    )
    for old in lock["amended"]:
        text += f", in place of the lock of {old['date']} ({old['reason'].rstrip('.')})"
    n = int((standing.changes["part"] != BY_HAND).sum())
    if n:
        text += (
            f"; {n} {'field was' if n == 1 else 'fields were'} changed since, and every result "
            "that follows from them is post hoc"
        )
    else:
        text += "; nothing of it was changed since"
    by_hand = describe_by_hand(standing)
    return f"{text}. {by_hand[0].upper()}{by_hand[1:]}." if by_hand else f"{text}."


def _marked(table: pd.DataFrame, states: list[str]) -> pd.DataFrame:
    return table.assign(lock=pd.array(states, dtype="string"))
