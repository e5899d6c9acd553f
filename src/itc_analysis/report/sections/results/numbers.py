"""Every participant's own numbers: what the figures show as points, and what they cannot show."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Cell, PageSection, Paragraph, Table, Text
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import answer

#: What of a measurement is shown.
_SHOWN = ["measure", "status", "value", "lower", "upper", "n_cells", "n_denominator"]


def section(material: Material) -> PageSection:
    """Return the table of all numbers of abundance, a row per participant and population."""
    title = phrase("Every participant’s numbers")
    rows = plotted_rows(material)
    if rows.empty:
        told = phrase("The study has no measurement of abundance in a participant.")
        return PageSection("numbers", title, [Paragraph(told)])
    return PageSection("numbers", title, [table(rows)])


def table(rows: pd.DataFrame) -> Table:
    """Return a row per participant, population and tube.

    Parameters
    ----------
    rows : pandas.DataFrame
        measurements of abundance, see `plotted_rows`.
    """
    keys = ["participant_id", "group", "assay", "_population", "population", "source_id", "batch"]
    body: list[list[Text | Cell]] = []
    ordered = rows.sort_values(keys, kind="stable")
    for key, own in itertools.groupby(
        each_row(ordered[[*keys, *_SHOWN]]), key=lambda row: row[1 : 1 + len(keys)]
    ):
        person, group, _, _, population, source, batch = (str(part) for part in key)
        by_measure = {row.measure: row for row in own}
        share = by_measure.get("share_of_t")
        first = share if share is not None else next(iter(by_measure.values()))
        body.append(
            [
                person,
                group,
                words.population(population),
                *(_value(by_measure.get(measure)) for measure in answer.ABUNDANCE),
                words.count(first.n_cells),
                words.count(first.n_denominator),
                source,
                batch,
                words.status(first.status),
            ]
        )
    return Table(
        phrase(
            "A row per participant, population and tube: value with its 95 % interval, the cells "
            "behind it after subtraction of background, and the cells they are a share of."
        ),
        [
            phrase("Participant"),
            phrase("Group"),
            phrase("Population"),
            *(words.measure(measure) for measure in answer.ABUNDANCE),
            phrase("Cells"),
            phrase("Of"),
            phrase("Tube or library"),
            phrase("Batch"),
            phrase("Status"),
        ],
        body,
        numeric=frozenset(range(3, 7)),
    )


def _value(row: Any) -> str:
    if row is None:
        return words.NOTHING
    if row.status == "below_lod":
        return phrase("< {0}", words.value_of(row.upper, row.measure))
    value = words.value_of(row.value, row.measure)
    if words.is_missing(row.lower) or words.is_missing(row.upper):
        return value
    limits = [words.value_of(limit, row.measure) for limit in (row.lower, row.upper)]
    return phrase("{0} ({1} to {2})", value, *limits)


def plotted_rows(material: Material) -> pd.DataFrame:
    """Return the measurements that are drawn: abundance of the populations of the answer."""
    rows = material.measurements
    rows = rows[rows["measure"].isin(answer.ABUNDANCE) & rows["participant_id"].notna()]
    compared = answer.abundance_rows(material)
    if len(compared):
        rows = rows[rows["population"].isin(compared["population"])]
        of_the_answer = rows["assay"].isin(compared["assay"])
        # a study without the assay of the plan still shows what it measured
        rows = rows[of_the_answer] if of_the_answer.any() else rows
    analysed = material.participants.loc[material.participants["is_analysed"], "participant_id"]
    rows = rows[rows["participant_id"].isin(analysed)]
    populations = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    return rows.assign(
        _population=rows["population"].map(populations).fillna(len(populations)),
        _measure=rows["measure"].map({name: place for place, name in enumerate(answer.ABUNDANCE)}),
    ).sort_values(["assay", "_population", "population", "_measure", "source_id"], kind="stable")
