"""Declared variables of everybody enrolled, from the rows of both sheets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.cohort.join import StudySheets
from itc_analysis.cohort.sheets.cells import Value
from itc_analysis.cohort.sheets.extra_columns import Variable
from itc_analysis.cohort.sheets.numbers import Below
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.variables import Variables

Problem = dict[str, str]


def make_variables(sheets: StudySheets) -> tuple[pd.DataFrame, list[Problem]]:
    """Return the `Variables` table, and what is odd about it as rows of `Problems`.

    Numbers of several samples of a person are averaged; one of them below the limit of its assay
    makes the mean an upper bound. Yes/no or categories that differ between them are missing, and
    said.
    """
    people = [str(row["participant_id"]) for row in sheets.participants.rows]
    of_person: dict[str, list[dict[str, Value]]] = {}
    for row in sheets.samples.rows:
        if row["participant_id"] is not None:
            of_person.setdefault(str(row["participant_id"]), []).append(row)
    own = dict(zip(people, sheets.participants.rows, strict=True))
    rows: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for variable in sheets.variables:
        for person in people:
            is_sample = variable.sheet == "samples"
            source = of_person.get(person, []) if is_sample else [own[person]]
            found = [row[variable.column.name] for row in source]
            known = [value for value in found if value is not None]
            row = _described(variable) | {"participant_id": person, **_joined(known, variable)}
            rows.append(row | {"n_samples": len(known) if is_sample else 0})
            if variable.column.kind != "number" and len(set(known)) > 1:
                what = f"{variable.column.name} differs between the samples of {person}"
                problems.append(
                    {
                        "room": "cohort",
                        "item": person,
                        "what": what,
                        "remedy": "it counts as missing; correct the sample sheet",
                    }
                )
    return contract.make(rows, Variables) if rows else contract.empty(Variables), problems


def _described(variable: Variable) -> dict[str, Any]:
    column = variable.column
    is_category = column.kind == "text"
    return {
        "variable": column.name,
        "sheet": variable.sheet,
        "kind": "category" if is_category else column.kind,
        "unit": column.unit,
        "categories": ",".join(column.allowed) if is_category else None,
        "months_from_draw": variable.months_from_draw,
    }


def _joined(values: Sequence[Value], variable: Variable) -> dict[str, Any]:
    nothing: dict[str, Any] = {"value": np.nan, "category": None, "is_below": False}
    if not values or (variable.column.kind != "number" and len(set(values)) > 1):
        return nothing
    if variable.column.kind == "text":
        return nothing | {"category": str(values[0])}
    numbers = [float(value) for value in values if value is not None]
    is_below = any(isinstance(value, Below) for value in values)
    return nothing | {"value": float(np.mean(numbers)), "is_below": is_below}
