"""Two valleys: the gate says so, its tubes use the same one, and counts carry both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from flow.made_tubes import fit_tube, judged_good, make_tube
from itc_analysis.config.sections import Flow
from itc_analysis.flow.counting import apply
from itc_analysis.flow.gates.pool import pool_gates
from itc_analysis.flow.gating.template import Template, check_template
from itc_analysis.flow.tube.tube import Tube
from itc_analysis.statistics.binomial import count_limits
from itc_analysis.tables import contract
from itc_analysis.tables.flow.tubes import GateFits

#: Of 20,000 events: dim and bright CD8; half of the dim ones carry CD4 as well.
N, N_DIM, N_BRIGHT = 20_000, 600, 2_000


def tube_of_three(file_id: str, seed: int, n_dim: int = N_DIM) -> Tube:
    rng = np.random.default_rng(seed)
    n_negative = N - n_dim - N_BRIGHT
    cd8 = np.concatenate(
        [
            rng.normal(0.2, 0.04, n_negative),
            rng.normal(0.45, 0.025, n_dim),
            rng.normal(0.7, 0.03, N_BRIGHT),
        ]
    )
    is_cd4 = np.zeros(N, dtype=bool)
    is_cd4[: n_negative // 2] = True
    is_cd4[n_negative : n_negative + n_dim // 2] = True
    cd4 = np.where(is_cd4, rng.normal(0.7, 0.04, N), rng.normal(0.2, 0.04, N))
    return make_tube({"CD8": cd8, "CD4": cd4}, file_id=file_id)


def template(**given: Any) -> Template:
    cut = {"parent": "all", "method": "density_minimum", "side": "above", "measured": True}
    entries = [
        {**cut, "name": "cd8_pos", "markers": ["CD8"], **given},
        {**cut, "name": "cd4_pos", "markers": ["CD4"]},
        {"name": "dp", "parent": "all", "method": "boolean", "measured": True,
         "arguments": {"all_of": ["cd8_pos", "cd4_pos"]}},
    ]  # fmt: skip
    return check_template({"panel": "made", "populations": entries}, "t")


def gate(
    monkeypatch: pytest.MonkeyPatch, plan: Template, *tubes: Tube
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return gates and counts, by file and population."""
    rows = [row for tube in tubes for row in fit_tube(tube, plan, n_bootstrap=40)]
    gates = pool_gates(contract.make(rows, GateFits), plan, Flow())
    by_id = {tube.file_id: tube for tube in tubes}
    monkeypatch.setattr(apply, "load_tube", lambda row, *_, keep: by_id[row["file_id"]])  # noqa: ARG005
    sheet = [{"file_id": tube.file_id, "tube": tube.kind} for tube in tubes]
    made = apply.apply_batch(sheet, pd.DataFrame(), plan, gates, judged_good(*by_id), Flow())
    counts = made.counts.set_index(["source_id", "population"])
    return gates.set_index(["file_id", "population"]), counts


def test_counts_of_an_ambiguous_gate_and_of_what_follows_hold_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gates, counts = gate(monkeypatch, template(), tube_of_three("T1", 1))
    assert gates.loc[("T1", "cd8_pos"), "state"] == "ambiguous"
    assert "two valleys" in gates.loc[("T1", "cd8_pos"), "reason"]
    assert gates.loc[("T1", "cd4_pos"), "state"] == "ok"
    for population, two in (("cd8_pos", (N_BRIGHT, N_BRIGHT + N_DIM)), ("dp", (0, N_DIM // 2))):
        row = counts.loc[("T1", population)]
        assert sorted([row["n_events"], row["n_rival"]]) == pytest.approx(two, rel=0.02, abs=8)
        assert row["n_lower"] <= min(two) + 8
        assert row["n_upper"] >= max(two) - 8
    assert pd.isna(counts.loc[("T1", "cd4_pos"), "n_rival"])


def test_tubes_of_a_batch_use_the_same_valley(monkeypatch: pytest.MonkeyPatch) -> None:
    tubes = [tube_of_three(f"T{i}", i, n_dim=150 + 150 * i) for i in range(6)]
    gates, _ = gate(monkeypatch, template(), *tubes)
    cuts = gates.xs("cd8_pos", level="population")["cut"]
    assert cuts.max() - cuts.min() < 0.1
    assert (gates.xs("cd8_pos", level="population")["state"] == "ambiguous").all()


def test_the_template_settles_which_valley_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    gates, counts = gate(monkeypatch, template(level="positive"), tube_of_three("T1", 1))
    assert gates.loc[("T1", "cd8_pos"), "state"] == "ok"
    assert counts.loc[("T1", "cd8_pos"), "n_events"] == pytest.approx(N_DIM + N_BRIGHT, rel=0.01)
    tubes = [tube_of_three(f"T{i}", i, n_dim=200 * i + 50) for i in range(4)]
    gates, counts = gate(monkeypatch, template(level="bright"), *tubes)
    found = counts.xs("cd8_pos", level="population")["n_events"].astype(float)
    assert found.to_numpy() == pytest.approx(N_BRIGHT, rel=0.01)


def test_one_valley_is_not_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    gates, counts = gate(monkeypatch, template(), tube_of_three("T1", 1, n_dim=0))
    assert (gates["state"] == "ok").all()
    assert counts["n_rival"].isna().all()


def test_too_few_at_the_other_place_are_not_quantified() -> None:
    row = {"population": "mait", "n_events": 400, "n_parent": 5_000, "n_lower": 360.0,
           "n_upper": 440.0, "gate_se_log": 0.01, "detection": "quantified"}  # fmt: skip
    kept = apply.with_rival(row, {"mait": (300, 5_000)}, loq_events=50)
    assert kept["detection"] == "quantified"
    few = apply.with_rival(row, {"mait": (3, 5_000)}, loq_events=50)
    assert few["detection"] == "detected"
    assert few["n_lower"] < 3 < 400 < few["n_upper"]
    assert few["gate_se_log"] > 2  # the count says next to nothing in a comparison
    assert apply.with_rival(row, {}, loq_events=50) == row


def test_limits_hold_a_count_above_the_present_parent() -> None:
    row = {"population": "mait", "n_events": 900, "n_parent": 1_000, "n_lower": 880.0,
           "n_upper": 917.0, "gate_se_log": None, "detection": "quantified"}  # fmt: skip
    found = apply.with_rival(row, {"mait": (4_500, 5_000)}, loq_events=50)
    low, high = count_limits(4_500, 5_000)
    assert (found["n_rival"], found["n_lower"], found["n_upper"]) == (4_500, 880.0, high)
    assert low < 4_500 < high < 5_000
