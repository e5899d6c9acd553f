from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.plan import covariates
from itc_analysis.stats.plan.columns import sheet_columns
from stats.made_up_study import make_participants

SPLINE = "cr(age_years, df=3, constraints='center')"


@pytest.fixture
def people():
    return make_participants({"SSc": 30, "healthy": 20}, seed=3)


def spans(A: np.ndarray, B: np.ndarray) -> bool:
    both = np.linalg.matrix_rank(np.hstack([A, B]))
    return both == np.linalg.matrix_rank(A) == np.linalg.matrix_rank(B)


def test_block_spans_the_covariates_written_out(people):
    found = covariates.matrix(people, "age_years + sex + cmv_igg")
    slow = np.column_stack(
        [
            people["age_years"],
            (people["sex"] == "M").to_numpy(dtype=float),
            people["cmv_igg"].to_numpy(dtype=float),
        ]
    )
    assert spans(found, slow - slow.mean(axis=0))


def test_block_is_centred_and_orthonormal(people):
    found = covariates.matrix(people, f"{SPLINE} + sex + cmv_igg")
    assert found.shape == (50, 5)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.T @ found / 50, np.eye(5), atol=1e-10)


def test_the_same_said_twice_counts_once(people):
    people = people.assign(weight_kg=2 * people["age_years"])
    assert covariates.matrix(people, "age_years + weight_kg").shape[1] == 1


def test_scale_of_a_covariate_does_not_matter(people):
    people = people.assign(bmi=people["age_years"] * 1e-7)
    assert spans(
        covariates.matrix(people, "age_years + sex"), covariates.matrix(people, "bmi + sex")
    )


def test_no_formula_gives_no_columns(people):
    assert covariates.matrix(people, None).shape == (50, 0)


def test_variables_inside_calls_are_found():
    assert covariates.variables(f"{SPLINE} + sex:cmv_igg") == ["age_years", "sex", "cmv_igg"]


def test_dropping_a_covariate_drops_every_term_with_it():
    assert covariates.without("age_years*sex + cmv_igg", ["sex"]) == "age_years + cmv_igg"
    assert covariates.without("sex", ["sex"]) is None


def test_two_ages_carry_one_column_whatever_the_spline(people):
    few = people.assign(age_years=np.where(np.arange(50) < 25, 40.0, 60.0))
    assert covariates.matrix(few, SPLINE).shape == (50, 1)


def test_a_logarithm_of_zero_is_refused_in_words(people):
    none = people.assign(crp_mg_per_l=np.where(np.arange(50) < 5, 0.0, 3.0))
    with pytest.raises(ValueError, match="not finite"):
        covariates.matrix(none, "log(crp_mg_per_l)")


def test_missing_values_are_a_wrong_call(people):
    gap = people.assign(age_years=people["age_years"].mask(people.index == 0))
    with pytest.raises(ValueError, match=r"(?i)null|nan|missing"):
        covariates.matrix(gap, "age_years")


def test_batch_may_be_adjusted_for_though_it_is_no_column_of_the_sheet():
    assert covariates.check("sex + batch", "covariates", sheet_columns()) == []
    table = pd.DataFrame({"batch": list("aabbcc")})
    assert covariates.matrix(table, "batch").shape == (6, 2)


@pytest.mark.parametrize(
    "formula",
    [
        "np.log(age_years).round() + sex",
        "age_years.round() + sex",
        "age_years | sex",
        "(age_years + sex)**1000000",
        "age_years +",
        "sex[0]",
    ],
)
def test_what_is_no_formula_is_a_fault_in_words(formula):
    (fault,) = covariates.check(formula, "covariates", sheet_columns())
    assert f"formula '{formula}'" in fault.what
    assert fault.remedy == "write e.g. age_years + sex"


@pytest.mark.parametrize("wrapped", ["{}", "age_years + {}", "{{{}}}", "`{}`", "I({})", "log({})"])
def test_a_formula_cannot_run_code(wrapped, tmp_path):
    trace = tmp_path / "ran"
    formula = wrapped.format(f"__import__('os').system('touch {trace}')")
    assert len(covariates.check(formula, "covariates", sheet_columns())) == 1
    assert not trace.exists()


@pytest.mark.parametrize("unit", [1e-12, 1e10])
def test_the_unit_of_a_covariate_changes_no_column(unit):
    rng = np.random.default_rng(3)
    people = pd.DataFrame({"age_years": rng.uniform(20, 80, 30), "sex": rng.choice(["F", "M"], 30)})
    other = people.assign(age_years=people["age_years"] * unit)
    for formula in ("age_years + sex", "cr(age_years, df=3, constraints='center') * sex"):
        found = covariates.matrix(other, formula)
        np.testing.assert_allclose(found, covariates.matrix(people, formula), atol=1e-9)
