"""Judge every cut against its batch and its study.

Works on the fits alone. Gates that a person drew (--manual) keep their place however often the
command runs; so do those of a frozen release (--frozen).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itc_analysis.flow.manual.adopt import ManualGates
    from itc_analysis.flow.manual.samples import FileIdentity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--template", required=True, help="gating template (YAML)")
    parser.add_argument("--panel", help="panel sheet (TSV); checks the template's markers")
    parser.add_argument("--fits", required=True, nargs="+", help="gate_fits.parquet of all batches")
    parser.add_argument(
        "--evidence", nargs="+", default=[], help="evidence.parquet of all batches, with --identity"
    )
    parser.add_argument(
        "--identity", help="where to write whether each tube is what the sheet says"
    )
    parser.add_argument("--output", required=True, help="the table to write")
    parser.add_argument(
        "--manual",
        help="gates that a person drew: a FlowJo workspace (.wsp), or a folder of <file_id>.xml, "
        "<panel>.xml and workspaces; they take the place of the populations of their names",
    )
    parser.add_argument(
        "--tubes",
        help="JSON list of rows of the tube sheet, with --manual: samples of a workspace are found "
        "by the names of the FCS files",
    )
    parser.add_argument(
        "--frozen",
        nargs=2,
        metavar=("GATES", "IDENTITY"),
        help="pooled_gates.parquet and identity.parquet of a release, whose tubes keep their gates",
    )
    parser.add_argument(
        "--added", help="JSON list of tubes that are not part of the release, with --frozen"
    )
    parser.add_argument(
        "--moved", help="where to write which frozen gates would have changed, with --frozen"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import PoolGatesSettings
    from itc_analysis.flow.gates import frozen, pool
    from itc_analysis.flow.gates.identity import judge
    from itc_analysis.flow.gating.methods_text import describe_further_methods
    from itc_analysis.flow.gating.template import load_template
    from itc_analysis.flow.manual import adopt as drawn
    from itc_analysis.flow.manual import gatingml
    from itc_analysis.flow.manual.files import manual_files, name_files
    from itc_analysis.flow.panel.markers import read_panel
    from itc_analysis.flow.scale.scales import check_same_scales, scales_of_axes
    from itc_analysis.provenance import describe
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.panelwide import MovedGates
    from itc_analysis.tables.flow.tubes import GateFits, Gates, TubeEvidence, TubeIdentity

    settings = read_settings(options.config, PoolGatesSettings).flow
    markers = None if options.panel is None else set(read_panel(options.panel)["marker"])
    template = load_template(options.template, panel_markers=markers)
    fits = contract.read_all(options.fits, GateFits)
    axes = gatingml.read_axes(options.fits)
    check_same_scales(axes, options.template)
    manual = None
    if options.manual is not None:
        names = {column: set(fits[column].unique()) for column in ("file_id", "panel")}
        manual = drawn.read_manual(options.manual, file_ids=names["file_id"], panels=names["panel"])
    identity = None
    if options.identity is not None:
        identity = judge.identify(contract.read_all(options.evidence, TubeEvidence), fits, template)
    suspects = None if identity is None else judge.suspects(identity)
    gates = pool.pool_gates(
        fits,
        template,
        settings,
        manual=manual,
        axes=axes,
        files=None if manual is None else _files_of(manual, options.tubes),
        suspects=suspects,
    )
    further, cited = describe_further_methods(template)
    drawn_text = "" if manual is None else drawn.METHODS_TEXT
    frozen_text, moved = "", None
    if options.frozen is not None:
        frozen_text = frozen.METHODS_TEXT
        added = [str(row["file_id"]) for row in _read_rows(options.added)]
        fresh, gates = (
            gates,
            frozen.keep_frozen(gates, contract.read(options.frozen[0], Gates), added),
        )
        moved = frozen.moved_gates(fresh, gates, added)
        if identity is not None:
            known = contract.read(options.frozen[1], TubeIdentity)
            identity = frozen.keep_rows(identity, known, added)
    described = describe(
        "itc pool-gates",
        parameters={
            "flow": settings.model_dump(mode="json"),
            "scales": scales_of_axes(axes),
            "is_aligned": any(axis.get("alignment") for axis in axes.values()),
        },
        inputs=[
            options.template,
            *options.fits,
            *(options.frozen or []),
        ],
        data={} if options.manual is None else name_files(manual_files(options.manual)),
        packages=("numpy", "pandas"),
        methods=" ".join(filter(None, [further, pool.METHODS_TEXT, drawn_text, frozen_text])),
        citations=tuple(dict.fromkeys([*cited, *pool.CITATIONS])),
    )
    contract.write(gates, options.output, Gates, described)
    if moved is not None and options.moved is not None:
        contract.write(moved, options.moved, MovedGates, described)
    if identity is not None:
        about = describe(
            "itc pool-gates",
            parameters={},
            inputs=[options.template],
            packages=("numpy", "pandas"),
            methods=judge.METHODS_TEXT,
        )
        contract.write(identity, options.identity, TubeIdentity, about)


def _files_of(manual: ManualGates, tubes: str | None) -> dict[str, FileIdentity]:
    """Return what tells the tubes' files apart; nothing where no workspace asks for it."""
    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.flow.manual.samples import identify_file

    if not manual.by_file:
        return {}
    if tubes is None:
        what = "samples of a workspace are found by the names of the FCS files"
        source = "itc pool-gates"
        raise ItcError(source, [Fault("", what, "name the rows of the tube sheet with --tubes")])
    return {str(row["file_id"]): identify_file(row["path"]) for row in _read_rows(tubes)}


def _read_rows(path: str | None) -> list[dict[str, Any]]:
    """Return a JSON list of rows of the tube sheet; no rows without a list."""
    import json
    from pathlib import Path

    if path is None:
        return []
    rows: list[dict[str, Any]] = json.loads(Path(path).read_text(encoding="utf-8"))
    return rows
