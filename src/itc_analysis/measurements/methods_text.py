"""The measurements in a paragraph for the paper's methods section, with its citations."""

from __future__ import annotations

import pandas as pd

from itc_analysis.config.sections import Measure
from itc_analysis.measurements.bridge_check import MOST_APART, THRESHOLDS_PART
from itc_analysis.measurements.collect import Limits
from itc_analysis.measurements.common_depth import AT_ONE_DEPTH

#: Keys of the report's bibliography.
CITATIONS = ("clopper1934", "haldane1956", "zou2008")

COUNTED = {
    "beads": (
        "Absolute counts came from counting beads in the tube (cell events over bead events, times "
        "beads per microlitre of blood; at least {beads} bead events)"
    ),
    "via_counting_tube": (
        "populations of tubes without beads were counted as their share of T cells times the T "
        "cells per microlitre of the same sample's counting tube"
    ),
    "dual_platform": (
        "samples without beads were counted by the haematology analyser's lymphocytes and their "
        "share of the lymphocyte gate"
    ),
}


def describe_measurements(table: pd.DataFrame, settings: Measure, limits: Limits) -> str:
    """Return finished English sentences, only about what the table holds."""
    sentences = [
        "Populations were measured as their share of T cells, background-subtracted, with 95 % "
        "intervals that join the exact interval of counting and the uncertainty of the cut."
    ]
    assays = set(table["assay"])
    limit = [
        f"{n} {what}"
        for assay, n, what in (
            ("flow", limits.lod_events, "events in flow cytometry"),
            ("singlecell", limits.lod_cells, "cells in single-cell data"),
        )
        if assay in assays
    ]
    if limit:
        sentences.append(
            f"Below {' and '.join(limit)} a population was reported as below the limit of "
            "detection with its upper limit, never as zero."
        )
    depths = sorted(table["counted_at"].dropna().unique())
    if table["reason"].str.contains(AT_ONE_DEPTH, regex=False).any():
        sentences.append(
            "Cells that RNA calls are found more often the deeper a library: the molecules of each "
            f"library were thinned to {depths[0]:,.0f} per T cell, which all but a tenth of every "
            "group's libraries reach, and its cells called again; the few shallower libraries were "
            "corrected by what the others lose on the way to their depth."
        )
    used = [method for method in COUNTED if (table["count_method"] == method).any()]
    if used:
        parts = "; ".join(COUNTED[method] for method in used)
        sentences.append(
            parts[0].upper()
            + parts[1:].format(beads=settings.min_bead_events)
            + "; samples stained "
            f"more than {settings.max_draw_to_stain_hours:g} h after the draw got no count."
        )
    if (table["measure"] == "share_positive").any():
        sentences.append(
            "Marker positivity counts every event of a population, however few, with its exact "
            f"interval; medians were taken of at least {limits.min_phenotype_events} events."
        )
    if table["reason"].str.contains(THRESHOLDS_PART, regex=False).any():
        sentences.append(
            "Where thresholds had no control tube, the shares of a batch were withheld when the "
            "bridge control's own lay more than half of "
            f"{100 * MOST_APART:g} percentage points, and three standard errors of counting, from "
            "its median over the batches."
        )
    return " ".join(sentences)
