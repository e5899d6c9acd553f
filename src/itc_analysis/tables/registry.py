"""Every file of a results folder: its name, what it holds, where it lies, which step makes it.

The one place that knows. Paths of the workflow, `open_results`, the report's material and
docs/data-model.md read it. A new table is a contract, a line here, and the step that makes it.
Nothing heavy is imported here: the Snakefile reads it in every job.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from itc_analysis.tables.contract import Contract

#: How the report uses a file: shows its rows, quotes only how it was made, or opens or links it
#: itself. None: not at all.
ReportUse = Literal["rows", "methods", "linked"]


@dataclass(frozen=True)
class File:
    """One kind of file in a results folder.

    Attributes
    ----------
    name : str
        How it is asked for: `study.measurements`, `Layout.measurements`.
    path : str
        Below the results folder; `{panel}` and `{batch}` where there is one for each.
    made_by : str
        The rule that makes it, and the command of that name (`fit_gates`: `itc fit-gates`).
    sentence : str
        What it holds.
    contract : str
        Module and class of its contract below `itc_analysis.tables`; empty: not a table.
    in_report : str or None
        How the report uses it.
    only_grown : bool
        Made only for panels of a frozen study that have tubes which came after the release.
    """

    name: str
    path: str
    made_by: str
    sentence: str
    contract: str = ""
    in_report: ReportUse | None = "rows"
    only_grown: bool = False

    @property
    def wildcards(self) -> tuple[str, ...]:
        """What there is one of for each: `panel` and `batch`, `panel`, `batch`, or nothing."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(self.path) if name)

    @property
    def command(self) -> str:
        """The command that makes it, as typed."""
        return f"itc {self.made_by.replace('_', '-')}"


