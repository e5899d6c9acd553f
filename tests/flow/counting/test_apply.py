"""Applying gates: counts against truth, the requirements of the tables, and who is never lost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow.made_tubes import fit_tube, judged_good, make_tube, t_cell_template, t_cell_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting import apply
from itc_analysis.flow.gates.final import final_gates
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import Template
from itc_analysis.flow.tube.quality_mask import Judged, kept_row
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import (
    GateFits,
    Gates,
    KeptEvents,
    TubeQuality,
)

TEMPLATE = t_cell_template()


def pooled(*tubes: Tube, template: Template = TEMPLATE) -> pd.DataFrame:
    rows = [row for tube in tubes for row in fit_tube(tube, template, n_bootstrap=10)]
    return pool_gates(contract.make(rows, GateFits), template, Flow())


def applied(
    monkeypatch: pytest.MonkeyPatch,
    *tubes: Tube,
    gates: pd.DataFrame | None = None,
    template: Any = TEMPLATE,
) -> apply.Applied:
    """Apply gates to tubes that need no file."""
    by_id = {tube.file_id: tube for tube in tubes}
    monkeypatch.setattr(apply, "load_tube", lambda row, *_, keep: by_id[row["file_id"]])  # noqa: ARG005
    rows = [{"file_id": tube.file_id, "tube": tube.kind} for tube in tubes]
    own = pooled(*tubes) if gates is None else gates
    return apply.apply_batch(rows, pd.DataFrame(), template, own, judged_good(*by_id), Flow())


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> apply.Applied:
    """Return the tables of one stained tube."""
    return applied(monkeypatch, t_cell_tube())


def test_counts_are_the_true_ones(one: apply.Applied) -> None:
    counts = one.counts.set_index("population")
    assert counts.loc["t_cells", "n_events"] == pytest.approx(12_000, abs=5)
    # 0.4 % of all events, of which 60 % are T cells, drawn independently
    assert counts.loc["inkt", "n_events"] == pytest.approx(48, abs=20)
    assert counts.loc["inkt", "detection"] in ("detected", "quantified")
    assert counts.loc["inkt", "background_source"] == "negative_tail"
    assert (counts["status"] == "ok").all()


def test_complement_and_population_make_the_parent(one: apply.Applied) -> None:
    counts = one.counts.set_index("population")["n_events"]
    assert counts["inkt"] + counts["not_inkt"] == counts["t_cells"]


def test_every_tube_has_its_rows_in_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of every population of every tube; levels, combinations and pictures of stained
    ones.
    """
    fmo = t_cell_tube(seed=7, file_id="F1", kind="fmo", fmo_markers=("PD-1",))
    tables = applied(monkeypatch, t_cell_tube(), fmo)
    populations = [population.name for population in TEMPLATE.populations]
    described = ["t_cells", "inkt"]  # those of which the template asks for the phenotype
    markers = ["PD-1", "TIGIT"]

    def rows_of(table: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
        return sorted(table[["source_id", *columns]].itertuples(index=False, name=None))

    assert rows_of(tables.counts, "population") == sorted(
        (tube, name) for tube in ("F1", "T1") for name in populations
    )
    assert rows_of(tables.intensity, "population", "marker") == sorted(
        ("T1", name, marker) for name in described for marker in markers
    )
    assert rows_of(tables.histograms, "population") == sorted(("T1", name) for name in described)
    signs = {f"PD-1{one} TIGIT{other}" for one in "-+" for other in "-+"}
    combinations = tables.combinations
    assert set(combinations["source_id"]) == {"T1"}
    assert set(combinations["population"]) == set(described)
    assert set(combinations.loc[combinations["population"] == "t_cells", "combination"]) == signs
    # each cell has one combination
    added = combinations.groupby("population")["n_events"].sum()
    counted = tables.counts[tables.counts["source_id"] == "T1"].set_index("population")["n_events"]
    assert added.to_dict() == counted[described].to_dict()


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.floats(0.2, 0.8))
def test_one_more_positive_never_lowers_a_count(seed: int, place: float) -> None:
    tube = t_cell_tube(seed=1, n=2000)
    gates = final_gates(pooled(tube), tube.file_id, TEMPLATE)
    before = apply.gate_tube(tube, TEMPLATE, gates)
    event = np.random.default_rng(seed).choice(tube.events.T)
    event[1] = max(place, float(event[1]))
    more = type(tube)(**{**tube.__dict__, "events": np.column_stack([tube.events, event])})
    after = apply.gate_tube(more, TEMPLATE, gates)
    assert all(after[name].size >= before[name].size for name in before)


