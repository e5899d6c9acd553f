"""Review gates in the browser: one page per panel with every gate, the worst judged first.

Run it in the folder of the study, after the workflow. A page shows the tube's events around each
gate; a cut or a polygon can be moved, and count, share and interval follow. Accept, flag or correct
it, by pointer or by keys. Saved are the decisions, in review.tsv next to the gating templates; the
next run of the workflow applies the corrections and counts the tubes of those batches again.

Examples
--------
  itc review results --serve      saves review.tsv itself; ends with Ctrl-C
  itc review results              writes results/review/<panel>.html, which offer it as a download
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from itc_analysis.cli.settings_option import add_config

if TYPE_CHECKING:
    from pathlib import Path

    from itc_analysis.flow.review.shown import Shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("results", help="results folder of a finished run")
    add_config(parser)
    parser.add_argument(
        "--serve",
        action="store_true",
        help="serve the pages to this machine's browser and save review.tsv as you decide",
    )
    parser.add_argument("--port", type=int, default=0, help="with --serve; any free one otherwise")
    parser.add_argument("--output-folder", help="folder for the pages (default: RESULTS/review)")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from itc_analysis.cohort.sheets.review import list_reviews, review_path
    from itc_analysis.config.loading import load_settings
    from itc_analysis.flow.review import shown as showing
    from itc_analysis.flow.review.page import build_page
    from itc_analysis.results import Results
    from itc_analysis.whole_files import write_text

    study = load_settings(options.config).study
    sheet = review_path(study)
    note = None
    if study.simulated is not None:
        note = f"SIMULATED DATA ({study.simulated}): nothing here was measured in people."
    results = Results(options.results)
    samples = results.samples.dropna(subset=["participant_id"])
    tables = showing.Tables(
        gates=results.gates,
        histograms=results.histograms,
        counts=results.counts,
        quality=results.tube_quality,
        people=dict(zip(samples["sample_id"], samples["participant_id"], strict=True)),
    )
    panels = {one.panel: one for one in showing.show_panels(tables, list_reviews(sheet))}
    if options.serve:
        _serve(panels, sheet, note, options.port)
        return
    folder = Path(options.output_folder or Path(options.results) / "review")
    folder.mkdir(parents=True, exist_ok=True)
    for panel, one in panels.items():
        path = folder / f"{panel}.html"
        write_text(path, build_page(one, sheet=str(sheet), note=note))
        print(f"{len(one.gates)} gates of {len(one.tubes)} tubes: {path}")
    print(f"Save the sheet that a page offers as {sheet}, then run the workflow again.")


def _serve(panels: Mapping[str, Shown], sheet: Path, note: str | None, port: int) -> None:
    """Answer this machine's browser until the person ends it."""
    from dataclasses import replace

    from itc_analysis.cli.progress import rest
    from itc_analysis.cohort.sheets.review import list_reviews
    from itc_analysis.flow.review.page import build_page
    from itc_analysis.flow.review.server import ReviewServer
    from itc_analysis.flow.review.sheet import replace_panel

    def make_page(panel: str, save_to: str) -> str:
        fresh = replace(panels[panel], reviews=list_reviews(sheet))
        return build_page(fresh, sheet=str(sheet), note=note, save_to=save_to)

    def save(panel: str, rows: list[dict[str, Any]]) -> None:
        replace_panel(sheet, panel, rows)

    with ReviewServer(make_page, list(panels), save, port=port) as server:
        for panel in panels:
            print(f"{panel}: {server.address_of(panel)}", flush=True)
        print(f"Decisions are saved in {sheet}. End with Ctrl-C.", flush=True)
        rest()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Run the workflow again: it applies what was corrected.")
