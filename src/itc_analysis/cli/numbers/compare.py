"""Compare the index group with the references of the analysis plan.

Makes every comparison that the plan declares; any other only from a file of its own (--post-hoc),
marked as post hoc, with p values adjusted among themselves. One that the data cannot decide keeps
its row and says why. Verdicts (specific to the index group, shared with a disease), diagnostics
(influence, covariates, unknown confounding), associations with clinical variables, compositions,
and flow cytometry compared with single cell are written as well.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


#: Sentences for the methods section, and the works they cite.
Said = tuple[str, list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--plan", required=True, help="analysis_plan.yaml")
    parser.add_argument("--participants", required=True, help="participants.parquet")
    parser.add_argument("--variables", help="variables.parquet; left out for none")
    parser.add_argument("--measurements", required=True, help="measurements.parquet")
    parser.add_argument(
        "--post-hoc", help="families of role post_hoc that are not in the plan, as YAML"
    )
    parser.add_argument(
        "--changes",
        help="plan_changes.parquet, which says what is post hoc since the lock; left out: "
        "the tables do not say",
    )
    parser.add_argument("--output-folder", required=True, help="where the tables are written")


def run(options: argparse.Namespace) -> None:
    """Read, compare, write."""
    import pandas as pd

    from itc_analysis import provenance
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import CompareSettings
    from itc_analysis.stats.people.variables import clinical_measurements, read_plan_for
    from itc_analysis.stats.plan import standing as locks
    from itc_analysis.stats.plan.plan import read_post_hoc, refuse_unknown_groups
    from itc_analysis.stats.questions.associations import associate
    from itc_analysis.stats.questions.compare import compare_groups
    from itc_analysis.stats.questions.compositions import compare_compositions
    from itc_analysis.stats.questions.diagnostics import diagnose
    from itc_analysis.stats.questions.methods_text import (
        describe_associations,
        describe_comparisons,
        describe_compositions,
        describe_diagnostics,
        describe_modalities,
        describe_post_hoc,
        describe_verdicts,
    )
    from itc_analysis.stats.questions.modalities import compare_modalities
    from itc_analysis.stats.questions.verdicts import judge_endpoints
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort.participants import Participants
    from itc_analysis.tables.measured import Measurements
    from itc_analysis.tables.registry import BY_NAME, contract_of
    from itc_analysis.tables.stats.comparisons import Comparisons

    frozen = read_settings(options.config, CompareSettings)
    settings, cohort = frozen.stats, frozen.cohort
    participants = contract.read(options.participants, Participants)
    measurements = contract.read(options.measurements, Measurements)
    plan, participants = read_plan_for(options.plan, participants, options.variables)
    refuse_unknown_groups(plan, cohort)  # before the first table is written
    measurements = clinical_measurements(participants, measurements, plan)
    how: dict[str, Any] = {"plan": plan, "cohort": cohort, "settings": settings}
    made_with: dict[str, Any] = {
        "parameters": {"stats": settings.model_dump(), "cohort": cohort.model_dump()},
        "inputs": [
            options.plan,
            options.participants,
            *([options.variables] if options.variables else []),
            options.measurements,
        ],
        "packages": ("formulaic", "numpy", "pandas", "scipy"),
    }

    standing = locks.read_standing(options.changes) if options.changes else None
    if options.changes:
        made_with["inputs"].append(options.changes)
    folder = Path(options.output_folder)

    def write(name: str, table: pd.DataFrame, said: Said) -> None:
        methods, citations = said
        described = provenance.describe(
            "itc compare", methods=methods, citations=citations, **made_with
        )
        file = BY_NAME[name]
        contract.write(table, folder / file.path, contract_of(file), provenance=described)

    table = compare_groups(measurements, participants, **how)
    said = describe_comparisons(table, **how)
    if options.post_hoc:
        added = how | {"plan": read_post_hoc(options.post_hoc, plan, cohort)}
        made_with["inputs"].append(options.post_hoc)
        more = compare_groups(measurements, participants, **added)
        said = describe_post_hoc(said, added["plan"])
        table = contract.make(pd.concat([table, more], ignore_index=True), Comparisons)
    if standing:
        table = locks.mark_comparisons(table, standing)
        said = (f"{said[0]} {locks.describe_standing(standing)}", said[1])
    write("comparisons", table, said)
    verdicts = judge_endpoints(measurements, participants, **how)
    if standing:
        verdicts = locks.mark_verdicts(verdicts, table, standing)
    write("verdicts", verdicts, describe_verdicts(plan))
    checked = diagnose(measurements, participants, **how)
    write("diagnostics", checked, describe_diagnostics(checked))
    within = associate(measurements, participants, **how)
    within = locks.mark_comparisons(within, standing) if standing else within
    write("associations", within, describe_associations(within, plan=plan))
    parts = compare_compositions(measurements, participants, **how)
    parts = locks.mark_compositions(parts, standing) if standing else parts
    write("compositions", parts, describe_compositions(parts, plan=plan))
    pairs, agreement = compare_modalities(measurements, participants, **how)
    said = describe_modalities(agreement)
    write("modalities", pairs, said)
    write("modality_agreement", agreement, said)
    n_left = int((table["status"] == "not_estimable").sum())
    print(f"{len(table)} comparisons, {n_left} of them not estimable")
