"""Write a study whose truth is known: FCS files, libraries, sheets, and the truth beside them.

`--scenario` names what is planted: published directions (effect), nothing (null), or one thing that
could be taken for another; `--scenario help` lists them. Run the workflow with the folder as
working directory. The truth/ folder is never read by the pipeline.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--output", metavar="FOLDER", help="where to write the study; needed unless for help"
    )
    parser.add_argument(
        "--scenario",
        default="effect",
        metavar="NAME",
        help="what is planted (default: effect); help lists the names",
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same bytes (default: 1)")
    parser.add_argument(
        "--per-group", type=int, default=6, metavar="N", help="participants per group (default: 6)"
    )
    parser.add_argument(
        "--index-group-size",
        type=int,
        metavar="N",
        help="participants in the index group (default: as --per-group)",
    )
    parser.add_argument(
        "--healthy-group-size",
        type=int,
        metavar="N",
        help="healthy people, whom scores are measured against (default: as --per-group)",
    )
    parser.add_argument(
        "--events",
        type=int,
        default=60_000,
        metavar="N",
        help="events per stained tube (default: 60000)",
    )
    parser.add_argument(
        "--cells",
        type=int,
        default=400,
        metavar="N",
        help="cells per single-cell library; 0 for no single-cell data (default: 400)",
    )
    parser.add_argument(
        "--libraries-per-group",
        type=int,
        metavar="N",
        help="participants of each group with a library, more in a larger index group "
        "(default: everybody)",
    )
    parser.add_argument(
        "--batches",
        type=int,
        metavar="N",
        help="staining batches, each with every group (default: one per twelve participants)",
    )
    parser.add_argument(
        "--groups", nargs="*", default=[], metavar="NAME", help="groups enrolled (default: all)"
    )
    parser.add_argument(
        "--stimulations",
        nargs="*",
        default=[],
        metavar="NAME",
        help="also cultured tubes: unstimulated, and il12_il18 or pma_ionomycin (default: none)",
    )


def run(options: argparse.Namespace) -> None:
    """Write the study, or say which scenarios there are."""
    from itc_analysis.simulate.scenarios import CARDS

    if options.scenario == "help":
        for name, card in CARDS.items():
            print(f"{name:20}{card.sentence}")
        return
    from itc_analysis.cli.threads import processors
    from itc_analysis.errors import ItcError
    from itc_analysis.simulate.study import simulate_study

    if options.output is None:
        source = "--output"
        raise ItcError(source, "it is missing; name the folder where the study is to be written")
    simulate_study(
        options.output,
        scenario=options.scenario,
        seed=options.seed,
        per_group=options.per_group,
        index_group_size=options.index_group_size,
        healthy_group_size=options.healthy_group_size,
        events=options.events,
        cells=options.cells,
        libraries_per_group=options.libraries_per_group,
        batches=options.batches,
        processes=processors(),
        stimulations=options.stimulations,
        **({"groups": options.groups} if options.groups else {}),
    )
