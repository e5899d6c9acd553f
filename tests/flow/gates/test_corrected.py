"""Gates that a review corrected: which version they hold for, what follows, what stays."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import (
    fit_tube,
    judged_good,
    make_tube,
    t_cell_template,
    t_cell_tube,
    two_populations,
)
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.flow.counting import apply
from itc_analysis.flow.gates.corrected import check_corrections, digest_of, with_corrections
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.geometry import Combination, Polygon, Threshold, from_json, to_json
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.scale.transform import Transform
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

TEMPLATE = t_cell_template()
SCALES = {marker: Transform("logicle", t=262144) for marker in ("CD3", "6B11")}


def a_row(cut: float = 0.5, **other: Any) -> dict[str, Any]:
    shape = to_json(Threshold(("CD3",), "above", cut))
    return {"population": "t_cells", "parent": "all", "geometry": shape, **other}


def test_a_digest_names_place_parent_and_scale() -> None:
    digest = digest_of(a_row(), SCALES)
    assert digest_of(a_row(0.5 + 1e-6), SCALES) == digest
    assert digest_of(a_row(state="weak", reason="learned again"), SCALES) == digest
    assert digest_of(a_row(0.501), SCALES) != digest
    assert digest_of(a_row(parent="live"), SCALES) != digest
    other = {**SCALES, "CD3": Transform("logicle", t=262144, w=1.0)}
    assert digest_of(a_row(), other) != digest
    # the scale of a marker that the gate does not look at
    other = {**SCALES, "6B11": Transform("logicle", t=262144, w=1.0)}
    assert digest_of(a_row(), other) == digest


def tubes() -> dict[str, Tube]:
    return {name: t_cell_tube(seed=10 * i, n=8000, file_id=name)
            for i, name in enumerate("AB", start=1)}  # fmt: skip


def counted(
    own: dict[str, Tube], *reviews: dict[str, Any], template: Template = TEMPLATE
) -> apply.Applied:
    rows = [row for tube in own.values() for row in fit_tube(tube, template, n_bootstrap=10)]
    gates = pool_gates(contract.make(rows, GateFits), template, Flow())
    sheet = [{"file_id": name, "tube": "stained"} for name in own]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "load_tube", lambda row, *_, keep: own[row["file_id"]])  # noqa: ARG005
        return apply.apply_batch(
            sheet, pd.DataFrame(), template, gates, judged_good(*own), Flow(), reviews
        )


def corrected(made: apply.Applied, tube: str, gate: str, place: str) -> dict[str, Any]:
    rows = made.gates.set_index(["file_id", "population"])
    return {"panel": "made", "tube": tube, "gate": gate, "decision": "correct", "place": place,
            "comment": "into the valley", "reviewer": "AB",
            "gate_digest": rows.loc[(tube, gate), "digest"]}  # fmt: skip


def test_the_tube_of_a_corrected_gate_differs_and_no_other_number_does() -> None:
    before = counted(tubes())
    after = counted(tubes(), corrected(before, "A", "inkt", "0.5"))
    gate = after.gates.set_index(["file_id", "population"]).loc[("A", "inkt")]
    assert (gate["state"], gate["cut"]) == ("manual", 0.5)
    assert gate["reason"] == "corrected in review by AB: into the valley"
    for name in ("gates", "counts", "intensity", "combinations", "histograms"):
        old, new = getattr(before, name), getattr(after, name)
        tube = "file_id" if name == "gates" else "source_id"
        pd.testing.assert_frame_equal(
            old[old[tube] == "B"].reset_index(drop=True),
            new[new[tube] == "B"].reset_index(drop=True),
        )
    old, new = (t.counts.set_index(["source_id", "population"]) for t in (before, after))
    values = t_cell_tube(seed=10, n=8000)
    gates = before.gates.set_index(["file_id", "population"])
    is_t_cell = values.values("CD3") >= np.float32(gates.loc[("A", "t_cells"), "cut"])
    of_parent = values.values("6B11")[is_t_cell]
    assert new.loc[("A", "inkt"), "n_events"] == int((of_parent >= 0.5).sum())
    assert new.loc[("A", "inkt"), "gate_state"] == "manual"
    assert new.loc[("A", "t_cells")].equals(old.loc[("A", "t_cells")])
    # its complement follows
    assert new.loc[("A", "not_inkt"), "n_events"] == (
        new.loc[("A", "inkt"), "n_parent"] - new.loc[("A", "inkt"), "n_events"]
    )


def test_a_gate_that_changed_after_its_review_is_left_alone_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = counted(tubes())
    stale = {**corrected(before, "A", "inkt", "0.5"), "gate_digest": "g000000000000"}
    with caplog.at_level(logging.WARNING, logger="itc_analysis"):
        after = counted(tubes(), stale)
    pd.testing.assert_frame_equal(before.gates, after.gates)
    pd.testing.assert_frame_equal(before.counts, after.counts)
    assert "A, gate inkt: it changed after AB corrected it" in caplog.text


def test_a_correction_holds_however_often_it_is_applied() -> None:
    """The digest stays that of the learned gate, so that the next run finds it again."""
    before = counted(tubes())
    review = corrected(before, "A", "inkt", "0.5")
    after = counted(tubes(), review)
    assert corrected(after, "A", "inkt", "0.5") == review


def test_the_profile_holds_the_very_count_of_every_step() -> None:
    """What the page shows at a place is what the next run counts there."""
    before = counted(tubes())
    histograms = before.histograms.set_index(["source_id", "population"])
    profile = json.loads(histograms.loc[("A", "inkt"), "histogram"])["profile"]
    for step in (150, 256, 301):
        expected = sum(profile["counts"][step - profile["first"] :])
        after = counted(tubes(), corrected(before, "A", "inkt", repr(step / 512)))
        counts = after.counts.set_index(["source_id", "population"])
        assert counts.loc[("A", "inkt"), "n_events"] == expected > 0


def two_dimensional() -> tuple[Template, dict[str, Tube]]:
    """Return a tube of which nothing has a gate of its own, and what follows another's cut."""
    populations = [
        {"name": "cells", "parent": "all", "markers": ["FSC-A", "SSC-A"],
         "method": "scatter_ellipse"},
        {"name": "cd3_pos", "parent": "cells", "markers": ["CD3"], "method": "density_minimum",
         "side": "above"},
        {"name": "cd3_low", "parent": "cells", "markers": ["CD3"], "method": "reference",
         "arguments": {"of": "cd3_pos"}, "side": "below"},
        {"name": "rest", "parent": "cells", "method": "complement",
         "arguments": {"of": ["cd3_pos"]}},
    ]  # fmt: skip
    template = check_template({"panel": "made", "populations": populations}, "template")
    rng = np.random.default_rng(4)
    cd3, _ = two_populations(6000, 0.5, seed=3)
    scatter = {name: rng.normal(0.3, 0.03, 6000) for name in ("FSC-A", "SSC-A")}
    return template, {"A": make_tube({**scatter, "CD3": cd3}, file_id="A")}


