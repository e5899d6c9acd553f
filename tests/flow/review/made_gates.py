"""Tables of a few made tubes, as the pages are made from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from flow.made_tubes import fit_tube, judged_good, t_cell_template, t_cell_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting import apply
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.review.shown import Shown, Tables, show_panels
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits, TubeQuality

SHARES = {"A": 0.004, "B": 0.005, "C": 0.006, "D": 0.0, "E": 0.004}


def make_tables() -> Tables:
    """Return the tables of five tubes, one without iNKT cells, and of one that is unreadable."""
    template = t_cell_template()
    tubes = {
        name: t_cell_tube(seed=10 * i, n=8000, rare=share, file_id=name)
        for i, (name, share) in enumerate(SHARES.items(), start=1)
    }
    rows = [row for tube in tubes.values() for row in fit_tube(tube, template, n_bootstrap=10)]
    gates = pool_gates(contract.make(rows, GateFits), template, Flow())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "load_tube", lambda row, *_, keep: tubes[row["file_id"]])  # noqa: ARG005
        sheet = [{"file_id": name, "tube": "stained"} for name in tubes]
        made = apply.apply_batch(
            sheet, pd.DataFrame(), template, gates, judged_good(*tubes), Flow()
        )
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
