"""How the cells of a population were counted, and what other ways of counting would have said."""

from __future__ import annotations

from typing import Any

import pandas as pd

from itc_analysis.report.html import verdicts, words
from itc_analysis.report.html.blocks import Block, Heading, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.results import comparisons, doubts


def blocks(material: Material) -> list[Block]:
    """Return the comparisons of single-cell populations by three ways of counting; nothing where
    none was counted in other ways.
    """
    beside = material.diagnostics
    beside = beside[(beside["assay"] == "singlecell") & beside["soft_estimate"].notna()]
    compared = material.comparisons.merge(beside[doubts.KEY], on=doubts.KEY)
    if compared.empty:
        return []
    told = phrase(
        "Where receptors were sequenced, MAIT and iNKT cells are called by their alpha chain. A "
        "library catches this chain in a part of the T cells only, so the shares that are reported "
        "are corrected for this part: a group whose libraries caught fewer chains does not look "
        "depleted. If “cells as called” says something else than “as reported”, the groups differ "
        "in how many chains were caught. The soft count adds up the probability of every cell and "
        "needs the chain of no single one; if it disagrees, look at the evidence above before you "
        "believe either."
    )
    return [
        Heading(phrase("Counted in other ways")),
        Paragraph(told),
        table(compared, material),
    ]


def table(compared: pd.DataFrame, material: Material) -> Table:
    """Return one row per comparison: chains caught on both sides, and the three estimates.

    Parameters
    ----------
    compared : pandas.DataFrame
        rows of the comparisons that have soft counts.
    material : Material
        the study.
    """
    index = material.settings.cohort.index_group
    pooled = material.settings.cohort.pooled_name
    body = []
    rows = comparisons.in_reading_order(compared, material)
    for row, beside in doubts.pairs(rows, material):
        size, bounds = verdicts.size_and_interval(row)
        kind = row.estimate_kind
        others = str(row.reference_group).split("+")
        body.append(
            [
                words.population(row.population),
                verdicts.reference_name(row.reference_group, pooled),
                f"{_caught(material, row, [index])} / {_caught(material, row, others)}",
                f"{size} ({bounds})" if bounds else size,
                _told(beside, "hard", kind),
                _told(beside, "soft", kind),
            ]
        )
    return Table(
        caption=phrase(
            "Shares of T cells in single-cell libraries, compared by three ways of counting, with "
            "intervals. Chains caught: median share of T cells with an alpha chain in {0} and in "
            "the control; a dash for populations that no alpha chain defines.",
            index,
        ),
        header=[
            phrase("Population"),
            phrase("{0} against", index),
            phrase("Chains caught"),
            phrase("As reported"),
            phrase("Cells as called"),
            phrase("Soft count"),
        ],
        rows=body,
        numeric=frozenset([2, 3, 4, 5]),
    )


def _caught(material: Material, row: Any, groups: list[str]) -> str:
    """Return the median capture of the libraries of some groups."""
    measured = material.measurements
    own = measured[
        (measured["assay"] == "singlecell")
        & (measured["measure"] == row.measure)
        & (measured["population"] == row.population)
        & measured["group"].isin(groups)
    ]
    caught = own["capture"][own["capture"] < 1]
    return words.per_cent(caught.median()) if len(caught) else words.NOTHING


def _told(beside: Any, way: str, kind: str) -> str:
    estimate = getattr(beside, f"{way}_estimate")
    if words.is_missing(estimate):
        return words.NOTHING
    lower, upper = (getattr(beside, f"{way}_{side}") for side in ("lower", "upper"))
    return f"{words.estimate(estimate, kind)} ({words.interval(lower, upper, kind)})"
