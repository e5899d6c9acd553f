from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from itc_analysis.stats.models.linear import NotEstimable, contrast, fit_least_squares
from itc_analysis.stats.people.design import (
    build_design,
    can_estimate,
    check_estimable,
    group_weights,
    independent_columns,
)
from itc_analysis.stats.people.responses import respond
from stats.made_up_study import COHORT, make_measurements, make_participants, make_plan

SIZES = {"SSc": 20, "SLE": 8, "RA": 6, "healthy": 20}


def design_of(people, plan, *, values=None, min_per_group=3, **columns):
    rng = np.random.default_rng(1)
    values = rng.uniform(0.01, 0.2, len(people)) if values is None else values
    responses = respond(make_measurements(people, values, **columns), people, "share_of_t")
    return build_design(responses, plan=plan, groups=COHORT.groups, min_per_group=min_per_group)


def test_groups_have_a_column_each_in_the_order_of_the_study():
    design = design_of(make_participants(SIZES), make_plan(covariates="age_years + sex"))
    assert design.groups == ("SSc", "SLE", "RA", "healthy")
    np.testing.assert_array_equal(design.group_matrix.sum(axis=0), [20, 8, 6, 20])
    assert design.matrix.shape == (54, 6)
    assert design.df == 48


def test_a_participant_without_a_covariate_is_left_out_and_named():
    people = make_participants(SIZES)
    people.loc[3, "cmv_igg"] = np.nan
    design = design_of(people, make_plan(covariates="cmv_igg + sex"))
    assert "P003" not in design.people.index
    assert "left out, cmv_igg missing: P003" in design.remarks


def test_a_covariate_that_most_lack_is_left_out_instead_of_the_participants():
    people = make_participants(SIZES, cmv_igg=[True] * 20 + [None] * 34)
    design = design_of(people, make_plan(covariates="cmv_igg + sex"))
    assert len(design.people) == 54
    assert design.formula == "sex"
    assert "not adjusted for cmv_igg: known for 37% of the participants, the plan asks for 80%" in (
        design.remarks
    )


def test_a_covariate_that_is_the_same_in_everybody_is_left_out_in_words():
    design = design_of(make_participants(SIZES, sex="F"), make_plan(covariates="age_years + sex"))
    assert design.formula == "age_years"
    assert "not adjusted for sex: the same in everybody" in design.remarks


def test_few_participants_fall_back_to_the_small_sample_covariates():
    people = make_participants({"SSc": 6, "healthy": 6})
    small = {"covariates": "age_years", "min_participants_per_parameter": 3}
    plan = make_plan(covariates="age_years + sex + cmv_igg", small_sample=small)
    design = design_of(people, plan)
    assert design.formula == "age_years"
    # 12 - 5 = 7 degrees of freedom with the full covariates
    assert design.remarks[-1] == (
        "adjusted for age_years only: 7 residual degrees of freedom, the plan asks for 10"
    )


def test_censored_participants_do_not_count_as_quantified_in_the_small_sample_rule():
    people = make_participants({"SSc": 30, "healthy": 30})
    values = np.where(np.arange(60) % 6 == 0, 0.1, 0.0001)
    plan = make_plan(
        covariates="age_years + sex + cmv_igg", small_sample={"covariates": "age_years"}
    )
    design = design_of(people, plan, values=values, limit=0.001)
    assert design.formula == "age_years"
    assert "10 participants with a quantified value for 5 parameters" in design.remarks[-1]


def test_a_group_of_two_is_left_out_of_the_model():
    design = design_of(make_participants({"SSc": 5, "SLE": 2, "healthy": 5}), make_plan())
    assert design.groups == ("SSc", "healthy")
    assert "left out, fewer than 3 in the group: P005, P006" in design.remarks


def test_one_group_alone_is_not_estimable():
    with pytest.raises(NotEstimable, match=r"fewer than two groups .*SSc 8, SLE 0"):
        design_of(make_participants({"SSc": 8}), make_plan())


def test_pooled_reference_averages_its_groups_equally_or_by_participants():
    design = design_of(make_participants(SIZES), make_plan())
    references = ("SLE", "pSS", "RA", "IIM")
    equal = group_weights(design, "SSc", references, pooled_weights="equal")
    np.testing.assert_allclose(equal, [1, -0.5, -0.5, 0])
    counted = group_weights(design, "SSc", references, pooled_weights="participants")
    np.testing.assert_allclose(counted, [1, -8 / 14, -6 / 14, 0])


def test_a_reference_without_participants_is_not_estimable():
    design = design_of(make_participants(SIZES), make_plan())
    with pytest.raises(NotEstimable, match="too few participants with a number: IIM"):
        group_weights(design, "SSc", ("IIM",), pooled_weights="equal")


def test_group_equal_to_batch_is_refused():
    people = make_participants(SIZES)
    batch = ["b1" if group == "SSc" else "b2" for group in people["group"]]
    design = design_of(people, make_plan(), batch=batch)
    with pytest.raises(NotEstimable, match=r"confounded with batch.*SSc in b1; healthy in b2"):
        check_estimable(design, np.array([1.0, 0, 0, -1]))
    check_estimable(design, np.array([0.0, 1, 0, -1]))  # SLE and healthy share their batch


def test_batches_linked_through_a_third_group_can_be_told_apart():
    people = make_participants({"SSc": 6, "SLE": 6, "healthy": 6})
    batch = ["b1"] * 6 + ["b1"] * 3 + ["b2"] * 3 + ["b2"] * 6
    check_estimable(design_of(people, make_plan(), batch=batch), np.array([1.0, 0, -1]))


