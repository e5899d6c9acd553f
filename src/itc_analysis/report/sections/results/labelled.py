"""Participants by label, per population and group: how many have raised inhibitory receptors,
activation, or both.
"""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import (
    Block,
    Bullets,
    Details,
    Heading,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.scores.words.function import (
    EXHAUSTED,
    HYPOFUNCTIONAL,
    IN_SUBSETS,
    NO_STIMULATED,
    NONE,
    OPEN,
    SAID,
    WITHIN,
)
from itc_analysis.scores.words.function import NOT_ASSESSABLE as UNKNOWN
from itc_analysis.scores.words.labels import (
    ACTIVATED,
    BOTH,
    INHIBITORY_HIGH,
    MIN_RAISED,
    NOT_ASSESSABLE,
    RAISED_TAIL,
)

SHOWN = (INHIBITORY_HIGH, ACTIVATED, BOTH)


def blocks(material: Material, populations: list[str]) -> list[Block]:
    """Return a heading and tables; a sentence where nobody can be labelled, nothing without
    labels.
    """
    labels = material.labels[material.labels["population"].isin(populations)]
    if labels.empty:
        return []
    people = labels.drop_duplicates(["participant_id", "population"])
    found: list[Block] = [Heading(phrase("Participant by participant"))]
    if (people["label"] == NOT_ASSESSABLE).all():
        told = phrase(
            "Nobody can be labelled: that needs single markers of the population in the "
            "participant and in at least {0}.",
            words.plural(material.settings.scores.min_reference, "healthy participant"),
        )
        found.append(Paragraph(told))
    else:
        found.append(_table(people, material, populations))
    return [*found, *_function(material)]


def _function(material: Material) -> list[Block]:
    """Return who may be called hypofunctional or exhausted, and what is missing for the words."""
    labels = material.labels
    stimulated = labels[labels["stimulation"] != NONE]
    if stimulated.empty:
        return [Paragraph(words.sentence(words.plain(NO_STIMULATED)))]
    groups = [name for name in material.groups_present if name in set(labels["group"])]
    body = []
    for (stimulation, population), mine in stimulated.groupby(
        ["stimulation", "population"], sort=True
    ):
        name = f"{words.population(str(population))}, {stimulation}"
        if (mine["word"] == IN_SUBSETS).all():
            body.append([f"{name}: {phrase(IN_SUBSETS)}", *[words.NOTHING] * len(groups)])
            continue
        if (mine["word"] == UNKNOWN).all():
            # what most of them lack
            why = words.plain(str(mine["why"].fillna(UNKNOWN).mode().iloc[0]))
            body.append([f"{name}: {why}", *[words.NOTHING] * len(groups)])
            continue
        for word in (EXHAUSTED, HYPOFUNCTIONAL, WITHIN, OPEN):
            cells = [_share(mine[mine["group"] == group], word, "word") for group in groups]
            body.append([f"{name}: {phrase(word)}", *cells])
    table = Table(
        caption=phrase(
            "Participants by word. Hypofunctional: with a probability of at least {0:g} the "
            "response of more than half of the markers of function lies below all but 1 % of "
            "healthy people. Exhausted: moreover at least {1} inhibitory receptors lie above them; "
            "one blood draw cannot show the chronic cause. Open: too few cells, or too near the "
            "edge. Every probability is in labels.parquet.",
            SAID,
            MIN_RAISED,
        ),
        header=[phrase("Population, stimulation: word"), *groups],
        rows=body,
        numeric=frozenset(range(1, len(groups) + 1)),
    )
    missing = stimulated[stimulated["why"].notna() & (stimulated["word"] == UNKNOWN)]
    if missing.empty:
        return [table]
    lines = []
    for reason, rows in missing.groupby("why", sort=True):
        who = sorted(set(rows["participant_id"]))
        where = sorted({words.population(str(name)) for name in rows["population"]})
        people = f"{words.listed(who, most=6)} ({words.listed(where, most=4)})"
        lines.append(f"{people}: {words.sentence(words.plain(str(reason)))}")
    return [table, Details(phrase("What is missing for a word"), [Bullets(lines)])]


def _table(labels: pd.DataFrame, material: Material, populations: list[str]) -> Table:
    groups = [name for name in material.groups_present if name in set(labels["group"])]
    body = []
    for population in populations:
        mine = labels[labels["population"] == population]
        if (mine["label"] == NOT_ASSESSABLE).all():
            body.append(
                [
                    phrase("{0}: not assessable", words.population(population)),
                    *[words.NOTHING] * len(groups),
                ]
            )
            continue
        for label in SHOWN:
            cells = [_share(mine[mine["group"] == group], label) for group in groups]
            body.append([phrase("{0}: {1}", words.population(population), phrase(label)), *cells])
    return Table(
        caption=(
            phrase(
                "Participants with at least {0} markers of a kind raised (more positive cells "
                "than all but {1:.1%} of healthy people would show among as many cells of the "
                "population), of those who can be judged; the rest lies within the healthy "
                "range. Small percentages of healthy people are expected. A description, not a "
                "test.",
                MIN_RAISED,
                RAISED_TAIL,
            )
        ),
        header=[phrase("Population: label"), *groups],
        rows=body,
        numeric=frozenset(range(1, len(groups) + 1)),
    )


def _share(rows: pd.DataFrame, label: str, column: str = "label") -> str:
    judged = rows[rows[column] != NOT_ASSESSABLE]
    if judged.empty:
        return words.NOTHING
    return phrase("{0} of {1}", int((judged[column] == label).sum()), len(judged))
