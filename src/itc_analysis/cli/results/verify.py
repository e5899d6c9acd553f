"""Compare every byte of a run's inputs and results, and its settings, with the run's manifest.

Names each file or setting that was altered, is missing, or was not there. Exits with 2 when there
is one. Inputs are found by the study's settings; without them, results alone are looked at.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from itc_analysis.cli.settings_option import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("results", nargs="?", default="results", help="results folder")
    add_config(parser)


def run(options: argparse.Namespace) -> None:
    """Compare, and name what differs."""
    from itc_analysis.cli.progress import watched
    from itc_analysis.config.loading import load_settings
    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.tracing.inputs import list_inputs
    from itc_analysis.tracing.manifest import read_manifest, verify

    manifest = read_manifest(options.results)
    inputs = plain = None
    if Path(options.config).exists():
        settings = load_settings(options.config)
        inputs = list_inputs(settings.study, settings.flow)
        plain = settings.model_dump(mode="json")
    found = verify(manifest, options.results, inputs, plain, watch=watched)
    unknown = [finding for finding in found if finding.what == "not in the manifest"]
    wrong = [finding for finding in found if finding not in unknown]
    for finding in unknown:
        print(f"not in the manifest, and so not looked at: {finding.kind} {finding.name}")
    if wrong:
        remedy = "take it from your archive, or run the workflow again"
        raise ItcError(
            str(options.results),
            [
                Fault(
                    f"{f.kind} {f.name}{_lying_at(f.name, inputs or {})}",
                    f.what,
                    remedy if f.what == "altered" else "",
                )
                for f in wrong
            ],
        )
    looked = f"{len(manifest['results'])} results"
    looked += (
        f" and {len(manifest['inputs'])} inputs"
        if inputs is not None
        else f"; inputs were not looked at, because there is no {options.config}"
    )
    print(f"as in the manifest {manifest['digest'][:16]}: {looked}")


def _lying_at(name: str, inputs: Mapping[str, Path]) -> str:
    """Return where a data file lies: on the screen, for who has to look at it."""
    from itc_analysis.cohort.data_files import DATA

    return f" ({inputs[name]})" if name.startswith(DATA) and name in inputs else ""
