"""The settings: one class per section, made of the parts that single steps read.

`config/config.yaml`, its JSON schema and docs/settings.md are generated from the classes here
(``itc init --docs``); a test fails when they differ. How a run is executed (cores, cluster,
log level) is the profile's business and never a setting.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from itc_analysis.errors import did_you_mean


class Section(BaseModel):
    """A part of the settings that one room reads."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @field_validator("*", mode="before")
    @classmethod
    def _yes_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation in (
            int,
            float,
        ):
            msg = "give a number, not yes or no"
            raise ValueError(msg)
        return value


class Simulated(Section):
    """Whether people were measured at all."""

    simulated: str | None = Field(
        None, description="Scenario of a simulated study; every output says so. Null for real data."
    )


class Label(Simulated):
    """What is said of the study on every page."""

    name: str = Field("Sclero-LTI", description="Name of the study, shown in the report.")


class Sheets(Section):
    """What people write about the study. Paths are relative to the folder you run in."""

    data_folder: str = Field(
        ".", description="Folder that the `path` columns of the sheets start from."
    )
    participants: str = Field("config/participants.tsv", description="One row per person.")
    samples: str = Field("config/samples.tsv", description="One row per biological sample.")
    fcs_files: str | None = Field(
        "config/fcs_files.tsv",
        description="One row per tube; null for a study without flow cytometry.",
    )
    libraries: str | None = Field(
        None,
        description="One row per single-cell library; null for a study without single-cell data.",
    )
    decisions: str | None = Field(
        None,
        description=(
            "Manual decisions on eligibility, one row per person decided on; null for none."
        ),
    )
    classification: str | None = Field(
        None,
        description="Items of the classification criteria, one row per person; null when the "
        "criteria are only declared (classification_met).",
    )
    variables: str | None = Field(
        None,
        description="Columns of your own in participants.tsv or samples.tsv: kind, unit, limits, "
        "when measured; null for none.",
    )
    column_mapping: str | None = Field(
        None,
        description="Column names and codes of an export (REDCap, CSV) in terms of ours; null when "
        "the sheets have our names.",
    )
    panels_folder: str = Field("config/panels", description="Folder of <panel>.tsv.")
    gating_folder: str = Field("config/gating", description="Folder of <panel>.yaml.")
    manual_gates: str | None = Field(
        None,
        description="Folder with a folder <panel> of gates drawn by hand (<file_id>.xml, "
        "<panel>.xml as Gating-ML, or FlowJo's .wsp) that take the place of the learned ones; null "
        "for none.",
    )


class CheckedStudy(Sheets, Simulated):
    """The sheets, and whether they are of people."""


class Study(Label, CheckedStudy):
    """What is analysed and where it lies. Paths are relative to the folder you run in."""

    signatures: str = Field(
        "config/signatures.tsv", description="Signatures: markers or genes with weights."
    )
    analysis_plan: str = Field(
        "config/analysis_plan.yaml", description="Comparisons, written before looking."
    )
    post_hoc_plan: str | None = Field(
        None,
        description="Comparisons that are not in the plan (families of role post_hoc), marked "
        "as such wherever they are shown; null for none.",
    )
    frozen_folder: str | None = Field(
        None,
        description="Folder of a release (`itc freeze`): its tubes keep their scales and gates "
        "when others are added; null: everything is learned on all tubes.",
    )
    results_folder: str = Field("results", description="Where results are written.")
    blinded_folder: str | None = Field(
        None,
        description="Until the plan is locked: a folder to hand over, with gates, quality and "
        "numbers of everybody together, from which no group can be inferred. Nothing is compared "
        "while it is named here, and results_folder stays with who may know. Null: not blinded.",
    )

    @model_validator(mode="after")
    def _blinded_apart_from_results(self) -> Study:
        if self.blinded_folder is not None:
            blinded, results = (
                PurePath(os.path.normpath(path))
                for path in (self.blinded_folder, self.results_folder)
            )
            if blinded == results or blinded in results.parents or results in blinded.parents:
                msg = (
                    f"blinded_folder '{self.blinded_folder}' and results_folder "
                    f"'{self.results_folder}' must not be inside one another: results name groups"
                )
                raise ValueError(msg)
        return self


