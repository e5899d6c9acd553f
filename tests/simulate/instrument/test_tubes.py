"""One tube: its events against the participant's truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from itc_analysis.simulate import parameters as p
from itc_analysis.simulate.cells.kinds import KINDS, LEAVES, NON_T_LEAVES
from itc_analysis.simulate.instrument.cytometer import draw_drift
from itc_analysis.simulate.instrument.panels import FMO_MARKERS, load_panel
from itc_analysis.simulate.instrument.tubes import (
    BLOOD_VOLUME_UL,
    LABELS,
    SimulatedTube,
    TubePlan,
    label_shares,
    simulate_tube,
)
from itc_analysis.simulate.people import cohort
from itc_analysis.simulate.people.blood import draw_blood

BEADS = 25_000.0
PLAN = TubePlan("S001_panel_a", "S001", "panel_a", "batch1", None, 60_000, BEADS, "LOT-1")


@pytest.fixture(scope="module")
def person() -> dict[str, Any]:
    people = cohort.simulate_measurement_truth("null", {"healthy": 1}, 8)
    blood = draw_blood(people, np.random.default_rng(8))
    return people.merge(blood, on="participant_id").to_dict("records")[0]


def simulate(plan: TubePlan, person: dict[str, Any], seed: int = 5) -> SimulatedTube:
    panel = load_panel(plan.panel)
    drift = draw_drift(panel, np.random.default_rng(2))
    return simulate_tube(plan, person, panel, drift, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def tube(person: dict[str, Any]) -> SimulatedTube:
    return simulate(PLAN, person)


def compensated(tube: SimulatedTube, panel_name: str = "panel_a") -> pd.DataFrame:
    panel = load_panel(panel_name)
    events = pd.DataFrame(tube.events, columns=panel.sheet["marker"])
    markers = list(panel.markers)
    events[markers] = events[markers].to_numpy() @ np.linalg.inv(panel.spillover)
    return events


def test_counting_beads_give_the_true_t_cells_per_ul(
    tube: SimulatedTube, person: dict[str, Any]
) -> None:
    counts = tube.truth["population"].value_counts()
    t_cells = counts[list(LEAVES)].sum()
    per_ul = t_cells / counts["bead"] * BEADS / BLOOD_VOLUME_UL
    assert 1_000 < counts["bead"] < 4_000
    # four Poisson standard errors
    tolerance = 4 * np.sqrt(1 / t_cells + 1 / counts["bead"])
    assert per_ul == pytest.approx(person["t_cells_per_ul"], rel=tolerance)


def test_events_are_drawn_with_the_stated_shares(
    tube: SimulatedTube, person: dict[str, Any]
) -> None:
    assert sum(tube.shares.values()) == pytest.approx(1)
    counts = tube.truth["population"].value_counts()
    observed = np.array([counts[name] for name in LABELS])
    expected = PLAN.n_events * np.array([tube.shares[name] for name in LABELS])
    # a seed in a thousand would fail
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    # and the shares of T cells are the participant's
    t_share = sum(tube.shares[name] for name in LEAVES)
    for name in ("mait", "inkt", "vd2_gd", "vd2neg_gd", "innate_cd8", "cd4_t_cells"):
        assert tube.shares[name] / t_share == pytest.approx(person[f"share_{name}"])


def test_composition_is_that_of_lysed_blood(person: dict[str, Any]) -> None:
    shares = label_shares(replace(PLAN, beads_per_tube=None), person)
    assert shares["bead"] == 0
    assert shares["doublet"] == pytest.approx(0.04)
    assert shares["debris"] == pytest.approx(0.08)
    assert 0.03 <= shares["dead"] <= 0.06
    live = sum(shares[name] for name in (*LEAVES, *NON_T_LEAVES))
    assert 0.35 < sum(shares[name] for name in LEAVES) / live < 0.75


def test_lineages_are_separated_and_artefacts_look_like_artefacts(tube: SimulatedTube) -> None:
    events, label = compensated(tube), tube.truth["population"].astype(str)
    median = events.groupby(label).median()
    assert median.loc["mait", "Va7.2"] > 50 * abs(median.loc["b_cells", "Va7.2"])
    # CD161 bright: ten times the positive conventional cells
    conventional = events.loc[label == "cd4_t_cells", "CD161"]
    assert median.loc["mait", "CD161"] > 10 * conventional[conventional > 300].median()
    # 6B11: more than a decade above what 99.9 % of the other T cells show
    background = events.loc[label == "cd4_t_cells", "6B11"].quantile(0.999)
    assert median.loc["inkt", "6B11"] > 10**0.7 * background
    assert median.loc["dead", "Viability"] > 20 * median.loc["cd4_t_cells", "Viability"]
    assert (events.loc[label == "dead", "6B11"] > background).mean() > 0.5
    assert (median.loc["bead", list(load_panel("panel_a").markers)] > 20_000).all()
    assert median.loc["bead", "FSC-A"] < 20_000 < 100_000 < median.loc["bead", "SSC-A"]
    ratio = events["FSC-H"] / events["FSC-A"]
    assert ratio[label == "doublet"].quantile(0.99) < 0.75
    assert ratio[label == "cd4_t_cells"].quantile(0.01) > 0.7
    assert (events["Time"].diff().dropna() >= 0).all()
    assert (events[list(load_panel("panel_a").markers)].min() < 0).all()


def test_positivity_is_the_participants(tube: SimulatedTube, person: dict[str, Any]) -> None:
    events, label = compensated(tube), tube.truth["population"]
    for marker in p.PHENOTYPE_MARKERS:
        cells = events.loc[label == "cd4_t_cells", marker]
        # 500 units lie between the negatives and nearly all positives (dimmest: 1,260, SD 0.28)
        assert (cells > 500).mean() == pytest.approx(
            person[f"positive_cd4_t_cells_{marker}"], rel=0.15, abs=0.01
        ), marker


def test_inhibitory_receptors_come_together(tube: SimulatedTube) -> None:
    events = compensated(tube)
    cells = events[tube.truth["population"] == "cd4_t_cells"]
    pd1, tigit, cd38 = (cells[m] > 500 for m in ("PD-1", "TIGIT", "CD38"))
    assert (pd1 & tigit).mean() > 1.5 * pd1.mean() * tigit.mean()
    assert (pd1 & cd38).mean() == pytest.approx(pd1.mean() * cd38.mean(), rel=0.15)


def test_random_va72_is_marked_event_by_event(tube: SimulatedTube, person: dict[str, Any]) -> None:
    is_va72 = tube.truth.groupby("population", observed=False)["is_va72_pos"].mean()
    assert is_va72["mait"] == 1
    assert is_va72[["dead", "doublet", "bead", "debris", "b_cells", "vd2_gd"]].max() == 0
    expected = person["share_va72_cd161low"] / person["share_conventional_ab"]
    assert is_va72["cd4_t_cells"] == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize(("panel", "marker"), [("panel_a", "PD-1"), ("panel_b", "NKG2A")])
def test_fmo_tube_lacks_one_reagent_and_nothing_else(
    panel: str, marker: str, person: dict[str, Any]
) -> None:
    stained = TubePlan("x", "S1", panel, "batch1", None, 20_000)
    full = compensated(simulate(stained, person), panel)
    without = compensated(simulate(replace(stained, fmo_marker=marker), person), panel)
    assert (full[marker] > 1_000).mean() > 0.02
    assert (without[marker] > 1_000).mean() < 0.002
    other = "CD3"
    assert without[other].median() == pytest.approx(full[other].median(), rel=0.02)


def test_fmo_markers_are_in_their_panels() -> None:
    for panel, markers in FMO_MARKERS.items():
        assert set(markers) <= set(load_panel(panel).markers)


def test_kinds_of_a_population_add_up_to_it() -> None:
    weights = pd.Series([kind.weight for kind in KINDS]).groupby(
        [kind.population for kind in KINDS]
    )
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-12)
    assert {kind.population for kind in KINDS} == {*LEAVES, *NON_T_LEAVES}


def test_innate_cd8_carry_eomes_and_kir_or_nkg2a(person: dict[str, Any]) -> None:
    plan = TubePlan("x", "S1", "panel_b", "batch1", None, 60_000)
    tube = simulate(plan, person)
    cells = compensated(tube, "panel_b")[tube.truth["population"] == "innate_cd8"]
    positive = (cells["Eomes"] > 500) & ((cells["panKIR"] > 500) | (cells["NKG2A"] > 500))
    assert positive.mean() > 0.98
    assert (cells["CD8"] > 5_000).mean() > 0.98


def test_analyser_counts_agree_with_the_t_cells(person: dict[str, Any]) -> None:
    people = cohort.simulate_measurement_truth("effect", 50, 8)
    blood = draw_blood(people, np.random.default_rng(8))
    lymphocytes = 1000 * blood["wbc_10e9_per_l"] * blood["lymphocyte_share"]
    others = 1 + blood["per_t_b_cells"] + blood["per_t_nk_cells"]
    error = np.log(lymphocytes / others / people["t_cells_per_ul"])
    # two analyser errors of 3 % each
    assert error.std() == pytest.approx(0.03 * np.sqrt(2), rel=0.25)
    assert abs(error.mean()) < 0.01
    assert blood["lymphocyte_share"].between(0.05, 0.65).all()
    assert blood["draw_to_stain_hours"].between(2, 30).all()
