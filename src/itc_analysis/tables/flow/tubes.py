"""Tables of the flow room: the quality of tubes, gates, marker intensity, and histograms to
draw.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import FINDINGS, GATE_STATES, count, maybe_count, quantity, text


class TubeQuality(Contract, key=("file_id",)):
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
    share_dead: Series[float] = quantity(
        "Events beyond the tube's own viability cut, of all but counting beads and debris.",
        "share",
        0,
        1,
    )
    dead_reason: Series[pd.StringDtype] = text(
        "Why there is no share of dead cells.", nullable=True
    )
    share_debris: Series[float] = quantity(
        "Events with less forward scatter than the tube's own scatter gate, of all but counting "
        "beads.",
        "share",
        0,
        1,
    )
    debris_reason: Series[pd.StringDtype] = text("Why there is no share of debris.", nullable=True)
    missing_markers: Series[pd.StringDtype] = text(
        "Markers of the panel without a channel.", nullable=True
    )
    compensation: Series[pd.StringDtype] = text(
        "file, matrix (of the study), identity (placeholder in the file), none, or "
        "already_compensated.",
        nullable=True,
    )
    remarks: Series[pd.StringDtype] = text("Other things to know about the file.", nullable=True)
    cytometer: Series[pd.StringDtype] = text(
        "The instrument, as the file names it ($CYT).", nullable=True
    )
    detectors: Series[pd.StringDtype] = text(
        "JSON by marker: detector voltage, laser wavelength, filter and detector, where the file "
        "says ($PnV, $PnL, $PnF, $PnT).",
        nullable=True,
    )


class Acquisitions(Contract, key=("file_id", "step")):
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


class KeptEvents(Contract, key=("file_id",)):
    """Which events of each tube are analysed: inside the detectors' margins and in steady
    stretches.
    """

    file_id: Series[pd.StringDtype] = text("The tube.")
    n_events: Series[int] = count("Events in the file; 0 for a tube that is not used.")
    kept: Series[pd.StringDtype] = text(
        "Base64 of one bit for each event, in the order of the file and beginning with the highest "
        "bit of a byte: 1 for kept. Null for a tube that is not used; `quality` says why.",
        nullable=True,
    )


class TubeEvidence(Contract, key=("file_id",)):
    """What each stained tube shows of its stains, to compare it with the others of its panel."""

    file_id: Series[pd.StringDtype] = text("The tube.")
    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    compensation: Series[pd.StringDtype] = text(
        "As in the quality of tubes; null for a tube that is not used.", nullable=True
    )
    evidence: Series[pd.StringDtype] = text(
        "JSON: stained markers; of all cells that scatter selects and of the denominator the "
        "histogram of each marker (bins of 0.01 transformed units), their correlations and the "
        "events that are positive for two; the spill that is left, the matrix, the voltages of "
        "the detectors where the file tells them, a sketch of the file's events (the 256 smallest "
        "of their 64-bit hashes), their number, the share of granulocytes, and where the clock "
        "starts again. Null for a tube that is not used.",
        nullable=True,
    )


class TubeIdentity(Contract, key=("file_id",)):
    """Is each stained tube what its row in the sheet says? Held tubes enter no statistics."""

    file_id: Series[pd.StringDtype] = text("The tube.")
    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    finding: Series[pd.StringDtype] = text(
        "ok, copy (one file under two names), swapped (two stains), compensation, stain_missing, "
        "elsewhere (negatives lie elsewhere than in its batch), joined (two acquisitions that "
        "differ in one file), cannot_be_told (odd, with a harmless cause as likely: said, never "
        "held), or not_judged (too few tubes to compare with).",
        allowed=FINDINGS,
    )
    is_held: Series[bool] = pa.Field(
        description="Its numbers are held until a person confirms the tube (`confirmed` in the "
        "sheet of tubes).",
        metadata={"unit": ""},
    )
    reason: Series[pd.StringDtype] = text("What is odd, in words.", nullable=True)


class GateFits(Contract, key=("file_id", "population")):
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
    shape_errors: Series[pd.StringDtype] = text(
        "JSON list of a gate in several markers: the gate one standard error away in each "
        "independent direction (bootstrap). Null for cuts.",
        nullable=True,
    )
    quality: Series[float] = quantity(
        "Depth of the valley or separation; 0 none, 1 clear.", "", 0, 1
    )
    n_parent: Series[int] = count("Events of the parent that the cut was learned on.")
    rival_cut: Series[float] = quantity(
        "Where another valley, as clear, would put the cut.", "transformed units"
    )
    rival_share: Series[float] = quantity(
        "Share of the bootstrap replicates that chose the other valley.", "share", 0, 1
    )
    histogram: Series[pd.StringDtype] = text(
        "JSON of the parent's events in the marker of a one-dimensional gate: first bin and "
        "counts, bins of 0.005 transformed units; what the tubes of a batch are compared by.",
        nullable=True,
    )
    status: Series[pd.StringDtype] = text(
        "ok, weak (found but not trusted alone) or not_estimable.",
        allowed=["ok", "weak", "not_estimable"],
    )
    reason: Series[pd.StringDtype] = text("Why weak or not estimable.", nullable=True)


class Gates(Contract, key=("file_id", "population")):
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
    shape_errors: Series[pd.StringDtype] = text(
        "JSON list of a gate in several markers: the gate one standard error away in each "
        "independent direction. Null for cuts, and for what a person drew.",
        nullable=True,
    )
    cut_tube: Series[float] = quantity("The cut that the tube alone gave.", "transformed units")
    weight: Series[float] = quantity(
        "Weight of the tube's own estimate; 1 all, 0 borrowed.", "share", 0, 1
    )
    quality: Series[float] = quantity("Depth of the valley or separation in the tube.", "", 0, 1)
    n_parent: Series[int] = count("Events of the parent that the tube's cut was learned on.")
    rival_cut: Series[float] = quantity(
        "The other place where the cut could as well be, of an ambiguous gate.", "transformed units"
    )
    n_background: Series[float] = quantity(
        "Events of lower levels expected beyond the cut of a gate by level, of n_parent.",
        "events",
        0,
    )
    background_se: Series[float] = quantity("Standard error of n_background.", "events", 0)
    n_missed: Series[float] = quantity(
        "Events of the level expected below the cut of a gate by level, of n_parent.", "events", 0
    )
    missed_se: Series[float] = quantity("Standard error of n_missed.", "events", 0)
    state: Series[pd.StringDtype] = text(
        "ok, pooled (shrunk to its batch), borrowed (batch or study), control (FMO), ambiguous "
        "(two places are as likely; counts carry both), weak (the tube cannot decide and nothing "
        "else can), manual (drawn by a person and taken as exact), not_estimable.",
        allowed=GATE_STATES,
    )
    reason: Series[pd.StringDtype] = text("Why this state.", nullable=True)
    digest: Series[pd.StringDtype] = text(
        "Digest of the gate as it was before a review corrected it, by which a review names the "
        "version that was looked at; null before gates are applied, and for tubes that could not "
        "be used.",
        nullable=True,
    )


class Intensity(Contract, key=("source_id", "population", "marker")):
    """Marker level and positivity within a population of a tube."""

    source_id: Series[pd.StringDtype] = text("The tube.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    marker: Series[pd.StringDtype] = text("The marker.")
    role: Series[pd.StringDtype] = text(
        "inhibitory, activation, function or other, by the gating template.", nullable=True
    )
    n_events: Series[pd.Int64Dtype] = maybe_count("Events of the population.")
    n_positive: Series[pd.Int64Dtype] = maybe_count(
        "Events above the threshold; null without a threshold."
    )
    threshold: Series[float] = quantity("Positivity threshold.", "transformed units")
    threshold_se: Series[float] = quantity(
        "Standard error of the threshold.", "transformed units", 0
    )
    threshold_state: Series[pd.StringDtype] = text(
        "How a threshold without control came about, as a gate's state; control for FMO and "
        "unstained tubes.",
        nullable=True,
    )
    n_positive_low: Series[pd.Int64Dtype] = maybe_count(
        "Events above a threshold one standard error higher."
    )
    n_positive_high: Series[pd.Int64Dtype] = maybe_count(
        "Events above a threshold one standard error lower."
    )
    n_background: Series[float] = quantity(
        "Negative events expected above the threshold, by the population's own histogram.",
        "events",
        0,
    )
    background_se: Series[float] = quantity("Standard error of n_background.", "events", 0)
    n_missed: Series[float] = quantity("Positive events expected below it.", "events", 0)
    missed_se: Series[float] = quantity("Standard error of n_missed.", "events", 0)
    n_lower: Series[float] = quantity(
        "Lower 95 % limit of the positive cells, background taken off and missed ones added.",
        "events",
        0,
    )
    n_upper: Series[float] = quantity("Upper 95 % limit.", "events", 0)
    n_net_low: Series[float] = quantity(
        "Positive events, background taken off and missed ones added, by a threshold one standard "
        "error higher.",
        "events",
        0,
    )
    n_net_high: Series[float] = quantity(
        "The same by a threshold one standard error lower.", "events", 0
    )
    threshold_source: Series[pd.StringDtype] = text(
        "fmo, unstained, negative_population or none.",
        allowed=["fmo", "unstained", "negative_population", "none"],
    )
    median: Series[float] = quantity("Median of the compensated signal.", "instrument units")
    median_lower: Series[float] = quantity(
        "Lower 95 % limit of the median, by the count of events alone.", "instrument units"
    )
    median_upper: Series[float] = quantity("Upper 95 % limit.", "instrument units")
    median_transformed: Series[float] = quantity(
        "Median of the transformed signal.", "transformed units"
    )
    median_positive: Series[float] = quantity(
        "Median of the compensated signal of the positive events.", "instrument units"
    )
    reason: Series[pd.StringDtype] = text(
        "Why no threshold or no number, or that the events are few.", nullable=True
    )


class Concordance(Contract, key=("file_id", "population")):
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


class Combinations(Contract, key=("source_id", "population", "combination")):
    """Boolean combinations of the inhibitory receptors, and of the markers of function; those of
    each role add up to the population.
    """

    source_id: Series[pd.StringDtype] = text("The tube.")
    sample_id: Series[pd.StringDtype] = text("The sample.")
    population: Series[pd.StringDtype] = text("The population.")
    combination: Series[pd.StringDtype] = text("E.g. 'PD-1+ TIM-3- LAG-3- TIGIT+'.")
    role: Series[pd.StringDtype] = text(
        "inhibitory or function; null is inhibitory.",
        nullable=True,
        allowed=["inhibitory", "function"],
    )
    n_receptors: Series[int] = count("How many of the markers are positive.", "markers")
    n_events: Series[int] = count("Events with this combination.")
    threshold_se: Series[float] = quantity(
        "Standard error of n_events that comes from the places of the thresholds.", "events", 0
    )


class Histograms(Contract, key=("source_id", "population")):
    """What a gate plot needs: the parent's histogram, also where there is no gate, without the
    events.
    """

    source_id: Series[pd.StringDtype] = text("The tube.")
    population: Series[pd.StringDtype] = text("The population.")
    marker_x: Series[pd.StringDtype] = text("Marker on the x axis.")
    marker_y: Series[pd.StringDtype] = text(
        "Marker on the y axis; null for one-dimensional histograms.", nullable=True
    )
    histogram: Series[pd.StringDtype] = text(
        "JSON: x_edges [low, high], y_edges, n_x, n_y, counts (row-major) of the parent's events; "
        "x_ticks and y_ticks, pairs of place and instrument units; profile of a cut: counts of the "
        "parent's events by the marker's value, in steps of 1/512 from first/512 on."
    )