def test_an_ellipse_becomes_a_polygon_and_a_follower_follows() -> None:
    template, own = two_dimensional()
    before = counted(own, template=template)
    after = counted(
        own,
        corrected(before, "A", "cells", "0 0; 0.3 0; 0.3 1; 0 1"),
        corrected(before, "A", "cd3_pos", "0.625"),
        template=template,
    )
    gates = after.gates.set_index("population")
    shape = from_json(gates.loc["cells", "geometry"])
    assert isinstance(shape, Polygon)
    assert shape.markers == ("FSC-A", "SSC-A")
    counts = after.counts.set_index("population")["n_events"]
    assert counts["cells"] == int((own["A"].values("FSC-A") < 0.3).sum())
    assert gates.loc["cd3_low", "cut"] == 0.625
    assert gates.loc["cd3_low", "reason"].startswith("cut of cd3_pos: corrected in review by AB")
    assert counts["cd3_low"] + counts["cd3_pos"] == counts["cells"]


def test_a_gate_is_placed_where_there_was_none_and_combinations_come_back() -> None:
    nothing = {"geometry": None, "state": "not_estimable", "reason": "too few"}
    rows = [
        {"population": name, "parent": parent, "file_id": "A", **nothing, "reason": reason}
        for name, parent, reason in (
            ("t_cells", "all", "too few events"),
            ("inkt", "t_cells", "no gate for t_cells"),
            ("not_inkt", "t_cells", "no gate for t_cells, inkt"),
        )
    ]
    made = {str(row["population"]): digest_of(row, SCALES) for row in rows}
    reviews = [
        {"panel": "made", "tube": "A", "gate": name, "decision": "correct", "place": "0.25",
         "reviewer": "AB", "comment": None, "gate_digest": made[name]}
        for name in ("t_cells", "inkt")
    ]  # fmt: skip
    one = {r["population"]: r for r in with_corrections(rows, reviews[:1], TEMPLATE, SCALES)}
    assert from_json(one["t_cells"]["geometry"]) == Threshold(("CD3",), "above", 0.25)
    assert one["inkt"]["reason"].startswith("nothing was learned here while its parent")
    assert one["not_inkt"]["state"] == "not_estimable"
    both = {r["population"]: r for r in with_corrections(rows, reviews, TEMPLATE, SCALES)}
    assert isinstance(from_json(both["not_inkt"]["geometry"]), Combination)


