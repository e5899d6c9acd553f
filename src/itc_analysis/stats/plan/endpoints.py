"""What a plan may ask about: an endpoint is a population, a measure and a feature in one assay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault

#: Stands for a measure without marker or signature.
NO_FEATURE = "-"

Measure = Literal[
    "share_of_t", "cells_per_ul", "share_positive", "median_intensity", "response", "score"
]
#: Measures that belong to a marker or signature.
WITH_FEATURE = ("share_positive", "median_intensity", "response", "score")
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Endpoints(Section):
    """Populations crossed with measures and features."""

    assay: Literal["flow", "singlecell"] = Field(description="flow or singlecell.")
    populations: Names = Field(description="Populations, e.g. mait.")
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)] = Field(
        description=(
            "What is compared: share_of_t, cells_per_ul, share_positive, median_intensity, "
            "response, score."
        )
    )
    features: Names = Field(
        (NO_FEATURE,),
        description="Markers or signatures; of a response the stimulation and the marker, "
        "e.g. il12_il18:IFN-g; '-' for shares of T and counts.",
    )


class Modalities(Section):
    """Shares of T by flow cytometry and by single cell, participant by participant."""

    populations: Names = Field(description="Populations measured by both.")


def keys_of(blocks: Iterable[Endpoints]) -> Iterable[tuple[str, str, str, str]]:
    """Yield assay, population, measure and feature of every endpoint."""
    for block in blocks:
        for population in block.populations:
            for measure in block.measures:
                for feature in block.features:
                    yield block.assay, population, measure, feature


def endpoint_faults(blocks: Iterable[Endpoints], where: str) -> list[Fault]:
    """Return features that do not fit their measure."""
    faults = []
    for _, _, measure, feature in dict.fromkeys(keys_of(blocks)):
        if measure in WITH_FEATURE and feature == NO_FEATURE:
            faults.append(
                Fault(where, f"measure '{measure}' needs features", "name markers or signatures")
            )
        if measure not in WITH_FEATURE and feature != NO_FEATURE:
            faults.append(
                Fault(
                    where, f"measure '{measure}' has no feature '{feature}'", "leave features out"
                )
            )
    return faults
