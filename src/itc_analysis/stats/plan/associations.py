"""Measures against clinical variables, as a plan asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from itc_analysis.config.sections import Section
from itc_analysis.errors import Fault, did_you_mean
from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.columns import NOT_COVARIATES, Columns
from itc_analysis.stats.plan.endpoints import Endpoints, endpoint_faults, keys_of

#: Levels of a yes/no variable, the reference first.
NO_YES = ("no", "yes")


class Variable(Section):
    """A clinical variable: a column of participants.tsv, or one that the study declares."""

    name: str = Field(description="Column of participants.tsv, or a declared variable.")
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
    within: dict[str, str] = Field(
        {},
        description="Only participants with this category, or yes or no, of a column, e.g. "
        "{cmv_igg: 'yes'}; several must all hold.",
    )
    covariates: str | None = Field(
        description="Adjusted for, as in the plan's covariates; null for none."
    )
    variables: Annotated[tuple[Variable, ...], Field(min_length=1)]
    endpoints: Annotated[tuple[Endpoints, ...], Field(min_length=1)]
    adjustment: Literal["bh", "holm", "none"] = Field(
        "bh", description="bh: false discovery rate of the family. holm: family-wise error."
    )


def levels_of(variable: Variable, columns: Columns) -> tuple[str, ...]:
    """Return the levels of a variable, its reference first; empty for a number."""
    column = columns[variable.name]
    if column.kind == "yes_no":
        return NO_YES
    first = [level for level in column.levels if level == variable.reference]
    return (*first, *(level for level in column.levels if level != variable.reference))


def association_faults(associations: Iterable[Associations], columns: Columns) -> list[Fault]:
    """Return what is wrong in these sections of a plan."""
    faults: list[Fault] = []
    seen: dict[tuple[str, ...], str] = {}
    for family in associations:
        where = f"associations '{family.name}'"
        faults += covariates.check(family.covariates, f"{where}, covariates", columns)
        faults += endpoint_faults(family.endpoints, where, columns)
        faults += [
            fault
            for variable in family.variables
            for fault in _variable_faults(variable, where, columns)
        ]
        faults += _stratum_faults(family, where, columns)
        for variable in family.variables:
            for endpoint in keys_of(family.endpoints):
                if endpoint[-1] == variable.name:
                    what = f"{variable.name} would be set against itself"
                    faults.append(Fault(where, what, "leave it out of variables or features"))
                key = (str(family.group), str(family.within), variable.name, *endpoint)
                if key in seen:
                    what = f"{variable.name} and {' '.join(endpoint)} are already in '{seen[key]}'"
                    faults.append(Fault(where, what, "declare each association once"))
                seen.setdefault(key, family.name)
    return faults


def group_faults(associations: Iterable[Associations], groups: Sequence[str]) -> list[Fault]:
    """Return a fault for each family that looks within a group that the study does not have."""
    return [
        Fault(
            f"associations '{family.name}'",
            f"unknown group '{family.group}'",
            did_you_mean(family.group, groups),
        )
        for family in associations
        if family.group is not None and family.group not in groups
    ]


def _stratum_faults(family: Associations, where: str, columns: Columns) -> list[Fault]:
    faults = []
    for name, level in family.within.items():
        if name not in columns or name in NOT_COVARIATES:
            hint = did_you_mean(name, columns)
            faults.append(Fault(f"{where}, within", f"'{name}' is no column", hint))
            continue
        levels = NO_YES if columns[name].kind == "yes_no" else columns[name].levels
        if not levels:
            what = f"'{name}' has no categories, so nobody can be chosen by one"
            faults.append(Fault(f"{where}, within", what, "take yes/no or categories"))
        elif level not in levels:
            what = f"'{level}' is none of the categories of '{name}'"
            faults.append(Fault(f"{where}, within", what, did_you_mean(level, levels)))
    return faults


def _variable_faults(variable: Variable, where: str, columns: Columns) -> list[Fault]:
    known = [name for name in covariates.allowed(columns) if name != covariates.BATCH]
    name = variable.name
    where = f"{where}, variable '{name}'"
    if name not in known:
        hint = did_you_mean(name, known)
        what = "it is no column of the participants' sheet, nor a declared variable"
        return [Fault(where, what, hint)]
    faults = []
    if columns[name].kind == "number":
        if variable.reference is not None:
            faults.append(Fault(where, "a number has no reference category", "leave it out"))
        if variable.scale == "log2" and variable.per is not None:
            faults.append(Fault(where, "log2 means per doubling", "leave `per` out"))
        return faults
    levels = levels_of(variable, columns)
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
