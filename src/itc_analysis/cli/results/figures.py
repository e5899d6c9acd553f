"""Draw the primary outcomes for a journal: SVG and PDF, 85 and 170 mm wide, with captions.

Every participant is a point, values below the limit of detection are marked, and every estimate
has its interval. figures.md holds a caption for each.
"""

from __future__ import annotations

import argparse

from itc_analysis.cli.settings_option import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("results", help="results folder of a finished run")
    add_config(parser)
    parser.add_argument("--output", required=True, help="folder for the figures")


def run(options: argparse.Namespace) -> None:
    """Draw the figures."""
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import ReportSettings
    from itc_analysis.report.html.material import collect
    from itc_analysis.report.paper_figures import write_figures

    settings = read_settings(options.config, ReportSettings)
    written = write_figures(collect(options.results, settings), options.output)
    print(f"{len(written) - 1} figures, and their captions: {written[-1]}")