CriteriaName = Literal[
    "ssc_2013", "ssc_early_2001", "sle_2019", "sjogren_2016", "ra_2010", "iim_2017"
]


class HealthyGroup(Section):
    """Who scores are read against."""

    healthy_group: str | None = Field(
        "healthy", description="Reference of the scores; null when the study has no healthy people."
    )


class GroupNames(HealthyGroup):
    """Which groups there are."""

    index_group: str = Field("SSc", description="The group that is compared with every other.")
    disease_groups: tuple[str, ...] = Field(
        ("SLE", "pSS", "RA", "IIM"),
        description="Disease control groups; together they are the pooled group.",
    )

    @property
    def groups(self) -> tuple[str, ...]:
        """All groups, index first, healthy last."""
        healthy = () if self.healthy_group is None else (self.healthy_group,)
        return (self.index_group, *self.disease_groups, *healthy)

    @model_validator(mode="after")
    def _groups_are_apart(self) -> GroupNames:
        for name in self.groups:
            if not name or name != name.strip():
                msg = f"group '{name}' has no name, or a blank before or behind it"
                raise ValueError(msg)
        for name in self.disease_groups:
            if name == self.index_group:
                msg = f"disease_groups holds the index_group '{name}'; name each group once"
                raise ValueError(msg)
            alike = [other for other in self.groups if other.casefold() == name.casefold()]
            if len(set(alike)) > 1:
                msg = f"groups '{alike[0]}' and '{alike[1]}' differ in capital letters only"
                raise ValueError(msg)
            if self.disease_groups.count(name) > 1:
                msg = f"disease_groups names '{name}' twice; name each group once"
                raise ValueError(msg)
            if name == self.healthy_group:
                msg = f"disease_groups holds the healthy_group '{name}'; name each group once"
                raise ValueError(msg)
        if self.index_group == self.healthy_group:
            msg = f"index_group and healthy_group are both '{self.index_group}'; they are compared"
            raise ValueError(msg)
        return self


class Groups(GroupNames):
    """The groups, and the name of the disease controls taken together."""

    pooled_name: str = Field("CTD", description="Name of the pooled disease controls.")

    @model_validator(mode="after")
    def _pool_has_a_name_of_its_own(self) -> Groups:
        # of a single disease group, its own name is that of the pool
        if self.pooled_name in self.groups and self.disease_groups != (self.pooled_name,):
            msg = (
                f"pooled_name '{self.pooled_name}' is the name of a group; the disease controls "
                "together need another"
            )
            raise ValueError(msg)
        return self


class CohortSizes(GroupNames):
    """How many people each group should have, and how few could be recognised."""

    planned_sizes: dict[str, PositiveInt] = Field(
        {}, description="Planned participants of each group; groups left out have no plan."
    )
    min_cell_size: int = Field(
        5,
        ge=2,
        description="Fewer people than this who share group, sex and age band are not shown "
        "separately in what leaves the study (k-anonymity).",
    )

    @model_validator(mode="after")
    def _planned_groups_are_groups(self) -> CohortSizes:
        unknown = sorted(set(self.planned_sizes) - set(self.groups))
        if unknown:
            known = ", ".join(self.groups)
            msg = (
                f"planned_sizes names no group of the study: {', '.join(unknown)}; groups: {known}"
            )
            raise ValueError(msg)
        return self


class ShownCohort(Groups, CohortSizes):
    """What the report says about groups and their sizes."""


