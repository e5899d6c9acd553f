"""Compare automatic gates with those that a person drew, tube by tube and event by event.

Takes a FlowJo workspace or a folder of Gating-ML files. Writes concordance.parquet, worst_first.tsv
(the same, worst agreement first), summary.tsv (per population: Lin's concordance of the counts,
Bland and Altman's limits, F1 of the events) and a picture per population: counts against counts,
and their differences.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from itc_analysis.cli.settings_option import add_config

#: Tubes that are printed.
_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_config(parser)
    parser.add_argument(
        "--tubes", help="JSON list of rows of the tube sheet; left out: those of config.yaml"
    )
    parser.add_argument("--panel", required=True, help="panel sheet (TSV)")
    parser.add_argument("--template", required=True, help="gating template (YAML)")
    parser.add_argument("--scales", help="results/flow/<panel>/scales.parquet")
    parser.add_argument(
        "--landmarks", help="landmarks.parquet of the panel, where events were aligned"
    )
    parser.add_argument("--gates", required=True, help="results/flow/<panel>/pooled_gates.parquet")
    parser.add_argument(
        "--human", required=True, help="FlowJo workspace (.wsp), or a folder of Gating-ML files"
    )
    parser.add_argument(
        "--names",
        nargs="*",
        default=[],
        metavar="GATE=POPULATION",
        help="human gates whose names differ from the populations', e.g. 'Vd2=vd2_gd'",
    )
    parser.add_argument("--output-folder", required=True, help="folder for tables and pictures")


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    import matplotlib as mpl

    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import FitGatesSettings

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from itc_analysis.errors import Fault, ItcError
    from itc_analysis.flow.concordance import agreement
    from itc_analysis.flow.concordance import plots as concordance_plots
    from itc_analysis.flow.manual.adopt import read_manual
    from itc_analysis.flow.tube.batch import read_batch, refuse_foreign_gates
    from itc_analysis.provenance import describe
    from itc_analysis.statistics.binomial import CONFIDENCE
    from itc_analysis.tables import contract
    from itc_analysis.tables.flow.tubes import Concordance, Gates
    from itc_analysis.whole_files import write_text, written_whole

    faults = [
        Fault("--names", f"'{pair}' is no pair", "write GATE=POPULATION")
        for pair in options.names
        if "=" not in pair
    ]
    source = "itc concordance"
    if faults:
        raise ItcError(source, faults)
    settings = read_settings(options.config, FitGatesSettings).flow
    batch = read_batch(
        options.tubes or _tubes_of_panel(options),
        options.panel,
        options.template,
        options.scales,
        options.landmarks,
    )
    refuse_foreign_gates(batch, options.gates)
    human = read_manual(
        options.human,
        file_ids={str(row["file_id"]) for row in batch.rows},
        panels={str(row["panel"]) for row in batch.rows},
    )
    table = agreement.compare_with_human(
        batch.rows,
        batch.panel,
        batch.template,
        contract.read(options.gates, Gates),
        human,
        settings,
        names=dict(pair.rsplit("=", 1) for pair in options.names),
    )
    folder = Path(options.output_folder)
    described = describe(
        "itc concordance",
        parameters={"flow": settings.model_dump(mode="json"), "names": sorted(options.names)},
        inputs=[options.panel, options.template, options.gates],
        packages=("numpy", "pandas", "flowkit"),
        methods="Automatic gates were compared with those of an analyst by Lin's concordance of "
        "the counts and by the F1 score of the events.",
        citations=("lin1989", "bland1986"),
    )
    contract.write(table, folder / "concordance.parquet", Concordance, described)
    summary = agreement.summarise(table, confidence=CONFIDENCE)
    write_text(folder / "summary.tsv", summary.to_csv(sep="\t", index=False, float_format="%.6g"))
    worst = agreement.worst_first(table)
    write_text(folder / "worst_first.tsv", worst.to_csv(sep="\t", index=False, float_format="%.6g"))
    for population in summary["population"]:
        if table.loc[table["population"] == population, "n_automatic"].notna().any():
            figure = plt.figure(figsize=(9, 4), layout="constrained")
            counts, differences = figure.subplots(1, 2)
            concordance_plots.plot_concordance(table, population, ax=counts)
            concordance_plots.plot_differences(table, population, ax=differences)
            # without the program's name and version: equal tables give equal pictures
            with written_whole(folder / f"{population}.png") as partial:
                figure.savefig(partial, format="png", dpi=120, metadata={"Software": None})
            plt.close(figure)
    print(summary.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    worst = worst[["file_id", "population", "n_human", "n_automatic", "f1", "gate_state"]].head(
        _SHOWN
    )
    print(f"\nWorst first:\n{worst.to_string(index=False, float_format=lambda v: f'{v:.3g}')}")


def _tubes_of_panel(options: argparse.Namespace) -> list[dict[str, Any]]:
    from itc_analysis.cohort.listing import list_tubes
    from itc_analysis.config.loading import load_settings

    panel = Path(options.panel).stem
    return [row for row in list_tubes(load_settings(options.config).study) if row["panel"] == panel]
