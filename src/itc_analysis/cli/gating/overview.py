"""Draw every population's gate in all tubes of a panel, worst judged first, to look through them.

Writes a page per population with the parent's density, cut, uncertainty, state and counts of each
tube, and index.html, which leads to them and counts the states. The pages need no network and no
other file.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--gates", required=True, nargs="+", help="gates.parquet of all batches")
    parser.add_argument(
        "--histograms", required=True, nargs="+", help="histograms.parquet of all batches"
    )
    parser.add_argument("--counts", required=True, nargs="+", help="counts.parquet of all batches")
    parser.add_argument(
        "--quality", required=True, nargs="+", help="quality.parquet of all batches"
    )
    parser.add_argument(
        "--populations", nargs="*", help="only these; all of the gating template otherwise"
    )
    parser.add_argument("--note", help="a sentence for every page, such as that data are simulated")
    parser.add_argument("--output-folder", required=True, help="folder for the pages")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from pathlib import Path

    from itc_analysis.errors import Fault, ItcError, did_you_mean
    from itc_analysis.flow.pictures.overview import Overview, Tables
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import Gates, Histograms, TubeQuality
    from itc_analysis.tables.measured import Counts

    overview = Overview(
        Tables(
            gates=contract.read_all(options.gates, Gates),
            histograms=contract.read_all(options.histograms, Histograms),
            counts=contract.read_all(options.counts, Counts),
            quality=contract.read_all(options.quality, TubeQuality),
        ),
        note=options.note,
    )
    wanted = options.populations or overview.populations
    faults = [
        Fault("--populations", f"no gate of '{name}'", did_you_mean(name, overview.populations))
        for name in wanted
        if name not in overview.populations
    ]
    if faults:
        raise ItcError(str(options.gates[0]), faults)
    folder = Path(options.output_folder)
    overview.write(folder, wanted)
    print(f"{len(wanted)} populations: {folder / 'index.html'}")
