"""Judge two-dimensional gates against their batch: by where they lie, not by a cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.config.sections import GatePooling
from itc_analysis.flow.batch_tolerance import MIN_SPREAD, MIN_TUBES
from itc_analysis.flow.gating.geometry import (
    Ellipse,
    Geometry,
    Polygon,
    Rectangle,
    Shape,
    from_json,
    many_to_json,
)
from itc_analysis.flow.gating.shape_error import numbers_of, one_error_away
from itc_analysis.flow.gating.template import Population
from itc_analysis.statistics.arrays import FloatArray
from itc_analysis.statistics.robust import MAD_TO_SD

#: The corners of the band of single cells correspond from tube to tube; those of an outline do not.
_CORNERS_OF_A_BAND = 4


@dataclass(frozen=True)
class Shapes:
    """Two-dimensional gates of a batch or study.

    Parameters
    ----------
    source : str
        in words, for reasons.
    table : pandas.DataFrame
        their rows of `GateFits`.
    places : FloatArray
        where each lies, shape (n_tubes, n_numbers), transformed units.
    """

    source: str
    table: pd.DataFrame
    places: FloatArray

    @property
    def centre(self) -> FloatArray:
        """Median place."""
        return np.asarray(np.median(self.places, axis=0), dtype=np.float64)

    @property
    def spread(self) -> FloatArray:
        """Robust standard deviation of each number, never below `MIN_SPREAD`."""
        mad = np.median(np.abs(self.places - self.centre), axis=0)
        return np.maximum(MAD_TO_SD * mad, MIN_SPREAD)

    def errors(self, outlier_mads: float) -> tuple[Shape, ...]:
        """Return the typical gate one standard error away, where it stands in for another: as far
        off as the gates of other tubes lie apart, those that stand out left aside.

        Outlines of many corners, which do not correspond between tubes, move as a whole.
        """
        typical = from_json(str(self.typical()["geometry"]))
        assert isinstance(typical, Shape)  # a cut is not judged here
        off = np.abs(self.places - self.centre) / self.spread
        usual = self.table[off.max(axis=1) <= outlier_mads]
        gates = [from_json(str(text)) for text in usual["geometry"]]
        others = np.array(
            [_place(g) if _is_outline(g) else numbers_of(g) for g in gates if isinstance(g, Shape)]
        )
        if _is_outline(typical):
            assert isinstance(typical, Polygon)
            others = np.tile(others - self.centre, len(typical.vertices))
        # how far another tube's lies from the middle of these, itself not known better than this
        return one_error_away(typical, np.sqrt(1 + 1 / len(others)) * others)

    def typical(self) -> pd.Series:
        """Return the fit whose gate lies nearest to the centre."""
        off = np.abs(self.places - self.centre) / self.spread
        return self.table.iloc[int(np.argmin(off.max(axis=1)))]


def collect_shapes(fits: pd.DataFrame, source: str) -> Shapes | None:
    """Return the clearly decided gates of a population, None when there are too few.

    Parameters
    ----------
    fits : pandas.DataFrame
        rows of `GateFits` of one population.
    """
    usable = fits[
        (fits["tube"] == "stained") & (fits["status"] == "ok") & fits["geometry"].notna()
    ].sort_values("file_id")
    if len(usable) < MIN_TUBES:
        return None
    places = np.array([_place(from_json(str(text))) for text in usable["geometry"]])
    return Shapes(source, usable, places)


def decide_shape(
    row: dict[str, Any],
    fit: Mapping[Any, Any],
    population: Population,
    shapes: Shapes | None,
    settings: GatePooling,
) -> dict[str, Any]:
    """Return the final gate of one tube: its own, or the most typical one of its batch or study.

    Parameters
    ----------
    row : dict of str to object
        columns of `Gates` that do not depend on the decision.
    fit : mapping of str to object
        the tube's row of `GateFits`.
    shapes : Shapes or None
        what to judge it by; None when there are too few tubes.
    settings : GatePooling
        the flow section: `outlier_mads`.
    """
    reason = None if pd.isna(fit["reason"]) else str(fit["reason"])
    own = None if pd.isna(fit["geometry"]) else str(fit["geometry"])
    own_errors = None if pd.isna(fit["shape_errors"]) else str(fit["shape_errors"])
    if own is not None and shapes is not None:
        off = float(np.max(np.abs(_place(from_json(own)) - shapes.centre) / shapes.spread))
        if off > settings.outlier_mads:
            reason = f"its own gate lies {off:.1f} robust SDs from {shapes.source}"
            own = None
    if own is not None:
        known = {"geometry": own, "shape_errors": own_errors, "weight": 1.0}
        return {**row, **known, "state": "ok", "reason": reason}
    if shapes is None or population.fallback == "none":
        return {**row, "state": "not_estimable", "reason": reason}
    typical = shapes.typical()
    where = f"gate of {typical['file_id']}, the most typical of {shapes.source}"
    return {
        **row,
        "geometry": typical["geometry"],
        "shape_errors": many_to_json(shapes.errors(settings.outlier_mads)),
        "weight": 0.0,
        "state": "borrowed",
        "reason": f"{reason}; {where}",
    }


def _is_outline(gate: Geometry) -> bool:
    return isinstance(gate, Polygon) and len(gate.vertices) > _CORNERS_OF_A_BAND


def _place(geometry: Geometry) -> FloatArray:
    """Return numbers that say where a shape lies, to compare it between tubes."""
    if isinstance(geometry, Ellipse):
        return np.array(geometry.centre)
    if isinstance(geometry, Polygon):
        return np.asarray(np.mean(geometry.vertices, axis=0), dtype=np.float64)
    if isinstance(geometry, Rectangle):
        bounds = (*geometry.lowest, *geometry.highest)
        return np.array([bound for bound in bounds if bound is not None])
    msg = f"a {type(geometry).__name__} is judged by its cut"
    raise TypeError(msg)