class CheckedCohort(CohortSizes):
    """Who is eligible."""

    protocol_version: Literal["current", "initial", "none"] = Field(
        "current",
        description="Eligibility rules for participants whose sheet row names no version; "
        "'initial' also excluded immunosuppressants and biologics, 'none' applies no rule.",
    )
    analyse_queried: bool = Field(
        default=False,
        description="Compare people whose eligibility still has open queries as well.",
    )
    classification_criteria: dict[str, tuple[CriteriaName, ...]] = Field(
        {
            "SSc": ("ssc_2013", "ssc_early_2001"),
            "SLE": ("sle_2019",),
            "pSS": ("sjogren_2016",),
            "RA": ("ra_2010",),
            "IIM": ("iim_2017",),
        },
        description="Sets of classification criteria of each group, one of which must be fulfilled "
        "(ssc_2013, ssc_early_2001, sle_2019, sjogren_2016, ra_2010, iim_2017); a group without "
        "sets counts as declared by the clinician.",
    )
    objective_raynaud: tuple[Literal["reported", "observed", "measured"], ...] = Field(
        ("observed", "measured"),
        description="Evidence of Raynaud's phenomenon that is objective in the early SSc criteria; "
        "sources differ on 'observed'.",
    )

    @model_validator(mode="after")
    def _criteria_are_of_groups(self) -> CheckedCohort:
        # a study with fewer groups need not strike those that the default names
        usual = CheckedCohort.model_fields["classification_criteria"].default
        unknown = [
            f"'{name}' ({did_you_mean(name, self.groups)})"
            for name in self.classification_criteria
            if name not in self.groups and name not in usual
        ]
        if unknown:
            msg = f"classification_criteria names no group of the study: {', '.join(unknown)}"
            raise ValueError(msg)
        return self


class Cohort(ShownCohort, CheckedCohort):
    """Who may be compared."""


class Matrices(Section):
    """Where the study's own compensation matrices lie."""

    matrices_folder: str | None = Field(
        None,
        description="Folder of compensation matrices <panel>-<batch>.csv or <panel>.csv, which "
        "replace the files' own; made by `itc spillover`. Null: $SPILLOVER of each file.",
    )


class TubeReading(Matrices):
    """How a tube is read, and which of its events are kept."""

    time_outlier_mads: float = Field(
        6.0,
        gt=0,
        description="Stretches of acquisition time whose flow rate or mean signal lies this many "
        "robust SDs from the tube's median are removed (6 as in PeacoQC).",
    )


class TubeAcceptance(Section):
    """Which tubes are good enough."""

    on_bad_tube: Literal["record", "stop"] = Field(
        "record", description="A tube that cannot be read: record it and go on, or stop the run."
    )
    min_events: int = Field(1000, ge=1, description="Tubes with fewer events fail quality control.")
    max_share_removed: float = Field(
        0.3,
        gt=0,
        le=1,
        description="A tube that loses more than this share to margins and time fails.",
    )


class PositivityRule(Section):
    """From where on a cell is positive for a marker."""

    fmo_quantile: float = Field(
        0.995,
        gt=0.5,
        lt=1,
        description="Quantile of the FMO tube's population above which a cell is positive.",
    )


class GateFitting(TubeReading, TubeAcceptance, PositivityRule):
    """Learning the gates of a tube."""

    n_bootstrap: int = Field(
        50, ge=10, description="Bootstrap replicates behind the standard error of a cut."
    )


class GatePooling(Section):
    """Judging gates against their batch and study."""

    outlier_mads: float = Field(
        4.0,
        gt=0,
        description="A cut this many robust SDs from its batch is judged an outlier and borrowed.",
    )


class DetectionLimits(Section):
    """From how many events a population is detected and quantified."""

    lod_events: int = Field(
        20,
        ge=1,
        description="Fewer background-subtracted events than this: below the limit of detection.",
    )
    loq_events: int = Field(
        50,
        ge=1,
        description=(
            "As many events or more, the interval above `lod_events`: quantified; else detected."
        ),
    )

    @model_validator(mode="after")
    def _detected_before_quantified(self) -> DetectionLimits:
        return _in_order(self, "lod_events", "loq_events")


