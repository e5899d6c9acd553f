"""Sections of the blinded report: what was masked, and numbers of everybody together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from itc_analysis.report.figures import points
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import (
    Block,
    Bullets,
    Details,
    Figure,
    Gallery,
    Heading,
    PageSection,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material
from itc_analysis.statistics.robust import quantile_beside_limits

#: The only group of a blinded page.
EVERYBODY = "everybody"
_ABUNDANCE = ("share_of_t", "cells_per_ul")


def about(not_shown: Sequence[str]) -> PageSection:
    """Return what this page is for, and what it leaves out."""
    told: list[Block] = [
        Paragraph(
            "This page serves to judge gates, quality and the spread of numbers before anybody "
            "knows who belongs to which group. Samples, tubes and batches bear pseudonyms in an "
            "order that is not given away; nobody's group, diagnosis, age or file stands here or "
            "in the tables next to it, and nothing is compared.",
        ),
        Paragraph(
            "Each sample stands for itself: two samples of one person are not linked. A number "
            "can still suggest a group to somebody who knows the field. Who may know finds the "
            "pseudonyms in the sheet of masks, which is not handed over.",
        ),
    ]
    if not_shown:
        told += [Heading("Left out"), Bullets([words.sentence(text) for text in not_shown])]
    return PageSection("blinded", "Blinded: what this page shows", told)


def pooled(material: Material) -> PageSection:
    """Return the distribution of every population and marker over all people together."""
    rows = material.measurements
    rows = rows[rows["participant_id"].notna()]
    title = "Numbers of everybody together"
    if rows.empty:
        return PageSection("pooled", title, [Paragraph("No sample of a participant was measured.")])
    order = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    rows = rows.assign(
        group=pd.array([EVERYBODY] * len(rows), dtype="string"),
        _order=rows["population"].map(order).fillna(len(order)),
    ).sort_values(["assay", "_order", "population", "measure", "feature"], kind="stable")
    is_abundance = rows["measure"].isin(_ABUNDANCE)
    abundance, markers = rows[is_abundance], rows[~is_abundance]
    return PageSection(
        "pooled",
        title,
        [
            *_gallery(abundance),
            Heading("In numbers"),
            quantiles(abundance),
            *([Details("Markers", [quantiles(markers)])] if len(markers) else []),
        ],
    )


def _gallery(rows: pd.DataFrame) -> list[Block]:
    """Return one figure per population and measure, every sample a point."""
    figures = []
    for (assay, population, measure), own in rows.groupby(
        ["assay", "population", "measure"], sort=False
    ):
        drawn = own["status"].isin(points.DRAWN)
        if not drawn.any():
            continue
        title = f"{words.population(str(population))}, {words.measure(str(measure))}"
        if assay != "flow":
            title += f" ({words.assay(str(assay))})"
        alt = f"{title}: one point per sample, {int(drawn.sum())} samples."
        picture = points.draw(own, groups=[EVERYBODY], index_group="", alt=alt)
        figures.append(Figure(picture, title))
    if not figures:
        return [Paragraph("No sample has a number of abundance to draw.")]
    caption = (
        "Every point is one sample, on a logarithmic axis; the bar is the median. Open triangles "
        "are below the limit of detection and drawn at their upper 95 % limit."
    )
    return [Gallery(figures, caption)]


def quantiles(rows: pd.DataFrame) -> Table:
    """Return number measured, below the limit and without a number, median, quartiles, extremes."""
    body = []
    keys = ["assay", "population", "measure", "feature"]
    for key, own in rows.groupby(keys, sort=False):
        assay, population, measure, feature = (str(part) for part in key)
        known = own.loc[own["status"] == "ok", "value"]
        n_below = int((own["status"] == "below_lod").sum())
        values = [*known, *[-math.inf] * n_below]
        without = "< LoD" if n_below else words.NOTHING
        body.append(
            [
                f"{words.population(population)}, {words.measure(measure, feature)} "
                f"({words.assay(assay)})",
                words.count(len(known)),
                words.count(n_below),
                words.count(int((~own["status"].isin(["ok", "below_lod"])).sum())),
                *(
                    without if math.isnan(found) else words.value_of(found, measure)
                    for found in (
                        quantile_beside_limits(values, q) for q in (0, 0.25, 0.5, 0.75, 1)
                    )
                ),
            ]
        )
    return Table(
        "All participants' samples together. Without a number: the tube or library gave none.",
        [
            *("Number", "Samples", "Below LoD", "Without a number"),
            *("Lowest", "Quarter", "Median", "Three quarters", "Highest"),
        ],
        body,
        numeric=frozenset(range(1, 9)),
    )
