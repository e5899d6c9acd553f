"""The final gates of one tube, as they are applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from itc_analysis.flow.gates.error import Move, moved_cut
from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Geometry,
    Shape,
    Threshold,
    from_json,
    many_from_json,
)
from itc_analysis.flow.gating.shape_error import opposite
from itc_analysis.flow.gating.template import Template
from itc_analysis.tables.columns import plain_rows

#: Columns of `Gates` that say what a gate by level expects on either side of its cut.
_EXPECTED = ("n_background", "background_se", "n_missed", "missed_se")


@dataclass(frozen=True)
class FinalGate:
    """A population's gate in one tube, after pooling.

    Parameters
    ----------
    geometry : Threshold, AllAbove, Rectangle, Polygon, Ellipse or Combination or None
        the gate; None when not estimable.
    cut_se : float or None
        standard error of its cut, transformed units; None for gates without one.
    state, reason : str or str or None
        as in `Gates`.
    rival_cut : float, optional
        the other place of an ambiguous cut, transformed units.
    expected : tuple of (float, float, float, float), optional
        of a gate by level, for each event of the parent: background, missed and their errors.
    shape_errors : tuple of (Rectangle, Polygon or Ellipse)
        of a shape that was learned: it one standard error away in each independent direction.
    """

    geometry: Geometry | None
    cut_se: float | None
    state: str
    reason: str | None
    rival_cut: float | None = None
    expected: tuple[float, float, float, float] | None = None
    shape_errors: tuple[Geometry, ...] = ()

    @property
    def moves(self) -> tuple[Move, ...]:
        """The gate one standard error off either way, in each independent direction."""
        gate = self.geometry
        if isinstance(gate, (Threshold, AllAbove)) and self.cut_se is not None:
            return ((moved_cut(gate, -self.cut_se), moved_cut(gate, self.cut_se)),)
        if isinstance(gate, Shape):
            moved = [one for one in self.shape_errors if isinstance(one, Shape)]
            return tuple((opposite(gate, one), one) for one in moved)
        return ()


def final_gates(gates: pd.DataFrame, file_id: str, template: Template) -> dict[str, FinalGate]:
    """Return a tube's gates by population; one that the table lacks is not estimable."""
    return gates_of_rows(plain_rows(gates[gates["file_id"] == file_id]), template)


def gates_of_rows(rows: Iterable[Mapping[str, Any]], template: Template) -> dict[str, FinalGate]:
    """Return the gates of one tube, rows of `Gates` as plain data, as `final_gates` does."""
    lacking = FinalGate(None, None, "not_estimable", "the tube has no gates; pool the gates again")
    found = dict.fromkeys(template.by_name, lacking)
    for row in rows:
        geometry, n_parent = row["geometry"], row["n_parent"]
        expected = [row[name] for name in _EXPECTED]
        is_by_level = n_parent > 0 and None not in expected
        found[row["population"]] = FinalGate(
            geometry=None if geometry is None else from_json(geometry),
            cut_se=row["cut_se"],
            state=row["state"],
            reason=row["reason"],
            rival_cut=row["rival_cut"],
            expected=tuple(n / n_parent for n in expected) if is_by_level else None,
            shape_errors=many_from_json(row["shape_errors"]),
        )
    return found
