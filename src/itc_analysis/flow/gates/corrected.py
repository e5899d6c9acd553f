"""Gates that a review corrected, in the place of those of the same tube.

A correction holds for the version of the gate that was looked at (`digest_of`). When the gate has
changed since, it has no effect: the tube keeps what it has now, and the gate is to be reviewed
again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from itc_analysis.cohort.sheets.review import parse_place
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.flow.gates.pooling.settle import settle
from itc_analysis.flow.gating.by_hand import by_hand
from itc_analysis.flow.gating.geometry import (
    AllAbove,
    Combination,
    Geometry,
    Polygon,
    Rectangle,
    Threshold,
    from_json,
    to_dict,
    to_json,
)
from itc_analysis.flow.gating.template import Population, Template
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.warp import Warp
from itc_analysis.tables.quantities import POSITIVE_OF

log = logging.getLogger(__name__)

METHODS_TEXT = "Gates that a reviewer had corrected took the place of the learned ones."

#: Edges that differ by less are the same: a fiftieth of the bins that cuts are learned on.
_DECIMALS = 4
#: Hexadecimal digits; the letter in front keeps a spreadsheet from taking it for a number.
_DIGITS, _LETTER = 12, "g"

Row = dict[str, Any]


def digest_of(
    row: Mapping[str, Any],
    transforms: Mapping[str, Transform],
    alignment: Mapping[str, Warp] | None = None,
) -> str:
    """Return what names a version of a gate: parent, shape and the scales that it is drawn on.

    Parameters
    ----------
    row : mapping of str to object
        a row of `Gates`.
    transforms : mapping of str to Transform
        the tube's scale of each marker.
    alignment : mapping of str to Warp, optional
        how the tube's markers were aligned; None or {} where they were not.
    """
    shape = _shape(row)
    markers = [] if shape is None else getattr(shape, "markers", ())
    content = {
        "parent": str(row["parent"]),
        "shape": None if shape is None else _rounded(to_dict(shape)),
        "scales": {m: _rounded(transforms[m].to_dict()) for m in markers if m in transforms},
        "alignment": {
            m: _rounded(warp.to_dict()) for m, warp in (alignment or {}).items() if m in markers
        },
    }
    text = json.dumps(content, sort_keys=True)
    return _LETTER + hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def is_reviewable(row: Mapping[str, Any]) -> bool:
    """Return whether a row of `Gates` is of a gate with a place of its own.

    Combinations of other populations have none, and thresholds of functional markers are no gates.
    """
    name = str(row["population"])
    return not name.startswith(POSITIVE_OF) and not isinstance(_shape(row), Combination)


def check_corrections(reviews: Iterable[Mapping[str, Any]], template: Template) -> list[Fault]:
    """Return what is wrong with reviews of a panel that the sheet alone does not show.

    Parameters
    ----------
    reviews : iterable of mapping of str to object
        rows of `ReviewSheet`.
    template : Template
        the panel's.
    """
    faults = []
    for review in reviews:
        where = f"tube '{review['tube']}'"
        population = template.by_name.get(str(review["gate"]))
        if population is None:
            what = f"gate '{review['gate']}' is no population of panel '{template.panel}'"
            known = [p.name for p in template.populations if not p.is_combination]
            faults.append(Fault(where, what, did_you_mean(str(review["gate"]), known)))
        elif population.is_combination:
            what = f"'{population.name}' combines other populations and has no gate of its own"
            faults.append(Fault(where, what, "review the gates that it is made of"))
        elif review["decision"] == "correct":
            is_flat = len(parse_place(str(review["place"]))[0]) == 1
            takes_cut = _takes_cut(population)
            if is_flat and not takes_cut:
                what = f"the place of '{population.name}' is a cut, but it is gated in two markers"
                faults.append(Fault(where, what, "give the corners of a polygon"))
            elif not is_flat and takes_cut and population.view is None:
                what = f"the place of '{population.name}' is a polygon, but it is one cut"
                faults.append(Fault(where, what, "give one number"))
    return faults


def with_corrections(
    rows: Sequence[Row],
    reviews: Sequence[Mapping[str, Any]],
    template: Template,
    transforms: Mapping[str, Transform],
    alignment: Mapping[str, Warp] | None = None,
) -> list[Row]:
    """Return a tube's rows of `Gates` with digests, and corrected gates in their places.

    Parameters
    ----------
    rows : sequence of dict of str to object
        all gates of one tube as pooled.
    reviews : sequence of mapping of str to object
        the tube's corrections, rows of `ReviewSheet`.
    template : Template
        the panel's.
    transforms, alignment : mapping
        of the tube, for `digest_of`.

    Raises
    ------
    ItcError
        a correction does not fit the template.
    """
    rows = [{**row, "digest": digest_of(row, transforms, alignment)} for row in rows]
    if not reviews:
        return rows
    faults = check_corrections(reviews, template)
    if faults:
        source = "review of gates"
        raise ItcError(source, faults)
    thresholds = [row for row in rows if str(row["population"]).startswith(POSITIVE_OF)]
    gates = {str(row["population"]): row for row in rows if row not in thresholds}
    for review in reviews:
        gate = gates[str(review["gate"])]
        if gate["digest"] != review["gate_digest"]:
            log.warning(
                "%s, gate %s: it changed after %s corrected it, so the correction has no effect; "
                "review it again",
                review["tube"], review["gate"], review["reviewer"],
            )  # fmt: skip
            continue
        shape = _placed(str(review["place"]), gate, template.by_name[str(review["gate"])])
        comment = f": {review['comment']}" if review.get("comment") else ""
        gate |= by_hand(shape, f"corrected in review by {review['reviewer']}{comment}")
    _revive(gates, template)
    return [*settle([gates[p.name] for p in template.populations], template), *thresholds]


def _takes_cut(population: Population) -> bool:
    return len(population.markers) == 1 or population.method == "bright_in_all"


def _placed(place: str, gate: Row, population: Population) -> Geometry:
    """Return the gate at its new place; what it looks at stays as learned, or as the template."""
    points = parse_place(place)
    learned = _shape(gate)
    markers = tuple(getattr(learned, "markers", population.markers))
    if len(points[0]) == 2:
        if len(markers) != 2:
            markers = (markers[0], str(population.view))
        return Polygon(markers, tuple((x, y) for x, y in points))
    if len(points) == 1:
        cut = points[0][0]
        if isinstance(learned, (Threshold, AllAbove)):
            return replace(learned, cut=cut)
        if population.method == "bright_in_all":
            return AllAbove(markers, cut)
        return Threshold(population.markers, population.side or "above", cut)
    return Rectangle(population.markers, points[0], points[1])


def _revive(gates: dict[str, Row], template: Template) -> None:
    """Give combinations back that had only lacked a gate that is there now."""
    for population in template.populations:
        row, parent = gates[population.name], gates.get(population.parent)
        if _shape(row) is not None or (parent is not None and _shape(parent) is None):
            continue
        if population.is_combination:
            row |= {"geometry": to_json(population.combination), "state": "ok", "reason": None}
        elif str(row["reason"]).startswith("no gate for"):
            row["reason"] = (
                "nothing was learned here while its parent had no gate; place it as well"
            )


def _shape(row: Mapping[str, Any]) -> Geometry | None:
    text = row.get("geometry")
    return None if text is None or pd.isna(text) else from_json(str(text))


def _rounded(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _rounded(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_rounded(value) for value in data]
    # -0.0 and 0.0 are one place
    return round(data, _DECIMALS) + 0.0 if isinstance(data, float) else data
