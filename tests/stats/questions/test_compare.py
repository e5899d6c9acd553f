from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from itc_analysis.config.sections import Cohort, Stats
from itc_analysis.errors import ItcError
from itc_analysis.stats.models.permutation import freedman_lane
from itc_analysis.stats.questions.compare import compare_groups, subtract
from stats.made_up_study import (
    COHORT,
    inverse_logit,
    make_measurements,
    make_participants,
    make_plan,
)

SIZES = {"SSc": 24, "SLE": 12, "pSS": 11, "RA": 10, "IIM": 9, "healthy": 20}
FEW = Stats(n_permutations=99)


def compare(measurements, people, plan, *, cohort=COHORT, settings=FEW):
    return compare_groups(measurements, people, plan=plan, cohort=cohort, settings=settings)


def drawn(people, *, effect=-1.0, seed=1):
    """Shares on the logit scale: an effect in SSc, a fall with age, spread 1."""
    rng = np.random.default_rng(seed)
    y = -4 + effect * (people["group"] == "SSc") - 0.02 * (people["age_years"] - 50)
    return y.to_numpy() + rng.normal(size=len(people))


@pytest.fixture
def people():
    return make_participants(SIZES, seed=4)


@pytest.fixture
def shares(people):
    return make_measurements(people, inverse_logit(drawn(people)))


def test_share_comparison_equals_the_model_written_out():
    people = make_participants(SIZES | {"IIM": 10}, seed=4)
    shares = make_measurements(people, inverse_logit(drawn(people)))
    plan = make_plan(covariates="age_years + sex")
    row = compare(shares, people, plan).set_index("comparison").loc["SSc vs healthy"]
    k = shares["value"] * 50_000
    data = people.assign(y=np.log((k + 0.5) / (50_000 - k + 0.5)), cmv_igg=0)
    slow = smf.ols(
        "y ~ C(group, Treatment('healthy')) + age_years + sex",
        data.astype({"group": str, "sex": str}),
    ).fit(cov_type="HC3", use_t=True)
    name = "C(group, Treatment('healthy'))[T.SSc]"
    assert row["estimate"] == pytest.approx(np.exp(slow.params[name]), rel=1e-8)
    assert row["lower"] == pytest.approx(np.exp(slow.conf_int().loc[name, 0]), rel=1e-8)
    assert row["upper"] == pytest.approx(np.exp(slow.conf_int().loc[name, 1]), rel=1e-8)
    assert row["p_value"] == pytest.approx(slow.pvalues[name], rel=1e-6)
    assert row["effect_size"] == pytest.approx(slow.params[name] / np.sqrt(slow.scale), rel=1e-8)
    plain = smf.ols("y ~ C(group)", data.astype({"group": str})).fit()
    difference = plain.params["C(group)[T.healthy]"] - plain.params["C(group)[T.SSc]"]
    assert row["estimate_unadjusted"] == pytest.approx(np.exp(-difference), rel=1e-8)


def test_a_small_group_takes_its_own_degrees_of_freedom(people, shares):
    """HC2 and Satterthwaite, written out: nine people say less than the residual degrees of freedom
    promise.
    """
    row = compare(shares, people, make_plan(contrasts=("IIM",))).iloc[0]
    assert "CR2" in row["model"]
    k = shares["value"] * 50_000
    y = np.log((k + 0.5) / (50_000 - k + 0.5))
    sides = [y[people["group"] == group] for group in ("SSc", "IIM")]
    variances = [side.var(ddof=1) / len(side) for side in sides]
    error = np.sqrt(sum(variances))
    assert row["standard_error"] == pytest.approx(error, rel=1e-8)
    # under the working model of one SD: Welch's formula with equal variances
    parts = np.array([1 / len(side) for side in sides])
    df = parts.sum() ** 2 / np.sum(parts**2 / (np.array([len(side) for side in sides]) - 1))
    half = stats.t.ppf(0.975, df) * error
    assert np.log(row["upper"] / row["lower"]) == pytest.approx(2 * half, rel=1e-8)


