"""The sheet of reviewed gates: who looked at which gate of which tube, and what was decided.

It lies next to the gating templates (`FILE_NAME`) and is written by `itc review`. The Snakefile
reads it in every job, so nothing here imports pandas.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from itc_analysis.cohort.sheets.cells import SheetCells, read_cells
from itc_analysis.cohort.sheets.columns import sheet_forms
from itc_analysis.config.sections import Sheets
from itc_analysis.errors import Fault, SheetError, did_you_mean

FILE_NAME = "review.tsv"
_FORM = "ReviewSheet"
#: Scales map a detector's range to 0..1; further off than this no event lies.
LOWEST, HIGHEST = -1.0, 2.0
_N_CORNERS = 3
_HOW_TO_WRITE = (
    "write the cut as one number, the ends of a range as 'low; high', or the corners of a polygon "
    "as 'x y; x y; x y', in the units of the gating template (0 to 1 over the scale)"
)

Place = tuple[tuple[float, ...], ...]


def review_path(study: Sheets) -> Path:
    """Return where the sheet of reviewed gates lies; it need not be there."""
    return Path(study.gating_folder) / FILE_NAME


def list_reviews(path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of the sheet; [] when nobody has reviewed a gate.

    Parameters
    ----------
    path : str or Path
        the sheet, of `review_path`; or its rows as JSON, as the workflow freezes them for a job.

    Raises
    ------
    SheetError
        every fault of the sheet that it shows by itself.
    """
    if not Path(path).exists():
        return []
    if Path(path).suffix == ".json":
        rows: list[dict[str, Any]] = json.loads(Path(path).read_text(encoding="utf-8"))
        return rows
    return [dict(row) for row in read_reviews(path, None).rows]


def read_reviews(path: str | Path, tubes: SheetCells | None) -> SheetCells:
    """Read and check the sheet.

    Parameters
    ----------
    path : str or Path
        the sheet, of `review_path`.
    tubes : SheetCells, optional
        the sheet of tubes, which must hold every tube that was reviewed; None: not compared.

    Raises
    ------
    SheetError
        every fault with its row.
    """

    def check(cells: SheetCells) -> list[Fault]:
        return [*_faults_of_rows(cells), *([] if tubes is None else _unknown_tubes(cells, tubes))]

    cells = read_cells(path, sheet_forms()[_FORM], check=check)
    faults = check(cells)
    if faults:
        raise SheetError(str(path), faults)
    return cells


def parse_place(text: str) -> Place:
    """Return the points of a place: one number for a cut, two for a range, three or more pairs.

    Raises
    ------
    ValueError
        it is none of these, or is off the scale; the message says what to write.

    Examples
    --------
    >>> parse_place("0.53125")
    ((0.53125,),)
    >>> parse_place("0.1 0.2; 0.5 0.2; 0.5 0.75")
    ((0.1, 0.2), (0.5, 0.2), (0.5, 0.75))
    """
    try:
        points = tuple(tuple(map(float, part.split())) for part in text.strip(" ;").split(";"))
    except ValueError:
        msg = f"place '{text}' holds something that is no number; {_HOW_TO_WRITE}"
        raise ValueError(msg) from None
    sizes = {len(point) for point in points}
    is_cut = sizes == {1} and len(points) == 1
    is_range = sizes == {1} and len(points) == 2 and points[0] < points[1]
    is_polygon = sizes == {2} and len(set(points)) >= _N_CORNERS
    if not (is_cut or is_range or is_polygon):
        msg = f"place '{text}' is neither a cut nor a range nor a polygon; {_HOW_TO_WRITE}"
        raise ValueError(msg)
    if not all(math.isfinite(x) and LOWEST <= x <= HIGHEST for point in points for x in point):
        msg = f"place '{text}' is off the scale ({LOWEST:g} to {HIGHEST:g}); {_HOW_TO_WRITE}"
        raise ValueError(msg)
    return points


def _faults_of_rows(cells: SheetCells) -> list[Fault]:
    faults = []
    for number, row in cells.numbered():
        where, place = f"row {number}", row["place"]
        if row["decision"] == "correct" and place is None:
            what = f"gate '{row['gate']}' of tube '{row['tube']}' is corrected without a place"
            faults.append(Fault(where, what, _HOW_TO_WRITE))
        elif row["decision"] in ("accept", "flag") and place is not None:
            what = f"a gate with a place is corrected, not '{row['decision']}'"
            faults.append(Fault(where, what, "write correct, or empty its place"))
        elif place is not None:
            try:
                parse_place(str(place))
            except ValueError as error:
                faults.append(Fault(where, str(error)))
    return faults


def _unknown_tubes(cells: SheetCells, tubes: SheetCells) -> list[Fault]:
    panel_of = {str(row["file_id"]): str(row["panel"]) for row in tubes.rows}
    faults = []
    for number, row in cells.numbered():
        tube, panel = row["tube"], row["panel"]
        if tube is None or panel is None:
            continue
        if tube not in panel_of:
            what = f"tube '{tube}' is not in {tubes.path}"
            faults.append(Fault(f"row {number}", what, did_you_mean(str(tube), panel_of)))
        elif panel != panel_of[str(tube)]:
            what = f"tube '{tube}' is of panel '{panel_of[str(tube)]}', not of '{panel}'"
            faults.append(Fault(f"row {number}", what, "correct its panel"))
    return faults