def test_order_of_events_changes_no_count(monkeypatch: pytest.MonkeyPatch) -> None:
    tube = t_cell_tube(seed=2)
    order = np.random.default_rng(0).permutation(tube.n_events)
    shuffled = type(tube)(**{**tube.__dict__, "events": tube.events[:, order]})
    one, other = (applied(monkeypatch, t) for t in (tube, shuffled))
    pd.testing.assert_frame_equal(one.counts, other.counts)
    pd.testing.assert_frame_equal(one.intensity, other.intensity)


def test_fmo_gives_the_background_and_the_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    tubes = [
        t_cell_tube(),
        t_cell_tube(seed=7, file_id="F1", kind="fmo", fmo_markers=("6B11",)),
        t_cell_tube(seed=8, file_id="F2", kind="fmo", fmo_markers=("PD-1",)),
    ]
    tables = applied(monkeypatch, *tubes)
    counts = tables.counts.set_index(["source_id", "population"])
    assert counts.loc[("T1", "inkt"), "background_source"] == "fmo"
    assert counts.loc[("T1", "inkt"), "n_background"] < 3
    # the control takes the cut of the stained tube, between 0.2 and 0.65
    assert counts.loc[("F1", "inkt"), "gate_state"] == "borrowed"
    assert counts.loc[("F1", "inkt"), "n_events"] == 0
    assert counts.loc[("F1", "inkt"), "background_source"] == "none"
    rows = tables.intensity.set_index(["population", "marker"])
    assert set(tables.intensity["source_id"]) == {"T1"}
    pd1 = rows.loc[("t_cells", "PD-1")]
    assert pd1["threshold_source"] == "fmo"
    # normal negatives at 0.2 ± 0.05: the 99.5 % quantile lies 2.58 standard deviations above
    assert pd1["threshold"] == pytest.approx(0.2 + 2.576 * 0.05, abs=0.01)
    assert pd1["n_positive"] / pd1["n_events"] == pytest.approx(0.5, abs=0.02)
    assert rows.loc[("t_cells", "TIGIT"), "threshold_source"] == "negative_population"
    # too few iNKT cells in the control for a quantile: T cells serve
    assert rows.loc[("inkt", "PD-1"), "threshold"] == pd1["threshold"]
    assert "t_cells of the control" in pd1["reason"]


def test_combinations_add_up_to_their_population(one: apply.Applied) -> None:
    counts = one.counts.set_index("population")["n_events"]
    for population, rows in one.combinations.groupby("population"):
        assert rows["n_events"].sum() == counts[population]
        assert rows["combination"].is_unique
        assert (rows["n_events"] > 0).all()
    positive = one.combinations.query("population == 't_cells' and n_receptors >= 1")
    marginal = one.intensity.query("population == 't_cells'").set_index("marker")["n_positive"]
    pd1 = positive[positive["combination"].str.contains("PD-1+", regex=False)]["n_events"].sum()
    assert pd1 == marginal["PD-1"]


def test_positives_of_small_populations_are_counted_and_remarked_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = applied(monkeypatch, t_cell_tube(rare=0.002))
    row = tables.intensity.set_index(["population", "marker"]).loc[("inkt", "PD-1")]
    assert row["n_events"] < 50
    assert row["n_positive"] <= row["n_events"]
    assert "fewer than min_phenotype_events = 50" in row["reason"]
    assert not pd.isna(row["median"])
    few = tables.combinations[tables.combinations["population"] == "inkt"]
    assert few["n_events"].sum() == row["n_events"]


def test_median_is_in_instrument_units(one: apply.Applied) -> None:
    row = one.intensity.set_index(["population", "marker"]).loc[("t_cells", "TIGIT")]
    tube = t_cell_tube()
    back = tube.transforms["TIGIT"].inverse(np.array([row["median_transformed"]]))[0]
    assert row["median"] == pytest.approx(float(back))
    assert row["median_transformed"] == pytest.approx(0.2, abs=0.01)


