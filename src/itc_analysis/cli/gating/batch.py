"""What the verbs that read the tubes of a batch are given."""

from __future__ import annotations

import argparse


def add_batch(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which tubes are read, and how."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--tubes", required=True, help="JSON list of rows of the tube sheet")
    parser.add_argument("--panel", required=True, help="panel sheet (TSV)")
    parser.add_argument("--template", required=True, help="gating template (YAML)")
    parser.add_argument("--scales", help="scales.parquet of the panel, of `itc learn-scales`")
    parser.add_argument(
        "--landmarks",
        help="landmarks.parquet of the panel, of `itc learn-alignment`; aligns the events",
    )
