"""Measures against clinical variables, as a plan asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field

from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault, did_you_mean
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.endpoints import Endpoints, endpoint_faults, keys_of
from itc_analysis.tables.cohort.sheets import ParticipantSheet
from itc_analysis.tables.contract import columns_of

#: Levels of a yes/no variable, the reference first.
NO_YES = ("no", "yes")


class Variable(Section):
    """A clinical variable: a column of participants.tsv."""

    name: str = Field(description="Column of participants.tsv.")
    per: float | None = Field(
        None,
        gt=0,
        description=(
            "Numbers: the step that the effect is given for, in the column's unit; null for one SD."
        ),
    )
    scale: Literal["linear", "log2"] = Field(
        "linear",
        description=(
            "Numbers: log2 gives the effect per doubling, for what is spread over powers of ten "
            "(CRP)."
        ),
    )
    reference: str | None = Field(
        None,
        description="Categories: the one that each other is compared with. Yes/no: yes against no.",
    )


class Associations(Section):
    """Measures against clinical variables within one group; p values adjusted together."""

    name: str = Field(min_length=1, description="Name of the family; unique in the plan.")
    role: Literal["secondary", "exploratory"] = Field(
        "exploratory", description="What a finding may claim."
    )
    group: str | None = Field(
        None, description="The group whose participants are looked at; null for the index group."
    )
    covariates: str | None = Field(
        description="Adjusted for, as in the plan's covariates; null for none."
    )
    variables: Annotated[tuple[Variable, ...], Field(min_length=1)]
    endpoints: Annotated[tuple[Endpoints, ...], Field(min_length=1)]
    adjustment: Literal["bh", "holm", "none"] = Field(
        "bh", description="bh: false discovery rate of the family. holm: family-wise error."
    )


def levels_of(variable: Variable) -> tuple[str, ...]:
    """Return the levels of a variable, its reference first; empty for a number."""
    column = columns_of(ParticipantSheet)[variable.name]
    if isinstance(column.dtype.type, pd.BooleanDtype):
        return NO_YES
    allowed = [check.statistics.get("allowed_values") for check in column.checks]
    levels = [str(level) for values in allowed for level in values or ()]
    first = [level for level in levels if level == variable.reference]
    return (*first, *(level for level in levels if level != variable.reference))


def is_number(name: str) -> bool:
    """Whether a column of participants.tsv holds numbers."""
    return bool(columns_of(ParticipantSheet)[name].dtype.type.kind == "f")


def unit_of(name: str) -> str:
    """Return the unit of a column of participants.tsv."""
    metadata = columns_of(ParticipantSheet)[name].metadata or {}
    return str(metadata.get("unit", ""))


def association_faults(associations: Iterable[Associations]) -> list[Fault]:
    """Return what is wrong in these sections of a plan."""
    faults: list[Fault] = []
    seen: dict[tuple[str, ...], str] = {}
    for family in associations:
        where = f"associations '{family.name}'"
        faults += covariates.check(family.covariates, f"{where}, covariates")
        faults += endpoint_faults(family.endpoints, where)
        faults += [
            fault for variable in family.variables for fault in _variable_faults(variable, where)
        ]
        for variable in family.variables:
            for endpoint in keys_of(family.endpoints):
                key = (str(family.group), variable.name, *endpoint)
                if key in seen:
                    what = f"{variable.name} and {' '.join(endpoint)} are already in '{seen[key]}'"
                    faults.append(Fault(where, what, "declare each association once"))
                seen.setdefault(key, family.name)
    return faults


def _variable_faults(variable: Variable, where: str) -> list[Fault]:
    known = [name for name in covariates.allowed() if name != covariates.BATCH]
    name = variable.name
    where = f"{where}, variable '{name}'"
    if name not in known:
        hint = did_you_mean(name, known)
        return [Fault(where, "it is no column of the participants' sheet", hint)]
    faults = []
    if is_number(name):
        if variable.reference is not None:
            faults.append(Fault(where, "a number has no reference category", "leave it out"))
        if variable.scale == "log2" and variable.per is not None:
            faults.append(Fault(where, "log2 means per doubling", "leave `per` out"))
        return faults
    levels = levels_of(variable)
    if not levels:
        return [Fault(where, "free text has no categories to compare", "take another column")]
    if variable.per is not None or variable.scale != "linear":
        faults.append(Fault(where, "`per` and `scale` are for numbers", "leave them out"))
    if levels == NO_YES:
        if variable.reference is not None:
            faults.append(Fault(where, "yes/no is always yes against no", "leave reference out"))
    elif variable.reference is None:
        faults.append(Fault(where, "categories need a reference", f"one of {', '.join(levels)}"))
    elif variable.reference not in levels:
        what = f"'{variable.reference}' is none of its categories"
        faults.append(Fault(where, what, did_you_mean(variable.reference, levels)))
    return faults