def test_two_samples_of_a_person_count_as_one_person(people, shares):
    """CR2 by participant on the samples: the estimate of the averages, and copies add no
    certainty.
    """
    noise = 0.2 * np.random.default_rng(5).normal(size=len(people))
    second = make_measurements(people, inverse_logit(drawn(people) + noise), suffix="2")
    second = second[(people.index % 3 == 0)]
    both = pd.concat([shares, second])
    plan = make_plan(covariates="age_years")
    row = compare(both, people, plan).iloc[0]
    assert "CR2 by participant" in row["model"]
    assert row["n_index"] == 24
    twice = pd.concat([shares, shares.assign(source_id=shares["source_id"] + "copy")])
    copied = compare(twice, people, plan).iloc[0]
    once = compare(shares, people, plan).iloc[0]  # 9 people with IIM: CR2 as well
    for column in ("estimate", "standard_error", "p_value"):
        assert copied[column] == pytest.approx(once[column], rel=1e-6)


def test_pooled_reference_is_the_geometric_mean_of_the_disease_comparisons(people, shares):
    plan = make_plan(covariates="age_years", contrasts=("pooled", "each_disease"))
    found = compare(shares, people, plan).set_index("comparison")["estimate"]
    each = [found[f"SSc vs {group}"] for group in ("SLE", "pSS", "RA", "IIM")]
    assert found["SSc vs CTD"] == pytest.approx(np.exp(np.mean(np.log(each))))


def test_medians_and_counts_of_participants(people, shares):
    shares.loc[:1, ["status", "value"]] = ["failed_quality", np.nan]
    row = compare(shares, people, make_plan()).iloc[0]
    assert (row["n_index"], row["n_reference"], row["n_missing"]) == (22, 20, 2)
    known = shares["value"].iloc[2:24]
    for name, q in (("lower_quartile", 0.25), ("median", 0.5), ("upper_quartile", 0.75)):
        assert row[f"{name}_index"] == pytest.approx(known.quantile(q))
    assert "2 of 44 participants without a number (2 failed quality control)" in row["reason"]


def test_permutation_p_is_that_of_the_design_and_only_in_primary_families(people, shares):
    plan = make_plan(covariates="age_years")
    row = compare(shares, people, plan).iloc[0]
    assert 0 < row["p_permutation"] <= 1
    again = compare(shares, people, plan).iloc[0]
    assert row["p_permutation"] == again["p_permutation"]
    # another seed of the same test: two draws of 99 differ by chance only
    X = np.column_stack(
        [(people["group"] == g).to_numpy(dtype=float) for g in COHORT.groups]
        + [people["age_years"]]
    )
    k = shares["value"] * 50_000
    y = np.log((k + 0.5) / (50_000 - k + 0.5)).to_numpy()
    c = np.array([1.0, 0, 0, 0, 0, -1, 0])
    assert freedman_lane(y, X, c, n_permutations=999, seed=3) == pytest.approx(
        row["p_permutation"], abs=0.06
    )
    secondary = compare(shares, people, make_plan(role="secondary"))
    assert secondary["p_permutation"].isna().all()


def test_scores_weigh_the_same_whatever_their_standard_errors(people):
    """Who has fewer cells may have a higher score: weights would bias the mean."""
    rng = np.random.default_rng(3)
    error = rng.uniform(0.1, 2, len(people))
    value = rng.normal(size=len(people)) * error
    plan = make_plan(measures=("score",), features=("exhaustion",))
    keywords = {"measure": "score", "feature": "exhaustion", "n_denominator": None}
    with_error = make_measurements(people, value, standard_error=error, **keywords)
    without = make_measurements(people, value, **keywords)
    found, plain = (compare(m, people, plan).iloc[0] for m in (with_error, without))
    assert "least squares" in found["model"]
    assert found["standard_error"] == plain["standard_error"]
    assert found["estimate_kind"] == "difference"
    assert found["estimate"] == pytest.approx(value[:24].mean() - value[-20:].mean())


def test_below_the_limit_stays_in_the_model_and_the_median(people):
    y = drawn(people, effect=-1.2)
    rows = make_measurements(people, inverse_logit(y), limit=inverse_logit(np.array(-4.5)))
    row = compare(rows, people, make_plan()).iloc[0]
    n_low = int((rows["status"] == "below_lod")[people["group"].isin(["SSc", "healthy"])].sum())
    assert row["n_below_lod"] == n_low > 12
    assert (row["n_index"], row["n_reference"], row["n_missing"]) == (24, 20, 0)
    assert "censored" in row["model"]
    # fall among those below the limit
    assert pd.isna(row["median_index"])
    assert pd.isna(row["lower_quartile_index"])
    assert row["median_reference"] == pytest.approx(
        np.median(rows["value"][people["group"] == "healthy"].fillna(-1))
    )
    truth = np.exp(y[:24].mean() - y[-20:].mean())
    assert row["lower"] < truth < row["upper"]
    assert "no permutation p" in row["reason"]


