"""What the table of gates says of a gate that a person set."""

from __future__ import annotations

from typing import Any

from itc_analysis.flow.gating.geometry import Geometry, to_json


def by_hand(shape: Geometry, reason: str) -> dict[str, Any]:
    """Return the columns of `Gates` that say that a person set the gate.

    What was learned about the former cut (its error, its rival, the events beyond it) is taken
    away with it.
    """
    expected = ("n_background", "background_se", "n_missed", "missed_se")
    return {
        **dict.fromkeys(("cut_se", "shape_errors", "rival_cut", *expected)),
        "geometry": to_json(shape),
        "cut": getattr(shape, "cut", None),
        "weight": 0.0,
        "state": "manual",
        "reason": reason,
    }
