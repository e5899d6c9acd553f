"""Tables that both assays fill alike: counts, scores and, in the middle of the hourglass,
measurements.

Counts are stored, shares are derived by one function (`measurements.shares.share_interval`).
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import DETECTIONS, STATUSES, count, maybe_count, quantity, text


class Counts(Contract, key=("source_id", "sample_id", "population")):
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
    background_source: Series[pd.StringDtype] = text(
        "fmo, levels, negative_tail, none.", nullable=True
    )
    n_missed: Series[float] = quantity(
        "Events of the population expected on the other side of the cut; added to the count.",
        "events",
        0,
    )
    missed_se: Series[float] = quantity("Standard error of n_missed.", "events", 0)
    n_rival: Series[pd.Int64Dtype] = maybe_count(
        "Events if a cut with two likely places, own or of an ancestor, lay at the other one; the "
        "limits hold both."
    )
    n_lob: Series[float] = quantity(
        "Limit of blank: events in the gate that 95 % of tubes without the population do not "
        "exceed.",
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
        "Standard error of the log share of the denominator due to the position of every cut that "
        "has a part in it, own and ancestors'; of the denominator and what lies outside of it, of "
        "the log count.",
        "log",
        0,
    )
    capture: Series[float] = quantity(
        "Part of the population that can be called: of MAIT and iNKT cells in a library with "
        "receptors, the share of T cells in which an alpha chain was seen; null for all of it.",
        "share",
        0,
        1,
    )
    capture_se_log: Series[float] = quantity("Standard error of its logarithm.", "log", 0)
    called_by: Series[pd.StringDtype] = text(
        "What calls the cells of a library: receptor (an alpha chain proves them), rna (they are "
        "found more often the deeper the library), or rna_or_delta (gamma-delta cells of a library "
        "whose delta chains were enriched); null in tubes.",
        nullable=True,
        allowed=["receptor", "rna", "rna_or_delta"],
    )
    n_expected: Series[float] = quantity(
        "Soft count of a single-cell library: sum of the cells' probabilities of the population.",
        "cells",
        0,
    )
    expected_se: Series[float] = quantity(
        "Standard error of n_expected given the probabilities.", "cells", 0
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
            f"{r.source_id}, {r.population}: {r.n_events} events, {r.n_parent} in the parent, "
            f"{r.n_total} in all"
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
            f"{r.source_id}, {r.population}: n_parent {r.n_parent} but '{r.parent}' holds "
            f"{r.n_of_parent} events"
            for r in differ.head(5).itertuples()
        ]
        return problems


class ScoreTable(Contract, key=("assay", "source_id", "population", "signature", "method")):
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
    standard_error: Series[float] = quantity(
        "Standard error of the value from counting; depends on the number of cells, not on the "
        "value.",
        "as value",
        0,
    )
    posterior: Series[float] = quantity(
        "Best guess for this one person, drawn towards healthy people; never for comparing groups.",
        "as value",
    )
    posterior_error: Series[float] = quantity("Standard error of the best guess.", "as value", 0)
    anchor_error: Series[float] = quantity(
        "Error of the healthy centre of the sample's batch, shared by the whole batch.",
        "as value",
        0,
    )
    n_cells: Series[pd.Int64Dtype] = maybe_count("Cells behind the score.", "cells")
    n_features_found: Series[int] = count("Features of the signature found.", "features")
    n_features: Series[int] = count("Features of the signature.", "features")
    status: Series[pd.StringDtype] = text("ok or why there is no score.", allowed=STATUSES)
    reason: Series[pd.StringDtype] = text("Why, in words.", nullable=True)


class Measurements(Contract, key=("source_id", "assay", "population", "measure", "feature")):
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
    panel: Series[pd.StringDtype] = text("Panel of the tube; null for libraries.", nullable=True)
    population: Series[pd.StringDtype] = text("The population.")
    measure: Series[pd.StringDtype] = text(
        "share_of_t, cells_per_ul, share_positive, median_intensity, response or score.",
        allowed=[
            "share_of_t",
            "cells_per_ul",
            "share_positive",
            "median_intensity",
            "response",
            "score",
        ],
    )
    feature: Series[pd.StringDtype] = text(
        "Marker or signature; of a response the stimulation and the marker, 'il12_il18:IFN-g'; '-' "
        "when there is none."
    )
    value: Series[float] = quantity("The number; null unless status is ok.", "see unit")
    unit: Series[pd.StringDtype] = text("Unit of the value.")
    standard_error: Series[float] = quantity(
        "Standard error, on the scale that is compared: logit for shares and responses, log for "
        "counts and medians of intensity, the score's own for scores.",
        "see measure",
        0,
    )
    lower: Series[float] = quantity("Lower 95 % limit.", "as value")
    upper: Series[float] = quantity(
        "Upper 95 % limit; for below_lod that of the cells counted, and at least the limit of "
        "detection.",
        "as value",
    )
    limit: Series[float] = quantity(
        "Of below_lod rows the limit that the value lies below, as models of values take it: the "
        "limit of detection, or upper where more events than that were counted and the background "
        "explains them. Null where it is upper, and in all other rows.",
        "as value",
    )
    n_cells: Series[pd.Int64Dtype] = maybe_count(
        "Background-subtracted cells (numerator, rounded).", "cells"
    )
    n_denominator: Series[pd.Int64Dtype] = maybe_count(
        "Cells of the denominator (T cells for share_of_t).", "cells"
    )
    n_events: Series[pd.Int64Dtype] = maybe_count(
        "Cells counted in the gate, background included, whatever the status; null where nothing "
        "was counted. Comparisons of shares and counts are made from it.",
        "cells",
    )
    volume_ul: Series[float] = quantity(
        "Blood in which n_events were counted (cells_per_ul only).", "microlitres", 0
    )
    n_background: Series[float] = quantity(
        "Cells expected in the gate without the population; null for none known.", "cells", 0
    )
    background_se: Series[float] = quantity("Standard error of n_background.", "cells", 0)
    capture: Series[float] = quantity(
        "Part of the population that lies inside of its gate, or whose alpha chain the library "
        "caught; the value is corrected for it; null for all of it.",
        "share",
        0,
        1,
    )
    n_expected: Series[float] = quantity(
        "Soft count of a single-cell population: sum of the cells' probabilities.", "cells", 0
    )
    expected_se: Series[float] = quantity(
        "Standard error of n_expected given the probabilities.", "cells", 0
    )
    error_log: Series[float] = quantity(
        "Standard error of the log of the number from all that is not counting: position of gates, "
        "capture, volume.",
        "log",
        0,
    )
    molecules_per_t_cell: Series[float] = quantity(
        "Depth of the library (median of its T cells); null for flow, and for other measures than "
        "share_of_t.",
        "molecules",
        0,
    )
    counted_at: Series[float] = quantity(
        "Depth at which the library's cells were called and counted: the study's common one, to "
        "which deeper libraries are thinned and the few shallower ones corrected; else the "
        "library's own. Null as above, and where a receptor calls the cells.",
        "molecules",
        0,
    )
    share_ambient: Series[float] = quantity(
        "Share of the molecules of the library that come from other cells; null as above and where "
        "it could not be told.",
        "share",
        0,
        1,
    )
    called_by: Series[pd.StringDtype] = text(
        "As in counts; null as above.",
        nullable=True,
        allowed=["receptor", "rna", "rna_or_delta"],
    )
    count_method: Series[pd.StringDtype] = text(
        "beads, dual_platform, or via_counting_tube (share here times T/uL there); null for "
        "shares.",
        nullable=True,
    )
    status: Series[pd.StringDtype] = text("ok, or why there is no number.", allowed=STATUSES)
    reason: Series[pd.StringDtype] = text("Why, in words.", nullable=True)

    @classmethod
    def requirements(cls, table: pd.DataFrame) -> list[str]:
        """A value is there exactly when the status is ok; below_lod rows carry their upper limit,
        and limit is never above it.
        """
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
        higher = table[table["limit"] > table["upper"]]
        problems += [
            f"{r.source_id}, {r.population}, {r.measure}: limit above the upper limit"
            for r in higher.head(5).itertuples()
        ]
        return problems
