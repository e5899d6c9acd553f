"""Parts of one whole that are compared together, as a plan asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault
from itc_analysis.stats.plan.endpoints import Names

#: What is left of the parent when the parts of a composition are taken away.
REST = "rest"


class Composition(Section):
    """Parts of one whole, compared together as ratios to a reference part."""

    name: str = Field(min_length=1, description="Name of the composition; unique in the plan.")
    role: Literal["secondary", "exploratory"] = Field(
        "exploratory", description="What a finding may claim."
    )
    assay: Literal["flow", "singlecell"] = Field(description="flow or singlecell.")
    parts: Names = Field(description="Populations that share no cell, each with a share of T.")
    reference: str = Field(
        description="The population that each part is set against, none of the parts; rest: the T "
        "cells that are in no part."
    )
    contrasts: Names = Field(description="References of the index group, as in a family.")
    adjustment: Literal["holm", "bh", "none"] = Field(
        "holm", description="Over the joint p values of the contrasts."
    )


def composition_faults(compositions: Iterable[Composition]) -> list[Fault]:
    """Return what is wrong in these sections of a plan."""
    return [fault for composition in compositions for fault in _faults(composition)]


def _faults(composition: Composition) -> list[Fault]:
    where = f"composition '{composition.name}'"
    faults = []
    parts = composition.parts
    if len(parts) < 2 and composition.reference != REST:
        faults.append(Fault(where, "one part is no composition", "name two parts or more"))
    for part in sorted({part for part in parts if parts.count(part) > 1}):
        faults.append(Fault(where, f"part '{part}' is named twice", "name each once"))
    if composition.reference in parts:
        what = f"the reference '{composition.reference}' is one of the parts"
        faults.append(Fault(where, what, "take it out of the parts, or take another reference"))
    return faults
