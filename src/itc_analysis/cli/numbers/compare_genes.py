"""Compare genes of single-cell populations between groups, as the analysis plan asks.

Sums molecules per participant and population and tests every gene that is expressed enough. A
comparison that the data cannot decide is a row that says why. A plan without `genes` gives a table
without rows.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--config", required=True, help="config.yaml, or this step's frozen settings"
    )
    parser.add_argument("--plan", required=True, help="analysis_plan.yaml")
    parser.add_argument("--participants", required=True, help="participants.parquet")
    parser.add_argument("--variables", help="variables.parquet; left out for none")
    parser.add_argument("--samples", required=True, help="samples.parquet")
    parser.add_argument("--libraries", required=True, help="libraries.parquet")
    for name, what in (
        ("pseudobulk", "pseudobulk of the libraries"),
        ("pseudobulk-depth", "cells and molecules behind the pseudobulk"),
    ):
        parser.add_argument(f"--{name}", nargs="*", default=[], metavar="PARQUET", help=what)
    parser.add_argument(
        "--changes", help="plan_changes.parquet, which says what is post hoc since the lock"
    )
    parser.add_argument("--output", required=True, help="genes.parquet")


def run(options: argparse.Namespace) -> None:
    """Read, compare, write."""
    from itc_analysis import provenance
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.steps import CompareGenesSettings
    from itc_analysis.singlecell.calls.weights import genes_of_calls, read_evidence
    from itc_analysis.stats.people.variables import read_plan_for
    from itc_analysis.stats.plan.standing import mark_genes, read_standing
    from itc_analysis.stats.questions.genes import GeneTables, compare_genes
    from itc_analysis.stats.questions.methods_text import describe_genes
    from itc_analysis.tables import contract
    from itc_analysis.tables.cohort import sheets
    from itc_analysis.tables.cohort.participants import Participants
    from itc_analysis.tables.singlecell import Pseudobulk, PseudobulkDepth
    from itc_analysis.tables.stats.genes import Genes

    frozen = read_settings(options.config, CompareGenesSettings)
    settings, cohort = frozen.stats, frozen.cohort
    participants = contract.read(options.participants, Participants)
    plan, participants = read_plan_for(options.plan, participants, options.variables)
    min_cells = frozen.singlecell.min_pseudobulk_cells
    tables = GeneTables(
        pseudobulk=contract.read_all(options.pseudobulk, Pseudobulk),
        depth=contract.read_all(options.pseudobulk_depth, PseudobulkDepth),
        samples=contract.read(options.samples, sheets.SampleSheet),
        libraries=contract.read(options.libraries, sheets.Libraries),
        calling=genes_of_calls(read_evidence()),
    )
    table = compare_genes(
        tables,
        participants,
        plan=plan,
        cohort=cohort,
        settings=settings,
        min_cells=min_cells,
    )
    if options.changes:
        table = mark_genes(table, read_standing(options.changes))
    methods, citations = describe_genes(table, min_cells=min_cells)
    described = provenance.describe(
        "itc compare-genes",
        parameters={
            "stats": settings.model_dump(),
            "cohort": cohort.model_dump(),
            "min_pseudobulk_cells": min_cells,
        },
        inputs=[
            options.plan,
            options.participants,
            *([options.variables] if options.variables else []),
            options.samples,
            options.libraries,
            *options.pseudobulk,
            *([options.changes] if options.changes else []),
        ],
        packages=("formulaic", "numpy", "pandas", "pydeseq2", "scipy"),
        methods=methods,
        citations=citations,
    )
    contract.write(table, options.output, Genes, provenance=described)
    n_tested = int((table["status"] == "ok").sum())
    pairs = table[["population", "comparison", "gene"]]
    n_left = int((pairs["gene"] == "-").sum())
    n_pairs = len(pairs[["population", "comparison"]].drop_duplicates())
    print(f"{n_pairs} comparisons, {n_left} of them not estimable; {n_tested} tests of genes")
