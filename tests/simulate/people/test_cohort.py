"""The drawing function against its published parameters and against the stated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from itc_analysis.simulate import parameters as p
from itc_analysis.simulate.people import cohort

N = 4000
#: Standard error of a difference of two mean ln shares at N each and sigma <= 1.1, times 4.
TOLERANCE = 4 * 1.1 * np.sqrt(2 / N)
GROUPS_BESIDE_HEALTHY = ("SSc", "SLE", "pSS", "RA", "IIM")


@pytest.fixture(scope="module")
def effect() -> pd.DataFrame:
    return cohort.simulate_measurement_truth("effect", N, 11)


@pytest.fixture(scope="module")
def null() -> pd.DataFrame:
    return cohort.simulate_measurement_truth("null", N, 12)


@pytest.fixture(scope="module")
def confounded() -> pd.DataFrame:
    return cohort.simulate_measurement_truth("confounded", N, 13)


def log_ratio(table: pd.DataFrame, column: str, group: str) -> float:
    """Difference of mean ln between a group and healthy people, nothing adjusted."""
    means = np.log(table[column]).groupby(table["group"]).mean()
    return float(means[group] - means["healthy"])


def adjusted_log_ratio(table: pd.DataFrame, column: str, group: str) -> float:
    """The same by least squares with age (bent at 30, by sex), sex and CMV."""
    two = table[table["group"].isin([group, "healthy"])]
    age, male = two["age_years"].to_numpy(), (two["sex"] == "M").to_numpy(float)
    past = np.maximum(age - 30, 0)
    design = np.column_stack(
        [
            np.ones(len(two)),
            two["group"] == group,
            *(male, two["cmv_igg"], age, past, age * male, past * male),
        ]
    ).astype(float)
    return float(np.linalg.lstsq(design, np.log(two[column].to_numpy()), rcond=None)[0][1])


def test_healthy_medians_are_the_published_ones(null: pd.DataFrame) -> None:
    # Singh 2022: MAIT 2.99 %, iNKT 0.095 %, gamma-delta 2.175 % over both sexes; here 80 % are
    # women of about 52 years, hence 15 %
    medians = null.filter(like="share_").median()
    assert medians["share_mait"] == pytest.approx(0.0299, rel=0.15)
    assert medians["share_inkt"] == pytest.approx(0.00095, rel=0.15)
    assert medians["share_gd_t_cells"] == pytest.approx(0.02175, rel=0.15)
    of_cd8 = (null["share_innate_cd8"] / null["share_cd8_t_cells"]).median()
    assert 0.03 <= of_cd8 <= 0.06
    # MEDICC 2019: 880-2623 T cells per uL, 1,150 computed
    assert null["t_cells_per_ul"].median() == pytest.approx(1150, rel=0.03)


def test_spread_and_correlation_are_the_published_ones(null: pd.DataFrame) -> None:
    ln = np.log(null[["share_mait", "share_inkt", "share_gd_t_cells"]])
    # 0.95, 1.1 and 0.95 before the deviates are cut off at 2.2
    assert ln.std().to_numpy() == pytest.approx([0.95, 1.1, 0.95], rel=0.10)
    assert ln["share_mait"].corr(ln["share_inkt"]) == pytest.approx(0.4, abs=0.04)
    # the published ranges of 202 adults, about the central 99 %: MAIT 0.11-18.4 %, gamma-delta
    # 0.08-16.1 %; extremes of 202 are known to no better than a third
    extremes = null[["share_mait", "share_gd_t_cells"]].quantile([0.005, 0.995])
    assert extremes["share_mait"].between(0.0011, 0.184 * 4 / 3).all()
    assert extremes["share_gd_t_cells"].between(0.0008, 0.161 * 4 / 3).all()


def test_age_sex_and_cmv_act_as_published(null: pd.DataFrame) -> None:
    for sex, yearly in (("F", 0.018), ("M", 0.032)):  # Lee 2014
        people = null[(null["sex"] == sex) & (null["age_years"] > 30)]
        slope = np.polyfit(people["age_years"], np.log(people["share_mait"]), 1)[0]
        assert -np.expm1(slope) == pytest.approx(yearly, abs=0.005)
    by_sex = null.groupby("sex")["share_inkt"].median()
    assert by_sex["F"] > 1.2 * by_sex["M"]  # Singh 2022: 0.114 against 0.076 %
    vd1 = (null["share_vd2neg_gd"] / null["share_gd_t_cells"]).groupby(null["cmv_igg"]).median()
    assert vd1[True] > vd1[False] + 0.1
    assert np.median(null["share_vd2neg_gd"] / null["share_gd_t_cells"]) == pytest.approx(
        0.31, abs=0.03
    )


def test_populations_are_disjoint_and_fill_the_t_cells(effect: pd.DataFrame) -> None:
    share = {name: effect[f"share_{name}"] for name in cohort.POPULATIONS}
    whole = share["gd_t_cells"] + share["inkt"] + share["mait"] + share["conventional_ab"]
    parts = share["cd4_t_cells"] + share["cd8_t_cells"] + share["dn_t_cells"] + share["dp_t_cells"]
    np.testing.assert_allclose(whole, 1, rtol=1e-12)
    np.testing.assert_allclose(parts, share["conventional_ab"], rtol=1e-12)
    np.testing.assert_allclose(
        share["vd2_gd"] + share["vd2neg_gd"], share["gd_t_cells"], rtol=1e-12
    )
    assert (share["eomes_cd8"] < share["cd8_t_cells"]).all()
    assert min(column.min() for column in share.values()) > 0
    for name in cohort.POPULATIONS:
        np.testing.assert_allclose(
            effect[f"cells_per_ul_{name}"], share[name] * effect["t_cells_per_ul"], rtol=1e-12
        )


@pytest.mark.parametrize("group", GROUPS_BESIDE_HEALTHY)
def test_effects_table_equals_what_is_drawn(effect: pd.DataFrame, group: str) -> None:
    # ages, sexes and CMV are equally distributed here: a plain difference of means is matched
    stated = cohort.true_effects("effect")
    stated = stated[(stated["group"] == group) & (stated["scale"] == "ratio")]
    assert len(stated) == 9  # four populations x two measures, and the T-cell count
    for row in stated.itertuples():
        measure = "share" if row.measure == "share_of_t" else "cells_per_ul"
        column = f"{measure}_{row.population}"
        assert log_ratio(effect, column, group) == pytest.approx(
            np.log(row.true_value), abs=TOLERANCE
        ), column


@pytest.mark.parametrize("group", GROUPS_BESIDE_HEALTHY)
def test_odds_ratios_equal_what_is_drawn(effect: pd.DataFrame, group: str) -> None:
    stated = cohort.true_effects("effect")
    stated = stated[(stated["group"] == group) & (stated["scale"] == "odds_ratio")]
    for row in stated.itertuples():
        logit = special.logit(effect[f"positive_{row.population}_{row.feature}"])
        means = logit.groupby(effect["group"]).mean()
        # sigma of a logit is 0.35: four standard errors are 0.032
        assert means[group] - means["healthy"] == pytest.approx(np.log(row.true_value), abs=0.035)


def test_published_directions_are_in_the_effects() -> None:
    stated = cohort.true_effects("effect").set_index(["population", "measure", "feature", "group"])
    ratio = stated["true_value"]
    assert ratio["mait", "share_of_t", "-", "SSc"] == pytest.approx(0.78 / 2.5, abs=0.01)
    assert ratio["inkt", "share_of_t", "-", "SSc"] == pytest.approx(0.036 / 0.159, abs=0.01)
    assert ratio["innate_cd8", "share_of_t", "-", "SSc"] == 1
    assert ratio["inkt", "share_of_t", "-", "pSS"] > 1
    # CD69 on MAIT 20 against 9.4 %
    assert ratio["mait", "share_positive", "CD69", "SSc"] == pytest.approx(2.41, abs=0.01)


@pytest.mark.parametrize("scenario", ["null", "confounded"])
def test_stated_truth_is_one_everywhere_without_effect(scenario: p.Scenario) -> None:
    assert (cohort.true_effects(scenario)["true_value"] == 1).all()


def test_abundance_only_moves_frequencies_and_no_marker() -> None:
    stated = cohort.true_effects("abundance_only")
    markers = stated["measure"] == "share_positive"
    assert (stated.loc[markers, "true_value"] == 1).all()
    everything = cohort.true_effects("effect")
    pd.testing.assert_frame_equal(stated[~markers], everything[~markers])


@pytest.mark.parametrize("group", GROUPS_BESIDE_HEALTHY)
def test_null_draws_no_difference(null: pd.DataFrame, group: str) -> None:
    for name in p.INNATE_POPULATIONS:
        assert log_ratio(null, f"share_{name}", group) == pytest.approx(0, abs=TOLERANCE)
        assert log_ratio(null, f"cells_per_ul_{name}", group) == pytest.approx(0, abs=TOLERANCE)


def test_confounded_differs_until_age_sex_and_cmv_are_adjusted(confounded: pd.DataFrame) -> None:
    ages = confounded.groupby("group")["age_years"].mean()
    assert ages["SSc"] - ages["healthy"] == pytest.approx(15, abs=1)
    cmv = confounded.groupby("group")["cmv_igg"].mean()
    assert cmv["SSc"] > 0.8
    assert cmv["healthy"] == pytest.approx(0.4, abs=0.03)
    # 15 years at 1.8-3.2 % are a ratio of 0.74
    assert log_ratio(confounded, "share_mait", "SSc") < np.log(0.80)
    assert log_ratio(confounded, "share_innate_cd8", "SSc") > np.log(1.15)
    for name in p.INNATE_POPULATIONS:
        # wider than above: the covariates are correlated with the group
        found = adjusted_log_ratio(confounded, f"share_{name}", "SSc")
        assert found == pytest.approx(0, abs=1.6 * TOLERANCE), name


def test_scenarios_share_people_and_differ_by_the_effect_only() -> None:
    without = cohort.simulate_measurement_truth("null", 5, 3)
    with_effect = cohort.simulate_measurement_truth("effect", 5, 3)
    same = ["participant_id", "group", "age_years", "sex", "cmv_igg"]
    pd.testing.assert_frame_equal(without[same], with_effect[same])
    ratio = with_effect["share_mait"] / without["share_mait"]
    expected = with_effect["group"].map(
        lambda group: p.DISEASE_EFFECTS[group].ratios.get("mait", 1.0)
    )
    np.testing.assert_allclose(ratio, expected, rtol=1e-12)


def test_ids_are_unique_and_tell_no_group() -> None:
    people = cohort.simulate_measurement_truth("null", {"SSc": 30, "healthy": 30}, 5)
    assert people["participant_id"].is_unique
    position = people.index.to_numpy()
    is_ssc = (people["group"] == "SSc").to_numpy()
    # were ids given group by group, one mean would be 14.5 and the other 44.5
    assert abs(position[is_ssc].mean() - position[~is_ssc].mean()) < 15


def test_gated_cd8_positivity_is_the_mixture_of_its_parts(effect: pd.DataFrame) -> None:
    row = effect.iloc[0]
    innate, all_cd8 = row["share_innate_cd8"], row["share_cd8_t_cells"]
    parts = innate * row["positive_innate_cd8_TIGIT"]
    parts += (all_cd8 - innate) * row["positive_cd8_t_cells_TIGIT"]
    assert cohort.share_positive(row, "cd8_t_cells", "TIGIT") == pytest.approx(parts / all_cd8)