def test_views_hold_every_event_of_the_parent(one: apply.Applied) -> None:
    counts = one.counts.set_index("population")
    assert set(one.histograms["population"]) == {"t_cells", "inkt"}
    for _, view in one.histograms.iterrows():
        content = json.loads(view["histogram"])
        n_bins = content["n_x"] * (content["n_y"] or 1)
        assert len(content["counts"]) == n_bins
        assert sum(content["counts"]) == counts.loc[view["population"], "n_parent"]
    assert one.histograms.set_index("population").loc["inkt", "marker_y"] == "CD3"


def test_uncertain_cuts_make_uncertain_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    tube = t_cell_tube()
    gates = pooled(tube)
    errors = []
    for cut_se in (0.0, 0.02, 0.15):
        wide = contract.check(
            gates.assign(cut_se=gates["cut"].where(gates["cut"].isna(), cut_se)), Gates
        )
        counts = applied(monkeypatch, tube, gates=wide).counts.set_index("population")
        errors.append(counts.loc["inkt", "gate_se_log"])
        # not_inkt is a combination: its error comes from inkt's cut
        assert counts.loc["not_inkt", "gate_se_log"] >= 0
    assert errors[0] == 0
    assert errors[0] <= errors[1] < errors[2]


def test_a_parent_too_small_for_a_cut_gives_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    tube = t_cell_tube(n=300)  # too few T cells for the iNKT gate, and no batch to borrow from
    row = applied(monkeypatch, tube).counts.set_index("population").loc["inkt"]
    assert (row["gate_state"], row["detection"]) == ("weak", "below_lod")
    assert (row["n_events"], row["n_lower"], row["n_upper"]) == (0, 0, 180)
    assert row["n_lod"] >= 180


def test_a_gate_that_is_not_estimable_counts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    tube = t_cell_tube(n=300)
    template = t_cell_template()
    inkt = template.by_name["inkt"].model_copy(update={"fallback": "none"})
    chosen = [inkt if p.name == "inkt" else p for p in template.populations]
    template = template.model_copy(update={"populations": tuple(chosen)})
    gates = pooled(tube, template=template)
    counts = applied(monkeypatch, tube, gates=gates).counts.set_index("population")
    assert pd.isna(counts.loc["inkt", "n_events"])
    assert counts.loc["inkt", "n_parent"] == 180
    assert counts.loc["inkt", "status"] == "not_estimable"
    assert "200 are needed" in counts.loc["inkt", "reason"]
    assert pd.isna(counts.loc["inkt", "detection"])
    assert counts.loc["not_inkt", "reason"] == "no gate for inkt"
    assert counts.loc["t_cells", "status"] == "ok"


def test_a_tube_that_was_not_stained_stands_out(monkeypatch: pytest.MonkeyPatch) -> None:
    good = [t_cell_tube(seed=10 * i, n=8000, file_id=f"T{i}") for i in range(1, 5)]
    bad = t_cell_tube(seed=50, n=8000, file_id="forgotten")
    bad.events[0] = np.random.default_rng(1).normal(0.2, 0.05, 8000)  # no CD3 antibody
    gates = pooled(*good, bad)
    row = gates.set_index(["file_id", "population"]).loc[("forgotten", "t_cells")]
    assert row["state"] == "borrowed"
    assert "one peak only" in row["reason"]
    counts = applied(monkeypatch, *good, bad, gates=gates).counts
    counts = counts.set_index(["source_id", "population"])
    assert counts.loc[("forgotten", "t_cells"), "n_events"] <= 2
    assert counts.loc[("forgotten", "t_cells"), "detection"] == "below_lod"
    assert (counts.loc[[(f"T{i}", "t_cells") for i in range(1, 5)], "n_events"] > 4000).all()


def test_a_missing_channel_is_no_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    tube = t_cell_tube()
    keep = [0, 2]
    without = type(tube)(
        **{**tube.__dict__, "markers": ("CD3", "PD-1"), "events": tube.events[keep]}
    )
    tables = applied(monkeypatch, without)
    counts = tables.counts.set_index("population")
    assert counts.loc["inkt", "status"] == "no_panel"
    rows = tables.intensity.set_index(["population", "marker"])
    assert rows.loc[("t_cells", "TIGIT"), "reason"] == "the file has no channel for TIGIT"
    assert rows.loc[("inkt", "PD-1"), "reason"] == "the population was not counted"