#: In the order in which the workflow makes them.
FILES: tuple[File, ...] = (
    File(
        "participants",
        "cohort/participants.parquet",
        "check",
        "Everybody enrolled, with the decision on eligibility.",
        "cohort.participants:Participants",
    ),
    File(
        "variables",
        "cohort/variables.parquet",
        "check",
        "Columns of the study's own: each declared variable of everybody enrolled.",
        "cohort.variables:Variables",
        in_report=None,
    ),
    File(
        "eligibility",
        "cohort/eligibility.parquet",
        "check",
        "Each criterion of the protocol for each participant.",
        "cohort.participants:Eligibility",
    ),
    File(
        "classification",
        "cohort/classification.parquet",
        "check",
        "Which classification criteria each participant fulfils.",
        "cohort.decisions:Classification",
    ),
    File(
        "queries",
        "cohort/queries.parquet",
        "check",
        "What must still be asked or put right, one row per question.",
        "cohort.decisions:Queries",
    ),
    File(
        "query_sheet",
        "cohort/queries.tsv",
        "check",
        "The questions as a sheet for the study nurse.",
        in_report=None,
    ),
    File(
        "disclosure",
        "cohort/disclosure.parquet",
        "check",
        "Who could be recognised in a table that leaves the study.",
        "cohort.decisions:Disclosure",
    ),
    File(
        "shared_participants",
        "cohort/participants_to_share.tsv",
        "check",
        "Participants without what would let them be recognised.",
        in_report=None,
    ),
    File(
        "samples",
        "cohort/samples.parquet",
        "check",
        "The sample sheet, checked.",
        "cohort.sheets:SampleSheet",
    ),
    File(
        "tubes",
        "cohort/tubes.parquet",
        "check",
        "The sheet of tubes, checked; without the names of files.",
        "cohort.sheets:Tubes",
    ),
    File(
        "libraries",
        "cohort/libraries.parquet",
        "check",
        "The sheet of single-cell libraries, checked; without the names of files.",
        "cohort.sheets:Libraries",
    ),
    File(
        "problems",
        "cohort/problems.parquet",
        "check",
        "What is odd in the sheets but stops nothing.",
        "cohort.participants:Problems",
    ),
    File(
        "scales",
        "flow/{panel}/scales.parquet",
        "learn_scales",
        "The scale of every marker, learned on the study's tubes.",
        "flow.panelwide:Scales",
    ),
    File(
        "spill",
        "flow/{panel}/spill.parquet",
        "learn_scales",
        "Spill that is left, or taken off too much, pair by pair.",
        "flow.panelwide:ResidualSpill",
    ),
    File(
        "landmarks",
        "flow/{panel}/landmarks.parquet",
        "learn_alignment",
        "Where the bridge control's peaks lie in every batch.",
        "flow.panelwide:Landmarks",
    ),
    File(
        "alignment",
        "flow/{panel}/alignment.parquet",
        "learn_alignment",
        "The bridge control before and after alignment.",
        "flow.panelwide:AlignmentCheck",
    ),
    File(
        "tube_quality",
        "flow/{panel}/{batch}/quality.parquet",
        "fit_gates",
        "Whether each tube can be used, and why not.",
        "flow.tubes:TubeQuality",
    ),
    File(
        "acquisitions",
        "flow/{panel}/{batch}/acquisition.parquet",
        "fit_gates",
        "Flow rate and signals along the acquisition of each tube.",
        "flow.tubes:Acquisitions",
    ),
    File(
        "kept_events",
        "flow/{panel}/{batch}/kept_events.parquet",
        "fit_gates",
        "Which events of each tube were kept.",
        "flow.tubes:KeptEvents",
        in_report=None,
    ),
    File(
        "fits",
        "flow/{panel}/{batch}/gate_fits.parquet",
        "fit_gates",
        "Each tube's own gates, before they are judged against their batch.",
        "flow.tubes:GateFits",
        in_report="methods",
    ),
    File(
        "evidence",
        "flow/{panel}/{batch}/evidence.parquet",
        "fit_gates",
        "What each stained tube shows of its stains, to compare it with the others.",
        "flow.tubes:TubeEvidence",
        in_report=None,
    ),
    File(
        "identity",
        "flow/{panel}/identity.parquet",
        "pool_gates",
        "Whether each tube is what the sheet says, and which are held.",
        "flow.tubes:TubeIdentity",
    ),
    File(
        "pooled_gates",
        "flow/{panel}/pooled_gates.parquet",
        "pool_gates",
        "The gate of every tube and population as learned, judged or drawn, before any review.",
        "flow.tubes:Gates",
        in_report="methods",
    ),
    File(
        "added_gates",
        "flow/{panel}/added_gates.parquet",
        "pool_gates",
        "Gates of a frozen release, and of the tubes that came after it.",
        "flow.tubes:Gates",
        in_report="methods",
        only_grown=True,
    ),
    File(
        "moved_gates",
        "flow/{panel}/moved_gates.parquet",
        "pool_gates",
        "Which gates of a frozen release would lie elsewhere, had all tubes been pooled again.",
        "flow.panelwide:MovedGates",
        only_grown=True,
    ),
    File(
        "gates",
        "flow/{panel}/{batch}/gates.parquet",
        "apply_gates",
        "The final gate of every tube and population, with its state and uncertainty.",
        "flow.tubes:Gates",
    ),
    File(
        "gatingml",
        "flow/{panel}/{batch}/gatingml",
        "apply_gates",
        "The same gates as Gating-ML 2.0, for FlowJo or Cytobank.",
        in_report=None,
    ),
    File(
        "counts",
        "flow/{panel}/{batch}/counts.parquet",
        "apply_gates",
        "Cells per tube and population, with background, interval and detection.",
        "measured:Counts",
    ),
    File(
        "intensity",
        "flow/{panel}/{batch}/intensity.parquet",
        "apply_gates",
        "Level and positivity of each marker within each population.",
        "flow.tubes:Intensity",
        in_report="methods",
    ),
    File(
        "combinations",
        "flow/{panel}/{batch}/combinations.parquet",
        "apply_gates",
        "Cells by which of several markers they carry.",
        "flow.tubes:Combinations",
        in_report=None,
    ),
    File(
        "histograms",
        "flow/{panel}/{batch}/histograms.parquet",
        "apply_gates",
        "Histograms of every gate's parent, from which gates are drawn.",
        "flow.tubes:Histograms",
        in_report="linked",
    ),
    File(
        "concordance",
        "concordance.parquet",
        "concordance",
        "Automatic gates against those of a person, tube by tube.",
        "flow.tubes:Concordance",
        in_report=None,
    ),
    File(
        "overview",
        "flow/{panel}/overview",
        "overview",
        "A page per population with every tube's gate.",
        in_report="linked",
    ),
    File(
        "review_page",
        "review/{panel}.html",
        "review",
        "Every gate of a panel, to be accepted, flagged or corrected in a browser.",
        in_report=None,
    ),
    File(
        "library_quality",
        "singlecell/{batch}/quality.parquet",
        "annotate",
        "Whether each library can be used, and why not.",
        "singlecell:LibraryQuality",
    ),
    File(
        "cells",
        "singlecell/{batch}/cells.parquet",
        "annotate",
        "Every cell with its call, how sure it is, and the evidence.",
        "singlecell:Cells",
    ),
    File(
        "receptors",
        "singlecell/{batch}/receptors.parquet",
        "annotate",
        "Productive receptor chains of every cell: V and J gene, junction, molecules.",
        "singlecell:Receptors",
        in_report="methods",
    ),
    File(
        "cell_counts",
        "singlecell/{batch}/counts.parquet",
        "annotate",
        "Cells per library and population, with interval and detection.",
        "measured:Counts",
    ),
    File(
        "soft_counts",
        "singlecell/{batch}/soft_counts.parquet",
        "annotate",
        "Innate populations of each library counted in three ways: called, expected, by receptor.",
        "singlecell:SoftCounts",
        in_report="methods",
    ),
    File(
        "thinned_counts",
        "singlecell/{batch}/thinned_counts.parquet",
        "annotate",
        "Cells that RNA calls in each library, had it been sequenced less deeply.",
        "singlecell:ThinnedCounts",
        in_report="methods",
    ),
    File(
        "pseudobulk",
        "singlecell/{batch}/pseudobulk.parquet",
        "annotate",
        "Molecules per library, population and gene.",
        "singlecell:Pseudobulk",
        in_report="methods",
    ),
    File(
        "pseudobulk_depth",
        "singlecell/{batch}/pseudobulk_depth.parquet",
        "annotate",
        "Cells and molecules behind each pseudobulk profile.",
        "singlecell:PseudobulkDepth",
    ),
    File(
        "scores",
        "scores.parquet",
        "score",
        "Exhaustion, activation and further scores.",
        "measured:ScoreTable",
    ),
    File(
        "responses",
        "responses.parquet",
        "respond",
        "What stimulated cells do more than unstimulated ones, per sample, population and marker.",
        "function:Responses",
    ),
    File(
        "response_combinations",
        "response_combinations.parquet",
        "respond",
        "Markers of function that come together on a cell, with and without stimulation.",
        "function:ResponseCombinations",
    ),
    File(
        "measurements",
        "measurements.parquet",
        "measure",
        "One number with unit, interval and status per sample, population and measure.",
        "measured:Measurements",
    ),
    File(
        "labels",
        "labels.parquet",
        "label",
        "Words for each participant and subset, 'exhausted' above all, with their probabilities.",
        "function:Labels",
    ),
    File(
        "plan_changes",
        "plan_changes.parquet",
        "plan_changes",
        "What was changed since the analysis plan was locked, field by field.",
        "stats.plan_changes:PlanChanges",
    ),
    File(
        "comparisons",
        "comparisons.parquet",
        "compare",
        "The index group against each other group: estimate, interval, p, n, who is missing.",
        "stats.comparisons:Comparisons",
    ),
    File(
        "verdicts",
        "verdicts.parquet",
        "compare",
        "What the comparisons of each primary endpoint say together.",
        "stats.comparisons:Verdicts",
    ),
    File(
        "diagnostics",
        "diagnostics.parquet",
        "compare",
        "Who carries a difference, and what else could explain it.",
        "stats.comparisons:Diagnostics",
    ),
    File(
        "associations",
        "associations.parquet",
        "compare",
        "Measures against clinical variables within a group.",
        "stats.associations:Associations",
    ),
    File(
        "compositions",
        "compositions.parquet",
        "compare",
        "Parts of one whole, compared together.",
        "stats.compositions:Compositions",
    ),
    File(
        "modalities",
        "modalities.parquet",
        "compare",
        "Flow cytometry and single cell of each participant and population.",
        "stats.modalities:Modalities",
    ),
    File(
        "modality_agreement",
        "modality_agreement.parquet",
        "compare",
        "How well flow cytometry and single cell agree, one row per population.",
        "stats.modalities:ModalityAgreement",
    ),
    File(
        "genes",
        "genes.parquet",
        "compare_genes",
        "Genes of each population, the index group against each other group.",
        "stats.genes:Genes",
    ),
    File(
        "masks",
        "masks.tsv",
        "blind",
        "What the pseudonyms of the blinded folder stand for; never handed over.",
        in_report=None,
    ),
    File("report", "report.html", "report", "The report, one page.", in_report=None),
    File(
        "strobe",
        "report.strobe.json",
        "report",
        "The STROBE checklist, filled in as far as the data tell.",
        in_report=None,
    ),
    File(
        "miflowcyt",
        "report.miflowcyt.json",
        "report",
        "The MIFlowCyt checklist, filled in as far as the data tell.",
        in_report=None,
    ),
    File(
        "methods",
        "report.methods.md",
        "report",
        "The methods of this run for a paper, with the keys of the works that they cite.",
        in_report=None,
    ),
    File(
        "bibtex",
        "report.references.bib",
        "report",
        "The works that the methods cite, as BibTeX.",
        in_report=None,
    ),
    File(
        "csl",
        "report.references.json",
        "report",
        "The same works as CSL-JSON, for Zotero, pandoc or Word.",
        in_report=None,
    ),
    File(
        "manifest",
        "manifest.json",
        "manifest",
        "SHA-256 of every input and every result, for `itc verify`.",
        in_report=None,
    ),
    File(
        "crate",
        "ro-crate-metadata.json",
        "manifest",
        "The results folder described as an RO-Crate of a workflow run.",
        in_report=None,
    ),
    File(
        "workflow_copy",
        "workflow",
        "manifest",
        "The workflow that made the results.",
        in_report=None,
    ),
)

#: By name.
BY_NAME: dict[str, File] = {file.name: file for file in FILES}
#: Those with rows and columns.
TABLES: tuple[File, ...] = tuple(file for file in FILES if file.contract)


@cache
def contract_of(file: File) -> type[Contract]:
    """Return the contract of a table."""
    module, _, name = file.contract.partition(":")
    found: type[Contract] = getattr(import_module(f"itc_analysis.tables.{module}"), name)
    return found
