"""What the check of the cohort found: who fulfils which criteria, open questions, who could be
recognised.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
from markupsafe import Markup

from itc_analysis.cohort.classification.run import TITLES
from itc_analysis.cohort.description.disclosure import describe_small_cells
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Cell, Details, Paragraph, Table, Text
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase

VERDICTS = ("fulfils", "does_not_fulfil", "not_assessable")


def criteria(material: Material) -> list[Block]:
    """Return the classification criteria by group, or that none could be assessed."""
    table = material.classification
    if table.empty:
        return [Paragraph(phrase("No set of classification criteria was applied."))]
    people = words.plural(table["participant_id"].nunique(), "participant")
    if (table["verdict"] == "not_assessable").all():
        return [
            Paragraph(
                phrase(
                    "No set of classification criteria could be assessed in {0}, because the "
                    "sheets contain too few items{1}.",
                    people,
                    _declared(table),
                )
            )
        ]
    groups = [group for group in material.groups_present if group in set(table["group"])]
    counted = Counter(zip(table["criteria"], table["group"], table["verdict"], strict=True))
    own = set(table.loc[table["is_of_group"], ["criteria", "group"]].itertuples(index=False))
    body: list[list[Text | Cell]] = []
    for name in sorted(set(table["criteria"]), key=_place):
        cells = [_cell(counted, name, group, is_own=(name, group) in own) for group in groups]
        body.append([words.plain(TITLES.get(name, name)), *cells])
    shown = Table(
        phrase(
            "People who fulfil / do not fulfil / cannot be assessed, by set of criteria "
            "and group; bold: the sets of the group itself. Read down a column: fulfilling "
            "another group’s set is a possible overlap to look at, and “cannot be "
            "assessed” means that an item that decides is missing, never “no”. Criteria "
            "classify for research; they are no diagnosis{0}.",
            _declared(table),
        ),
        [phrase("Criteria"), *groups],
        body,
    )
    return [shown]


def queries(material: Material) -> list[Block]:
    """Return the open questions to the study nurse, behind a click."""
    table = material.queries
    if table.empty:
        return [Paragraph(phrase("No question about a participant is open."))]
    n_blocking = int(table.loc[table["blocks"], "participant_id"].nunique())
    keeps = phrase(
        ", {0} cannot be compared until answered", words.plural(n_blocking, "person", "people")
    )
    summary = f"{words.plural(len(table), 'open question')}{keeps if n_blocking else ''}"
    body = [
        [
            row.participant_id,
            row.group,
            row.kind,
            row.item,
            row.what,
            row.what_to_do,
            phrase("yes" if row.blocks else "no"),
        ]
        for row in each_row(table.sort_values("blocks", ascending=False, kind="stable"))
    ]
    shown = Table(
        phrase(
            "What to find out or put right, those first that keep a person from being "
            "compared. The same list with a column for the answers is cohort/queries.tsv "
            "in the results; enter the answers in the participant sheet, and the next run uses "
            "them."
        ),
        [
            phrase("Participant"),
            phrase("Group"),
            phrase("Kind"),
            phrase("Item"),
            phrase("What"),
            phrase("What to do"),
            phrase("Keeps from comparison"),
        ],
        body,
    )
    return [Details(summary, [shown])]


def disclosure(material: Material) -> list[Block]:
    """Return how many people share group, sex and age band, behind a click."""
    table = material.disclosure
    if table.empty:
        return []
    k = material.settings.cohort.min_cell_size
    told = words.sentence(words.plain(describe_small_cells(table, min_cell_size=k)))
    people = {(row.group, row.sex, row.age_band): row for row in each_row(table)}
    bands = sorted(set(table["age_band"]))  # "unknown" sorts behind the numbers
    rows = [
        (group, sex)
        for group in material.groups_present
        for sex in sorted(set(table.loc[table["group"] == group, "sex"]))
    ]
    body = [
        [f"{group}, {sex}", *(_people(people.get((group, sex, band))) for band in bands)]
        for group, sex in rows
    ]
    shown = Table(
        phrase(
            "{0} Each cell counts the people of one group, sex and age band (years). Grey: "
            "fewer than {1}, who might be recognised by someone who knows them; before "
            "sharing, use cohort/participants_to_share.tsv, in which no such cell is left. "
            "Nothing here proves anonymity: pseudonymised data stay personal data, and "
            "this page shows single people.",
            told or phrase("Nobody is in a small cell."),
            k,
        ),
        [phrase("Group, sex"), *bands],
        body,
        numeric=frozenset(range(1, len(bands) + 1)),
    )
    return [Details(phrase("Could somebody be recognised? People by group, sex and age"), [shown])]


def _cell(counted: Counter[tuple[str, str, str]], name: str, group: str, *, is_own: bool) -> Text:
    told = " / ".join(str(counted[name, group, verdict]) for verdict in VERDICTS)
    return Markup("<strong>{}</strong>").format(told) if is_own else told


def _people(row: Any) -> Text | Cell:
    """Return the number of people of a cell, grey when they are few."""
    if row is None:
        return words.NOTHING
    return Cell(str(row.n), "few") if row.is_small else str(row.n)


def _declared(table: pd.DataFrame) -> str:
    """Return for how many people the clinician's declaration stands in, as the end of a
    sentence.
    """
    own = table[table["is_of_group"]]
    assessed = own.loc[own["verdict"] != "not_assessable", "participant_id"]
    stands_in = own[own["declared"].notna() & ~own["participant_id"].isin(assessed)]
    n = stands_in["participant_id"].nunique()
    if not n:
        return ""
    return phrase(
        "; for {0} the clinician’s declaration is used instead", words.plural(n, "person", "people")
    )


def _place(name: str) -> tuple[int, str]:
    known = list(TITLES)
    return (known.index(name) if name in known else len(known), name)
