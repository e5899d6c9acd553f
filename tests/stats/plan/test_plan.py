from __future__ import annotations

import hashlib

import pytest
import yaml

from itc_analysis.config.sections import Cohort
from itc_analysis.errors import SettingsError
from itc_analysis.stats.plan.plan import expand, expand_genes, read_plan
from stats.made_up_study import COHORT, make_plan


@pytest.fixture
def default_plan(root):
    return root / "src/itc_analysis/resources/analysis_plan.yaml"


def changed(path, tmp_path, **changes):
    data = yaml.safe_load(path.read_text(encoding="utf-8")) | changes
    new = tmp_path / "plan.yaml"
    new.write_text(yaml.safe_dump(data), encoding="utf-8")
    return new


def family(**changes):
    return {
        "name": "f",
        "role": "primary",
        "adjustment": "holm",
        "contrasts": ["healthy"],
        "endpoints": [{"assay": "flow", "populations": ["mait"], "measures": ["share_of_t"]}],
    } | changes


def test_default_plan_holds_the_trials_sixteen_primary_comparisons(default_plan):
    planned = expand(read_plan(default_plan), COHORT)
    primary = [item for item in planned if item.role == "primary"]
    assert len(primary) == 4 * 2 * 2
    assert {item.comparison for item in primary} == {"SSc vs healthy", "SSc vs CTD"}
    assert {item.adjustment for item in primary} == {"holm"}
    pooled = next(item for item in primary if item.is_pooled)
    assert pooled.references == ("SLE", "pSS", "RA", "IIM")


def test_digest_is_that_of_the_file(default_plan):
    expected = hashlib.sha256(default_plan.read_bytes()).hexdigest()[:12]
    assert read_plan(default_plan).digest == expected


def test_digest_of_a_plan_made_in_code_follows_its_content():
    assert make_plan().digest == make_plan().digest
    assert make_plan().digest != make_plan(covariates="sex").digest


@pytest.mark.parametrize("example", ["coereba"])
def test_plans_of_the_examples_fit_their_cohorts(root, example):
    folder = root / "config/examples" / example
    cohort = Cohort.model_validate(yaml.safe_load((folder / "config.yaml").read_text())["cohort"])
    assert len(expand(read_plan(folder / "analysis_plan.yaml"), cohort)) > 0


def test_a_misspelt_key_is_named_with_the_nearest(default_plan, tmp_path):
    path = changed(default_plan, tmp_path, covariate_min_knwon=0.5)
    with pytest.raises(SettingsError, match="did you mean 'covariate_min_known'"):
        read_plan(path)


def test_an_endpoint_of_single_cells_is_refused_with_what_to_compare(default_plan, tmp_path):
    family = {
        "name": "cells",
        "role": "exploratory",
        "adjustment": "bh",
        "contrasts": ["healthy"],
        "endpoints": [
            {"assay": "singlecell", "populations": ["mait"], "measures": ["posterior_mait"]}
        ],
    }
    path = changed(default_plan, tmp_path, families=[family])
    with pytest.raises(SettingsError, match="posterior_mait is of single cells") as caught:
        read_plan(path)
    assert "participants are the unit here" in str(caught.value)
    assert "itc compare-genes" in str(caught.value)


def test_a_covariate_that_is_no_column_is_named_with_the_nearest(default_plan, tmp_path):
    path = changed(default_plan, tmp_path, covariates="cr(age_year, df=3) + sexe")
    with pytest.raises(SettingsError) as caught:
        read_plan(path)
    text = str(caught.value)
    assert "2 faults" in text
    assert "did you mean 'age_years'" in text
    assert "did you mean 'sex'" in text


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("age_years +", "Operator"),
        ("sex ~ age_years", "'~' has no place"),
        ("spline(age_years)", "'spline' is no function for it"),
        ("cr(sex, df=3)", "could not convert"),
        ("group", "'group' is not a column"),
    ],
)
def test_a_formula_that_cannot_be_used_is_refused_in_words(default_plan, tmp_path, formula, said):
    with pytest.raises(SettingsError, match=said):
        read_plan(changed(default_plan, tmp_path, covariates=formula))


