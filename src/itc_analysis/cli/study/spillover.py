"""Compute a compensation matrix from single stains.

Writes the matrix as CSV (settings: flow.matrices_folder) and beside it how much spreading each
fluorochrome causes (<name>.spreading.csv, shown in the report), and prints what to look at:
standard errors, spillover that changes with brightness, and what is left in samples.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--unstained", required=True, help="FCS file without stain")
    parser.add_argument(
        "--stain", required=True, action="append", metavar="CHANNEL=FILE",
        help="a stain's channel ($PnN) and its FCS file; once per stain",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="append", default=[], metavar="FILE",
        help="a stained sample: what spill is left in it after compensation; may be repeated",
    )  # fmt: skip
    parser.add_argument("--output", required=True, help="the matrix, CSV")


def run(options: argparse.Namespace) -> None:
    """Compute, print and write."""
    from pathlib import Path

    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.flow.fcs.read import read_fcs
    from itc_analysis.flow.spillover.compensation import compensate
    from itc_analysis.flow.spillover.matrix_files import spreading_file
    from itc_analysis.flow.spillover.residual_spill import residual_spill
    from itc_analysis.flow.spillover.single_stains import (
        compute_spillover,
        spreading_matrix,
        write_spillover_csv,
        write_spreading_csv,
    )

    pairs = [stain.partition("=") for stain in options.stain]
    wrong = [channel for channel, sign, file in pairs if not (channel and sign and file)]
    names = [channel for channel, _, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    faults = [Fault("--stain", f"'{text}' names no file", "write CHANNEL=FILE") for text in wrong]
    faults += [Fault("--stain", f"channel '{name}' appears twice", "keep one") for name in twice]
    if faults:
        source = "arguments"
        raise ItcError(source, faults)
    unstained = read_fcs(options.unstained)
    stains = {channel: read_fcs(file) for channel, _, file in pairs}
    found = compute_spillover(stains, unstained)
    spreading = spreading_matrix(stains, unstained, found.spillover)
    width = max(len(name) for name in (*names, "stain")) + 2
    for title, matrix in (
        ("spillover", found.spillover.matrix),
        ("standard error", found.standard_error),
        ("spillover spreading", spreading),
    ):
        print(f"{title}\n{'stain':{width}}" + "".join(f"{name:>{width}}" for name in names))
        for name, row in zip(names, matrix, strict=True):
            print(f"{name:{width}}" + "".join(f"{value:>{width}.4f}" for value in row))
    for remark in found.remarks:
        print(f"look at: {remark}")
    for path in options.check:
        file = read_fcs(path)
        events = compensate(file.events, file.channel_names, found.spillover, source=file.name)
        rows = [file.channel_names.index(name) for name in names]
        table = residual_spill(events[rows], names)
        left = table[table["reading"].notna()]
        n_unknown = int(table["slope"].isna().sum())
        print(f"left in {file.name}: {len(left) or 'nothing'}; {n_unknown} pairs cannot be judged")
        for pair in left.itertuples():
            print(f"  {pair.source} into {pair.detector}: {pair.slope:+.3f}, {pair.reading}")
    Path(options.output).parent.mkdir(parents=True, exist_ok=True)
    write_spillover_csv(found.spillover, options.output)
    write_spreading_csv(found.spillover.channels, spreading, spreading_file(options.output))
