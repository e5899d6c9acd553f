from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.people.imputation import (
    N_DONORS,
    N_IMPUTATIONS,
    _match,
    impute_covariates,
)
from stats.made_up_study import make_participants


@pytest.fixture
def people():
    """Age, sex, CMV and smoking of 120 people; CMV goes with age, the value with CMV."""
    rng = np.random.default_rng(4)
    table = make_participants({"SSc": 60, "healthy": 60}, seed=5).set_index("participant_id")
    age = table["age_years"].astype(float)
    cmv = rng.random(120) < 1 / (1 + np.exp(-(age - 50) / 5))
    smoking = np.where(age > 60, "former", np.where(age > 40, "current", "never"))
    return table.assign(
        cmv_igg=pd.array(cmv, dtype="boolean"),
        smoking=pd.array(smoking, dtype="string"),
        y=rng.normal(size=120) - cmv,
        state="ok",
    )


def test_known_entries_stay_and_missing_ones_are_values_of_others(people):
    holes = people.copy()
    rng = np.random.default_rng(6)
    for name in ("age_years", "cmv_igg", "smoking"):
        holes.loc[rng.random(120) < 0.15, name] = pd.NA
    filled = impute_covariates(holes, ["age_years", "sex", "cmv_igg", "smoking"], seed=1)
    assert len(filled) == N_IMPUTATIONS
    for table in filled:
        assert table[["age_years", "cmv_igg", "smoking"]].notna().all().all()
        assert (table.dtypes == people.dtypes).all()
        for name in ("age_years", "cmv_igg", "smoking"):
            known = holes[name].notna()
            assert (table.loc[known, name] == holes.loc[known, name]).all()
            assert set(table[name]) <= set(holes[name].dropna())
    assert not filled[0].equals(filled[1])


def test_the_seed_decides(people):
    holes = people.assign(age_years=people["age_years"].mask(np.arange(120) % 7 == 0))
    first, again, other = (
        impute_covariates(holes, ["cmv_igg", "age_years"], seed=seed)[0]["age_years"]
        for seed in (1, 1, 2)
    )
    pd.testing.assert_series_equal(first, again)
    assert not first.equals(other)


def test_an_entry_is_imputed_from_what_predicts_it(people):
    """CMV is nearly decided by age, smoking by age: the young are imputed negative, the old former
    smokers.
    """
    old, young = people["age_years"] > 65, people["age_years"] < 35
    holes = people.assign(
        cmv_igg=people["cmv_igg"].mask(np.arange(120) % 5 == 0),
        smoking=people["smoking"].mask(np.arange(120) % 5 == 1),
    )
    filled = impute_covariates(holes, ["age_years", "cmv_igg", "smoking"], seed=3)
    cmv = np.mean([t["cmv_igg"].astype(float) for t in filled], axis=0)
    without = holes["cmv_igg"].isna()
    assert cmv[without & old].mean() > 0.9
    assert cmv[without & young].mean() < 0.1
    former = np.mean([t["smoking"] == "former" for t in filled], axis=0)
    without = holes["smoking"].isna()
    assert former[without & old].mean() > 0.8
    assert former[without & young].mean() < 0.1


def test_the_value_itself_helps_to_impute(people):
    """Left out of the imputation, the association of value and covariate would be drawn towards
    none.
    """
    rng = np.random.default_rng(8)
    marker = rng.normal(size=120)
    table = people.assign(y=2 * marker + rng.normal(size=120), bmi=marker)
    holes = table.assign(bmi=table["bmi"].mask(rng.random(120) < 0.2))
    slopes = [
        np.polyfit(t["bmi"].astype(float), t["y"], 1)[0]
        for t in impute_covariates(holes, ["bmi"], seed=9)
    ]
    # four standard errors of a slope from 120 people
    assert np.mean(slopes) == pytest.approx(2, abs=4 / np.sqrt(120))


def test_what_nobody_has_is_left_as_it_is(people):
    nobody = people.assign(cmv_igg=pd.array([pd.NA] * 120, dtype="boolean"))
    filled = impute_covariates(nobody, ["cmv_igg", "age_years"], seed=1)
    assert all(table["cmv_igg"].isna().all() for table in filled)


def test_the_donor_is_drawn_among_the_five_nearest():
    """Always the nearest would give a person without predictors of their own the same each time."""
    rng = np.random.default_rng(1)
    predictor = np.linspace(-1, 1, 41)[:, None]
    values = np.array([float(i) for i in range(41)], dtype=object)
    missing = np.arange(41) == 20
    drawn = [float(_match(values, missing, predictor, rng)[20]) for _ in range(400)]
    seen, times = np.unique(drawn, return_counts=True)
    # the line is exact, so the prediction is too: two neighbours to either side and one of the next
    assert set(seen) <= {17.0, 18.0, 19.0, 21.0, 22.0, 23.0}
    assert len(seen) >= N_DONORS
    assert np.sort(times)[-N_DONORS:].min() > 40  # a fifth each, less five standard errors