class Counting(Matrices, DetectionLimits, PositivityRule):
    """Counting populations and measuring markers."""

    min_phenotype_events: int = Field(
        50,
        ge=1,
        description="Populations with fewer events get no median and a remark; positivity and "
        "scores count every event, with its error.",
    )


class Alignment(GateFitting, GatePooling, Counting):
    """Aligning batches: gates are learned and applied before and after."""

    align_reference: str | None = Field(
        None,
        description="The batch that the others are aligned to. Null: the one whose peaks lie "
        "nearest to the middle of all.",
    )


class AlignmentChoice(Section):
    """Whether batches are aligned."""

    align: bool = Field(
        default=False,
        description="Align the events of every batch to one batch by the bridge control's peaks. "
        "Refused where a batch has no bridge control or is confounded with a group; look at "
        "alignment.parquet and the report before using it.",
    )


class Flow(Alignment, AlignmentChoice):
    """Reading, cleaning and gating of tubes."""


class PseudobulkLimit(Section):
    """From how many cells on molecules are summed."""

    min_pseudobulk_cells: int = Field(
        20, ge=1, description="Pseudobulk profiles of fewer cells are not scored."
    )


class CallThreshold(Section):
    """When a single cell is sure enough."""

    call_threshold: float = Field(
        0.8, gt=0.5, lt=1, description="Posterior below which a cell is called indeterminate."
    )


class CellCalling(CallThreshold):
    """Reading, quality and innate T calls of single-cell libraries."""

    min_genes: int = Field(
        300, ge=0, description="Barcodes with fewer detected genes are not cells."
    )
    max_share_mito: float = Field(
        0.15, gt=0, le=1, description="Cells above this mitochondrial share are dropped."
    )
    n_mads: float = Field(
        5.0, gt=0, description="Cells this many MADs from the library's median are dropped."
    )
    doublets: Literal["evidence", "scrublet"] = Field(
        "evidence",
        description="How droplets with two cells are found: by impossible pairs of genes and "
        "chains, or by scanpy's Scrublet as well, which drops them and takes longer than all the "
        "rest.",
    )
    seed: int = Field(1, ge=0, description="Seed of Scrublet's simulated doublets.")
    lod_cells: int = Field(
        5, ge=1, description="Fewer cells than this: below the limit of detection."
    )
    loq_cells: int = Field(
        20,
        ge=1,
        description="As many cells or more: quantified (Poisson CV 22 % at 20); between: detected.",
    )

    @model_validator(mode="after")
    def _detected_before_quantified(self) -> CellCalling:
        return _in_order(self, "lod_cells", "loq_cells")


class SingleCell(CellCalling, PseudobulkLimit):
    """Reading, quality and innate T calls of single-cell libraries."""


class ScoreReference(Section):
    """The healthy people that scores are read against."""

    min_reference: int = Field(
        4,
        ge=2,
        description="Fewer healthy participants than this with the subset: no z score.",
    )
    max_anchor_error: float = Field(
        0.5,
        gt=0,
        description=(
            "A batch whose healthy centre is known worse than this (in healthy SD) is not "
            "anchored: no z score."
        ),
    )


class LabelReference(ScoreReference):
    """The healthy people that words are read against, and which populations have subsets."""

    subsets: dict[str, tuple[str, ...]] = Field(
        {
            "gd_t_cells": ("vd2_gd", "vd2neg_gd"),
            "mait": ("mait_cd8", "mait_dn", "mait_cd4"),
            "innate_cd8": ("innate_cd8_nkg2a", "innate_cd8_kir"),
        },
        description="Populations whose score is standardised to the healthy composition of "
        "disjoint subsets, where the gating template holds these; cells of none of them are a "
        "subset of their own.",
    )


class Scores(LabelReference):
    """Exhaustion, activation and their reference."""

    min_features_found: float = Field(
        0.6,
        gt=0,
        le=1,
        description="A signature with a smaller share of its features found is not scored.",
    )


