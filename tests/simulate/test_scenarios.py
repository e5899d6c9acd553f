"""Scenarios plant what they say, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from itc_analysis.simulate import parameters as p
from itc_analysis.simulate.cells.brightness import draw_light, kinds_of_live_cells, positive_shares
from itc_analysis.simulate.cells.kinds import KINDS
from itc_analysis.simulate.cells.subsets import response_of
from itc_analysis.simulate.people.blood import draw_blood
from itc_analysis.simulate.people.cohort import share_positive, simulate_measurement_truth
from itc_analysis.simulate.people.design import assign_batches
from itc_analysis.simulate.scenarios import LOWERED, RAISED, SCENARIOS

SIZES = {"SSc": 60, "healthy": 60}


def truth(scenario: str) -> pd.DataFrame:
    return simulate_measurement_truth(scenario, SIZES, 5)


def odds(table: pd.DataFrame, column: str) -> float:
    """Return the ratio of the odds of SSc and healthy people."""
    logit = pd.Series(special.logit(table[column]), index=table.index)
    mean = logit.groupby(table["group"]).mean()
    return float(np.exp(mean["SSc"] - mean["healthy"]))


@pytest.mark.parametrize(
    ("scenario", "receptors", "activation", "function"),
    [
        ("null", 1, 1, 1),
        ("exhausted", RAISED, 1, LOWERED),
        ("dysfunction_only", 1, 1, LOWERED),
        ("receptor_high_only", RAISED, 1, 1),
        ("activation_only", 1, RAISED, 1),
    ],
)
def test_one_thing_is_planted(
    scenario: str, receptors: float, activation: float, function: float
) -> None:
    # the same seed gives the same people, so that the ratio to `null` is what is planted
    planted, usual = truth(scenario), truth("null")
    for column, expected in (
        ("positive_mait_TIM-3", receptors),
        ("positive_gd_t_cells_HLA-DR", activation),
        ("response_mait_il12_il18_IFN-g", function),
    ):
        assert odds(planted, column) / odds(usual, column) == pytest.approx(expected)
    healthy = usual["group"] == "healthy"
    pd.testing.assert_frame_equal(planted[healthy], usual[healthy])


def test_a_shift_of_composition_changes_wholes_and_no_subset() -> None:
    table, usual = truth("composition_shift"), truth("null")
    is_ssc = (table["group"] == "SSc").to_numpy()
    vd2neg = table["share_vd2neg_gd"] / table["share_gd_t_cells"]
    assert vd2neg[is_ssc].mean() > vd2neg[~is_ssc].mean() + 0.25
    # what every subset is made from is as in null
    pd.testing.assert_series_equal(
        table["positive_gd_t_cells_PD-1"], usual["positive_gd_t_cells_PD-1"]
    )
    wholes = pd.DataFrame(
        {
            "group": table["group"],
            "pd1": [share_positive(r, "gd_t_cells", "PD-1") for r in table.to_dict("records")],
            "ifn": [response_of(r, "gd_t_cells", "il12_il18", "IFN-g")
                    for r in table.to_dict("records")],
        }
    )  # fmt: skip
    assert odds(wholes, "pd1") > 1.3
    assert odds(wholes, "ifn") < 0.8


def test_double_negative_mait_cells_are_as_many_as_the_truth_says() -> None:
    people = truth("composition_shift")
    blood = draw_blood(people, np.random.default_rng(1))
    row = people.merge(blood, on="participant_id").to_dict("records")[0]
    shares = kinds_of_live_cells(row)
    mait = np.array([kind.population == "mait" for kind in KINDS])
    dn = np.array([kind.subset == "mait_dn" for kind in KINDS])
    assert shares[dn].sum() / shares[mait].sum() == pytest.approx(row["mait_dn_share"])


def test_stimulation_adds_the_response_to_what_is_there_without() -> None:
    row = truth("null").to_dict("records")[0]
    markers = ("IFN-g",)
    before = positive_shares(row, markers)
    after = positive_shares(row, markers, "il12_il18")
    at = next(i for i, kind in enumerate(KINDS) if kind.population == "mait")
    assert before[at, 0] == pytest.approx(row["background_mait_IFN-g"])
    assert after[at, 0] - before[at, 0] == pytest.approx(row["response_mait_il12_il18_IFN-g"])
    b_cells = next(i for i, kind in enumerate(KINDS) if kind.population == "b_cells")
    assert after[b_cells, 0] == 0


def test_people_differ_more_and_shares_stay_in_range() -> None:
    wide, usual = truth("wider_people"), truth("null")
    column = "response_mait_il12_il18_IFN-g"
    assert special.logit(wide[column]).std() > 1.5 * special.logit(usual[column]).std()
    assert wide["share_conventional_ab"].min() > 0


def test_batches_go_with_groups_where_that_is_planted() -> None:
    table = truth("batch_imbalance")
    dealt = assign_batches(table, 4, np.random.default_rng(1), imbalance=0.8)
    number = table["participant_id"].map(dealt)
    first = (number <= 2).groupby(table["group"]).mean()
    assert first["SSc"] > 0.8
    assert first["healthy"] < 0.2


def test_treated_people_respond_less() -> None:
    table = truth("treatment")
    treated = table["is_treated"]
    assert 0.4 < treated[table["group"] == "SSc"].mean() < 0.9
    assert not treated[table["group"] == "healthy"].any()
    usual = truth("null")
    column = "response_mait_il12_il18_IFN-g"
    assert (table.loc[treated, column] < usual.loc[treated, column]).all()


def test_intermediate_cells_lie_between_low_and_mait() -> None:
    row = simulate_measurement_truth("cd161_intermediate", SIZES, 5).to_dict("records")[0]
    at = next(i for i, kind in enumerate(KINDS) if kind.population == "cd4_t_cells")
    kind = np.full(200_000, at)
    light, is_positive = draw_light(kind, row, ("CD161", "Va7.2"), np.random.default_rng(1))
    bright = np.log10(light[is_positive[:, 1], 0] + 1e-9)
    assert np.mean((bright > 2.99) & (bright < 3.91)) == pytest.approx(0.4 + 0.6 * 0.17, abs=0.06)


def test_every_scenario_gives_shares() -> None:
    for scenario in SCENARIOS:
        table = simulate_measurement_truth(scenario, 2, 1)
        for name in ("positive", "response", "background"):
            shares = table.filter(regex=f"^{name}_").to_numpy(dtype=float)
            assert np.all((shares > 0) & (shares < 1)), (scenario, name)
    assert set(p.HEALTHY_RESPONSES) == {"il12_il18", "pma_ionomycin"}
