"""Associations within a group: the models written out, what is missing, nothing found where nothing
is, the planted found.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from itc_analysis.config.sections import Stats
from itc_analysis.errors import ItcError
from itc_analysis.stats.plan.associations import Associations
from itc_analysis.stats.questions.associations import associate
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 60, "SLE": 12, "healthy": 20}
ENDPOINT = {"assay": "flow", "populations": ["mait"], "measures": ["share_of_t"]}


def family(*variables, **changes):
    plain = {
        "name": "within",
        "covariates": "age_years + sex",
        "variables": [{"name": v} if isinstance(v, str) else v for v in variables],
        "endpoints": [ENDPOINT],
    }
    return Associations.model_validate(plain | changes)


def run(rows, people, *families, settings=None):
    plan = make_plan().model_copy(update={"associations": families})
    return associate(rows, people, plan=plan, cohort=COHORT, settings=settings or Stats())


@pytest.fixture
def people():
    rng = np.random.default_rng(7)
    n = sum(SIZES.values())
    subset = rng.choice(["lcSSc", "dcSSc", "early"], n, p=[0.5, 0.4, 0.1])
    return make_participants(
        SIZES,
        seed=2,
        mrss=rng.integers(0, 40, n).astype(float),
        crp_mg_per_l=np.exp(rng.normal(1, 1.2, n)),
        ssc_subset=subset,
        ild=rng.random(n) < 0.4,
        fvc_percent=rng.normal(95, 16, n).round(),
    )


def logits(people, slope=0.0, seed=3):
    rng = np.random.default_rng(seed)
    age = (people["age_years"] - 50).to_numpy()
    return -4 + slope * people["mrss"].to_numpy() - 0.02 * age + rng.normal(size=len(people))


def written_out(people, shares, formula):
    """The same regression by statsmodels, SSc only; y is the logit with half a cell."""
    k = shares["value"] * 50_000
    data = people.assign(y=np.log((k + 0.5) / (50_000 - k + 0.5)))
    data = data[data["group"] == "SSc"].astype({"sex": str, "ssc_subset": str, "ild": float})
    return smf.ols(f"y ~ {formula} + age_years + sex", data)


def test_a_number_is_the_regression_written_out(people):
    """With one sample each, CR2 is HC2."""
    shares = make_measurements(people, inverse_logit(logits(people, -0.05)))
    row = run(shares, people, family({"name": "mrss", "per": 5})).iloc[0]
    slow = written_out(people, shares, "mrss").fit(cov_type="HC2")
    assert row["contrast"] == "per 5 points"
    assert row["estimate"] == pytest.approx(np.exp(5 * slow.params["mrss"]), rel=1e-8)
    assert row["standard_error"] == pytest.approx(5 * slow.bse["mrss"], rel=1e-8)
    spread = people.loc[people["group"] == "SSc", "mrss"].std()
    size = slow.params["mrss"] * spread / np.sqrt(slow.scale)
    assert row["effect_size"] == pytest.approx(size, rel=1e-8)
    assert (row["step"], row["unit"], row["n_used"]) == (5, "points", 60)
    plain = smf.ols("y ~ mrss", written_out(people, shares, "mrss").data.frame).fit()
    assert row["estimate_unadjusted"] == pytest.approx(np.exp(5 * plain.params["mrss"]), rel=1e-8)
    assert "SSc: mrss per 5 points; at equal age_years + sex" in row["estimand"]


def test_a_step_of_one_sd_and_a_doubling_are_the_same_line(people):
    shares = make_measurements(people, inverse_logit(logits(people)))
    found = run(shares, people, family("mrss", {"name": "crp_mg_per_l", "scale": "log2"}))
    found = found.set_index("variable")
    spread = people.loc[people["group"] == "SSc", "mrss"].std()
    assert found.loc["mrss", "step"] == pytest.approx(spread)
    assert found.loc["mrss", "contrast"] == "per SD"
    slow = written_out(people, shares, "np.log2(crp_mg_per_l)").fit(cov_type="HC2")
    doubling = np.exp(slow.params["np.log2(crp_mg_per_l)"])
    assert found.loc["crp_mg_per_l", "estimate"] == pytest.approx(doubling, rel=1e-8)
    assert found.loc["crp_mg_per_l", "contrast"] == "per doubling"
    assert np.isnan(found.loc["crp_mg_per_l", "step"])


def test_categories_are_contrasts_of_one_model(people):
    shares = make_measurements(people, inverse_logit(logits(people)))
    wanted = family({"name": "ssc_subset", "reference": "lcSSc"}, "ild")
    found = run(shares, people, wanted, settings=Stats(min_per_group=5))
    found = found.set_index("contrast")
    assert list(found.index) == ["dcSSc vs lcSSc", "sine vs lcSSc", "early vs lcSSc", "yes vs no"]
    slow = written_out(people, shares, "ild").fit(cov_type="HC3", use_t=True)
    assert found.loc["yes vs no", "estimate"] == pytest.approx(np.exp(slow.params["ild"]), rel=1e-8)
    assert found.loc["yes vs no", "p_value"] == pytest.approx(slow.pvalues["ild"], rel=1e-6)
    ssc = people[people["group"] == "SSc"]
    assert found.loc["yes vs no", "n_level"] == int(ssc["ild"].sum())
    assert found.loc["yes vs no", "n_reference"] == int((~ssc["ild"]).sum())
    # nobody is 'sine': the row stands and says so
    assert found.loc["sine vs lcSSc", "status"] == "not_estimable"
    assert found.loc["sine vs lcSSc", "reason"].startswith(
        "participants with measure and ssc_subset sine: 0, needed 5"
    )


def test_nobody_disappears(people):
    people.loc[:4, "mrss"] = np.nan
    people.loc[5:7, "age_years"] = np.nan
    shares = make_measurements(
        people, inverse_logit(logits(people.fillna({"mrss": 0, "age_years": 50})))
    )
    shares.loc[8:9, ["status", "value"]] = ["few_cells", np.nan]
    row = run(shares, people, family("mrss")).iloc[0]
    counts = ["n_analysed", "n_used", "n_without_measure", "n_without_variable", "n_left_out"]
    assert row[counts].tolist() == [60, 50, 2, 5, 3]
    assert "5 of 58 participants with a number lack mrss" in row["reason"]
    assert "2 of 60 participants without a number (2 too few cells)" in row["reason"]
    assert "left out, age_years missing: P005, P006, P007" in row["reason"]


def test_what_cannot_be_estimated_says_why(people):
    people["fvc_percent"] = 90.0
    people["dlco_percent"] = np.where(people.index < 4, 70.0, np.nan)
    people["esr_mm_per_h"] = people["age_years"]
    shares = make_measurements(people, inverse_logit(logits(people)))
    variables = ["fvc_percent", "dlco_percent", "esr_mm_per_h", "capillaroscopy", "calcinosis"]
    variables[3] = {"name": "capillaroscopy", "reference": "early"}
    found = run(shares, people, family(*variables)).set_index("variable")["reason"]
    assert found["fvc_percent"].startswith("fvc_percent is the same in everybody")
    assert found["dlco_percent"].startswith(
        "participants with measure and dlco_percent: 4, needed 6"
    )
    assert "they tell esr_mm_per_h completely" in found["esr_mm_per_h"]
    assert found["capillaroscopy"].str.startswith("capillaroscopy is known for nobody in SSc").all()
    assert len(found["capillaroscopy"]) == 4
    assert found["calcinosis"].startswith("calcinosis is known for nobody")
    absent = run(shares, people, family("mrss", endpoints=[ENDPOINT | {"populations": ["inkt"]}]))
    assert absent["reason"].iloc[0].startswith("no flow cytometry measurement of population 'inkt'")
    assert absent["n_used"].iloc[0] == 0


def test_a_variable_of_the_batch_is_not_interpretable(people):
    batch = np.array([f"b{i % 4}" for i in range(len(people))])
    people["esr_mm_per_h"] = 10.0 + np.arange(len(people)) % 4
    shares = make_measurements(people, inverse_logit(logits(people)), batch=batch)
    row = run(shares, people, family("esr_mm_per_h")).iloc[0]
    assert row["reason"].startswith("not interpretable: confounded with batch")


def test_the_variable_is_not_adjusted_for_itself(people):
    shares = make_measurements(people, inverse_logit(logits(people)))
    row = run(shares, people, family("age_years")).iloc[0]
    assert row["status"] == "ok"
    assert row["covariates"] == "sex"


def test_few_participants_keep_those_covariates_that_the_plan_keeps_in_small_samples(people):
    """10 people in SSc: the plan's rule asks for 5 per parameter. Its small samples keep age and
    sex.
    """
    few = people.groupby("group").head(10)
    shares = make_measurements(few, inverse_logit(logits(few)))
    found = [
        run(shares, few, family("mrss", covariates=covariates)).iloc[0]
        for covariates in ("cr(age_years, df=3, constraints='center')", "cmv_igg", None)
    ]
    assert [row["covariates"] for row in found] == ["age_years", "none", "none"]
    assert "adjusted for age_years only" in found[0]["reason"]
    assert "adjusted for nothing only" in found[1]["reason"]


def test_below_the_limit_is_censored_and_the_slope_is_found(people):
    y = logits(people, -0.08)
    limit = inverse_logit(np.array(-6.0))
    shares = make_measurements(people, inverse_logit(y), limit=limit)
    row = run(shares, people, family({"name": "mrss", "per": 5})).iloc[0]
    is_ssc = (people["group"] == "SSc").to_numpy()
    assert row["n_below_lod"] == int((shares["status"] == "below_lod")[is_ssc].sum()) > 10
    assert row["lower"] < np.exp(5 * -0.08) < row["upper"] < 1
    assert "censored regression" in row["model"]
    assert "lie below the limit of detection" in row["reason"]


def test_a_category_wholly_below_the_limit_has_a_limit_and_a_p(people):
    y = np.where(people["ild"], -9.0, logits(people))
    shares = make_measurements(people, inverse_logit(y), limit=inverse_logit(np.array(-6.5)))
    row = run(shares, people, family("ild")).iloc[0]
    assert row["status"] == "not_estimable"
    assert np.isnan(row["estimate"])
    assert 0 < row["upper"] < 0.5
    assert row["p_adjusted"] < 0.001
    assert "wholly below the limit of detection" in row["reason"]


def test_scores_are_differences_whatever_their_errors(people):
    rng = np.random.default_rng(4)
    error = rng.uniform(0.1, 2, len(people))
    value = 0.05 * people["mrss"].to_numpy() + rng.normal(size=len(people)) * error / 2
    keywords = {"measure": "score", "feature": "exhaustion", "n_denominator": None}
    rows = make_measurements(people, value, standard_error=error, **keywords)
    endpoint = ENDPOINT | {"measures": ["score"], "features": ["exhaustion"]}
    row = run(rows, people, family({"name": "mrss", "per": 10}, endpoints=[endpoint])).iloc[0]
    assert row["estimate_kind"] == "difference"
    assert "least squares" in row["model"]
    assert row["lower"] < 0.5 < row["upper"]
    assert row["p_value"] < 0.01


def test_the_planted_association_is_found_among_many_and_only_it(people):
    """MAIT cells fall with the skin score (a third fewer per 5 points); iNKT cells and FVC have no
    part in it.
    """
    mait = make_measurements(people, inverse_logit(logits(people, -0.08)))
    inkt = make_measurements(people, inverse_logit(logits(people, seed=9)), population="inkt")
    endpoints = [ENDPOINT | {"populations": ["mait", "inkt"]}]
    wanted = family("mrss", "fvc_percent", "ild", "crp_mg_per_l", endpoints=endpoints)
    found = run(pd.concat([mait, inkt]), people, wanted)
    hits = found[found["p_adjusted"] <= 0.05]
    assert hits[["population", "variable"]].to_numpy().tolist() == [["mait", "mrss"]]


def test_of_400_true_nulls_five_in_a_hundred_are_claimed(people):
    """100 populations x 4 variables; three binomial standard errors. Skewed CRP, subsets of 24
    against 30.
    """
    rng = np.random.default_rng(11)
    names = [f"p{i}" for i in range(100)]
    rows = [
        make_measurements(people, inverse_logit(-4 + rng.normal(size=len(people))), population=name)
        for name in names
    ]
    wanted = family(
        "mrss",
        "crp_mg_per_l",
        "fvc_percent",
        "ild",
        endpoints=[ENDPOINT | {"populations": names}],
        adjustment="none",
    )
    found = run(pd.concat(rows), people, wanted)
    assert len(found) == 400
    assert float((found["p_value"] <= 0.05).mean()) == pytest.approx(0.05, abs=0.033)


def test_other_groups_and_the_order_of_rows_change_nothing(people):
    shares = make_measurements(people, inverse_logit(logits(people)))
    wanted = family("mrss", "ild")
    first = run(shares, people, wanted)
    alone = people[people["group"] == "SSc"].sample(frac=1, random_state=1)
    rows = shares[shares["group"] == "SSc"].sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(first, run(rows, alone, wanted))


def test_another_group_may_be_looked_at_and_an_unknown_one_is_a_fault(people):
    people["sledai_2k"] = np.random.default_rng(1).integers(0, 20, len(people)).astype(float)
    shares = make_measurements(people, inverse_logit(logits(people)))
    row = run(shares, people, family("sledai_2k", group="SLE", covariates=None)).iloc[0]
    assert (row["group"], row["n_analysed"], row["status"]) == ("SLE", 12, "ok")
    with pytest.raises(ItcError, match="did you mean 'SLE'"):
        run(shares, people, family("sledai_2k", group="SLEE"))


def test_a_plan_without_associations_gives_an_empty_table(people):
    shares = make_measurements(people, inverse_logit(logits(people)))
    assert run(shares, people).empty