def test_a_wholly_low_group_has_a_limit_and_a_p_but_no_estimate(people):
    y = np.where(people["group"] == "SSc", -9.0, drawn(people))
    rows = make_measurements(people, inverse_logit(y), limit=inverse_logit(np.array(-6.5)))
    found = compare(rows, people, make_plan(covariates="age_years + sex"))
    for _, row in found.iterrows():
        assert row["status"] == "not_estimable"
        assert pd.isna(row["estimate"])
        assert pd.isna(row["lower"])
        assert 0 < row["upper"] < 0.5
        assert row["p_adjusted"] < 0.001
        assert "SSc (24 participants) wholly below the limit of detection" in row["reason"]
    reverse = Cohort(index_group="healthy", healthy_group="SSc")
    row = compare(rows, people, make_plan(), cohort=reverse).iloc[0]
    assert row["lower"] > 2
    assert pd.isna(row["upper"])


def test_both_sides_wholly_low_is_not_estimable(people):
    is_low = people["group"].isin(["SSc", "healthy"])
    y = np.where(is_low, -9.0, drawn(people))
    rows = make_measurements(people, inverse_logit(y), limit=inverse_logit(np.array(-6.5)))
    found = compare(rows, people, make_plan()).set_index("comparison")
    assert "both sides" in found.loc["SSc vs healthy", "reason"]
    assert pd.isna(found.loc["SSc vs healthy", "p_value"])
    assert found.loc["SSc vs CTD", "p_value"] < 0.05


def test_heavy_censoring_takes_the_profile_likelihood(people):
    y = drawn(people, effect=-1.6)
    rows = make_measurements(people, inverse_logit(y), limit=inverse_logit(np.array(-4.4)))
    row = compare(rows, people, make_plan()).iloc[0]
    assert "profile likelihood" in row["reason"]
    assert row["lower"] < row["estimate"] < row["upper"]
    assert pd.isna(row["standard_error"])


def test_every_planned_comparison_has_its_row_whatever_is_missing(people, shares):
    plan = make_plan(
        measures=("share_of_t", "cells_per_ul"),
        populations=("mait", "maits"),
        contrasts=("healthy", "pooled", "each_disease"),
    )
    found = compare(shares, people, plan)
    assert len(found) == 2 * 2 * 6
    absent = found[found["population"] == "maits"]
    assert absent["reason"].str.contains("did you mean 'mait'").all()
    assert found.loc[found["measure"] == "cells_per_ul", "status"].eq("not_estimable").all()
    assert (found["status"] == "ok").sum() == 6
    # the six tests that were done are the family
    done = found[found["status"] == "ok"]
    assert done["p_adjusted"].max() <= 6 * done["p_value"].max()


def test_a_study_without_the_assay_says_so(people, shares):
    found = compare(shares, people, make_plan(assay="singlecell"))
    assert (found["reason"].str.startswith("the study has no single-cell measurements")).all()


def test_a_study_without_healthy_people_keeps_the_planned_row(people, shares):
    cohort = Cohort(healthy_group=None)
    sick = people[people["group"] != "healthy"]
    rows = shares[shares["group"] != "healthy"]
    found = compare(rows, sick, make_plan(), cohort=cohort).set_index("comparison")
    assert found.loc["SSc vs healthy", "reason"].startswith("the study has no healthy group")
    assert found.loc["SSc vs CTD", "status"] == "ok"


def test_nobody_measured_yet_is_no_crash(people, shares):
    found = compare(shares.iloc[:0], people, make_plan())
    assert (found["status"] == "not_estimable").all()
    assert found["n_missing"].tolist() == [44, 66]


