"""The option that names the settings of a study: one name and one default in every verb that people
type.
"""

from __future__ import annotations

import argparse

USUAL = "config/config.yaml"


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare `--config`, where `itc init` writes it unless said otherwise."""
    parser.add_argument("--config", default=USUAL, help=f"settings of the study (default: {USUAL})")