def test_what_was_learned_about_the_former_cut_goes_with_it() -> None:
    row = a_row(file_id="A", rival_cut=0.3, n_background=4.0, background_se=1.0, cut_se=0.01)
    inside = {"inkt": Threshold(("6B11",), "above", 0.5),
              "not_inkt": Combination(none_of=("inkt",))}  # fmt: skip
    rows = [row, *({"file_id": "A", "population": name, "parent": "t_cells", "state": "ok",
                    "geometry": to_json(shape)} for name, shape in inside.items())]  # fmt: skip
    review = {"panel": "made", "tube": "A", "gate": "t_cells", "decision": "correct",
              "place": "0.25", "reviewer": "AB", "comment": "",
              "gate_digest": digest_of(row, SCALES)}  # fmt: skip
    (gate, *_) = with_corrections(rows, [review], TEMPLATE, SCALES)
    assert [gate[name] for name in ("rival_cut", "n_background", "background_se", "cut_se")] == [
        None, None, None, None,
    ]  # fmt: skip


def test_all_that_does_not_fit_the_template_is_said_at_once() -> None:
    common = {"panel": "made", "tube": "A", "decision": "correct", "reviewer": "AB",
              "gate_digest": "g1", "comment": None}  # fmt: skip
    reviews = [
        {**common, "gate": "inkd", "place": "0.5"},
        {**common, "gate": "not_inkt", "place": "0.5"},
        {**common, "gate": "t_cells", "place": "0 0; 1 0; 1 1"},
        {**common, "gate": "inkt", "place": "0 0; 1 0; 1 1"},  # its view has two markers
    ]
    said = [str(fault) for fault in check_corrections(reviews, TEMPLATE)]
    assert said == [
        "tube 'A', gate 'inkd' is no population of panel 'made'; did you mean 'inkt'?",
        "tube 'A', 'not_inkt' combines other populations and has no gate of its own; review the "
        "gates that it is made of",
        "tube 'A', the place of 't_cells' is a polygon, but it is one cut; give one number",
    ]
    with pytest.raises(ItcError, match="3 faults"):
        with_corrections([a_row(file_id="A")], reviews, TEMPLATE, SCALES)