def test_a_group_that_is_a_batch_is_refused_in_words(people, shares):
    batch = np.where(people["group"] == "SSc", "b1", "b2")
    row = compare(shares.assign(batch=batch), people, make_plan()).iloc[0]
    assert row["status"] == "not_estimable"
    assert row["reason"].startswith("not interpretable: confounded with batch")


def test_participants_who_are_not_analysed_do_not_enter(people, shares):
    fewer = people.assign(is_analysed=people.index != 0)
    expected = compare(shares.iloc[1:], people.iloc[1:], make_plan(covariates="age_years"))
    found = compare(shares, fewer, make_plan(covariates="age_years"))
    pd.testing.assert_frame_equal(found, expected)


def test_order_of_rows_changes_nothing(people, shares):
    plan = make_plan(covariates="cr(age_years, df=3, constraints='center') + sex")
    expected = compare(shares, people, plan)
    mixed = compare(
        shares.sample(frac=1, random_state=1), people.sample(frac=1, random_state=2), plan
    )
    pd.testing.assert_frame_equal(mixed, expected)


def test_relabelling_the_groups_permutes_the_comparisons(people, shares):
    plan = make_plan(covariates="age_years", contrasts=("each_disease",))
    expected = compare(shares, people, plan).set_index("comparison")
    swap = {"SLE": "RA", "RA": "SLE"}
    relabelled = [t.assign(group=t["group"].replace(swap)) for t in (shares, people)]
    found = compare(*relabelled, plan).set_index("comparison")
    for here, there in (("SSc vs SLE", "SSc vs RA"), ("SSc vs pSS", "SSc vs pSS")):
        for column in ("estimate", "lower", "upper", "p_value", "p_adjusted", "n_reference"):
            assert found.loc[there, column] == pytest.approx(expected.loc[here, column], rel=1e-9)


def test_the_unit_of_a_count_changes_no_ratio(people):
    plan = make_plan(measures=("cells_per_ul",), covariates="age_years")
    values = np.exp(drawn(people) + 8)
    limit = np.exp(3.5)
    per_ul, per_ml = (
        compare(
            make_measurements(people, values * f, measure="cells_per_ul", limit=limit * f),
            people,
            plan,
        )
        for f in (1, 1000)
    )
    columns = ["estimate", "lower", "upper", "p_value", "estimate_unadjusted"]
    # the censored fit stops within 1e-10 of the greatest log-likelihood
    np.testing.assert_allclose(per_ul[columns], per_ml[columns], rtol=1e-4)
    np.testing.assert_allclose(per_ul["median_reference"] * 1000, per_ml["median_reference"])


def test_one_more_person_below_the_limit_never_raises_the_group(people):
    rows = make_measurements(
        people, inverse_logit(drawn(people)), limit=inverse_logit(np.array(-5.0))
    )
    one = people.iloc[[0]].assign(participant_id="P900")
    low = make_measurements(one, [1e-9], limit=inverse_logit(np.array(-5.0)))
    before = compare(rows, people, make_plan()).iloc[0]
    after = compare(pd.concat([rows, low]), pd.concat([people, one]), make_plan()).iloc[0]
    assert after["n_below_lod"] == before["n_below_lod"] + 1
    assert after["estimate"] < before["estimate"]


def test_a_person_in_two_groups_is_a_fault_not_a_result(people, shares):
    shares.loc[0, "group"] = "healthy"
    with pytest.raises(ItcError, match="P000"):
        compare(shares, people, make_plan())


def test_treatment_and_uneven_batches_are_told(people, shares):
    people = people.assign(immunosuppressant_3_months=people["group"] != "healthy")
    batch = np.where((people["group"] == "SSc") & (people.index > 3), "b1", "b2")
    reasons = compare(shares.assign(batch=batch), people, make_plan()).set_index("comparison")[
        "reason"
    ]
    assert (
        "treatment is not adjusted for: 100% of the index group and 0% of the reference"
        in reasons["SSc vs healthy"]
    )
    assert "treatment" not in reasons["SSc vs CTD"]
    assert "batch is adjusted for: batch and group are not independent" in reasons["SSc vs healthy"]


def test_a_pooled_reference_without_one_disease_says_so(people, shares):
    is_in = ~people["group"].isin(["IIM"]) | (people.index % 5 == 0)
    found = compare(shares[is_in.to_numpy()], people[is_in], make_plan()).set_index("comparison")
    assert "pooled without IIM (too few participants)" in found.loc["SSc vs CTD", "reason"]


