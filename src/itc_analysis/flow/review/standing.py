"""What became of each review: in force, or of a gate that has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from itc_analysis.flow.gates.corrected import is_reviewable

Standing = Literal["in_force", "changed", "gone"]


@dataclass(frozen=True)
class Reviewed:
    """A row of the sheet of reviews, and whether it still holds.

    Parameters
    ----------
    review : mapping of str to object
        a row of `ReviewSheet`.
    standing : {"in_force", "changed", "gone"}
        in_force: the gate is the one that was looked at; changed: it is another one now, so the
        review has no effect; gone: the tube cannot be used, or has no such gate.
    """

    review: Mapping[str, Any]
    standing: Standing


def gates_to_review(gates: pd.DataFrame, quality: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `Gates` that a person can look at: gates in marker space of stained tubes
    that could be used.

    Parameters
    ----------
    gates, quality : pandas.DataFrame
        `Gates` and `TubeQuality`.
    """
    usable = quality.loc[(quality["tube"] == "stained") & (quality["status"] == "ok"), "file_id"]
    own = gates[gates["file_id"].isin(usable)]
    kept = [
        is_reviewable({"population": population, "geometry": geometry})
        for population, geometry in zip(own["population"], own["geometry"], strict=True)
    ]
    return own[pd.Series(kept, index=own.index, dtype=bool)]


def stand(reviews: Iterable[Mapping[str, Any]], gates: pd.DataFrame) -> list[Reviewed]:
    """Return each review with its standing, in the order of the sheet.

    Parameters
    ----------
    reviews : iterable of mapping of str to object
        rows of `ReviewSheet`.
    gates : pandas.DataFrame
        of `gates_to_review`.
    """
    digests = {
        (str(panel), str(tube), str(gate)): None if pd.isna(digest) else str(digest)
        for panel, tube, gate, digest in gates[
            ["panel", "file_id", "population", "digest"]
        ].itertuples(index=False)
    }
    found = []
    for review in reviews:
        key = (str(review["panel"]), str(review["tube"]), str(review["gate"]))
        standing: Standing = "gone"
        if key in digests:
            standing = "in_force" if digests[key] == review["gate_digest"] else "changed"
        found.append(Reviewed(review, standing))
    return found


def reviewers_of(reviewed: Sequence[Reviewed]) -> list[str]:
    """Return the initials of everybody whose reviews are in force, in alphabetical order."""
    return sorted({str(one.review["reviewer"]) for one in reviewed if one.standing == "in_force"})
