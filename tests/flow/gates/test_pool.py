"""Pooling: tubes that know are believed, tubes that cannot borrow, tubes that stand out are
named.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import t_cell_template
from itc_analysis.config.sections import Flow
from itc_analysis.errors import ItcError
from itc_analysis.flow.batch_tolerance import MIN_SPREAD
from itc_analysis.flow.gates.histogram import BIN_WIDTH
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gates.pooling.decision import shrink
from itc_analysis.flow.gates.pooling.reference import UNKNOWN_SPREAD, reference, usual_spread
from itc_analysis.flow.gating.fitted import NO_TUBE
from itc_analysis.flow.gating.geometry import Ellipse, Threshold, from_json, to_json
from itc_analysis.flow.gating.methods.control_quantile import NAME as CONTROL
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits


def seen(*parts: tuple[float, int], sd: float = 0.03) -> str:
    """Return a histogram of normal peaks: place and events of each."""
    rng = np.random.default_rng(len(parts))
    values = np.concatenate([rng.normal(at, sd, n) for at, n in parts])
    bins = np.floor(values / BIN_WIDTH).astype(int)
    return json.dumps({"first": int(bins.min()), "counts": np.bincount(bins - bins.min()).tolist()})


def fit_row(file_id: str, cut: float | None = 0.4, **given: Any) -> dict[str, Any]:
    has_cut = cut is not None
    usual = {
        "file_id": file_id,
        "panel": "made",
        "batch": "b1",
        "tube": "stained",
        "population": "t_cells",
        "parent": "all",
        "method": "density_minimum",
        "geometry": to_json(Threshold(("CD3",), "above", cut)) if cut is not None else None,
        "cut": cut,
        "cut_se": 0.002 if has_cut else None,
        "quality": 0.9 if has_cut else None,
        "n_parent": 10_000,
        "status": "ok" if has_cut else "not_estimable",
        "reason": None if has_cut else "one peak only",
    }
    return {**usual, **given}


def only_t_cells(**given: Any) -> Template:
    entry = {
        "name": "t_cells",
        "parent": "all",
        "markers": ["CD3"],
        "method": "density_minimum",
        "side": "above",
        **given,
    }
    return check_template({"panel": "made", "populations": [entry]}, "t")


def pooled(*rows: dict[str, Any], template: Template | None = None) -> pd.DataFrame:
    fits = contract.make(list(rows), GateFits)
    return pool_gates(fits, template or only_t_cells(), Flow()).set_index("file_id")


CLOSE = [fit_row(f"T{i}", cut) for i, cut in enumerate((0.39, 0.395, 0.40, 0.405, 0.41))]


def test_a_tube_that_decides_keeps_its_cut() -> None:
    gates = pooled(*CLOSE)
    assert (gates["state"] == "ok").all()
    assert gates.loc["T0", "cut"] == pytest.approx(0.39, abs=0.002)
    assert (gates["weight"] > 0.9).all()


def test_fits_of_batches_that_were_put_together_may_share_their_row_numbers() -> None:
    lost = fit_row("L1", None, batch="b2")
    batches = [contract.make(rows, GateFits) for rows in (CLOSE, [lost])]
    found, usual = (
        pool_gates(pd.concat(batches, ignore_index=is_numbered), only_t_cells(), Flow())
        for is_numbered in (False, True)
    )
    pd.testing.assert_frame_equal(found, usual)
    assert found.set_index("file_id").loc["L1", "state"] == "borrowed"


def test_a_study_of_one_tube_keeps_its_own_cut() -> None:
    gates = pooled(fit_row("T1", 0.37))
    assert gates.loc["T1", "state"] == "ok"
    assert gates.loc["T1", "cut"] == 0.37
    shallow = pooled(
        fit_row("T1", 0.37, status="weak", quality=0.2, reason="the valley is shallow")
    )
    assert shallow.loc["T1", "state"] == "ok"
    assert "no other tube or control" in shallow.loc["T1", "reason"]


def test_a_cut_at_the_tail_that_nothing_can_judge_is_weak() -> None:
    tail = fit_row(
        "T1", 0.37, status="weak", quality=0.0, reason="no positive population stands out"
    )
    row = pooled(tail).loc["T1"]
    assert (row["state"], row["cut"]) == ("weak", 0.37)
    assert "no other tube or control" in row["reason"]
    # one tube of the batch that knows is enough to place it
    assert pooled(tail, fit_row("T2", 0.42)).loc["T1", "state"] == "borrowed"


def test_a_single_peak_that_is_itself_the_population_is_not_in_doubt() -> None:
    tail = fit_row("T1", 0.37, status="weak", quality=0.0, reason="one peak only")
    side = {"side": "below", "arguments": {"only_peak": "negative"}}
    kept = only_t_cells(**side)
    row = pooled(tail, template=kept).loc["T1"]
    assert (row["state"], row["cut"]) == ("ok", 0.37)
    # where other tubes of the batch show what is to be left out, they know better
    others = [fit_row(f"T{i}", 0.42) for i in range(2, 5)]
    assert pooled(tail, *others, template=kept).loc["T1", "state"] == "borrowed"
    above = only_t_cells(**side | {"side": "above"})
    assert pooled(tail, template=above).loc["T1", "state"] == "weak"


def test_shrinkage_is_the_precision_weighted_mean() -> None:
    cut, error, weight = shrink(0.5, 0.03, 0.4, 0.01)
    # the slow way: two measurements of one place, each with its weight 1 / variance
    precision = np.array([1 / 0.03**2, 1 / 0.01**2])
    assert cut == pytest.approx(float(np.average([0.5, 0.4], weights=precision)))
    assert error == pytest.approx(float(1 / np.sqrt(precision.sum())))
    assert weight == pytest.approx(precision[0] / precision.sum())


def test_an_imprecise_cut_is_pooled_with_its_batch() -> None:
    gates = pooled(*CLOSE, fit_row("N", 0.43, cut_se=0.03))
    row = gates.loc["N"]
    assert row["state"] == "pooled"
    assert 0.40 <= row["cut"] < 0.41
    assert row["weight"] < 0.2
    assert row["cut_tube"] == 0.43
    assert "shrunk to its batch" in row["reason"]


def test_a_tube_that_cannot_decide_borrows_from_its_batch() -> None:
    row = pooled(*CLOSE, fit_row("N", None)).loc["N"]
    assert (row["state"], row["weight"]) == ("borrowed", 0)
    assert row["cut"] == pytest.approx(0.40)
    assert row["reason"] == "one peak only; cut of its batch (5 tubes)"
    geometry = from_json(row["geometry"])
    assert geometry == Threshold(("CD3",), "above", row["cut"])


def test_a_small_batch_asks_its_own_tube_before_the_study() -> None:
    lost = fit_row("N", None, batch="b2")
    row = pooled(*CLOSE, lost, fit_row("M", 0.45, batch="b2")).loc["N"]
    assert row["state"] == "borrowed"
    assert "cut of its batch (1 tube)" in row["reason"]
    assert "cut of the study (5 tubes)" in pooled(*CLOSE, lost).loc["N", "reason"]


def test_one_or_two_tubes_lend_their_cut_with_a_wider_error() -> None:
    two = pooled(fit_row("A", 0.40), fit_row("B", 0.41), fit_row("N", None)).loc["N"]
    one = pooled(fit_row("A", 0.40), fit_row("N", None)).loc["N"]
    assert (one["state"], two["state"]) == ("borrowed", "borrowed")
    assert one["cut"] == pytest.approx(0.40)
    assert two["cut"] == pytest.approx(0.405)
    assert one["reason"] == "one peak only; cut of its batch (1 tube)"
    # another tube's cut about the mean of n: spread x sqrt(1 + 1/n), and the error of the mean
    for n, row in ((1, one), (2, two)):
        expected = np.sqrt(UNKNOWN_SPREAD**2 * (1 + 1 / n) + 0.002**2 / n)
        assert row["cut_se"] == pytest.approx(expected)


def test_one_or_two_tubes_do_not_call_a_cut_unusual() -> None:
    gates = pooled(fit_row("A", 0.40), fit_row("B", 0.70))
    assert (gates["state"] == "ok").all()
    assert gates["cut"].to_dict() == {"A": 0.40, "B": 0.70}


def test_the_usual_spread_is_that_of_batches_that_show_it() -> None:
    wide = [fit_row(f"W{i}", c, batch="b2") for i, c in enumerate((0.3, 0.35, 0.4, 0.45, 0.5))]
    fits = contract.make([*CLOSE, *wide, fit_row("A", 0.7, batch="b3")], GateFits)
    spreads = [reference(fits[fits["batch"] == batch], "it") for batch in ("b1", "b2")]
    assert usual_spread(fits) == pytest.approx(np.mean([s.spread for s in spreads if s]))
    assert usual_spread(fits[fits["batch"] == "b3"]) == UNKNOWN_SPREAD


def test_a_tube_that_stands_out_is_named_and_borrows() -> None:
    row = pooled(*CLOSE, fit_row("swapped", 0.7)).loc["swapped"]
    assert row["state"] == "borrowed"
    assert row["cut_tube"] == 0.7
    assert "its own cut 0.700 lies" in row["reason"]
    assert "robust SDs from its batch" in row["reason"]


def test_an_unusual_cut_in_a_clear_valley_is_kept_and_named() -> None:
    unusual = fit_row("U", 0.4 + 0.06, quality=0.95)
    row = pooled(*CLOSE, unusual).loc["U"]
    assert row["state"] == "ok"
    assert row["cut"] == 0.46
    assert "kept because its valley is clear" in row["reason"]
    shallow = pooled(*CLOSE, {**unusual, "quality": 0.4}).loc["U"]
    assert shallow["state"] == "borrowed"


def test_a_cut_far_off_that_nothing_may_replace_says_so_and_not_that_its_valley_is_clear() -> None:
    shallow = fit_row("U", 0.7, quality=0.4)
    row = pooled(*CLOSE, shallow, template=only_t_cells(fallback="none")).loc["U"]
    assert row["cut"] == 0.7
    assert "kept although it stands out: fallback is none" in row["reason"]
    assert "clear" not in row["reason"]


def test_control_tubes_do_not_shape_the_batch() -> None:
    fmos = [fit_row(f"F{i}", 0.2, tube="fmo") for i in range(10)]
    gates = pooled(*CLOSE, *fmos)
    assert gates.loc["T2", "cut"] == pytest.approx(0.40)
    assert (gates.loc[[f"F{i}" for i in range(10)], "state"] == "borrowed").all()


def test_the_control_decides_when_nothing_else_does() -> None:
    control = fit_row("F", 0.33, tube="fmo", method=CONTROL, status="weak", reason="left out")
    weak = [
        fit_row(f"T{i}", 0.5, status="weak", quality=0.0, reason="nobody stands out")
        for i in range(4)
    ]
    gates = pooled(control, *weak, template=only_t_cells(control="CD3"))
    assert (gates["state"] == "control").all()
    assert (gates["cut"] == 0.33).all()
    assert "1 control tube(s) without CD3" in gates.loc["T0", "reason"]


def test_the_template_says_whether_batch_or_control_serves_first() -> None:
    control = fit_row("F", 0.33, tube="fmo", method=CONTROL, status="weak", reason="left out")
    rows = (*CLOSE, control, fit_row("N", None))
    first_batch = pooled(*rows, template=only_t_cells(control="CD3"))
    first_control = pooled(*rows, template=only_t_cells(control="CD3", fallback="control"))
    neither = pooled(*rows, template=only_t_cells(control="CD3", fallback="none"))
    states = [table.loc["N", "state"] for table in (first_batch, first_control, neither)]
    assert states == ["borrowed", "control", "not_estimable"]


def test_a_marker_left_out_takes_the_stained_tubes_cut() -> None:
    control = fit_row("F", 0.25, tube="fmo", method=CONTROL, status="weak", reason="left out")
    row = pooled(*CLOSE, control, template=only_t_cells(control="CD3")).loc["F"]
    assert row["state"] == "borrowed"
    assert row["cut"] == pytest.approx(0.40)
    assert pd.isna(row["cut_tube"])


def test_a_tube_that_could_not_be_read_borrows_nothing() -> None:
    row = pooled(*CLOSE, fit_row("R", None, method=NO_TUBE, reason="tube unreadable")).loc["R"]
    assert (row["state"], row["reason"]) == ("not_estimable", "tube unreadable")
    assert row["method"] == "density_minimum"


def test_what_lies_within_a_gate_that_is_not_estimable_is_not_estimable() -> None:
    template = t_cell_template()
    rows = [
        fit_row("T1", None),
        fit_row("T1", 0.5, population="inkt", parent="t_cells", method="rare_positive"),
        fit_row("T1", None, population="not_inkt", parent="t_cells", method="complement"),
    ]
    gates = pool_gates(contract.make(rows, GateFits), template, Flow()).set_index("population")
    assert (gates["state"] == "not_estimable").all()
    assert gates.loc["inkt", "reason"] == "no gate for t_cells"
    assert gates.loc["not_inkt", "reason"] == "no gate for t_cells, inkt"


def test_a_template_may_stop_the_run_when_nothing_decides() -> None:
    with pytest.raises(ItcError, match="no gate for 't_cells'"):
        pooled(fit_row("N", None), template=only_t_cells(on_failure="stop"))


def test_a_lone_cut_that_the_others_contradict_is_named_and_not_lent() -> None:
    # one peak at 0.3, cut at the end of its tail; the lone tube cuts left of that peak
    tail = {"status": "weak", "quality": 0.0, "reason": "one peak only"}
    weak = [
        fit_row(f"T{i}", 0.5 + 0.01 * i, **tail, histogram=seen((0.3, 5_000))) for i in range(5)
    ]
    lone = fit_row("S003", 0.05, histogram=seen((0.0, 900), (0.3, 4_000)))
    without, with_it = pooled(*weak), pooled(*weak, lone)
    names = [row["file_id"] for row in weak]
    pd.testing.assert_frame_equal(with_it.loc[names], without.loc[names])
    row = with_it.loc["S003"]
    assert row["state"] == "weak"
    assert row["reason"].startswith("stands against its batch")
    # a lone cut beyond the others' only peak contradicts nobody
    right = fit_row("S003", 0.56, histogram=seen((0.3, 5_000), (0.8, 60)))
    assert (pooled(*weak, right).loc[names, "state"] == "borrowed").all()


def test_a_tube_that_is_odd_in_two_markers_is_trusted_in_none() -> None:
    entries = [
        {"name": name, "parent": "all", "markers": [marker], "method": "density_minimum",
         "side": "above"}
        for name, marker in (("a", "CD3"), ("b", "CD4"), ("c", "CD8"))
    ]  # fmt: skip
    template = check_template({"panel": "made", "populations": entries}, "t")
    usual, elsewhere = seen((0.2, 3_000), (0.7, 2_000)), seen((0.4, 3_000), (0.7, 2_000))
    rows = [
        fit_row(f"T{i}", 0.45, population=name, histogram=usual) for name in "abc" for i in range(4)
    ]
    rows += [
        fit_row("odd", 0.46 if name == "c" else 0.55, population=name,
                histogram=usual if name == "c" else elsewhere)
        for name in "abc"
    ]  # fmt: skip
    gates = pool_gates(contract.make(rows, GateFits), template, Flow())
    odd = gates[gates["file_id"] == "odd"]
    assert odd["reason"].str.startswith("stands against its batch").all()
    assert "CD3, CD4 lie elsewhere" in " ".join(odd["reason"])
    assert not odd["state"].isin(["ok", "pooled"]).any()
    others = gates[gates["file_id"] != "odd"]
    assert not others["reason"].str.contains("stands against").fillna(value=False).any()


def test_where_single_peaks_agree_a_contradicted_cut_is_borrowed_from_them() -> None:
    template = only_t_cells(side="below", arguments={"only_peak": "negative"})
    peak = {"status": "weak", "quality": 0.0, "reason": "one peak only"}
    others = [
        fit_row(f"T{i}", 0.317 + 0.002 * i, **peak, histogram=seen((0.15, 5_000))) for i in range(7)
    ]
    lone = fit_row("S003", 0.001, histogram=seen((-0.05, 90), (0.15, 4_900)))
    without = pooled(*others, template=template)
    gates = pooled(*others, lone, template=template)
    names = [row["file_id"] for row in others]
    pd.testing.assert_frame_equal(gates.loc[names], without.loc[names])
    assert (gates.loc[names, "state"] == "ok").all()
    row = gates.loc["S003"]
    assert (row["state"], row["cut"]) == ("borrowed", pytest.approx(0.323))
    assert row["cut_se"] == pytest.approx(MIN_SPREAD)
    assert row["reason"] == (
        "stands against its batch: its cut 0.001 is contradicted by 7 tubes of its batch, whose "
        "own lie at 0.323; its own cut is not used; cut of the single peaks of its batch (7 tubes)"
    )
    # single peaks that end at different places do not say where
    apart = [
        fit_row(f"T{i}", 0.2 + 0.07 * i, **peak, histogram=seen((0.05 + 0.07 * i, 5_000)))
        for i in range(3)
    ]
    assert pooled(*apart, lone, template=template).loc["S003", "state"] != "borrowed"


def test_a_held_tube_lends_neither_beads_nor_shapes_nor_a_valley() -> None:
    beads = only_t_cells(method="bright_in_all", markers=["CD3", "CD4"], side=None)
    none = [fit_row(f"T{i}", None, method="bright_in_all") for i in range(4)]
    held = fit_row("held", 0.05, method="bright_in_all")
    ellipses = only_t_cells(markers=["FSC-A", "SSC-A"], method="scatter_ellipse", side=None)
    few = [ellipse_row("T0", 0.3), ellipse_row("T1", 0.31), ellipse_row("lost", None)]
    two = {"rival_cut": 0.6, "rival_share": 0.4, "histogram": seen((0.2, 3_000), (0.7, 500))}
    valleys = [fit_row("T0", **two), fit_row("T1", 0.6, **{**two, "rival_cut": 0.4})]
    lower = fit_row("held", 0.4, **{**two, "rival_share": 0.0})
    for rows, spoilt, template in (
        (none, held, beads),
        (few, ellipse_row("held", 0.32), ellipses),
        (valleys, lower, only_t_cells()),
    ):
        fits = contract.make([*rows, spoilt], GateFits)
        gates = pool_gates(fits, template, Flow(), suspects={"held": "another matrix"})
        names = [row["file_id"] for row in rows]
        pd.testing.assert_frame_equal(
            gates.set_index("file_id").loc[names], pooled(*rows, template=template).loc[names]
        )
    assert (pooled(*none, held, template=beads).loc["T0", "state"]) == "borrowed"


def test_what_comes_from_the_study_is_the_distance_from_the_negatives() -> None:
    rows = [{**row, "histogram": seen((0.2, 3_000), (0.7, 500))} for row in CLOSE]
    moved = fit_row("N", None, batch="b2", histogram=seen((0.25, 3_000)))
    row = pooled(*rows, moved).loc["N"]
    assert row["cut"] == pytest.approx(0.45, abs=0.006)


def test_shallow_valleys_that_agree_serve_before_another_batch() -> None:
    shallow = {"status": "weak", "quality": 0.2, "reason": "the valley is shallow"}
    dim = [fit_row(f"D{i}", 0.30 + 0.004 * i, batch="b2", **shallow) for i in range(4)]
    gates = pooled(*CLOSE, *dim)
    assert gates.loc["D0", "cut"] == pytest.approx(0.306, abs=0.005)
    assert "shallow valleys of its batch" in gates.loc["D0", "reason"]


def test_a_fixed_cut_is_manual() -> None:
    row = fit_row("by hand", 0.3, method="fixed", quality=None, cut_se=0.0)
    template = only_t_cells(method="fixed", arguments={"cut": 0.3})
    gates = pooled(*CLOSE, row, template=template)
    assert gates.loc["by hand", "state"] == "manual"
    assert gates.loc["by hand", "cut"] == 0.3


def ellipse_row(file_id: str, x: float | None) -> dict[str, Any]:
    shape = None
    if x is not None:
        covariance = ((0.001, 0.0), (0.0, 0.001))
        shape = to_json(Ellipse(("FSC-A", "SSC-A"), (x, 0.1), covariance, 9.2))
    return fit_row(file_id, None, geometry=shape, status="ok" if x else "not_estimable")


def test_two_dimensional_gates_are_borrowed_whole() -> None:
    template = only_t_cells(markers=["FSC-A", "SSC-A"], method="scatter_ellipse", side=None)
    places = {"A": 0.30, "B": 0.31, "C": 0.32, "lost": None, "off": 0.6}
    gates = pooled(*(ellipse_row(f, x) for f, x in places.items()), template=template)
    states = gates["state"].to_dict()
    assert states == {"A": "ok", "B": "ok", "C": "ok", "lost": "borrowed", "off": "borrowed"}
    typical = from_json(gates.loc["lost", "geometry"])
    assert isinstance(typical, Ellipse)
    assert typical.centre[0] in (0.31, 0.32)  # the median lies between these two
    assert "lies" in gates.loc["off", "reason"]


def test_the_reference_ignores_weak_and_control_tubes() -> None:
    rows = [*CLOSE, fit_row("W", 0.9, status="weak"), fit_row("F", 0.9, tube="fmo")]
    found = reference(contract.make(rows, GateFits), "its batch")
    assert found is not None
    assert (found.centre, found.n_tubes, found.spread) == (0.40, 5, MIN_SPREAD)
    assert reference(contract.make(CLOSE[:2], GateFits), "its batch") is None


def test_fits_of_another_template_are_refused() -> None:
    with pytest.raises(ItcError, match=r"'mait'.*not in the template"):
        pooled(fit_row("T1", population="mait"))
    with pytest.raises(ItcError, match=r"'inkt'.*not in the fits"):
        pooled(fit_row("T1"), template=t_cell_template())
