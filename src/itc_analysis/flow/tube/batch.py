"""The inputs of a batch of tubes: rows of the tube sheet, panel sheet, gating template and
scales.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from itc_analysis.errors import Fault, ItcError
from itc_analysis.flow.gating.template import Template, load_template
from itc_analysis.flow.panel.markers import read_panel
from itc_analysis.flow.scale.scales import refuse_other_scales, with_scales
from itc_analysis.flow.tube.warp import read_alignment
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import Landmarks, Scales

#: Columns of the tube sheet that gating needs.
NEEDED = ("file_id", "sample_id", "path", "panel", "batch", "tube")


@dataclass(frozen=True)
class Batch:
    """Inputs of one job.

    Parameters
    ----------
    rows : list of dict of str to object
        rows of the tube sheet as plain data.
    panel : pandas.DataFrame
        the panel sheet.
    template : Template
        its gating template, with the scales of the study in it.
    tops : dict of str to float
        top of the scale of each marker in most tubes of the panel; empty without scales.
    """

    rows: list[dict[str, Any]]
    panel: pd.DataFrame
    template: Template
    tops: dict[str, float] = field(default_factory=dict)


def read_batch(
    tubes: str | Path | list[dict[str, Any]],
    panel: str | Path,
    template: str | Path,
    scales: str | Path | None = None,
    landmarks: str | Path | None = None,
) -> Batch:
    """Read and check the inputs of a batch.

    Parameters
    ----------
    tubes : str, Path or list of dict
        JSON list of rows of the tube sheet; or the rows.
    panel : str or Path
        panel sheet, TSV.
    template : str or Path
        gating template, YAML; its markers are checked against the panel sheet.
    scales : str or Path, optional
        scales.parquet of `itc learn-scales`; without it a scale whose width the template leaves
        open has the default one.
    landmarks : str or Path, optional
        landmarks.parquet of `itc learn-alignment`: every row gets the maps of its batch
        (`alignment`); without it events stay where they are.

    Raises
    ------
    ItcError
        a file cannot be read, or a tube's row lacks a column or appears twice.
    SheetError, SettingsError
        faults of the panel sheet and of the template.
    """
    sheet = read_panel(panel)
    checked = load_template(template, panel_markers=set(sheet["marker"]))
    tops: dict[str, float] = {}
    if scales is not None:
        learned = contract.read(scales, Scales)
        tops = {
            str(row["marker"]): float(row["t"])
            for row in learned.to_dict("records")
            if not pd.isna(row["t"])
        }
        frozen = with_scales(checked.transform, learned)
        checked = checked.model_copy(update={"transform": frozen})
    rows = tubes if isinstance(tubes, list) else _read_rows(tubes)
    if landmarks is not None:
        rows = _with_alignment(rows, contract.read(landmarks, Landmarks), str(landmarks))
    return Batch(rows, sheet, checked, tops)


def refuse_foreign_gates(batch: Batch, gates: str | Path) -> None:
    """Refuse gates that were not learned on the scales and the alignment of this batch.

    Parameters
    ----------
    gates : str or Path
        gates.parquet of `itc pool-gates`, which remembers both.

    Raises
    ------
    ItcError
        scales or alignment differ.
    """
    stored = contract.read_provenance(gates).get("parameters", {})
    roles = dict(zip(batch.panel["marker"], batch.panel["role"], strict=True))
    refuse_other_scales(batch.template.transform, roles, stored.get("scales", {}), str(gates))
    is_aligned = any(row.get("alignment") for row in batch.rows)
    if is_aligned and not stored.get("is_aligned", True):
        what = "the gates were learned on events that were not aligned"
        raise ItcError(str(gates), [Fault("", what, "leave out --landmarks, or fit again")])
    if stored.get("is_aligned", False) and not any("alignment" in row for row in batch.rows):
        what = "the gates were learned on aligned events"
        raise ItcError(str(gates), [Fault("", what, "give the same --landmarks")])


def _with_alignment(
    rows: list[dict[str, Any]], landmarks: pd.DataFrame, source: str
) -> list[dict[str, Any]]:
    alignment = read_alignment(landmarks)
    unknown = sorted({str(row["batch"]) for row in rows} - set(alignment))
    if unknown:
        faults = [
            Fault(f"batch '{batch}'", "it has no landmarks", "learn the alignment again")
            for batch in unknown
        ]
        raise ItcError(source, faults)
    return [{**row, "alignment": alignment[str(row["batch"])]} for row in rows]


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
