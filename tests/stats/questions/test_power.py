from __future__ import annotations

import numpy as np
import pytest

from itc_analysis.cohort.description.power import power_of
from itc_analysis.config.sections import Stats
from itc_analysis.errors import ItcError
from itc_analysis.stats.questions.power import simulate_power
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 20, "SLE": 5, "pSS": 5, "RA": 5, "IIM": 5, "healthy": 20}
PEOPLE = make_participants(SIZES, seed=4)
PLAN = make_plan(contrasts=("healthy",))


def rows(effect=-2.0, limit=None):
    rng = np.random.default_rng(6)
    y = -4 + effect * (PEOPLE["group"] == "SSc").to_numpy() + rng.normal(size=len(PEOPLE))
    return make_measurements(PEOPLE, inverse_logit(y), limit=limit)


def power(ratio, *, n_studies=25, measurements=None, **more):
    return simulate_power(
        rows() if measurements is None else measurements,
        PEOPLE,
        plan=PLAN,
        cohort=COHORT,
        settings=Stats(),
        ratio=ratio,
        n_studies=n_studies,
        **more,
    ).iloc[0]


def test_power_is_near_the_formula_for_the_spread_of_the_study():
    """Normal values: the t test's power; tolerance two Monte-Carlo errors and the bootstrap of 20
    people.
    """
    found = power(0.4)
    y = np.log(rows()["value"] / (1 - rows()["value"])).to_numpy()
    sd = np.sqrt(np.mean([np.var(y[:20], ddof=1), np.var(y[-20:], ddof=1)]))
    expected = power_of(20, 20, abs(np.log(0.4)) / sd, alpha=0.05)
    assert found["found"] == pytest.approx(expected, abs=3 * found["monte_carlo_error"] + 0.1)


def test_a_ratio_of_one_is_the_type_one_error_whatever_the_study_found():
    assert power(1.0)["found"] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 25)


def test_a_group_wholly_below_the_limit_has_no_power_and_leaves_the_others_alone():
    low = rows(effect=0.0)
    is_low = low["group"].isin(["SLE"])
    low = low.assign(
        status=low["status"].mask(is_low, "below_lod"),
        value=low["value"].mask(is_low),
        upper=low["upper"].mask(is_low, 1e-4),
    )
    plan = make_plan(contrasts=("healthy", "each_disease"))
    found = simulate_power(
        low, PEOPLE, plan=plan, cohort=COHORT, settings=Stats(), ratio=1.0, n_studies=15
    ).set_index("comparison")
    assert "SSc vs SLE" not in found.index
    assert found.loc["SSc vs healthy", "found"] <= 0.3


def test_planned_sizes_replace_the_reached_ones():
    few, many = (power(0.4, n_studies=8, sizes={"SSc": n, "healthy": n}) for n in (6, 60))
    assert (few["n_index"], many["n_reference"]) == (6, 60)
    assert many["found"] > few["found"]


def test_participants_below_the_limit_stay_in():
    found = power(0.2, n_studies=6, measurements=rows(effect=0.0, limit=0.01))
    assert found["n_index"] == 20
    assert found["found"] > 0.5


def test_the_same_seed_gives_the_same_power():
    assert power(0.5, n_studies=3).equals(power(0.5, n_studies=3))


def test_a_size_for_a_group_that_is_not_there_is_refused():
    with pytest.raises(ItcError, match="no participant of nobody"):
        power(0.5, n_studies=1, sizes={"SSc": 5, "healthy": 5, "nobody": 5})