def test_an_unusable_tube_keeps_all_its_rows() -> None:
    row = {"file_id": "T9", "sample_id": "S9", "tube": "stained"}
    bad = {"status": "unreadable", "reason": "the file is cut off", "n_events": 0, "n_clean": 0}
    quality = contract.make([{**row, **bad, "panel": "made", "batch": "b1"}], TubeQuality)
    judged = Judged(quality, contract.make([kept_row("T9", None)], KeptEvents))
    gates = pooled(t_cell_tube())
    tables = apply.apply_batch([row], pd.DataFrame(), TEMPLATE, gates, judged, Flow())
    assert list(tables.counts["population"]) == ["t_cells", "inkt", "not_inkt"]
    assert (tables.counts["status"] == "unreadable").all()
    assert tables.counts["n_events"].isna().all()
    assert len(tables.intensity) == 4  # two populations, two markers
    assert tables.intensity["n_positive"].isna().all()


def test_background_of_any_of_two_gates_is_known() -> None:
    from itc_analysis.flow.counting.background import Background
    from itc_analysis.flow.counting.intensity import Controls
    from itc_analysis.flow.gating.geometry import Combination
    from itc_analysis.flow.tube.membership import Membership

    membership = Membership(t_cell_tube())
    known = {"a": Background(2, 1, "fmo"), "b": Background(3, 1, "fmo")}
    for gate, n in ((Combination(any_of=("a", "b")), 5.0), (Combination(none_of=("a",)), None)):
        final = apply.FinalGate(gate, None, "ok", None)
        found = apply._background(membership, TEMPLATE.by_name["inkt"], final, known, Controls())
        assert found.n_events == n


def test_applying_gates_imports_what_it_needs_only() -> None:
    # each costs a tenth of a second to several; pandera takes hypothesis where it is installed
    unneeded = ("scipy.stats", "scipy.ndimage", "scipy.optimize", "matplotlib", "flowkit", "numba")
    code = (
        "import sys\nsys.modules['hypothesis'] = None\n"
        "from itc_analysis.flow.counting import apply\nfrom itc_analysis.flow.tube import batch\n"
        f"print([name for name in {unneeded} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_dim_cells_that_the_parents_cut_misses_are_in_its_parts_and_its_rest() -> None:
    from itc_analysis.flow.counting.intensity import Controls
    from itc_analysis.flow.gates.final import FinalGate
    from itc_analysis.flow.gating.geometry import Combination, Threshold
    from itc_analysis.flow.gating.template import check_template

    rng = np.random.default_rng(9)
    n, n_gd = 30_000, 3_000
    is_gd = np.arange(n) < n_gd
    is_vd2 = is_gd & (rng.random(n) < 0.5)
    gd = np.where(is_gd, rng.normal(0.45, 0.05, n), rng.normal(0.2, 0.05, n))
    vd2 = np.where(is_vd2, rng.normal(0.7, 0.04, n), rng.normal(0.2, 0.04, n))
    tube = make_tube({"CD3": np.full(n, 0.6), "TCRgd": gd, "Vd2": vd2})
    plan = [
        ("t_cells", "all", "CD3", 0.4),
        ("gd", "t_cells", "TCRgd", 0.37),
        ("vd2", "gd", "Vd2", 0.45),
    ]
    fixed = [
        {"name": name, "parent": parent, "markers": [marker], "method": "fixed", "side": "above",
         "arguments": {"cut": cut}, "measured": True}
        for name, parent, marker, cut in plan
    ]  # fmt: skip
    rest = {"name": "rest", "parent": "gd", "method": "complement", "arguments": {"of": ["vd2"]},
            "measured": True}  # fmt: skip
    whole = {"panel": "made", "denominator": "t_cells", "populations": [*fixed, rest]}
    template = check_template(whole, "made")
    gates = {
        name: FinalGate(Threshold((marker,), "above", cut), 0.003, "ok", None)
        for name, _, marker, cut in plan
    }
    gates["rest"] = FinalGate(Combination(none_of=("vd2",)), None, "ok", None)
    made = apply._Rows()
    apply._apply_to_tube(tube, template, gates, Controls(), Flow(), made)
    counts = pd.DataFrame(made.counts).set_index("population")
    net = counts["n_events"] - counts["n_background"] + counts["n_missed"]
    truth = {"gd": n_gd, "vd2": is_vd2.sum(), "rest": n_gd - is_vd2.sum()}
    for name, n_true in truth.items():
        assert abs(net[name] - n_true) < abs(counts.loc[name, "n_events"] - n_true), name
        assert net[name] == pytest.approx(n_true, rel=0.03)
