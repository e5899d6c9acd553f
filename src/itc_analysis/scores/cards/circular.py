"""Markers that say what a cell is, not how it does: they define a gate, or rise with innateness in
healthy people.

A score that holds such a marker differs between subsets because the subsets are what they are. It
is compared between groups within one subset only, and shown with and without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from itc_analysis.errors import Fault, ItcError

#: CD161 defines MAIT, KIR, NKG2A and Eomes define innate CD8; and the lineage markers.
DEFINING_MARKERS = frozenset(
    ("CD3 TCRgd Vd1 Vd2 Vg9 Va7.2 Va24 Vb11 CD161 6B11 CD4 CD8 Eomes panKIR KIR2D KIR3DL1 NKG2A")
    .casefold()
    .split()
)
DEFINING_GENES = re.compile(
    r"CD3[DEG]|CD4|CD8[AB]|KLRB1|SLC4A10|ZBTB16|EOMES|KLRC1|KIR[23]D[LS].*|TR[ABGD][VDJC].*"
)
#: Rise from adaptive to innate T cells in healthy blood (Gutierrez-Arcelus 2019,
#: doi:10.1038/s41467-019-08604-4); HLA-DRB1 goes with HLA-DRA, and CD57 (B3GAT1) was added here.
INNATENESS_MARKERS = frozenset("CD160 CD244 2B4 TIM-3 KLRG1 HLA-DR CD57".casefold().split())
INNATENESS_GENES = frozenset(["CD160", "CD244", "HAVCR2", "KLRG1", "HLA-DRA", "HLA-DRB1", "B3GAT1"])


def defines_a_population(feature: str, assay: str) -> bool:
    """Return whether a marker or gene defines one of the study's populations."""
    if assay == "flow":
        return feature.casefold() in DEFINING_MARKERS
    return DEFINING_GENES.fullmatch(feature) is not None


def rises_with_innateness(feature: str, assay: str) -> bool:
    """Return whether a marker or gene is higher the more innate healthy T cells are."""
    if assay == "flow":
        return feature.casefold() in INNATENESS_MARKERS
    return feature in INNATENESS_GENES


def flagged(features: Iterable[str], assay: str) -> tuple[str, ...]:
    """Return those that define a population or rise with innateness, in their order."""
    return tuple(
        feature
        for feature in features
        if defines_a_population(feature, assay) or rises_with_innateness(feature, assay)
    )


def refuse_across_subsets(
    signature: str, features: Iterable[str], assay: str, populations: Iterable[str]
) -> None:
    """Refuse to compare a score between subsets when it holds a flagged marker.

    Raises
    ------
    ItcError
        more than one population is compared and a feature is flagged; names each.
    """
    names, found = sorted(set(populations)), flagged(features, assay)
    if len(names) < 2 or not found:
        return
    faults = [
        Fault(
            feature,
            "defines a population"
            if defines_a_population(feature, assay)
            else "rises with innateness in healthy people",
            "compare groups within one subset, or leave the marker out",
        )
        for feature in found
    ]
    source = f"score '{signature}' compared between {', '.join(names)}"
    raise ItcError(source, faults)
