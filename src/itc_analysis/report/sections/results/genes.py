"""Genes of single-cell populations between groups: how many were tested, which differ, and what
stood in the way.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.report.figures import gene_plot
from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import Block, Figure, Gallery, PageSection, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import answer

#: Genes named in a row of the table, and references (healthy, then pooled) that are always drawn.
N_NAMED, N_ALWAYS = 5, 2


def section(material: Material) -> PageSection | None:
    """Return the section on genes; None for a study without them."""
    title = phrase("Genes, one by one")
    if not material.has_single_cell or material.genes.empty:
        return None
    blocks: list[Block] = [
        Paragraph(
            phrase(
                "Exploratory: molecules summed per participant and population, every gene that "
                "is expressed enough tested by itself, p adjusted to a false discovery rate "
                "within each population and comparison. A gene that differs is one to look at "
                "again in other people, not yet a finding."
            )
        ),
        summary(material),
    ]
    blocks += _pictures(material)
    return PageSection("genes", title, blocks)


def summary(material: Material) -> Table:
    """Return one row per population and comparison; one for a population in which nothing could be
    tested.
    """
    body = []
    is_tested = (material.genes["status"] == "ok").groupby(material.genes["population"]).any()
    told_of: set[str] = set()
    pooled = material.settings.cohort.pooled_name
    index = material.settings.cohort.index_group
    for (population, _), rows in _groups(material):
        if is_tested[population]:
            against = verdicts.reference_name(str(rows["reference_group"].iloc[0]), pooled)
            body.append([words.population(population), against, *_numbers(rows, material.alpha)])
        elif population not in told_of:
            told_of.add(population)
            # the first sentence tells what holds for the population, the others count people of one
            # comparison
            reason = str(rows["reason"].iloc[0]).split("; ")[0]
            empty = [words.NOTHING] * 4
            body.append(
                [words.population(population), phrase("none possible"), *empty, words.plain(reason)]
            )
    return Table(
        caption=phrase(
            "Genes by population and comparison; found: adjusted p {0:g} or below. The "
            "number behind a gene is how many times as much {1} expresses.",
            material.alpha,
            index,
        ),
        header=[
            phrase("Population"),
            phrase("{0} against", index),
            "n",
            phrase("Tested"),
            phrase("Found"),
            phrase("Surest genes"),
            phrase("Remarks"),
        ],
        rows=body,
        numeric=frozenset([2, 3, 4]),
    )


def _numbers(rows: pd.DataFrame, alpha: float) -> list[str]:
    """Return people, genes tested and found, the surest of them, and what must be said."""
    tested = rows[rows["status"] == "ok"]
    found = _found(tested, alpha)
    named = [_gene(row) for row in found.head(N_NAMED).itertuples()]
    if len(found) > N_NAMED:
        named.append(phrase("{0} more", len(found) - N_NAMED))
    said = (tested if len(tested) else rows)["reason"].dropna()
    n_people = f"{rows['n_index'].iloc[0]} / {rows['n_reference'].iloc[0]}"
    counts = [
        words.count(len(genes)) if len(tested) else words.NOTHING for genes in (tested, found)
    ]
    remark = words.plain(str(said.iloc[0])) if len(said) else words.NOTHING
    return [n_people, *counts, ", ".join(named) or words.NOTHING, remark]


def _groups(material: Material) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Return the rows of each population and comparison, in the order of the other tables."""
    genes = material.genes
    places = {name: place for place, name in enumerate(words.POPULATION_NAMES)}
    order = answer.reference_order(material, genes)
    groups = [
        ((str(population), str(comparison)), rows)
        for (population, comparison), rows in genes.groupby(["population", "comparison"])
    ]
    return sorted(
        groups,
        key=lambda item: (
            places.get(item[0][0], len(places)),
            order[item[1]["reference_group"].iloc[0]],
            item[0],
        ),
    )


def _found(tested: pd.DataFrame, alpha: float) -> pd.DataFrame:
    return tested[tested["p_adjusted"] <= alpha].sort_values(["p_value", "gene"], kind="stable")


def _gene(row: Any) -> str:
    return f"{row.gene} ×{words.ratio(2**row.log2_fold_change)}"


def drawn(material: Material) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Return the comparisons that are drawn: against the healthy and the pooled groups, and every
    other in which a gene was found.
    """
    order = answer.reference_order(material, material.genes)
    return [
        (key, rows)
        for key, rows in _groups(material)
        if (rows["status"] == "ok").any()
        and (
            order[rows["reference_group"].iloc[0]] < N_ALWAYS
            or len(_found(rows[rows["status"] == "ok"], material.alpha))
        )
    ]


def _pictures(material: Material) -> list[Block]:
    signatures = {
        signature.name: signature.features
        for signature in material.signatures
        if signature.assay == "singlecell"
    }
    pooled = material.settings.cohort.pooled_name
    figures = []
    for (population, _), rows in drawn(material):
        first = rows.iloc[0]
        title = phrase(
            "{0}: {1} against {2}, n = {3} / {4}",
            words.population(population),
            first["index_group"],
            verdicts.reference_name(str(first["reference_group"]), pooled),
            first["n_index"],
            first["n_reference"],
        )
        alt = phrase("{0}. Every gene by its level and its fold change.", title)
        picture = gene_plot.draw(rows, alpha=material.alpha, signatures=signatures, alt=alt)
        figures.append(Figure(picture, title, width=480))
    if not figures:
        return []
    caption = phrase(
        "Every point is a gene: to the right the more molecules of it a participant’s cells of "
        "this population have, upwards the more of them {0} has. The test behind it is over "
        "participants, not cells. Coloured: found; rings: genes of the study’s signatures, whether "
        "they differ or not; the surest are named as far as there is room, the others by pointing "
        "at them; the few beyond an edge stand at it. Most genes should lie around the line: a "
        "whole cloud above or below it, or one that bends, points to depth or batches rather than "
        "to genes. On the left, where molecules are few, chance alone spreads the points.",
        material.settings.cohort.index_group,
    )
    others = phrase(
        "Comparisons with single diseases are drawn where a gene was found; the table has them all."
    )
    return [Gallery(figures, f"{caption} {others}", width=400)]
