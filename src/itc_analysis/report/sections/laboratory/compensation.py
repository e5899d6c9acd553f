"""How tubes were compensated, what seems wrong with it in the samples, and what spreading the dyes
cause.
"""

from __future__ import annotations

import csv

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Details, Paragraph, Table
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase

#: A pair that fewer tubes show may be a peculiar tube.
FEWEST = 3

STATES = {
    "file": "with the matrix of the file",
    "matrix": "with the study’s own matrix",
    "already_compensated": "before export",
    "identity": "not: the file contains a placeholder",
    "none": "not: the file contains no matrix",
}


def blocks(material: Material) -> list[Block]:
    """Return how tubes were compensated, over-compensated pairs, and the spreading matrices."""
    counted = material.tube_quality["compensation"].value_counts()
    told = [
        f"{words.plural(int(counted[state]), 'tube')} {phrase(how)}"
        for state, how in STATES.items()
        if state in counted
    ]
    found: list[Block] = [
        Paragraph(phrase("Compensated: {0}.", words.listed(told) or phrase("no tube")))
    ]
    found += _spill(material)
    found += _spreading(material)
    return found


def _spill(material: Material) -> list[Block]:
    spill = material.spill
    if spill.empty:
        sentence = phrase(
            "No tube on a logicle scale was looked at for spill that compensation leaves."
        )
        return [Paragraph(sentence)]
    known = spill[spill["n_tubes"] > 0]
    n_unknown = len(spill) - len(known)
    most = known.groupby("panel")["n_tubes"].transform("max")
    is_over = (2 * known["n_over"] > known["n_tubes"]) & (
        known["n_over"] >= most.clip(upper=FEWEST)
    )
    over = known[is_over].sort_values(["panel", "slope", "source", "detector"], kind="stable")
    sentence = phrase(
        "Of {0} of channels, {1} seem over-compensated in most of the informative tubes (in {2} "
        "or more, where there are as many), and {3} could not be judged in any tube (no bright "
        "cells, or none without the other marker). Under-compensation is not listed: in a "
        "stained sample it looks like markers that occur together (spill.parquet holds both).",
        words.plural(len(spill), "pair"),
        words.count(len(over)),
        FEWEST,
        words.count(n_unknown),
    )
    if over.empty:
        return [Paragraph(sentence)]
    body = [
        [
            f"{row.panel}: {row.source}",
            row.detector,
            words.number(row.slope, 2),
            words.count(row.n_tubes),
            words.count(row.n_over),
        ]
        for row in each_row(over)
    ]
    table = Table(
        phrase(
            "Over-compensated pairs: where the source is bright, the events without the "
            "detector’s marker lie below zero. Slope: units in the detector per unit of "
            "the source; add so much spillover to the matrix, and look again."
        ),
        [
            phrase("Source"),
            phrase("Detector"),
            phrase("Slope"),
            phrase("Informative tubes"),
            phrase("Over-compensated"),
        ],
        body,
        numeric=frozenset([2, 3, 4]),
    )
    return [
        Paragraph(sentence, tone="warning"),
        Details(f"{words.plural(len(over), 'over-compensated pair')}", [table]),
    ]


def _spreading(material: Material) -> list[Block]:
    if not material.spreading:
        return [
            Paragraph(
                phrase(
                    "Spreading by spillover was not measured: it needs single stains (itc "
                    "spillover writes it next to the matrix)."
                )
            )
        ]
    return [
        Details(
            phrase("Spillover spreading, {0}", path.name),
            [_spreading_table(list(csv.reader(path.read_text(encoding="utf-8").splitlines())))],
        )
        for path in material.spreading
    ]


def _spreading_table(rows: list[list[str]]) -> Table:
    header, *body = rows
    return Table(
        phrase(
            "Spillover spreading matrix (Nguyen 2013): how much the spread in each "
            "detector (columns) grows per square root of the brightness of each stain "
            "(rows). Large numbers: do not look for dim markers in that detector on cells "
            "bright in that stain."
        ),
        [phrase("Stain"), *header[1:]],
        [[row[0], *(words.number(value, 2) for value in row[1:])] for row in body],
        numeric=frozenset(range(1, len(header))),
    )
