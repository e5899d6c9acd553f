"""Write what may be handed over before unblinding: gates, quality and pooled numbers, masked.

Samples, tubes and batches get pseudonyms in an order drawn from the participants' table; groups,
diagnoses, clinical items, files and whatever would tell groups apart stay out. The folder holds
report.html, pages with every gate, and tables that `open_results` reads. What the pseudonyms stand
for goes to --masks, which is not handed over.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from itc_analysis.cli.settings_option import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_config(parser)
    parser.add_argument("--results", required=True, help="results folder, which names groups")
    parser.add_argument("--masks", required=True, help="sheet of the pseudonyms (TSV), to be kept")
    parser.add_argument("--output-folder", required=True, help="the folder to hand over")


def run(options: argparse.Namespace) -> None:
    """Mask, draw, and put the folder in its place as a whole."""
    import shutil

    from itc_analysis.blinding.tables import (
        MARK,
        holds_foreign_files,
        mapping_table,
        write_blinded,
    )
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import ReportSettings
    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.report.blinded_page import write_blinded_page
    from itc_analysis.whole_files import write_text

    settings = read_settings(options.config, ReportSettings)
    cohort = settings.cohort
    folder = Path(options.output_folder)
    if holds_foreign_files(folder):
        what = "holds files that no blinded run wrote, and it would be emptied"
        raise ItcError(str(folder), [Fault("", what, "move them away, or name another folder")])
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    blinded = write_blinded(options.results, partial, labels=[*cohort.groups, cohort.pooled_name])
    _draw_gates(partial, settings.study.simulated)
    write_blinded_page(partial, settings, not_shown=blinded.not_shown)
    write_text(
        partial / MARK,
        "Results of a blinded study, written anew by every run: groups are masked.\n",
    )
    # nothing of an earlier run may be left in what is handed over
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    masks = Path(options.masks)
    masks.parent.mkdir(parents=True, exist_ok=True)
    write_text(masks, mapping_table(blinded.masks))
    for sentence in blinded.not_shown:
        print(sentence)
    print(f"{len(blinded.masks.samples)} samples masked: {folder}")


def _draw_gates(folder: Path, simulated: str | None) -> None:
    """Write the pages with every gate of every tube."""
    from itc_analysis.flow.pictures.overview import Overview, Tables
    from itc_analysis.results import Results
    from itc_analysis.tables.quantities import POSITIVE_OF

    note = "Blinded: samples, tubes and batches bear pseudonyms."
    if simulated is not None:
        note += f" SIMULATED DATA ({simulated}): nothing here was measured in people."
    study = Results(folder)
    for panel in sorted(study.tubes["panel"].unique()):
        gates = study.gates[study.gates["panel"] == panel]
        if gates[~gates["population"].str.startswith(POSITIVE_OF)].empty:
            continue
        own = gates["file_id"]
        overview = Overview(
            Tables(
                gates=gates,
                histograms=study.histograms[study.histograms["source_id"].isin(own)],
                counts=study.counts[study.counts["source_id"].isin(own)],
                quality=study.tube_quality[study.tube_quality["file_id"].isin(own)],
            ),
            note=note,
        )
        overview.write(study.layout.overview(panel))
