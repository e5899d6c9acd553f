"""Tables of the flow room that are made once per panel, over all batches: scales, alignment of
batches, and what a frozen release keeps in place.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.quantities import maybe_count, quantity, text


class Scales(Contract, key=("panel", "marker")):
    """The scale of every marker of a panel, one for all tubes of the study."""

    panel: Series[pd.StringDtype] = text("The panel.")
    marker: Series[pd.StringDtype] = text("The marker.")
    role: Series[pd.StringDtype] = text("Its role in the panel sheet.")
    kind: Series[pd.StringDtype] = text(
        "logicle, asinh or linear.", allowed=["logicle", "asinh", "linear"]
    )
    t: Series[float] = quantity(
        "Top of the scale, of most tubes that were read; null where none was, then the highest "
        "$PnR of the panel's channels of this kind.",
        "instrument units",
        0,
    )
    w: Series[float] = quantity("Logicle: decades of the linear part.", "decades", 0)
    m: Series[float] = quantity("Logicle: decades of the scale.", "decades", 0)
    a: Series[float] = quantity("Logicle: additional negative decades.", "decades")
    cofactor: Series[float] = quantity(
        "asinh: where linear turns logarithmic.", "instrument units", 0
    )
    state: Series[pd.StringDtype] = text(
        "given (by the gating template), estimated (on the study's tubes) or default (too few "
        "events below zero).",
        allowed=["given", "estimated", "default"],
    )
    reason: Series[pd.StringDtype] = text("Why default.", nullable=True)
    n_tubes: Series[pd.Int64Dtype] = maybe_count(
        "Tubes behind an estimate; null where none was wanted.", "tubes"
    )
    w_lowest: Series[float] = quantity("Smallest width of a single tube.", "decades", 0)
    w_highest: Series[float] = quantity("Largest width of a single tube.", "decades", 0)


class ResidualSpill(Contract, key=("panel", "source", "detector")):
    """Spill that seems left, or taken off too much, in compensated stained tubes, pair by pair."""

    panel: Series[pd.StringDtype] = text("The panel.")
    source: Series[pd.StringDtype] = text("Marker whose fluorochrome spills.")
    detector: Series[pd.StringDtype] = text("Marker whose detector receives it.")
    slope: Series[float] = quantity(
        "Median over tubes: units in the detector per unit of the source; null where no tube can "
        "tell.",
        "",
    )
    n_tubes: Series[pd.Int64Dtype] = maybe_count("Tubes that can tell.", "tubes")
    n_over: Series[pd.Int64Dtype] = maybe_count(
        "Tubes whose events lie below zero where the source is bright: over-compensated.", "tubes"
    )
    n_above: Series[pd.Int64Dtype] = maybe_count(
        "Tubes whose events lie higher there: under-compensated, or markers that occur together.",
        "tubes",
    )
    reason: Series[pd.StringDtype] = text(
        "Why no tube can tell; the most frequent one.", nullable=True
    )


class Landmarks(Contract, key=("panel", "batch", "marker", "peak")):
    """Where the bridge control's peaks lie in every batch, and where alignment moves them."""

    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    marker: Series[pd.StringDtype] = text("The marker.")
    peak: Series[pd.StringDtype] = text(
        "negative or positive, of a marker that a gate divides; of functional markers the "
        "quantile.",
        allowed=["negative", "positive", "quantile_10", "quantile_50", "quantile_90"],
    )
    population: Series[pd.StringDtype] = text("Whose events were looked at.")
    place: Series[float] = quantity(
        "Median of the peak's events, or the quantile.", "transformed units"
    )
    place_se: Series[float] = quantity("Its standard error by counting.", "transformed units", 0)
    n_events: Series[pd.Int64Dtype] = maybe_count(
        "Events behind it, all bridge tubes of the batch."
    )
    target: Series[float] = quantity("Its place in the reference batch.", "transformed units")
    reference: Series[pd.StringDtype] = text("The batch that the others are moved onto.")
    state: Series[pd.StringDtype] = text(
        "moved to the target; held, because all of the marker's lie there within their errors; or "
        "left_out.",
        allowed=["moved", "held", "left_out"],
    )
    reason: Series[pd.StringDtype] = text("Why left out.", nullable=True)


class AlignmentCheck(Contract, key=("panel", "gates", "source_id", "population", "marker")):
    """What alignment does to the bridge control: every share and marker level before and after."""

    panel: Series[pd.StringDtype] = text("The panel.")
    gates: Series[pd.StringDtype] = text(
        "own: learned in the bridge tubes, as in a run of the study; reference: those of the "
        "reference batch in every batch, which shows how far the events themselves moved.",
        allowed=["own", "reference"],
    )
    batch: Series[pd.StringDtype] = text("The staining batch.")
    source_id: Series[pd.StringDtype] = text("The bridge tube.")
    population: Series[pd.StringDtype] = text("The population.")
    marker: Series[pd.StringDtype] = text("Marker of a level; - for the population's share.")
    before: Series[float] = quantity(
        "Share of the template's denominator, background subtracted; or the marker's median.",
        "share; transformed units",
    )
    after: Series[float] = quantity("The same with aligned events.", "share; transformed units")
    lower: Series[float] = quantity(
        "Lower 95 % limit before, by counting and background; null for medians.", "share"
    )
    upper: Series[float] = quantity("Upper 95 % limit before.", "share")
    n_before: Series[pd.Int64Dtype] = maybe_count("Events of the population before.")
    n_after: Series[pd.Int64Dtype] = maybe_count("Events of the population after.")
    is_within: Series[pd.BooleanDtype] = pa.Field(
        nullable=True,
        description="Whether `after` lies between the limits; null without numbers.",
        metadata={"unit": ""},
    )
    reason: Series[pd.StringDtype] = text("Why a number is missing.", nullable=True)


class MovedGates(Contract, key=("panel", "batch", "population")):
    """Gates of a frozen release, compared with those that pooling all tubes again would give."""

    panel: Series[pd.StringDtype] = text("The panel.")
    batch: Series[pd.StringDtype] = text("The staining batch.")
    population: Series[pd.StringDtype] = text("The population, or marker whose threshold it is.")
    n_tubes: Series[pd.Int64Dtype] = maybe_count(
        "Tubes of the release that have this gate.", "tubes"
    )
    n_moved: Series[pd.Int64Dtype] = maybe_count(
        "Of these, tubes whose cut would lie further away than its own standard error, or whose "
        "gate would have another state.",
        "tubes",
    )
    largest_shift: Series[float] = quantity(
        "Largest distance between the frozen cut and the other one; null for gates without a cut.",
        "transformed units",
        0,
    )
    file_id: Series[pd.StringDtype] = text("The tube of the largest distance.", nullable=True)
