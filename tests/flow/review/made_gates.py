"""Tables of a few made tubes, as the pages are made from."""

from __future__ import annotations

from typing import Any

from flow.made_tubes import five_tubes, gate_tubes
from itc_analysis.flow.review.shown import Shown, Tables, show_panels
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import TubeQuality


def make_tables() -> Tables:
    """Return the tables of five tubes, one without iNKT cells, and of one that is unreadable."""
    tubes = five_tubes()
    _, made = gate_tubes(tubes)
    quality = contract.make(
        [
            {"file_id": name, "sample_id": f"S{name}", "panel": "made", "tube": "stained",
             "batch": "b1" if name < "D" else "b2", "n_events": 1, "n_clean": 1,
             "status": "unreadable" if name == "lost" else "ok"}
            for name in [*tubes, "lost"]
        ],
        TubeQuality,
    )  # fmt: skip
    people = {f"S{name}": f"P{name}" for name in "ABC"}
    return Tables(made.gates, made.histograms, made.counts, quality, people)


def show(tables: Tables, *reviews: dict[str, Any]) -> Shown:
    """Return the one panel."""
    (shown,) = show_panels(tables, reviews)
    return shown


def a_review(tables: Tables, tube: str, gate: str, decision: str, **other: Any) -> dict[str, Any]:
    """Return a review of a gate as it is now."""
    rows = tables.gates.set_index(["file_id", "population"])
    return {"panel": "made", "tube": tube, "gate": gate, "decision": decision, "place": None,
            "comment": None, "reviewer": "AB", "gate_digest": rows.loc[(tube, gate), "digest"],
            **other}  # fmt: skip