def test_a_subset_of_the_index_group_is_compared_as_if_the_others_were_not_there(people, shares):
    is_index = people["group"] == "SSc"
    subset = np.where(np.arange(len(people)) % 2 == 0, "dcSSc", "lcSSc")
    people = people.assign(ssc_subset=pd.array(np.where(is_index, subset, None), dtype="string"))
    plan = make_plan(covariates="age_years + sex", role="secondary")
    family = plan.families[0].model_copy(update={"subset": "dcSSc"})
    rows = compare(shares, people, plan.model_copy(update={"families": (family,)}))
    kept = people[~is_index | (people["ssc_subset"] == "dcSSc")]
    mine = shares[shares["participant_id"].isin(kept["participant_id"])]
    alone = compare(mine, kept, plan)
    assert rows["comparison"].tolist() == ["SSc (dcSSc) vs healthy", "SSc (dcSSc) vs CTD"]
    assert (rows["n_index"] == 12).all()
    assert rows["estimand"].str.contains("of SSc only dcSSc").all()
    for column in ("estimate", "lower", "upper", "p_value", "p_adjusted"):
        assert rows[column].tolist() == pytest.approx(alone[column].tolist(), rel=1e-12)


def test_a_subset_that_nobody_has_is_not_estimable(people, shares):
    people = people.assign(ssc_subset=pd.array([None] * len(people), dtype="string"))
    plan = make_plan(role="secondary")
    family = plan.families[0].model_copy(update={"subset": "sine"})
    rows = compare(shares, people, plan.model_copy(update={"families": (family,)}))
    assert (rows["status"] == "not_estimable").all()
    assert rows["reason"].str.contains("SSc").all()


def test_a_tube_run_again_is_subtracted_within_itself(people):
    """The other subset's tube is that of the same run; in another panel, one that counts."""

    def scores(value, tube, status="ok"):
        rows = make_measurements(people, value, measure="score", feature="-", status=status)
        return rows.assign(source_id=rows["participant_id"] + tube, standard_error=0.1)

    mait = pd.concat([scores(3.0, "a"), scores(5.0, "b")])
    other = pd.concat([scores(1.0, "a"), scores(2.0, "b")])
    assert set(subtract(mait, other)["value"]) == {2.0, 3.0}
    first = subtract(mait, other.iloc[::-1])
    assert first.loc[first["source_id"].str.endswith("a"), "value"].eq(2.0).all()
    panel = pd.concat([scores(9.0, "c", "few_cells"), scores(1.0, "d")])
    assert sorted(set(subtract(mait, panel)["value"])) == [2.0, 4.0]
    broken = subtract(mait, pd.concat([scores(1.0, "a"), scores(2.0, "b", "few_cells")]))
    assert broken["status"].tolist() == ["ok"] * len(people) + ["few_cells"] * len(people)
    assert broken["value"].isna().sum() == len(people)
    nothing = subtract(mait, other.iloc[:0])
    assert set(nothing["status"]) == {"not measured"}


def test_scores_of_two_subsets_are_subtracted_in_each_person(people):
    rng = np.random.default_rng(8)
    first, second = rng.normal(size=(2, len(people)))
    scores = [
        make_measurements(people, value, population=name, measure="score", feature="inhibitory")
        for name, value in (("mait", first), ("gd_t_cells", second))
    ]
    plan = make_plan(measures=("score",), features=("inhibitory",), role="exploratory")
    block = plan.families[0].endpoints[0].model_copy(update={"minus": "gd_t_cells"})
    family = plan.families[0].model_copy(update={"endpoints": (block,)})
    across = plan.model_copy(update={"families": (family,)})
    found = compare(pd.concat(scores, ignore_index=True), people, across)
    assert found["population"].unique().tolist() == ["mait minus gd_t_cells"]
    difference = make_measurements(
        people, first - second, population="mait", measure="score", feature="inhibitory"
    )
    slow = compare(difference, people, plan)
    assert found["estimate"].tolist() == pytest.approx(slow["estimate"].tolist())
    assert found["p_value"].tolist() == pytest.approx(slow["p_value"].tolist())
    only = compare(scores[0], people, across)
    assert (only["status"] == "not_estimable").all()