class Measure(Section):
    """What becomes a number in measurements.parquet."""

    max_draw_to_stain_hours: float = Field(
        48.0, gt=0, description="Older samples keep percentages but get no absolute count."
    )
    min_bead_events: int = Field(
        1000, ge=1, description="Fewer bead events: no absolute count from beads."
    )


class RestingCondition(Section):
    """Which tubes tell what the cells are like when nobody has stimulated them."""

    resting: str = Field(
        "resting",
        description="Condition of the tubes that shares, counts, marker positivity and scores come "
        "from; tubes of other conditions give responses only. An empty condition is 'resting'.",
    )


class Conditions(RestingCondition):
    """Which conditions the tubes may have."""

    controls: dict[str, str] = Field(
        {},
        description="Each stimulation and the condition that is its unstimulated control, e.g. "
        "{il12_il18: unstimulated}: the response is one minus the other in the same sample, panel "
        "and batch.",
    )

    @model_validator(mode="after")
    def _controls_are_not_stimulated(self) -> Conditions:
        both = sorted(set(self.controls) & {*self.controls.values(), self.resting})
        if both:
            msg = f"controls: {', '.join(both)} is a stimulation and a control, or resting, at once"
            raise ValueError(msg)
        return self

    @property
    def known(self) -> tuple[str, ...]:
        """Every condition that a tube may have, resting first."""
        every = (self.resting, "resting", *self.controls.values(), *self.controls)
        return tuple(dict.fromkeys(every))


class Function(Conditions):
    """Responses of stimulated tubes."""

    min_viability: float = Field(
        0.7,
        ge=0,
        le=1,
        description="A cultured tube with a smaller share of living cells among its singlets gives "
        "no response.",
    )
    min_recovery: float = Field(
        0.5,
        ge=0,
        description="A cultured tube with a smaller recovered_share in the tube sheet gives no "
        "response; an empty one is not judged.",
    )


class Comparable(Section):
    """Which groups can be compared."""

    min_per_group: int = Field(
        3, ge=2, description="Groups with fewer participants are not compared."
    )


class ComparisonLevel(Section):
    """How sure a comparison must be."""

    comparison_confidence: float = Field(
        0.95,
        gt=0.5,
        lt=1,
        description="Level of the intervals of comparisons, associations and compositions; one "
        "minus it is the level at which a difference counts as shown. Intervals of counts and "
        "shares are always at 95 %.",
    )


class Stats(ComparisonLevel, Comparable):
    """Comparison of groups. What is compared is in the analysis plan, not here."""

    n_permutations: int = Field(
        999,
        ge=0,
        description=(
            "Freedman-Lane permutations reported next to each p value of the primary family; 0 for "
            "none."
        ),
    )
    seed: int = Field(1, ge=0, description="Seed of the permutations.")


class Report(Section):
    """The HTML page."""

    language: Literal["en", "fr"] = Field(
        "en",
        description="Language of the report: English or French. Numbers, names and what the "
        "tables hold are the same in both.",
    )
    n_example_tubes: int = Field(
        2, ge=1, description="Tubes per panel whose gates are drawn; the worst judged ones first."
    )


AnySection = TypeVar("AnySection", bound=Section)


def _in_order(section: AnySection, lod: str, loq: str) -> AnySection:
    """Refuse a limit of detection above that of quantification."""
    low, high = getattr(section, lod), getattr(section, loq)
    if low > high:
        msg = f"{lod} ({low}) is above {loq} ({high}); what is quantified is detected as well"
        raise ValueError(msg)
    return section


class Settings(Section):
    """All sections."""

    study: Study = Study()
    cohort: Cohort = Cohort()
    flow: Flow = Flow()
    singlecell: SingleCell = SingleCell()
    scores: Scores = Scores()
    measure: Measure = Measure()
    function: Function = Function()
    stats: Stats = Stats()
    report: Report = Report()

    @model_validator(mode="before")
    @classmethod
    def _empty_sections_are_left_out(cls, data: Any) -> Any:
        # what is left of a section whose settings were all struck
        if not isinstance(data, dict):
            return data
        return {name: section for name, section in data.items() if section is not None}
