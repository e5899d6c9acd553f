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
    import sys
    from pathlib import Path

    from itc_analysis.errors import ItcError
    from itc_analysis.flow.gating.drafting import draft_template
    from itc_analysis.flow.panel.markers import read_panel
    from itc_analysis.whole_files import write_text

    text, missing = draft_template(read_panel(options.panel), Path(options.panel).stem)
    if options.output is None:
        print(text, end="")
    else:
        output = Path(options.output)
        if output.exists():
            raise ItcError(str(output), "is already there; move it away or name another file")
        write_text(output, text)
    for what in missing:
        print(f"not in it: {what}", file=sys.stderr)