def test_score_without_signature_and_share_with_marker_are_refused_together(default_plan, tmp_path):
    endpoints = [
        {"assay": "flow", "populations": ["mait"], "measures": ["score"]},
        {
            "assay": "flow",
            "populations": ["mait"],
            "measures": ["share_of_t"],
            "features": ["PD-1"],
        },
    ]
    path = changed(default_plan, tmp_path, families=[family(endpoints=endpoints)])
    with pytest.raises(SettingsError) as caught:
        read_plan(path)
    assert "measure 'score' needs features" in str(caught.value)
    assert "measure 'share_of_t' has no feature 'PD-1'" in str(caught.value)


def test_two_families_of_one_name_are_refused(default_plan, tmp_path):
    path = changed(default_plan, tmp_path, families=[family(), family(contrasts=["pooled"])])
    with pytest.raises(SettingsError, match="'f' is used twice"):
        read_plan(path)


def test_an_unknown_contrast_is_named_with_the_nearest():
    with pytest.raises(SettingsError, match=r"unknown contrast 'helthy'; did you mean 'healthy'"):
        expand(make_plan(contrasts=("helthy",)), COHORT)


def test_a_comparison_stands_in_one_family_only():
    with pytest.raises(SettingsError, match=r"SSc vs SLE.* is already in family 'primary'"):
        expand(make_plan(contrasts=("each_disease", "SLE")), COHORT)


def test_a_contrast_with_a_group_that_the_study_lacks_is_planned_with_its_problem():
    cohort = Cohort(index_group="SSc", healthy_group=None, disease_groups=())
    planned = expand(make_plan(contrasts=("healthy", "pooled", "each_disease")), cohort)
    assert [item.comparison for item in planned] == ["SSc vs healthy", "SSc vs CTD"]
    assert planned[0].problem == "the study has no healthy group"
    assert "no disease control groups" in planned[1].problem


def test_default_plan_compares_genes_of_six_populations_with_every_control(default_plan):
    planned = expand_genes(read_plan(default_plan), COHORT)
    assert len(planned) == 6 * 6
    assert {item.role for item in planned} == {"exploratory"}
    names = {item.comparison.removeprefix("SSc vs ") for item in planned}
    assert names == {"healthy", "CTD", "SLE", "pSS", "RA", "IIM"}


def test_genes_named_by_word_and_by_group_are_one_comparison():
    genes = {"populations": ["mait"], "contrasts": ["each_disease", "SLE", "healthy"]}
    names = [item.comparison for item in expand_genes(make_plan(genes=genes), COHORT)]
    assert names == ["SSc vs SLE", "SSc vs pSS", "SSc vs RA", "SSc vs IIM", "SSc vs healthy"]


def test_covariates_of_genes_are_checked_as_those_of_the_plan(default_plan, tmp_path):
    genes = {"populations": ["mait"], "contrasts": ["healthy"], "covariates": "age_year + batch"}
    with pytest.raises(SettingsError, match=r"genes\.covariates, 'age_year' is not a column"):
        read_plan(changed(default_plan, tmp_path, genes=genes))


def test_a_margin_without_its_reason_is_refused(tmp_path):
    text = (
        "covariates: null\nequivalence_ratio: 1.3\nfamilies:\n  - {name: a, role: primary, "
        "adjustment: holm, contrasts: [healthy], endpoints: [{assay: flow, populations: [mait], "
        "measures: [share_of_t]}]}\n"
    )
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="an equivalence margin without its reason"):
        read_plan(path)
    path.write_text(text + "equivalence_reason: nobody would treat for less\n")
    assert read_plan(path).equivalence_ratio == 1.3
    path.write_text(text.replace("equivalence_ratio: 1.3\n", ""))
    assert read_plan(path).equivalence_reason is None


def test_a_subset_of_the_index_group_is_named_and_never_primary(default_plan, tmp_path):
    mine = family(role="secondary", subset="lcSSc")
    planned = expand(read_plan(changed(default_plan, tmp_path, families=[mine])), COHORT)
    assert [(item.comparison, item.subset) for item in planned] == [
        ("SSc (lcSSc) vs healthy", "lcSSc")
    ]
    path = changed(default_plan, tmp_path, families=[family(subset="lcSSc")])
    with pytest.raises(SettingsError, match="verdicts are of the whole group"):
        read_plan(path)