def test_batch_is_adjusted_for_where_it_goes_with_the_groups_and_is_said():
    people = make_participants({"SSc": 30, "healthy": 30})
    batch = ["b1"] * 20 + ["b2"] * 10 + ["b1"] * 10 + ["b2"] * 20
    uneven = design_of(people, make_plan(covariates="age_years"), batch=batch)
    assert uneven.formula == "age_years + batch"
    assert uneven.remarks[-1].startswith(
        "batch is adjusted for: batch and group are not independent (Cramér's V"
    )
    plan = make_plan(covariates="age_years", batch="as_written")
    assert design_of(people, plan, batch=batch).formula == "age_years"
    even = design_of(people, make_plan(covariates="age_years"), batch=["b1", "b2"] * 30)
    assert even.formula == "age_years"


def test_batches_that_are_too_many_to_adjust_for_are_said():
    people = make_participants({"SSc": 12, "healthy": 12})
    batch = [f"b{i // 3}" for i in range(11)] + ["b9", "b9"] + [f"c{i // 3}" for i in range(11)]
    design = design_of(people, make_plan(covariates=None), batch=batch)
    assert design.formula is None
    assert "too many batches to adjust for" in " ".join(design.remarks)


def test_a_batch_effect_that_goes_with_the_groups_is_not_found_as_a_difference():
    rng = np.random.default_rng(5)
    rejected = []
    for _ in range(60):
        people = make_participants({"SSc": 40, "healthy": 40})
        is_second = rng.random(80) < np.where(people["group"] == "SSc", 0.8, 0.3)
        values = special.expit(-2 + 0.6 * rng.normal(size=80) + 0.8 * is_second)
        batch = np.where(is_second, "b2", "b1").tolist()
        design = design_of(people, make_plan(covariates=None), values=values, batch=batch)
        fit = fit_least_squares(design.y, design.matrix)
        weights = np.array([1.0, -1.0, *np.zeros(design.matrix.shape[1] - 2)])
        rejected.append(contrast(fit, weights, confidence=0.95).p_value < 0.05)
    assert np.mean(rejected) <= 0.12  # 99.9 % of tests of 60 null studies


def test_a_batch_for_every_participant_is_no_confounding():
    people = make_participants(SIZES)
    design = design_of(people, make_plan(), batch=[f"day{i}" for i in range(54)])
    check_estimable(design, np.array([1.0, 0, 0, -1]))


def test_a_covariate_that_is_the_group_is_refused():
    people = make_participants({"SSc": 15, "healthy": 15}, sex=["F"] * 15 + ["M"] * 15)
    design = design_of(people, make_plan(covariates="age_years + sex"))
    with pytest.raises(NotEstimable, match="confounded with the covariates age_years"):
        check_estimable(design, np.array([1.0, -1]))


def test_a_redundant_covariate_changes_no_estimable_comparison():
    people = make_participants(SIZES)
    people["ild"] = people["group"] == "SSc"
    plain = design_of(people, make_plan(covariates="age_years"))
    doubled = design_of(people, make_plan(covariates="age_years + ild"))
    weights = np.array([0.0, 1, 0, -1])
    check_estimable(doubled, weights)
    found = [weights @ fit_least_squares(d.y, d.matrix).coefficients[:4] for d in (plain, doubled)]
    assert found[0] == pytest.approx(found[1])


def test_independent_columns_keeps_the_rank_and_the_first_of_each():
    rng = np.random.default_rng(2)
    A = rng.normal(size=(20, 3))
    X = np.column_stack([A[:, 0], A[:, 1], A[:, 0] + A[:, 1], A[:, 2], np.zeros(20)])
    assert independent_columns(X).tolist() == [0, 1, 3]


@pytest.mark.parametrize("unit", [1e-10, 1.0, 1e10])
def test_a_column_is_judged_on_its_own_scale(unit):
    rng = np.random.default_rng(2)
    group = np.repeat([[1.0, 0.0], [0.0, 1.0]], 10, axis=0)
    number, other = rng.normal(size=(2, 20))
    columns = np.column_stack([group, number * unit, number * unit * 2 + group[:, 0], other])
    np.testing.assert_array_equal(independent_columns(columns), [0, 1, 2, 4])
    assert can_estimate(columns[:, [0, 1, 2, 4]], np.array([0.0, 0.0, 1.0]))
    assert not can_estimate(np.column_stack([group, group[:, 0] * unit]), np.array([1.0, -1.0]))


def test_a_column_that_is_rounding_in_those_who_are_fitted_is_none():
    """What belongs to two participants alone is 0 in the others, but for the last digit."""
    own = np.r_[1.0, -1.0, np.random.default_rng(1).normal(0, 1e-17, 18)]
    columns = np.column_stack([np.ones(20), own])
    np.testing.assert_array_equal(independent_columns(columns, np.arange(20) > 1), [0])


def test_a_formula_that_is_the_same_in_everybody_is_said():
    people = make_participants(SIZES)
    responses = respond(make_measurements(people, np.full(len(people), 0.1)), people, "share_of_t")
    age = 1e15 + np.arange(len(people)) % 2 / 8  # they differ in the last digit only
    rules = {"plan": make_plan(covariates="age_years"), "groups": COHORT.groups, "min_per_group": 3}
    design = build_design(responses.assign(age_years=age), **rules)
    assert design.formula is None
    assert "not adjusted: 'age_years' is the same in everybody" in design.remarks
