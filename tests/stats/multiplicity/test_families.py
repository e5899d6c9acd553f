from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.stats.multiplicity.families import adjust_families
from itc_analysis.stats.multiplicity.simultaneous import dunnett_p
from itc_analysis.stats.questions.compare import compare_groups
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 24, "SLE": 12, "pSS": 11, "RA": 10, "IIM": 9, "healthy": 20}
CONTRASTS = ("healthy", "pooled", "each_disease")
METHODS = ("holm", "bh", "dunnett", "bh_dunnett", "gatekeeping", "none")


@pytest.fixture(scope="module")
def people():
    return make_participants(SIZES, seed=4)


@pytest.fixture(scope="module")
def rows(people):
    """Three populations: a strong effect, a weak one, none; the third with values below the
    limit.
    """
    rng = np.random.default_rng(2)
    is_ssc = (people["group"] == "SSc").to_numpy()
    tables = []
    for name, effect, limit in (("mait", -1.2, -20), ("inkt", -0.6, -20), ("cd4", 0.0, -4.5)):
        y = -4 + effect * is_ssc + rng.normal(size=len(people))
        tables.append(
            make_measurements(
                people, inverse_logit(y), population=name, limit=inverse_logit(np.array(limit))
            )
        )
    return pd.concat(tables, ignore_index=True)


def compare(rows, people, adjustment):
    plan = make_plan(
        covariates="age_years",
        populations=("mait", "inkt", "cd4"),
        contrasts=CONTRASTS,
        adjustment=adjustment,
        role="secondary",
    )
    return compare_groups(rows, people, plan=plan, cohort=COHORT, settings=Stats())


@pytest.mark.parametrize("adjustment", METHODS)
def test_adjusted_intervals_leave_out_one_exactly_when_adjusted_p_claims(rows, people, adjustment):
    found = compare(rows, people, adjustment)
    assert found["p_adjusted"].notna().all()
    leaves_out = (found["lower_adjusted"] > 1) | (found["upper_adjusted"] < 1)
    assert (leaves_out == (found["p_adjusted"] < 0.05)).all()
    assert (found["p_adjusted"] >= found["p_value"]).all()
    assert (found["lower_adjusted"] <= found["lower"] * (1 + 1e-9)).all()
    assert 0 < leaves_out.sum() < len(found)


def test_dunnett_is_made_within_the_endpoint(rows, people):
    whole = compare(rows, people, "dunnett").set_index(["population", "comparison"])
    alone = compare(rows[rows["population"] == "mait"], people, "dunnett")
    alone = alone[alone["population"] == "mait"].set_index(["population", "comparison"])
    pd.testing.assert_series_equal(whole.loc[alone.index, "p_adjusted"], alone["p_adjusted"])


def test_a_pooled_reference_and_its_diseases_make_no_singular_trouble(rows, people):
    found = compare(rows, people, "dunnett")
    bonferroni = np.minimum(6 * found["p_value"], 1)
    assert (found["p_adjusted"] <= bonferroni + 1e-12).all()
    assert (found["p_adjusted"] < bonferroni - 1e-4).any()


def test_bh_dunnett_equals_its_definition_at_every_level(rows, people):
    """Slow way: BH on the smallest Dunnett p, then Dunnett at alpha R / K, for many alphas."""
    within = compare(rows, people, "dunnett").set_index(["population", "comparison"])["p_adjusted"]
    screened = compare(rows, people, "bh_dunnett").set_index(["population", "comparison"])
    smallest = within.groupby("population").min().sort_values()
    for alpha in (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.9):
        passing = np.flatnonzero(smallest <= alpha * np.arange(1, 4) / 3)
        n_found = passing.max() + 1 if len(passing) else 0
        claimed = within <= alpha * n_found / 3
        pd.testing.assert_series_equal(
            claimed, screened.loc[claimed.index, "p_adjusted"] <= alpha, check_names=False
        )


def test_without_a_standard_error_dunnett_becomes_bonferroni():
    rows = pd.DataFrame(
        {"family": "f", "adjustment": "dunnett", "p_value": [0.01, 0.2], "endpoint": 0, "stage": 0}
    )
    found = adjust_families(rows, lambda _: None, alpha=0.05)
    np.testing.assert_allclose(found["p_adjusted"], [0.02, 0.4])
    np.testing.assert_allclose(found["level"], 0.025)


def test_a_wholly_low_group_keeps_its_limit_under_dunnett(rows, people):
    low = (rows["population"] == "cd4") & (rows["group"] == "SSc")
    changed = rows.assign(
        status=rows["status"].mask(low, "below_lod"),
        value=rows["value"].mask(low),
        upper=rows["upper"].mask(low, 0.001),
    )
    found = compare(changed, people, "dunnett")
    found = found[found["population"] == "cd4"]
    assert found["p_adjusted"].notna().all()
    assert found["lower_adjusted"].isna().all()
    assert (found["upper_adjusted"] >= found["upper"]).all()


def test_dunnett_of_one_endpoint_uses_the_robust_correlation():
    correlation = np.array([[1, 0.9], [0.9, 1]])
    assert dunnett_p([2, 2], correlation, 50)[0] < dunnett_p([2, 2], np.eye(2), 50)[0]
