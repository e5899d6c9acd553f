"""Draft a panel sheet from FCS files.

Reads the channels' names and labels, writes a row for each stained channel with its marker, dye and
role, and prints what to look at. Check every row before using the sheet: labels are typed by
people.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="FCS files of one panel")
    parser.add_argument("--output", help="the sheet, TSV; printed when left out")


def run(options: argparse.Namespace) -> None:
    """Draft and write, or print."""
    from itc_analysis.cli.study.drafted import hand_over
    from itc_analysis.flow.fcs.read import read_fcs
    from itc_analysis.flow.panel.draft import draft_panel

    read = [read_fcs(path) for path in options.files]
    files = {file.name: (file.channel_names, file.channel_labels) for file in read}
    table, remarks = draft_panel(files)
    draft = table.to_csv(sep="\t", index=False)
    hand_over(draft, options.output, (f"look at: {remark}" for remark in remarks))
