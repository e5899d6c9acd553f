"""What aligning the batches to the bridge control did: shares and marker levels before and
after.
"""

from __future__ import annotations

import pandas as pd

from itc_analysis.flow.batches.alignment_check import variation_between_batches
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Cell, Details, Paragraph, Table, Text
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase

#: Digits of a level on the 0-1 scale.
LEVEL_DIGITS = 2


def blocks(material: Material) -> list[Block]:
    """Return the tables before and after, or that events stand where the files have them."""
    if not material.settings.flow.align:
        sentence = phrase("Events were not aligned between batches (setting flow.align).")
        return [Paragraph(sentence)]
    if material.alignment.empty:
        sentence = phrase(
            "Events were to be aligned between batches, but alignment.parquet is not there."
        )
        return [Paragraph(sentence, tone="warning")]
    variation = variation_between_batches(material.alignment)
    found: list[Block] = [Paragraph(summary(material))]
    if variation.empty:
        return [
            *found,
            Paragraph(phrase("The bridge control has no number in two batches to compare.")),
        ]
    found.append(shares(variation))
    levels = variation[variation["marker"] != "-"]
    if len(levels):
        found.append(
            Details(phrase("Marker levels before and after alignment"), [marker_levels(levels)])
        )
    left_out = material.landmarks[material.landmarks["state"] == "left_out"]
    if len(left_out):
        told = phrase("{0} not used for alignment", words.plural(len(left_out), "peak"))
        found.append(Details(told, [not_used(left_out)]))
    return found


def summary(material: Material) -> str:
    """Return what was moved onto what, and how to read the tables."""
    landmarks = material.landmarks
    references = landmarks.groupby("panel")["reference"].first()
    onto = words.listed([f"{batch} ({panel})" for panel, batch in references.items()])
    moved = landmarks[landmarks["state"] == "moved"].drop_duplicates(["panel", "batch", "marker"])
    return phrase(
        "Events were aligned to the bridge control of {0}: {1} of single batches changed. The "
        "control both sets and tests the alignment, so less variation is expected here; what "
        "must not happen is that a share, of a rare population above all, falls outside the "
        "limits that its count had before.",
        onto,
        words.plural(len(moved), "marker"),
    )


def shares(variation: pd.DataFrame) -> Table:
    """Return the variation of each population's share between batches, with both sets of gates."""
    rows = variation[variation["marker"] == "-"]
    body: list[list[Text | Cell]] = []
    for population, own in rows.groupby("population", sort=True):
        by_gates = own.set_index("gates")
        n_outside = int(own["n_outside"].sum())
        body.append(
            [
                words.population(str(population)),
                words.count(int(own["fewest"].min())),
                *(
                    words.per_cent(by_gates[when].get(gates))
                    for gates in ("own", "reference")
                    for when in ("before", "after")
                ),
                Cell(words.count(n_outside), "bad" if n_outside else ""),
            ]
        )
    return Table(
        phrase(
            "Shares of the bridge control: coefficient of variation between batches before "
            "and after alignment, with the gates that its tubes have in this run, and with "
            "the gates of the reference batch in all batches. Outside: tubes (counted for "
            "both) whose share after lies beyond its 95 % limits before. Fewest: events in "
            "the smallest tube; below some 100, counting alone varies by more than a tenth."
        ),
        [
            phrase("Population"),
            phrase("Fewest"),
            phrase("Before"),
            phrase("After"),
            phrase("Before, reference gates"),
            phrase("After, reference gates"),
            phrase("Outside"),
        ],
        body,
        numeric=frozenset(range(1, 7)),
    )


def marker_levels(levels: pd.DataFrame) -> Table:
    """Return the standard deviation of each marker's median between batches."""
    own = levels[levels["gates"] == "own"]
    body = [
        [
            words.population(row.population),
            row.marker,
            words.count(row.fewest),
            words.number(row.before, LEVEL_DIGITS),
            words.number(row.after, LEVEL_DIGITS),
        ]
        for row in each_row(own)
    ]
    return Table(
        phrase(
            "Marker medians of the bridge control on the 0-1 scale: standard deviation "
            "between batches before and after alignment."
        ),
        [
            phrase("Population"),
            phrase("Marker"),
            phrase("Fewest"),
            phrase("Before"),
            phrase("After"),
        ],
        body,
        numeric=frozenset([2, 3, 4]),
    )


def not_used(left_out: pd.DataFrame) -> Table:
    """Return the peaks that were left out, with the reason."""
    body = [
        [f"{row.panel}: {row.marker}", row.batch, row.peak.replace("_", " "), row.reason]
        for row in each_row(left_out)
    ]
    return Table(
        phrase(
            "Peaks of the bridge control that could not be followed; where only one peak "
            "of a marker is known, its shift fades to nothing at the other end of the "
            "scale."
        ),
        [phrase("Marker"), phrase("Batch"), phrase("Peak"), phrase("Why")],
        body,
    )
