"""Participants by label, per population and group: how many have raised inhibitory receptors,
activation, or both.
"""

from __future__ import annotations

import pandas as pd

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Heading, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.scores.labels import (
    ACTIVATED,
    BOTH,
    INHIBITORY_HIGH,
    MIN_RAISED,
    NOT_ASSESSABLE,
    RAISED_TAIL,
    label_participants,
)

SHOWN = (INHIBITORY_HIGH, ACTIVATED, BOTH)


def blocks(material: Material, populations: list[str]) -> list[Block]:
    """Return a heading and a table; a sentence where nobody can be labelled, nothing without
    signatures.
    """
    if not material.signatures:
        return []
    labels = label_participants(
        material.measurements,
        material.signatures,
        healthy_group=material.settings.cohort.healthy_group,
        min_reference=material.settings.scores.min_reference,
        max_anchor_error=material.settings.scores.max_anchor_error,
    )
    labels = labels[labels["population"].isin(populations)]
    heading = Heading(phrase("Participant by participant"))
    if (labels["label"] == NOT_ASSESSABLE).all():
        told = phrase(
            "Nobody can be labelled: that needs single markers of the population in the "
            "participant and in at least {0}.",
            words.plural(material.settings.scores.min_reference, "healthy participant"),
        )
        return [heading, Paragraph(told)]
    return [heading, _table(labels, material, populations)]


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


def _share(rows: pd.DataFrame, label: str) -> str:
    judged = rows[rows["label"] != NOT_ASSESSABLE]
    if judged.empty:
        return words.NOTHING
    return phrase("{0} of {1}", int((judged["label"] == label).sum()), len(judged))
