"""Write the report: one self-contained HTML page, and the reporting checklists as JSON beside it.

The answer first (which innate T populations differ, by how much), how sure it is, then
participants, every participant as a point, all comparisons, scores, gates, single cell, problems
and methods. STROBE and MIFlowCyt, item by item, go to <page>.strobe.json and <page>.miflowcyt.json.
"""

from __future__ import annotations

import argparse

from itc_analysis.cli.settings_option import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_config(parser)
    parser.add_argument("--results", required=True, help="results folder of a finished run")
    parser.add_argument(
        "--panels",
        nargs="*",
        default=[],
        help="panel sheets (TSV), which name the reagents for MIFlowCyt",
    )
    parser.add_argument(
        "--signatures", help="signatures.tsv, whose markers label participants; left out: no labels"
    )
    parser.add_argument("--plan", help="analysis_plan.yaml, whose estimands are listed")
    parser.add_argument("--review", help="review.tsv, which says who reviewed which gates")
    parser.add_argument("--output", required=True, help="the HTML file to write")


def run(options: argparse.Namespace) -> None:
    """Read the results and write the page."""
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import ReportSettings
    from itc_analysis.report.html.material import collect
    from itc_analysis.report.page import write_page

    material = collect(
        options.results,
        read_settings(options.config, ReportSettings),
        panels=options.panels,
        signatures=options.signatures,
        review=options.review,
        plan=options.plan,
    )
    write_page(material, options.output)
