"""The section on the plan: what each endpoint estimates, how tests follow one another, the lock."""

from __future__ import annotations

from itc_analysis.report.html.blocks import Block, Heading, PageSection, Paragraph
from itc_analysis.report.html.material import Material
from itc_analysis.report.language.phrases import phrase
from itc_analysis.report.sections.plan import estimands, graph, locked


def section(material: Material) -> PageSection:
    """Return the estimands of primary and secondary endpoints, the graph of tests and the lock."""
    blocks: list[Block] = [Heading(phrase("Was it planned before?")), *locked.blocks(material)]
    if material.plan is None:
        blocks.append(
            Paragraph(
                phrase(
                    "The analysis plan was not handed to the report (`itc report --plan`), so "
                    "estimands are not listed."
                )
            )
        )
    else:
        blocks += [
            Heading(phrase("What each endpoint estimates")),
            *estimands.blocks(material, material.plan),
            Heading(phrase("How one test opens the next")),
            *graph.blocks(material, material.plan),
        ]
    return PageSection("plan", phrase("The plan: estimands, order of tests, lock"), blocks)
