"""What a plan may ask about: an endpoint is a population, a measure and a feature in one assay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault, did_you_mean
from itc_analysis.stats.plan.columns import NOT_COVARIATES, Columns
from itc_analysis.tables import per_cell

#: Between the names of two subsets of one participant whose scores are subtracted.
MINUS = " minus "
#: Stands for a measure without marker or signature.
NO_FEATURE = "-"

Measure = Literal[
    "share_of_t",
    "cells_per_ul",
    "share_positive",
    "median_intensity",
    "response",
    "score",
    "ratio",
    "difference",
]
#: Measures that belong to a marker, signature or clinical variable.
WITH_FEATURE = (
    *("share_positive", "median_intensity", "response", "score", "ratio", "difference"),
)
#: Numbers of the participants, compared like measurements, and how.
CLINICAL = "clinical"
OF_CLINICAL = ("ratio", "difference")
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Endpoints(Section):
    """Populations crossed with measures and features."""

    assay: Literal["flow", "singlecell", "clinical"] = Field(
        description="flow, singlecell, or clinical: numbers of the participants themselves, such "
        "as a serum marker."
    )
    populations: Names = Field(
        (NO_FEATURE,), description="Populations, e.g. mait; left out for clinical."
    )
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)] = Field(
        description=(
            "What is compared: share_of_t, cells_per_ul, share_positive, median_intensity, "
            "response, score; "
            "of clinical numbers ratio (spread over powers of ten) or difference."
        )
    )
    features: Names = Field(
        (NO_FEATURE,),
        description="Markers, signatures or clinical numbers; of a response the stimulation and "
        "marker, e.g. il12_il18:IFN-g; '-' for shares of T and counts.",
    )
    minus: str | None = Field(
        None,
        description="Another population of the same participants, for scores only: what is "
        "compared is the score of each population minus that of this one. `itc check` refuses "
        "signatures that hold a marker which defines a population or rises with innateness in "
        "healthy people; null for the scores themselves.",
    )

    @field_validator("measures", mode="before")
    @classmethod
    def _refuse_cells(cls, measures: Any) -> Any:
        """Refuse what only cells have, with what to compare instead."""
        named = measures if isinstance(measures, (list, tuple)) else [measures]
        of_cells = [str(name) for name in named if per_cell.is_of_cells(str(name))]
        if of_cells:
            msg = f"{', '.join(of_cells)} is of single cells: {per_cell.WHAT}; {per_cell.REMEDY}"
            raise ValueError(msg)
        return measures

    @property
    def compared(self) -> tuple[str, ...]:
        """Populations as the results name them."""
        if self.minus is None:
            return self.populations
        return tuple(f"{population}{MINUS}{self.minus}" for population in self.populations)


class Modalities(Section):
    """Shares of T by flow cytometry and by single cell, participant by participant."""

    populations: Names = Field(description="Populations measured by both.")


def keys_of(blocks: Iterable[Endpoints]) -> Iterable[tuple[str, str, str, str]]:
    """Yield assay, population, measure and feature of every endpoint."""
    for block in blocks:
        for population in block.compared:
            for measure in block.measures:
                for feature in block.features:
                    yield block.assay, population, measure, feature


def endpoint_faults(blocks: Iterable[Endpoints], where: str, columns: Columns) -> list[Fault]:
    """Return populations, measures and features that do not fit one another."""
    blocks = list(blocks)
    faults = [fault for block in blocks for fault in _clinical_faults(block, where, columns)]
    faults += [
        Fault(where, f"'minus: {block.minus}' is for scores alone", "take measures: [score]")
        for block in blocks
        if block.minus is not None and block.measures != ("score",)
    ]
    faults += [
        Fault(where, f"'{block.minus}' minus itself", "name another population in minus")
        for block in blocks
        if block.minus in block.populations
    ]
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


def _clinical_faults(block: Endpoints, where: str, columns: Columns) -> list[Fault]:
    """Return what is wrong with clinical numbers, or with what only they have."""
    has_person = NO_FEATURE in block.populations
    if block.assay != CLINICAL:
        faults = [
            Fault(where, f"measure '{measure}' is for assay clinical", "take another measure")
            for measure in block.measures
            if measure in OF_CLINICAL
        ]
        if has_person:
            faults.append(Fault(where, "no population is named", "name populations, e.g. mait"))
        return faults
    faults = [
        Fault(where, f"clinical numbers have no measure '{measure}'", "take ratio or difference")
        for measure in block.measures
        if measure not in OF_CLINICAL
    ]
    if block.populations != (NO_FEATURE,):
        faults.append(Fault(where, "clinical numbers have no populations", "leave them out"))
    known = [
        name
        for name, column in columns.items()
        if column.kind == "number" and name not in NOT_COVARIATES
    ]
    faults += [
        Fault(where, f"'{feature}' is no number of the participants", did_you_mean(feature, known))
        for feature in block.features
        if feature not in known and feature != NO_FEATURE
    ]
    return faults
