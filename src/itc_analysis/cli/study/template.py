"""Draft a gating template from a panel sheet.

Writes the gates of the innate populations that the panel's markers allow, down from all T cells,
with the building blocks and functional markers that they carry; says which populations they do not
allow, and which marker is missing. A start for a cytometrist, in the methods of the shipped
templates.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("panel", help="the panel sheet, panels/<panel>.tsv")
    parser.add_argument("--output", help="the template, YAML; printed when left out")


def run(options: argparse.Namespace) -> None:
    """Draft and write, or print."""
    from pathlib import Path

    from itc_analysis.cli.study.drafted import hand_over
    from itc_analysis.flow.gating.drafting import draft_template
    from itc_analysis.flow.panel.markers import read_panel

    draft, missing = draft_template(read_panel(options.panel), Path(options.panel).stem)
    hand_over(draft, options.output, (f"not in it: {what}" for what in missing))
