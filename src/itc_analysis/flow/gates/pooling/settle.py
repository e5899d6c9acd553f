"""Gates that follow from others, once those are final: cuts taken over, and combinations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from itc_analysis.flow.gating.geometry import Combination, Threshold, from_json, to_json
from itc_analysis.flow.gating.template import ROOT, Template


def settle(rows: Sequence[dict[str, Any]], template: Template) -> list[dict[str, Any]]:
    """Return rows of `Gates` in which gates that follow from others are as those have become.

    Parameters
    ----------
    rows : sequence of dict of str to object
        all gates of one or more tubes, in the order of the template.
    template : Template
        the panel's gating template.
    """
    return _settle_combinations(_settle_references(rows, template), template)


def _settle_references(rows: Sequence[dict[str, Any]], template: Template) -> list[dict[str, Any]]:
    """Give populations that take over another one's cut the final one, with its error and state.

    A gate that a person drew for them stays.
    """
    by_key = {(row["file_id"], row["population"]): dict(row) for row in rows}
    for (file_id, name), row in by_key.items():
        population = template.by_name[name]
        if population.follows is None or row["state"] == "manual":
            continue
        other = by_key[(file_id, population.follows)]
        source = f"cut of {population.follows}"
        reason = source if other.get("reason") is None else f"{source}: {other['reason']}"
        shape = None if other.get("geometry") is None else from_json(other["geometry"])
        if not isinstance(shape, Threshold):
            lacking = dict.fromkeys(("geometry", "cut", "cut_se", "weight"))
            row.update(lacking, state="not_estimable", reason=reason)
            continue
        geometry = to_json(Threshold(population.markers, population.side or "above", shape.cut))
        taken = {key: other.get(key) for key in ("cut_se", "weight", "state", "rival_cut")}
        row.update(taken, geometry=geometry, cut=shape.cut, reason=reason)
    return list(by_key.values())


def _settle_combinations(
    rows: Sequence[dict[str, Any]], template: Template
) -> list[dict[str, Any]]:
    """Mark combinations of gates that are not estimable, and what lies inside such gates."""
    by_key = {(row["file_id"], row["population"]): dict(row) for row in rows}
    for (file_id, name), row in by_key.items():
        needed = [template.by_name[name].parent]
        geometry = row.get("geometry")
        if geometry is not None:
            shape = from_json(geometry)
            if isinstance(shape, Combination):
                needed += shape.populations
        lacking = [
            other
            for other in needed
            if other != ROOT and by_key[(file_id, other)]["state"] == "not_estimable"
        ]
        if lacking and row["state"] != "not_estimable":
            row.update(
                geometry=None,
                cut=None,
                cut_se=None,
                shape_errors=None,
                weight=None,
                state="not_estimable",
                reason=f"no gate for {', '.join(lacking)}",
            )
    return list(by_key.values())
