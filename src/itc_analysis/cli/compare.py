"""Compare the index group with the references of the analysis plan.

Makes every comparison that the plan declares; any other only from a file of its own (--post-hoc), marked as
post hoc, with p values adjusted among themselves. One that the data cannot decide keeps its row and says why. Verdicts (specific to the index group, shared with a disease) and diagnostics
(influence, covariates, unknown confounding) are written as well where a file is named for them, and so are
associations with clinical variables, compositions, and flow cytometry beside single cell.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from itc_analysis.cli.threads import ONE_THREAD

if TYPE_CHECKING:
    import pandas as pd

    from itc_analysis.tables.contract import Contract

#: Sentences for the methods section, and the works they cite.
Said = tuple[str, list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", required=True, help="config.yaml, or the frozen stats section")
    parser.add_argument("--plan", required=True, help="analysis_plan.yaml")
    parser.add_argument(
        "--cohort-config", required=True, help="config.yaml, or the frozen cohort section"
    )
    parser.add_argument("--participants", required=True, help="participants.parquet")
    parser.add_argument("--measurements", required=True, help="measurements.parquet")
    parser.add_argument(
        "--post-hoc", help="families of role post_hoc that the plan does not hold, as YAML"
    )
    parser.add_argument("--output", required=True, help="comparisons.parquet")
    parser.add_argument("--verdicts", help="verdicts.parquet, on the primary endpoints")
    parser.add_argument("--diagnostics", help="diagnostics.parquet, beside the comparisons")
    parser.add_argument("--associations", help="associations.parquet, within a group")
    parser.add_argument("--compositions", help="compositions.parquet, parts of one whole")
    parser.add_argument("--modalities", help="modalities.parquet, flow beside single cell")
    parser.add_argument("--modality-agreement", help="modality_agreement.parquet, per population")


def run(options: argparse.Namespace) -> None:
    """Read, compare, write."""
    os.environ.update(ONE_THREAD)
    import pandas as pd

    from itc_analysis import provenance
    from itc_analysis.config import Cohort, Stats, read_section
    from itc_analysis.stats.plan.plan import read_plan, read_post_hoc
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
    from itc_analysis.tables import contract, made

    settings = read_section(options.config, Stats)
    cohort = read_section(options.cohort_config, Cohort)
    plan = read_plan(options.plan)
    measurements = contract.read(options.measurements, made.Measurements)
    participants = contract.read(options.participants, made.Participants)
    how: dict[str, Any] = {"plan": plan, "cohort": cohort, "settings": settings}
    made_with: dict[str, Any] = {
        "parameters": {"stats": settings.model_dump(), "cohort": cohort.model_dump()},
        "inputs": [options.plan, options.participants, options.measurements],
        "packages": ("formulaic", "numpy", "pandas", "scipy"),
    }

    def write(table: pd.DataFrame, path: str, of: type[Contract], said: Said) -> None:
        methods, citations = said
        described = provenance.describe(
            "itc compare", methods=methods, citations=citations, **made_with
        )
        contract.write(table, path, of, provenance=described)

    table = compare_groups(measurements, participants, **how)
    said = describe_comparisons(table, **how)
    if options.post_hoc:
        added = how | {"plan": read_post_hoc(options.post_hoc, plan, cohort)}
        made_with["inputs"].append(options.post_hoc)
        more = compare_groups(measurements, participants, **added)
        said = describe_post_hoc(said, added["plan"])
        table = contract.make(pd.concat([table, more], ignore_index=True), made.Comparisons)
    write(table, options.output, made.Comparisons, said)
    if options.verdicts:
        verdicts = judge_endpoints(measurements, participants, **how)
        write(verdicts, options.verdicts, made.Verdicts, describe_verdicts(plan))
    if options.diagnostics:
        beside = diagnose(measurements, participants, **how)
        write(beside, options.diagnostics, made.Diagnostics, describe_diagnostics())
    if options.associations:
        within = associate(measurements, participants, **how)
        said = describe_associations(within, plan=plan)
        write(within, options.associations, made.Associations, said)
    if options.compositions:
        parts = compare_compositions(measurements, participants, **how)
        said = describe_compositions(parts, plan=plan)
        write(parts, options.compositions, made.Compositions, said)
    if options.modalities or options.modality_agreement:
        pairs, agreement = compare_modalities(measurements, participants, **how)
        said = describe_modalities(agreement)
        if options.modalities:
            write(pairs, options.modalities, made.Modalities, said)
        if options.modality_agreement:
            write(agreement, options.modality_agreement, made.ModalityAgreement, said)
    n_left = int((table["status"] == "not_estimable").sum())
    print(f"{len(table)} comparisons, {n_left} of them not estimable")
