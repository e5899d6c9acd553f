"""Tables that steps make: Parquet, one class each.

Counts are stored, shares are derived by one function (`measurements.share_interval`). Missing is
null and `status` or `reason` says why; a row is never left out because its number is missing.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.cohort import Classification, Disclosure, Queries
from itc_analysis.tables.contract import Contract
from itc_analysis.tables.sheets import ParticipantSheet

STATUSES = [
    "ok",
    "few_cells",
    "below_lod",
    "no_panel",
    "no_control",
    "no_count",
    "failed_quality",
    "unreadable",
    "excluded",
    "not_estimable",
]
GATE_STATES = ["ok", "pooled", "borrowed", "control", "manual", "not_estimable"]
DETECTIONS = ["quantified", "detected", "below_lod"]


def text(description: str, *, nullable: bool = False, allowed: list[str] | None = None) -> object:
    return pa.Field(nullable=nullable, isin=allowed, description=description, metadata={"unit": ""})


def count(description: str, unit: str = "events") -> object:
    return pa.Field(ge=0, description=description, metadata={"unit": unit})


def maybe_count(description: str, unit: str = "events") -> object:
    return pa.Field(ge=0, nullable=True, description=description, metadata={"unit": unit})


def quantity(
    description: str, unit: str, low: float | None = None, high: float | None = None
) -> object:
    return pa.Field(
        nullable=True, ge=low, le=high, description=description, metadata={"unit": unit}
    )


# --- cohort ------------------------------------------------------------------------------------


class Participants(ParticipantSheet, key=("participant_id",), made_by="itc check"):
    """Everybody enrolled, with the decision on eligibility."""

    decision: Series[pd.StringDtype] = text(
        "eligible, excluded or query (an item is missing).",
        allowed=["eligible", "excluded", "query"],
    )
    reasons: Series[pd.StringDtype] = text("Why excluded or what is missing.", nullable=True)
    decided_by: Series[pd.StringDtype] = text("rules, or the role of who decided by hand.")
    is_analysed: Series[bool] = pa.Field(
        description="Enters comparisons (eligible, or query when the settings allow).",
        metadata={"unit": ""},
    )


class Eligibility(Contract, key=("participant_id", "rule"), made_by="itc check"):
    """One row per participant and criterion of the trial record."""

    participant_id: Series[pd.StringDtype] = text("The person.")
    rule: Series[pd.StringDtype] = text("Name of the criterion.")
    protocol_version: Series[pd.StringDtype] = text("Version of the protocol applied.")
    outcome: Series[pd.StringDtype] = text(
        "passes, fails, missing (an item it needs is empty) or not_applicable.",
        allowed=["passes", "fails", "missing", "not_applicable"],
    )
    evidence: Series[pd.StringDtype] = text("The items and their values.")


class Problems(Contract, key=("room", "item", "what"), made_by="every step"):
    """What went wrong and did not stop the run: shown in the report."""

    room: Series[pd.StringDtype] = text("cohort, flow, singlecell, scores or stats.")
    item: Series[pd.StringDtype] = text("Participant, sample, tube, library or population.")
    what: Series[pd.StringDtype] = text("What is wrong.")
    remedy: Series[pd.StringDtype] = text("What to do.", nullable=True)


# --- flow --------------------------------------------------------------------------------------


class TubeQuality(Contract, key=("file_id",), made_by="itc fit-gates"):
    """One row per tube: could it be used, and what was done to it."""

    file_id: Series[pd.StringDtype] = text("The tube.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    tube: Series[pd.StringDtype] = text("stained, fmo or unstained.")
    status: Series[pd.StringDtype] = text(
        "ok, unreadable, no_panel (a marker is missing) or failed_quality.",
        allowed=["ok", "unreadable", "no_panel", "failed_quality"],
    )
    reason: Series[pd.StringDtype] = text("Why not ok.", nullable=True)
    n_events: Series[int] = count("Events in the file.")
    n_clean: Series[int] = count("Events left after margins and time.")
    missing_markers: Series[pd.StringDtype] = text(
        "Markers of the panel without a channel.", nullable=True
    )
    compensation: Series[pd.StringDtype] = text(
        "file, matrix (of the study), identity (placeholder in the file), none, or already_compensated.",
        nullable=True,
    )
    remarks: Series[pd.StringDtype] = text("Other things to know about the file.", nullable=True)


class Acquisitions(Contract, key=("file_id", "step"), made_by="itc fit-gates"):
    """Each tube along its acquisition: flow rate, signals and what was left out, step by step."""

    file_id: Series[pd.StringDtype] = text("The tube.")
    step: Series[int] = count(
        "Step of the acquisition, from 0; steps hold equal numbers of events."
    )
    start: Series[float] = quantity("Time of the step's first event.", "s")
    n_events: Series[int] = count("Events of the step, inside the detectors' margins.")
    events_per_second: Series[float] = quantity("Flow rate.", "1/s", 0)
    share_removed: Series[float] = quantity("Share of the step's events left out.", "", 0, 1)
    deviation: Series[float] = quantity(
        "Distance of the most deviating signal peak from its median.", "robust SD", 0
    )
    channel: Series[pd.StringDtype] = text("Marker with the most deviating peak.")


class GateFits(Contract, key=("file_id", "population"), made_by="itc fit-gates"):
    """Cuts as each tube alone estimates them, before pooling."""

    file_id: Series[pd.StringDtype] = text("The tube.")
    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    tube: Series[pd.StringDtype] = text("stained, fmo or unstained.")
    population: Series[pd.StringDtype] = text("Population of the gating template.")
    parent: Series[pd.StringDtype] = text("Its parent.")
    method: Series[pd.StringDtype] = text("Gating method of the template.")
    geometry: Series[pd.StringDtype] = text(
        "JSON of the gate in transformed units: threshold, range, polygon, ellipse, or boolean.",
        nullable=True,
    )
    cut: Series[float] = quantity("The cut, for one-dimensional gates.", "transformed units")
    cut_se: Series[float] = quantity(
        "Standard error of the cut (bootstrap).", "transformed units", 0
    )
    quality: Series[float] = quantity(
        "Depth of the valley or separation; 0 none, 1 clear.", "", 0, 1
    )
    n_parent: Series[int] = count("Events of the parent that the cut was learned on.")
    status: Series[pd.StringDtype] = text(
        "ok, weak (found but not trusted alone) or not_estimable.",
        allowed=["ok", "weak", "not_estimable"],
    )
    reason: Series[pd.StringDtype] = text("Why weak or not estimable.", nullable=True)


class Gates(Contract, key=("file_id", "population"), made_by="itc pool-gates"):
    """Final gates, after pooling over batch and study."""

    file_id: Series[pd.StringDtype] = text("The tube.")
    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    population: Series[pd.StringDtype] = text("Population of the gating template.")
    parent: Series[pd.StringDtype] = text("Its parent.")
    method: Series[pd.StringDtype] = text("Gating method of the template.")
    geometry: Series[pd.StringDtype] = text(
        "JSON of the gate in transformed units; null when not estimable.", nullable=True
    )
    cut: Series[float] = quantity("The final cut, for one-dimensional gates.", "transformed units")
    cut_se: Series[float] = quantity("Standard error of the final cut.", "transformed units", 0)
    cut_tube: Series[float] = quantity("The cut that the tube alone gave.", "transformed units")
    weight: Series[float] = quantity(
        "Weight of the tube's own estimate; 1 all, 0 borrowed.", "share", 0, 1
    )
    quality: Series[float] = quantity("Depth of the valley or separation in the tube.", "", 0, 1)
    n_parent: Series[int] = count("Events of the parent that the tube's cut was learned on.")
    state: Series[pd.StringDtype] = text(
        "ok, pooled (shrunk to its batch), borrowed (batch or study), control (FMO), manual, not_estimable.",
        allowed=GATE_STATES,
    )
    reason: Series[pd.StringDtype] = text("Why this state.", nullable=True)


class Counts(
    Contract, key=("source_id", "sample_id", "population"), made_by="itc apply-gates, itc annotate"
):
    """Cells per population, the same for a tube and for a library."""

    source_id: Series[pd.StringDtype] = text("Tube (file_id) or library (library_id).")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    parent: Series[pd.StringDtype] = text("Its parent.")
    n_events: Series[pd.Int64Dtype] = maybe_count(
        "Events in the population; null when its gate is not estimable."
    )
    n_parent: Series[pd.Int64Dtype] = maybe_count("Events in the parent.")
    n_total: Series[int] = count("Events that entered gating.")
    n_background: Series[float] = quantity(
        "Events expected in the gate without the population.", "events", 0
    )
    background_se: Series[float] = quantity("Standard error of the background.", "events", 0)
    background_source: Series[pd.StringDtype] = text("fmo, negative_tail, none.", nullable=True)
    n_missed: Series[float] = quantity(
        "Events of the population expected on the other side of the cut; added to the count.",
        "events",
        0,
    )
    missed_se: Series[float] = quantity("Standard error of n_missed.", "events", 0)
    n_lob: Series[float] = quantity(
        "Limit of blank: events in the gate that 95 % of tubes without the population do not exceed.",
        "events",
        0,
    )
    n_lod: Series[float] = quantity(
        "Limit of detection: cells of which 95 % of tubes show more events than n_lob.", "events", 0
    )
    n_lower: Series[float] = quantity(
        "Lower 95 % limit of the background-subtracted count.", "events", 0
    )
    n_upper: Series[float] = quantity(
        "Upper 95 % limit of the background-subtracted count.", "events", 0
    )
    gate_se_log: Series[float] = quantity(
        "Standard error of the log count due to the cut.", "log", 0
    )
    gate_state: Series[pd.StringDtype] = text(
        "State of the gate; null for single cell.", nullable=True
    )
    detection: Series[pd.StringDtype] = text(
        "quantified, detected or below_lod; null when not counted.",
        nullable=True,
        allowed=DETECTIONS,
    )
    is_measured: Series[bool] = pa.Field(
        description="A result in itself, not only a step on the way (template: measured).",
        metadata={"unit": ""},
    )
    status: Series[pd.StringDtype] = text(
        "ok, or why it was not counted.",
        allowed=["ok", "not_estimable", "no_panel", "failed_quality", "unreadable"],
    )
    reason: Series[pd.StringDtype] = text("Why not counted, in words.", nullable=True)

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """0 <= n_events <= n_parent <= n_total; a parent's count is its children's n_parent."""
        problems = []
        both = table.dropna(subset=["n_events", "n_parent"])
        over = both[(both["n_events"] > both["n_parent"]) | (both["n_parent"] > both["n_total"])]
        problems += [
            f"{r.source_id}, {r.population}: {r.n_events} events, {r.n_parent} in the parent, {r.n_total} in all"
            for r in over.head(5).itertuples()
        ]
        keys = ["source_id", "sample_id"]
        parents = table[[*keys, "population", "n_events"]].rename(
            columns={"population": "parent", "n_events": "n_of_parent"}
        )
        joined = both.merge(parents, on=[*keys, "parent"], how="inner").dropna(
            subset=["n_of_parent"]
        )
        differ = joined[joined["n_of_parent"] != joined["n_parent"]]
        problems += [
            f"{r.source_id}, {r.population}: n_parent {r.n_parent} but '{r.parent}' holds {r.n_of_parent} events"
            for r in differ.head(5).itertuples()
        ]
        return problems


class Intensity(Contract, key=("source_id", "population", "marker"), made_by="itc apply-gates"):
    """Marker level and positivity within a population of a tube."""

    source_id: Series[pd.StringDtype] = text("The tube.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    marker: Series[pd.StringDtype] = text("The marker.")
    n_events: Series[pd.Int64Dtype] = maybe_count("Events of the population.")
    n_positive: Series[pd.Int64Dtype] = maybe_count(
        "Events above the threshold; null without a threshold."
    )
    threshold: Series[float] = quantity("Positivity threshold.", "transformed units")
    threshold_source: Series[pd.StringDtype] = text(
        "fmo, unstained, negative_population or none.",
        allowed=["fmo", "unstained", "negative_population", "none"],
    )
    median: Series[float] = quantity("Median of the compensated signal.", "instrument units")
    median_transformed: Series[float] = quantity(
        "Median of the transformed signal.", "transformed units"
    )
    reason: Series[pd.StringDtype] = text("Why no threshold or no number.", nullable=True)


class Concordance(Contract, key=("file_id", "population"), made_by="itc concordance"):
    """Automatic against human gates, event by event."""

    file_id: Series[pd.StringDtype] = text("The tube.")
    population: Series[pd.StringDtype] = text("Population of the gating template.")
    human_gate: Series[pd.StringDtype] = text("The gate that a person drew.")
    gate_state: Series[pd.StringDtype] = text("State of the automatic gate.", allowed=GATE_STATES)
    n_automatic: Series[pd.Int64Dtype] = maybe_count(
        "Events in the automatic gate; null when it is not estimable."
    )
    n_human: Series[int] = count("Events in the human gate.")
    n_both: Series[pd.Int64Dtype] = maybe_count("Events in both.")
    precision: Series[float] = quantity(
        "Share of the automatic gate's events that the person has as well.", "share", 0, 1
    )
    recall: Series[float] = quantity(
        "Share of the person's events that the automatic gate has as well.", "share", 0, 1
    )
    f1: Series[float] = quantity(
        "Harmonic mean of precision and recall; null when neither gate holds an event.",
        "share",
        0,
        1,
    )


class Combinations(
    Contract, key=("source_id", "population", "combination"), made_by="itc apply-gates"
):
    """Boolean combinations of the inhibitory receptors; they add up to the population."""

    source_id: Series[pd.StringDtype] = text("The tube.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    combination: Series[pd.StringDtype] = text("E.g. 'PD-1+ TIM-3- LAG-3- TIGIT+'.")
    n_receptors: Series[int] = count("How many receptors are positive.", "receptors")
    n_events: Series[int] = count("Events with this combination.")


class Views(Contract, key=("source_id", "population"), made_by="itc apply-gates"):
    """What a gate plot needs: the parent's histogram with the gate, without the events."""

    source_id: Series[pd.StringDtype] = text("The tube.")
    population: Series[pd.StringDtype] = text("The population.")
    marker_x: Series[pd.StringDtype] = text("Marker on the x axis.")
    marker_y: Series[pd.StringDtype] = text(
        "Marker on the y axis; null for one-dimensional views.", nullable=True
    )
    histogram: Series[pd.StringDtype] = text(
        "JSON: x_edges [low, high], y_edges, n_x, n_y, counts (row-major) of the parent's events."
    )


