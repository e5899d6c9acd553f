"""Freeze the scales and gates of a finished run as a release that a growing study keeps.

Copies what the run learned next to the sheets (files of record), with the list of its tubes. With
study.frozen_folder set to that folder, a participant who is added later is gated on the same
scales, in their own batch, and no gate of an older tube moves; the report says which ones would
have. Nothing that has run runs again for it.
"""

from __future__ import annotations

import argparse

from itc_analysis.cli.settings_option import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument(
        "--output-folder",
        default="config/frozen",
        help="where the files of record are written (default: config/frozen)",
    )
    parser.add_argument(
        "--name", help="of the release, e.g. a date (default: 1, or one more than the last)"
    )


def run(options: argparse.Namespace) -> None:
    """Copy and list."""
    from pathlib import Path
    from typing import Any

    from itc_analysis.cohort.listing import list_tubes
    from itc_analysis.config.loading import load_settings
    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.plural import plural
    from itc_analysis.provenance import sha256
    from itc_analysis.results import Layout
    from itc_analysis.tracing import release as releases
    from itc_analysis.tracing.manifest import MANIFEST, read_manifest
    from itc_analysis.version import __version__
    from itc_analysis.whole_files import write_bytes, write_text

    settings = load_settings(options.config)
    results = Path(settings.study.results_folder)
    folder = Path(options.output_folder)
    tubes = list_tubes(settings.study)
    if not tubes:
        raise ItcError(options.config, "the study has no flow cytometry, and so no gates to freeze")
    manifest = read_manifest(results)
    # who names the folder before there is a release in it means the first one
    named = settings.study.frozen_folder
    is_first = named is None or not (Path(named) / releases.RECORD).exists()
    last = None if is_first else releases.read_release(settings)
    written: dict[str, bytes] = {}
    panels: dict[str, dict[str, Any]] = {}
    faults: list[Fault] = []
    at = Layout("")
    for panel in sorted({str(row["panel"]) for row in tubes}):
        own = [row for row in tubes if str(row["panel"]) == panel]
        has_grown = last is not None and bool(last.later_tubes(own))
        files = {}
        for name in releases.frozen_files(panel, is_aligned=settings.flow.align):
            # the gates of a release and of the tubes that came after it lie in one table
            source = at.added_gates(panel).lstrip("/") if has_grown else name
            made = results / (source if name == at.pooled_gates(panel).lstrip("/") else name)
            listed = manifest["results"].get(made.relative_to(results).as_posix())
            if not made.exists() or sha256(made) != listed:
                faults.append(Fault(str(made), "is not as the last finished run wrote it"))
                continue
            written[name] = made.read_bytes()
            files[name] = listed
        panels[panel] = {
            "files": files,
            "decided_by": releases.decided_by(settings, panel, {str(row["batch"]) for row in own}),
            "tubes": {str(row["file_id"]): releases.told_of(row) for row in own},
        }
    faults += [
        Fault(name, "has changed since the last finished run")
        for name in _changed_inputs(manifest["inputs"], settings)
    ]
    if faults:
        faults.append(Fault("", "nothing was frozen", "run the workflow to its end, then freeze"))
        raise ItcError(str(results / MANIFEST), faults)
    for name, content in written.items():
        write_bytes(folder / name, content)
    name = options.name or _next(folder / releases.RECORD)
    write_text(folder / releases.RECORD, releases.to_text(name, __version__, panels))
    n_panels, n_tubes = plural(len(panels), "panel"), plural(len(tubes), "tube")
    print(f"release {name}: scales and gates of {n_panels} and {n_tubes} are in {folder}.")
    if settings.study.frozen_folder is None:
        print(f"To keep them, write into {options.config}, under study:")
        print(f"  frozen_folder: {folder.as_posix()}")


def _changed_inputs(recorded: dict[str, str], settings: object) -> list[str]:
    """Return sheets, panels and templates that are not those of the finished run."""
    from itc_analysis.cohort.data_files import DATA
    from itc_analysis.config.sections import Settings
    from itc_analysis.provenance import sha256
    from itc_analysis.tracing.inputs import list_inputs

    assert isinstance(settings, Settings)
    inputs = list_inputs(settings.study, settings.flow)
    # data files are large, and every job refuses one that changed
    return [
        name
        for name, path in inputs.items()
        if not name.startswith(DATA) and recorded.get(name) != sha256(path)
    ]


def _next(record: object) -> str:
    """Return the number after that of the last release."""
    import json
    from pathlib import Path

    path = Path(str(record))
    if not path.exists():
        return "1"
    last = str(json.loads(path.read_text(encoding="utf-8")).get("name", ""))
    return str(int(last) + 1) if last.isdigit() else f"after {last}"
