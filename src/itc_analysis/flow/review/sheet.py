"""The sheet of reviews as it is written: whole or not at all, in one order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from itc_analysis.cohort.sheets.columns import sheet_forms
from itc_analysis.cohort.sheets.review import list_reviews
from itc_analysis.errors import ItcError

COLUMNS = tuple(column.name for column in sheet_forms()["ReviewSheet"].columns)


def to_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows of `ReviewSheet` as tab-separated text, sorted by panel, tube and gate."""
    ordered = sorted(rows, key=lambda row: (row["panel"], row["tube"], row["gate"]))
    lines = [COLUMNS, *([_cell(row.get(name)) for name in COLUMNS] for row in ordered)]
    return "".join("\t".join(cells) + "\n" for cells in lines)


def replace_panel(path: str | Path, panel: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the reviews of a panel in the place of those that the sheet held of it.

    Parameters
    ----------
    path : str or Path
        the sheet; its folder is made, and nothing is changed when the rows are at fault.
    panel : str
        the panel.
    rows : sequence of mapping of str to object
        rows of `ReviewSheet`.

    Raises
    ------
    ItcError
        a row is of another panel, or the sheet would have faults; all such.
    """
    path = Path(path)
    if any(row.get("panel") != panel for row in rows):
        raise ItcError(path.name, f"a row is not of panel '{panel}'; open the page again")
    others = [row for row in list_reviews(path) if row["panel"] != panel]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=".review-", suffix=".tsv", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(to_text([*others, *rows]))
        if rows or others:
            list_reviews(partial)
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except ItcError as error:
        raise ItcError(path.name, error.faults) from None
    finally:
        Path(partial).unlink(missing_ok=True)


def _cell(value: Any) -> str:
    return "" if value is None else " ".join(str(value).split())
