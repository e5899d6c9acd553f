"""How the results stand towards the lock of the plan, on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, PageSection, Paragraph, Table
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.language.recorded import recorded
from itc_analysis.stats.plan.lock import DECIDED_BY_HAND, NOT_LOCKED, POST_HOC
from itc_analysis.stats.plan.standing import count_by_hand
from itc_analysis.version import __version__

#: Tables of results with a state, and what a row is called.
RESULT_NAMES = {
    "comparisons": ("comparison", "comparisons"),
    "verdicts": ("verdict", "verdicts"),
    "associations": ("association", "associations"),
    "compositions": ("composition row", "composition rows"),
    "genes": ("gene comparison", "gene comparisons"),
}
#: Sections that show results of the plan.
WARNED = ("answer", "comparisons", "associations", "compositions", "genes")


def blocks(material: Material) -> list[Block]:
    """Return when the plan was locked, what was changed since, and which results that touches."""
    told = state(material)
    if told is None:
        return [
            Paragraph(
                phrase(
                    "Nobody checked whether the plan was locked: the comparisons were made without "
                    "`--changes`."
                )
            )
        ]
    text, is_good = told
    found: list[Block] = [Paragraph(text, tone="plain" if is_good else "warning")]
    changes = material.plan_changes
    if len(changes):
        found.append(
            Table(
                caption=phrase(
                    "What differs from the lock, field by field, and which results follow from it."
                ),
                header=[phrase("Field"), phrase("Locked"), phrase("Now"), phrase("Post hoc")],
                rows=[
                    [f"{row.part}: {row.where}", row.locked, row.now, recorded(row.affects)]
                    for row in each_row(changes)
                ],
            )
        )
    return found


def state(material: Material) -> tuple[str, bool] | None:
    """Return the state in words, and whether all planned results are as locked and nothing was
    decided by hand since; None: nobody looked.
    """
    planned = planned_states(material)
    if planned.empty:
        return None
    if (planned["lock"] == NOT_LOCKED).any():
        return (
            phrase(
                "The plan was not locked: nothing shows that it was written before the results "
                "were seen (`itc lock-plan`)."
            ),
            False,
        )
    late = planned[planned["lock"] == POST_HOC]
    when = _when(material)
    by_hand = _by_hand(material)
    if late.empty:
        text = phrase("{0} Every planned result on this page follows the plan as locked.", when)
        return f"{text} {by_hand}".strip(), not by_hand
    counts = late["table"].value_counts()
    numbers = [
        words.plural(int(counts[name]), *nouns)
        for name, nouns in RESULT_NAMES.items()
        if name in counts
    ]
    text = phrase(
        "{0} It was changed since, so these results are post hoc: {1} of {2} planned results.",
        when,
        words.listed(numbers),
        len(planned),
    )
    return f"{text} {by_hand}".strip(), False


def planned_states(material: Material) -> pd.DataFrame:
    """Return table and state of every planned result that has a state."""
    parts = []
    for name in RESULT_NAMES:
        table = material.tables[name]
        if "role" in table:
            table = table[table["role"] != POST_HOC]
        parts.append(table[["lock"]].dropna().assign(table=name))
    return pd.concat(parts, ignore_index=True)


def warn(sections: Sequence[PageSection], material: Material) -> list[PageSection]:
    """Return the sections, those with results of the plan beginning with what is post hoc."""
    told = state(material)
    if told is None or not (planned_states(material)["lock"] == POST_HOC).any():
        return list(sections)
    remark = Paragraph(told[0], tone="warning")
    return [
        replace(part, blocks=[remark, *part.blocks]) if part.name in WARNED else part
        for part in sections
    ]


def _by_hand(material: Material) -> str:
    """Return what people decided after the lock, or that the lock cannot tell."""
    lock = _lock(material)
    if lock is not None and not lock.get("holds_by_hand"):
        return phrase(
            "The lock does not hold manual decisions, reviewed gates, hand-drawn gates and "
            "confirmed tubes: which of them are later is not known."
        )
    counts = count_by_hand(material.plan_changes)
    if not counts:
        return ""
    return phrase(
        "After the lock, people added, changed or removed {0}. That is legitimate work and makes "
        "no result post hoc, but whoever did it may have known the groups.",
        words.listed([words.plural(n, *DECIDED_BY_HAND[kind]) for kind, n in counts.items()]),
    )


def _lock(material: Material) -> dict[str, Any] | None:
    return next(
        (
            entry["parameters"]["lock"]
            for entry in material.provenance
            if entry.get("step") == "itc plan-changes"
        ),
        None,
    )


def _when(material: Material) -> str:
    lock = _lock(material)
    if lock is None:
        return phrase("The plan was locked.")
    digest = f"{lock['digest'][:12]}…"
    text = phrase("The plan was locked on {0} (SHA-256 {1}).", lock["date"], digest)
    if lock["software"] != __version__:
        text += " " + phrase(
            "That was with itc_analysis {0}; this page was made with {1}.",
            lock["software"],
            __version__,
        )
    for old in lock["amended"]:
        reason = words.sentence(old["reason"])
        text += " " + phrase("It replaced the lock of {0}: {1}", old["date"], reason)
    return text
