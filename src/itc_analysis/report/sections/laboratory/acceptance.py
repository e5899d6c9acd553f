"""Which acceptance rules of T-cell counts could be applied, and how many tubes break them."""

from __future__ import annotations

from itc_analysis.measurements.acceptance import RULES, count_judged
from itc_analysis.measurements.sources import flow_sources
from itc_analysis.report.html import words
from itc_analysis.report.html.blocks import Block, Cell, Paragraph, Table, Text
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase

#: Why a rule could not be applied to any tube.
NOT_APPLIED = dict(
    zip(
        RULES,
        (
            "no tube counts T cells with all their parts",
            "no tube counts T, B and NK cells within one lymphocyte gate",
            "no sample has two tubes with T cells and live cells",
        ),
        strict=True,
    )
)


def blocks(material: Material) -> list[Block]:
    """Return the rules with the tubes judged and broken, or that there is nothing to judge."""
    tubes = flow_sources(
        material.tubes, material.tube_quality, resting=material.settings.function.resting
    )
    counts = material.counts[material.counts["source_id"].isin(tubes["source_id"])]
    if counts.empty:
        return [Paragraph(phrase("No tube has been counted."))]
    judged = count_judged(counts)
    body: list[list[Text | Cell]] = []
    for rule, function in RULES.items():
        n = judged[rule]
        n_broken = len(function(counts))
        body.append(
            [
                words.sentence(phrase(rule)).removesuffix("."),
                words.count(n) if n else words.NOTHING,
                Cell(words.count(n_broken), "bad" if n_broken else "") if n else words.NOTHING,
                words.NOTHING if n else phrase("not applied: {0}", phrase(NOT_APPLIED[rule])),
            ]
        )
    return [
        Table(
            phrase(
                "Acceptance rules of cell counts. A tube that breaks one keeps its counts, and "
                "says so where they are listed."
            ),
            [phrase("Rule"), phrase("Tubes judged"), phrase("Break it"), phrase("Remark")],
            body,
            numeric=frozenset([1, 2]),
        )
    ]
