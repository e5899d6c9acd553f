"""Follow a number back to its tube, gates, cuts, settings, software and the bytes of its inputs.

Of a person, sample, tube or library; or of a comparison, by its name. Every file on the way is
compared with the digest that was written down when it was read, and where the chain breaks it says
so.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from itc_analysis.cli.settings_option import add_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from itc_analysis.tracing.trace import Trace

#: Inputs shown with their whole digest before "and n more"; --json has all.
_MOST_INPUTS = 12
#: Tables named before their number alone is given.
_MOST_TABLES = 16
_WIDTH = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("population", help="e.g. mait")
    parser.add_argument(
        "whom", help="participant, sample, tube or library; or a comparison, as 'SSc vs healthy'"
    )
    parser.add_argument("--measure", default="share_of_t", help="default: share_of_t")
    parser.add_argument("--feature", default="-", help="marker or signature of the measure")
    parser.add_argument(
        "--assay", default="flow", choices=["flow", "singlecell"], help="default: flow"
    )
    parser.add_argument("--results", default="results", help="results folder (default: results)")
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(options: argparse.Namespace) -> None:
    """Follow and print."""
    import json

    from itc_analysis.cli.progress import watched
    from itc_analysis.config.loading import load_settings
    from itc_analysis.results import open_results
    from itc_analysis.tracing.chain import Files
    from itc_analysis.tracing.inputs import list_inputs
    from itc_analysis.tracing.trace import trace_comparison, trace_measurement

    study = open_results(options.results)
    settings = load_settings(options.config)
    files = Files(options.results, list_inputs(settings.study, settings.flow))
    asked = {
        "population": options.population,
        "measure": options.measure,
        "feature": options.feature,
        "assay": options.assay,
    }
    if " vs " in options.whom:
        for name in watched(sorted(files.inputs), "inputs read"):
            files.digest(name)
        found = trace_comparison(study, files, comparison=options.whom, **asked)
    else:
        found = trace_measurement(study, files, whom=options.whom, **asked)
    if options.json:
        print(json.dumps(as_data(found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(as_lines(found, files.inputs)))


def as_data(trace: Trace) -> dict[str, object]:
    """Return the whole trace as plain data."""
    from dataclasses import asdict

    return {
        "number": trace.number,
        "steps": [{"what": what, "how": how} for what, how in trace.steps],
        "files": [asdict(link) for link in trace.links],
        "inputs": trace.inputs,
        "breaks": list(trace.breaks),
    }


def as_lines(trace: Trace, inputs: Mapping[str, Path]) -> list[str]:
    """Return the trace for a screen: the number, the steps back, the files, the inputs.

    Parameters
    ----------
    inputs : mapping
        files by name, of `inputs.list_inputs`: the screen says where a data file lies.
    """
    from textwrap import wrap

    from itc_analysis.cohort.data_files import DATA

    width = max((len(what) for what, _ in trace.steps), default=0) + 2
    lines = [trace.number]
    for what, how in trace.steps:
        body = wrap(how, _WIDTH - width) or [""]
        lines += [f"{what if i == 0 else '':{width}}{text}" for i, text in enumerate(body)]
    made = [f"{link.name} {link.sha256[:12]}" for link in trace.links if not link.is_input]
    through = ", ".join(made) if len(made) <= _MOST_TABLES else f"{len(made)} tables"
    lines += wrap(f"through {through}", _WIDTH, break_long_words=False)
    reached = list(trace.inputs.items())
    lines.append("ends at the bytes (SHA-256) of")
    for name, digest in reached[:_MOST_INPUTS]:
        at = f" ({inputs[name]})" if name.startswith(DATA) and name in inputs else ""
        lines.append(f"  {digest}  {name}{at}")
    if len(reached) > _MOST_INPUTS:
        lines.append(f"  and {len(reached) - _MOST_INPUTS} more files (--json lists them)")
    return lines + (list(trace.breaks) or ["every file on the way has the bytes that were read"])
