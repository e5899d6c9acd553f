"""The inputs of a batch of tubes: rows of the tube sheet, panel sheet and gating template."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.gating.template import Template, load_template
from itc_analysis.flow.panel import read_panel

#: Columns of the tube sheet that gating needs.
NEEDED = ("file_id", "sample_id", "path", "panel", "batch", "tube")


@dataclass(frozen=True)
class Batch:
    """Inputs of one job.

    Parameters
    ----------
    rows : rows of the tube sheet as plain data.
    panel : the panel sheet.
    template : its gating template.
    """

    rows: list[dict[str, Any]]
    panel: pd.DataFrame
    template: Template


def read_batch(tubes: str | Path, panel: str | Path, template: str | Path) -> Batch:
    """Read and check the inputs of a batch.

    Parameters
    ----------
    tubes : JSON list of rows of the tube sheet.
    panel : panel sheet, TSV.
    template : gating template, YAML; its markers are checked against the panel sheet.

    Raises
    ------
    ItcError : a file cannot be read, or a tube's row lacks a column or stands twice.
    SheetError, SettingsError : faults of the panel sheet and of the template.
    """
    sheet = read_panel(panel)
    checked = load_template(template, panel_markers=set(sheet["marker"]))
    return Batch(_read_rows(tubes), sheet, checked)


def _read_rows(path: str | Path) -> list[dict[str, Any]]:
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ItcError(str(path), "the list of tubes is not there; check the path") from None
    except json.JSONDecodeError as error:
        raise ItcError(str(path), f"not valid JSON ({error})") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ItcError(str(path), "a list of tubes is wanted, each with the sheet's columns")
    faults = [
        Fault(f"tube {number}", f"'{name}' is missing", "write the tubes with `itc check`")
        for number, row in enumerate(rows, start=1)
        for name in NEEDED
        if row.get(name) is None
    ]
    ids = [row.get("file_id") for row in rows]
    faults += [
        Fault("", f"file_id '{file_id}' stands {ids.count(file_id)} times", "keep one")
        for file_id in sorted({str(i) for i in ids if i is not None and ids.count(i) > 1})
    ]
    if faults:
        raise ItcError(str(path), faults)
    return rows