# --- single cell -------------------------------------------------------------------------------


class LibraryQuality(Contract, key=("library_id",), made_by="itc annotate"):
    """One row per library: could it be used."""

    library_id: Series[pd.StringDtype] = text("The library.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    batch: Series[pd.StringDtype] = text("The library batch.")
    status: Series[pd.StringDtype] = text(
        "ok, unreadable or failed_quality.", allowed=["ok", "unreadable", "failed_quality"]
    )
    reason: Series[pd.StringDtype] = text("Why not ok.", nullable=True)
    n_barcodes: Series[int] = count("Barcodes in the file.", "cells")
    n_cells: Series[int] = count("Cells after quality control.", "cells")
    n_with_receptor: Series[pd.Int64Dtype] = maybe_count(
        "Cells with a productive receptor; null without contigs.", "cells"
    )
    has_contigs: Series[bool] = pa.Field(description="Contigs were given.", metadata={"unit": ""})
    remarks: Series[pd.StringDtype] = text("Other things to know about the library.", nullable=True)


class Cells(Contract, key=("library_id", "barcode"), made_by="itc annotate"):
    """One row per cell after quality control, with the innate T call and its evidence."""

    library_id: Series[pd.StringDtype] = text("The library.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    barcode: Series[pd.StringDtype] = text("The barcode.")
    n_genes: Series[int] = count("Detected genes.", "genes")
    n_counts: Series[float] = quantity("Molecules (UMI).", "counts", 0)
    share_mito: Series[float] = quantity("Mitochondrial share.", "share", 0, 1)
    call: Series[pd.StringDtype] = text(
        "mait, inkt, gd_t_cells, innate_cd8, cd4_t_cells, cd8_t_cells, other_t_cells, not_t, "
        "doublet or indeterminate."
    )
    posterior: Series[float] = quantity("Posterior probability of the call.", "probability", 0, 1)
    posterior_t: Series[float] = quantity(
        "Posterior probability of being a T cell of any kind; counted as T from the call threshold on.",
        "probability",
        0,
        1,
    )
    receptor: Series[pd.StringDtype] = text(
        "What the contigs show: mait, inkt, ab, gd or doublet; null for no productive chain.",
        nullable=True,
    )
    decided_by: Series[pd.StringDtype] = text("receptor, rna, or both.", nullable=True)
    is_conflict: Series[bool] = pa.Field(
        description="Receptor and RNA disagree.", metadata={"unit": ""}
    )


class Pseudobulk(Contract, key=("sample_id", "population", "gene"), made_by="itc annotate"):
    """Molecules summed over the cells of a sample and population.

    `t_cells` holds every gene of the reference, zeros included; the other populations only genes with a
    count, so that a gene nobody could measure differs from a gene nobody expressed.
    """

    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    gene: Series[pd.StringDtype] = text("Gene symbol.")
    n_counts: Series[float] = quantity("Molecules.", "counts", 0)


class PseudobulkDepth(Contract, key=("sample_id", "population"), made_by="itc annotate"):
    """How many cells and molecules lie behind each pseudobulk profile."""

    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    n_cells: Series[int] = count("Cells summed.", "cells")
    n_counts: Series[float] = quantity("All molecules summed.", "counts", 0)
    n_genes_measured: Series[int] = count("Genes that the library could have shown.", "genes")


# --- the middle of the hourglass ---------------------------------------------------------------


class ScoreTable(
    Contract, key=("assay", "source_id", "population", "signature", "method"), made_by="itc score"
):
    """Scores per sample, population and signature."""

    assay: Series[pd.StringDtype] = text("flow or singlecell.", allowed=["flow", "singlecell"])
    source_id: Series[pd.StringDtype] = text(
        "Tube or library scored; several libraries of one sample are joined by '+'."
    )
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    signature: Series[pd.StringDtype] = text("The signature.")
    method: Series[pd.StringDtype] = text("The scoring method.")
    value: Series[float] = quantity("The score; null when status is not ok.", "see method")
    unit: Series[pd.StringDtype] = text("Unit of the value.")
    standard_error: Series[float] = quantity("Standard error of the value.", "as value", 0)
    n_cells: Series[pd.Int64Dtype] = maybe_count("Cells behind the score.", "cells")
    n_features_found: Series[int] = count("Features of the signature found.", "features")
    n_features: Series[int] = count("Features of the signature.", "features")
    status: Series[pd.StringDtype] = text("ok or why there is no score.", allowed=STATUSES)
    reason: Series[pd.StringDtype] = text("Why, in words.", nullable=True)


class Measurements(
    Contract, key=("source_id", "assay", "population", "measure", "feature"), made_by="itc measure"
):
    """One number with a unit, for a population, in a sample: flow and single cell alike.

    Every expected combination has its row, whatever happened to its tube.
    """

    sample_id: Series[pd.StringDtype] = text("The sample.")
    participant_id: Series[pd.StringDtype] = text(
        "The person; null for a bridge control.", nullable=True
    )
    group: Series[pd.StringDtype] = text("The group; null for a bridge control.", nullable=True)
    assay: Series[pd.StringDtype] = text("flow or singlecell.", allowed=["flow", "singlecell"])
    source_id: Series[pd.StringDtype] = text("Tube or library the number comes from.")
    batch: Series[pd.StringDtype] = text("Staining or library batch.")
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text(
        "share_of_t, cells_per_ul, share_positive, median_intensity or score.",
        allowed=["share_of_t", "cells_per_ul", "share_positive", "median_intensity", "score"],
    )
    feature: Series[pd.StringDtype] = text("Marker or signature; '-' when there is none.")
    value: Series[float] = quantity("The number; null unless status is ok.", "see unit")
    unit: Series[pd.StringDtype] = text("Unit of the value.")
    standard_error: Series[float] = quantity(
        "Standard error, on the scale that is compared: logit for shares, log for counts, else the value's own.",
        "see measure",
        0,
    )
    lower: Series[float] = quantity("Lower 95 % limit.", "as value")
    upper: Series[float] = quantity(
        "Upper 95 % limit; for below_lod the limit that the value is censored at: the limit of detection, or "
        "the upper 95 % limit when background events alone exceed it.",
        "as value",
    )
    n_cells: Series[pd.Int64Dtype] = maybe_count(
        "Background-subtracted cells (numerator, rounded).", "cells"
    )
    n_denominator: Series[pd.Int64Dtype] = maybe_count(
        "Cells of the denominator (T cells for share_of_t).", "cells"
    )
    count_method: Series[pd.StringDtype] = text(
        "beads, dual_platform, or via_counting_tube (share here times T/uL there); null for shares.",
        nullable=True,
    )
    status: Series[pd.StringDtype] = text("ok, or why there is no number.", allowed=STATUSES)
    reason: Series[pd.StringDtype] = text("Why, in words.", nullable=True)

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """A value is there exactly when the status is ok; below_lod rows carry their upper limit."""
        problems = []
        wrong = table[table["value"].notna() != (table["status"] == "ok")]
        problems += [
            f"{r.source_id}, {r.population}, {r.measure}: status '{r.status}' with value {r.value}"
            for r in wrong.head(5).itertuples()
        ]
        unlimited = table[(table["status"] == "below_lod") & table["upper"].isna()]
        problems += [
            f"{r.source_id}, {r.population}, {r.measure}: below_lod without an upper limit"
            for r in unlimited.head(5).itertuples()
        ]
        return problems


# --- statistics --------------------------------------------------------------------------------


class Comparisons(
    Contract,
    key=("comparison", "assay", "population", "measure", "feature"),
    made_by="itc compare",
):
    """The index group against one other, for one endpoint."""

    comparison: Series[pd.StringDtype] = text("Name, e.g. 'SSc vs healthy'.")
    index_group: Series[pd.StringDtype] = text("The index group.")
    reference_group: Series[pd.StringDtype] = text(
        "The other group (or pooled groups, joined by '+')."
    )
    assay: Series[pd.StringDtype] = text("flow or singlecell.", allowed=["flow", "singlecell"])
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text("As in measurements.")
    feature: Series[pd.StringDtype] = text("As in measurements.")
    family: Series[pd.StringDtype] = text(
        "Family of the plan within which p is adjusted; 'post_hoc' when undeclared."
    )
    role: Series[pd.StringDtype] = text(
        "primary, secondary, exploratory or post_hoc.",
        allowed=["primary", "secondary", "exploratory", "post_hoc"],
    )
    estimate: Series[float] = quantity(
        "Adjusted estimate, index against reference.", "see estimate_kind"
    )
    estimate_kind: Series[pd.StringDtype] = text(
        "odds_ratio (shares), ratio (counts) or difference (scores)."
    )
    lower: Series[float] = quantity("Lower limit of the interval.", "as estimate")
    upper: Series[float] = quantity("Upper limit of the interval.", "as estimate")
    standard_error: Series[float] = quantity(
        "Standard error on the model's scale (log for ratios).", "", 0
    )
    effect_size: Series[float] = quantity(
        "Estimate on the model's scale over the residual SD (standardised).", "SD"
    )
    p_value: Series[float] = quantity("Two-sided p.", "probability", 0, 1)
    p_adjusted: Series[float] = quantity("p adjusted within the family.", "probability", 0, 1)
    p_permutation: Series[float] = quantity(
        "Freedman-Lane permutation p, where asked for.", "probability", 0, 1
    )
    adjustment: Series[pd.StringDtype] = text(
        "How p is adjusted: holm, bh, dunnett, bh_dunnett, gatekeeping or none (see the plan).",
        allowed=["holm", "bh", "dunnett", "bh_dunnett", "gatekeeping", "none"],
    )
    lower_adjusted: Series[float] = quantity(
        "Lower limit at the level that agrees with the adjusted p: it leaves out 'no difference' exactly when the "
        "adjusted p is at most one minus the confidence (dunnett: simultaneous limits).",
        "as estimate",
    )
    upper_adjusted: Series[float] = quantity("Upper limit that agrees with it.", "as estimate")
    median_index: Series[float] = quantity(
        "Unadjusted median of the index group; below LoD counts as low.", "as measured"
    )
    median_reference: Series[float] = quantity("Unadjusted median of the reference.", "as measured")
    estimate_unadjusted: Series[float] = quantity(
        "The same estimate without covariates.", "see estimate_kind"
    )
    n_index: Series[int] = count("Participants of the index group in the model.", "participants")
    n_reference: Series[int] = count("Participants of the reference in the model.", "participants")
    n_below_lod: Series[int] = count(
        "Of both, below the limit of detection (censored).", "participants"
    )
    n_missing: Series[int] = count(
        "Analysed participants of both without a usable number.", "participants"
    )
    model: Series[pd.StringDtype] = text("The model, in words.")
    covariates: Series[pd.StringDtype] = text("Covariates adjusted for; 'none' for none.")
    estimand: Series[pd.StringDtype] = text("What the estimate means, in words.")
    status: Series[pd.StringDtype] = text("ok or not_estimable.", allowed=["ok", "not_estimable"])
    reason: Series[pd.StringDtype] = text(
        "Why not estimable, or a warning that goes with the number.", nullable=True
    )
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """Adjusted p is never below p and follows its order within a family (of holm, bh and none)."""
        problems = []
        low = table[table["p_adjusted"] < table["p_value"] - 1e-12]
        problems += [
            f"{r.comparison}, {r.population}: adjusted p below p" for r in low.head(5).itertuples()
        ]
        marginal = table[table["adjustment"].isin(["holm", "bh", "none"])]
        for family, rows in marginal.dropna(subset=["p_value", "p_adjusted"]).groupby("family"):
            ordered = rows.sort_values("p_value")["p_adjusted"]
            if (ordered.diff().dropna() < -1e-12).any():
                problems.append(f"family {family}: adjusted p does not follow p")
        return problems


class Verdicts(Contract, key=("assay", "population", "measure", "feature"), made_by="itc compare"):
    """What the comparisons of one primary endpoint say together, and whether the index group varies more."""

    assay: Series[pd.StringDtype] = text("flow or singlecell.", allowed=["flow", "singlecell"])
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text("As in measurements.")
    feature: Series[pd.StringDtype] = text("As in measurements.")
    index_group: Series[pd.StringDtype] = text("The index group, e.g. SSc.")
    verdict: Series[pd.StringDtype] = text(
        "specific (differs from every other group, in one direction), shared (differs from healthy and is equivalent "
        "to a disease), inconclusive or not_estimable.",
        allowed=["specific", "shared", "inconclusive", "not_estimable"],
    )
    words: Series[pd.StringDtype] = text(
        "The verdict in words, e.g. 'SSc-specific: lower than ...'."
    )
    direction: Series[pd.StringDtype] = text(
        "lower or higher; null when the groups disagree.",
        allowed=["lower", "higher"],
        nullable=True,
    )
    n_controls: Series[int] = count("Other groups that could be compared.", "groups")
    p_specific: Series[float] = quantity(
        "Intersection-union: the largest p of all groups; null when directions differ or a group is missing.",
        "probability",
        0,
        1,
    )
    p_shared: Series[float] = quantity(
        "The larger of p against healthy and the smallest p of two one-sided tests against a disease (Bonferroni).",
        "probability",
        0,
        1,
    )
    equivalent_to: Series[pd.StringDtype] = text(
        "Diseases within the margin, joined by '+'.", nullable=True
    )
    margin: Series[float] = quantity(
        "Margin of the plan: a ratio, for scores residual SDs.", "see measure", 0
    )
    spread_ratio: Series[float] = quantity(
        "Spread between participants, index group over the average of the others (mean absolute deviations).",
        "",
        0,
    )
    spread_lower: Series[float] = quantity("Lower limit of it.", "", 0)
    spread_upper: Series[float] = quantity("Upper limit of it.", "", 0)
    spread_p_value: Series[float] = quantity(
        "Two-sided p of equal spread (Brown-Forsythe on residuals, HC3).", "probability", 0, 1
    )
    reason: Series[pd.StringDtype] = text("What must be known with it, in words.", nullable=True)
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )


class Diagnostics(
    Contract,
    key=("comparison", "assay", "population", "measure", "feature"),
    made_by="itc compare",
):
    """Beside each primary and secondary comparison: who carries it, covariates, unknown confounding, second model."""

    comparison: Series[pd.StringDtype] = text("As in comparisons.")
    assay: Series[pd.StringDtype] = text("flow or singlecell.", allowed=["flow", "singlecell"])
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text("As in measurements.")
    feature: Series[pd.StringDtype] = text("As in measurements.")
    estimate_unadjusted: Series[float] = quantity("Estimate without covariates.", "as estimate")
    estimate_core: Series[float] = quantity(
        "Estimate with the plan's core covariates; null when one of them is missing in a participant.",
        "as estimate",
    )
    estimate_full: Series[float] = quantity("Estimate as in comparisons.", "as estimate")
    one_out_lowest: Series[float] = quantity(
        "Lowest estimate when any one participant is left out.", "as estimate"
    )
    one_out_highest: Series[float] = quantity("Highest of them.", "as estimate")
    most_influential: Series[pd.StringDtype] = text(
        "Participant whose absence moves the estimate most.", nullable=True
    )
    influence: Series[float] = quantity("How far, in standard errors.", "standard errors", 0)
    p_without_most_influential: Series[float] = quantity(
        "p without this participant, fitted again.", "probability", 0, 1
    )
    is_carried_by_one: Series[pd.BooleanDtype] = pa.Field(
        nullable=True,
        description="Whether the difference is shown at the plain level only with this participant.",
        metadata={"unit": "yes/no"},
    )
    e_value: Series[float] = quantity(
        "Risk ratio that an unknown confounder would need with group and measure to explain the estimate away.",
        "",
        1,
    )
    e_value_limit: Series[float] = quantity(
        "The same for the nearer limit of the interval; 1 when it holds no difference.", "", 1
    )
    second_model: Series[pd.StringDtype] = text(
        "Another model beside the primary one; null when there is none.", nullable=True
    )
    second_estimate: Series[float] = quantity("Its estimate.", "as estimate")
    second_p_value: Series[float] = quantity("Its p.", "probability", 0, 1)
    reason: Series[pd.StringDtype] = text("Why something is null, in words.", nullable=True)
    plan_digest: Series[pd.StringDtype] = text(
        "First 12 characters of the SHA-256 of the analysis plan."
    )


MADE: tuple[type[Contract], ...] = (
    Participants,
    Eligibility,
    Classification,
    Queries,
    Disclosure,
    Problems,
    TubeQuality,
    Acquisitions,
    GateFits,
    Gates,
    Counts,
    Intensity,
    Concordance,
    Combinations,
    Views,
    LibraryQuality,
    Cells,
    Pseudobulk,
    PseudobulkDepth,
    ScoreTable,
    Measurements,
    Comparisons,
    Verdicts,
    Diagnostics,
)
