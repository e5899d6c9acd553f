"""On which scales cells were gated, and where the widths of the logicle scales come from."""

from __future__ import annotations

from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Details, Paragraph, Table
from itc_analysis.report.html.material import Material, each_row
from itc_analysis.report.language.phrases import phrase


def blocks(material: Material) -> list[Block]:
    """Return a sentence on the scales, and the scale of every marker."""
    logicle = material.scales[material.scales["kind"] == "logicle"]
    if logicle.empty:
        return [Paragraph(phrase("No marker was gated on a logicle scale."))]
    n_of = logicle["state"].value_counts()
    told = {
        "estimated": phrase("estimated on the study’s tubes"),
        "given": phrase("given by the gating template"),
        "default": phrase("the default, because too few events lie below zero"),
    }
    parts = [
        f"{words.count(int(n_of[state]))} {how}" for state, how in told.items() if state in n_of
    ]
    markers = words.plural(len(logicle), "marker")
    sentence = phrase(
        "Widths of the logicle scales ({0}), one for all tubes: {1}.", markers, words.listed(parts)
    )
    return [Paragraph(sentence), Details(phrase("The scale of every marker"), [_table(material)])]


def _table(material: Material) -> Table:
    body = [
        [
            f"{row.panel}: {row.marker}",
            phrase(row.kind),
            words.number(row.t, 7),
            words.number(row.w),
            words.NOTHING
            if words.is_missing(row.w_lowest)
            else phrase("{0} to {1}", words.number(row.w_lowest), words.number(row.w_highest)),
            words.count(row.n_tubes),
            words.sentence(
                phrase(row.state)
                if words.is_missing(row.reason)
                else f"{phrase(row.state)}: {words.plain(row.reason)}"
            ),
        ]
        for row in each_row(material.scales)
    ]
    return Table(
        phrase(
            "Scales on which events were gated. Top: the value at 1, in instrument units. "
            "Width: decades around zero that are linear; where single tubes differ much, "
            "some of them may be compensated badly."
        ),
        [
            phrase("Marker"),
            phrase("Scale"),
            phrase("Top"),
            phrase("Width"),
            phrase("Single tubes"),
            phrase("Tubes"),
            phrase("State"),
        ],
        body,
        numeric=frozenset(range(2, 6)),
    )
