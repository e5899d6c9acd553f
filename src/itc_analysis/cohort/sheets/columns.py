"""How the cells of each sheet are read, without pandas.

The contracts in `tables.sheets` are the one source. Importing them costs seconds, which the
Snakefile would pay in every job, so what matters for reading is kept in columns.json beside this
module, generated from the contracts (``itc init --docs``) and tested against them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

COLUMNS_FILE = Path(__file__).with_name("columns.json")


@dataclass(frozen=True)
class Column:
    """How the cells of one column are read.

    Parameters
    ----------
    name : str
        the column.
    kind : {"text", "number", "yes_no"}
        text, number or yes_no.
    required : bool
        the column must be there and no cell of it may be empty.
    unit : str
        shown in messages.
    pattern : str, optional
        regular expression of an id; None when free.
    allowed : tuple of str
        the only values; empty when free.
    low, high : float, optional
        hard limits of a number, inclusive.
    whole : bool
        a number of things: never with a decimal, so that "51,230" cannot be one.
    may_be_below : bool
        a number may be written as below the limit of its assay, as in <0.02.
    """

    name: str
    kind: Literal["text", "number", "yes_no"]
    required: bool
    unit: str = ""
    pattern: str | None = None
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False
    may_be_below: bool = False


@dataclass(frozen=True)
class SheetForm:
    """The columns of one sheet and those that name a row."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]


@cache
def sheet_forms() -> dict[str, SheetForm]:
    """Return the form of every sheet by the name of its contract, e.g. ``"TubeSheet"``."""
    stored = json.loads(COLUMNS_FILE.read_text(encoding="utf-8"))
    return {
        name: SheetForm(
            tuple(Column(**{**c, "allowed": tuple(c["allowed"])}) for c in form["columns"]),
            tuple(form["key"]),
        )
        for name, form in stored.items()
    }


def as_json(forms: dict[str, SheetForm]) -> str:
    """Return the text of columns.json."""
    plain: dict[str, Any] = {name: asdict(form) for name, form in forms.items()}
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
