"""Columns that a plan may name: those of participants.tsv, and the variables a study declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from itc_analysis.cohort.sheets.extra_columns import Variable
from itc_analysis.tables.cohort.sheets import ParticipantSheet
from itc_analysis.tables.contract import columns_of

#: Columns that are no covariates: the id, and the very thing that is compared.
NOT_COVARIATES = ("participant_id", "group")


@dataclass(frozen=True)
class PlanColumn:
    """What a plan has to know of a column.

    Parameters
    ----------
    kind : {"number", "yes_no", "text"}
        text has `levels` unless it is free.
    unit : str
        of a number.
    levels : tuple of str
        the categories of a text.
    """

    kind: Literal["number", "yes_no", "text"]
    unit: str = ""
    levels: tuple[str, ...] = ()


Columns = Mapping[str, PlanColumn]


def sheet_columns() -> dict[str, PlanColumn]:
    """Return the columns of participants.tsv."""
    found = {}
    for name, column in columns_of(ParticipantSheet).items():
        unit = str((column.metadata or {}).get("unit", ""))
        if isinstance(column.dtype.type, pd.BooleanDtype):
            found[name] = PlanColumn("yes_no")
        elif column.dtype.type.kind == "f":
            found[name] = PlanColumn("number", unit)
        else:
            allowed = [check.statistics.get("allowed_values") for check in column.checks]
            levels = tuple(str(level) for values in allowed for level in values or ())
            found[name] = PlanColumn("text", levels=levels)
    return found


def declared_columns(variables: Iterable[Variable]) -> dict[str, PlanColumn]:
    """Return the declared variables, as the sheets declare them."""
    return {
        v.column.name: PlanColumn(v.column.kind, v.column.unit, v.column.allowed) for v in variables
    }


def columns_in(variables: pd.DataFrame) -> dict[str, PlanColumn]:
    """Return the declared variables of a `Variables` table."""
    found = {}
    for row in variables.drop_duplicates("variable").itertuples():
        is_category = row.kind == "category"
        levels = tuple(str(row.categories).split(",")) if is_category else ()
        kind: Literal["number", "yes_no", "text"] = (
            "text" if is_category else "number" if row.kind == "number" else "yes_no"
        )
        found[str(row.variable)] = PlanColumn(kind, str(row.unit), levels)
    return found
