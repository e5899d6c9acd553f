"""Draw every population's gate in all tubes of a panel, worst judged first, to look through them.

Writes <population>-<page>.png with the parent's density, cut, uncertainty, state and counts of each tube,
and index.html, which shows them in gating order.
"""

from __future__ import annotations

import argparse
import os

from itc_analysis.cli.threads import ONE_THREAD

#: Tubes on a page: what a screen shows at once.
_PER_PAGE = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--gates", required=True, help="gates.parquet of the panel")
    parser.add_argument("--views", required=True, nargs="+", help="views.parquet of all batches")
    parser.add_argument("--counts", required=True, nargs="+", help="counts.parquet of all batches")
    parser.add_argument(
        "--populations", nargs="*", help="only these; all that have a view otherwise"
    )
    parser.add_argument("--output-folder", required=True, help="folder for pictures and page")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    os.environ.update(ONE_THREAD)  # before numpy is imported
    from html import escape
    from pathlib import Path

    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from itc_analysis.errors import Fault, ItcError, did_you_mean
    from itc_analysis.flow.plots import plot_gate_overview, worst_first
    from itc_analysis.tables import contract, made

    gates = contract.read(options.gates, made.Gates)
    views = contract.read_all(options.views, made.Views)
    counts = contract.read_all(options.counts, made.Counts)
    drawn = set(views["population"])
    known = [name for name in gates["population"].unique() if name in drawn]
    wanted = options.populations or known
    faults = [
        Fault("--populations", f"no view of '{name}'", did_you_mean(name, known))
        for name in wanted
        if name not in known
    ]
    if faults:
        raise ItcError(str(options.gates), faults)
    folder = Path(options.output_folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for population in wanted:
        order = worst_first(gates[gates["population"] == population])
        seen = set(views.loc[views["population"] == population, "source_id"])
        tubes = [file_id for file_id in order if file_id in seen]
        lines.append(f"<h2>{escape(population)}: {len(tubes)} tubes, worst judged first</h2>")
        for page, start in enumerate(range(0, len(tubes), _PER_PAGE), start=1):
            own = gates[gates["file_id"].isin(tubes[start : start + _PER_PAGE])]
            shown = views[views["source_id"].isin(own["file_id"])]
            figure = plot_gate_overview(shown, own, counts, population)
            name = f"{population}-{page}.png"
            # without the program's name and version: equal tables give equal pictures
            figure.savefig(folder / name, dpi=80, metadata={"Software": None})
            plt.close(figure)
            lines.append(f'<img src="{escape(name)}" alt="{escape(population)}, page {page}">')
    title = "Gates, all tubes"
    (folder / "index.html").write_text(
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>img {{ max-width: 100% }}</style></head>\n<body><h1>{title}</h1>\n"
        + "\n".join(lines)
        + "\n</body></html>\n",
        encoding="utf-8",
    )
    print(f"{len(wanted)} populations: {folder / 'index.html'}")
