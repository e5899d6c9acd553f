from __future__ import annotations

import pandas as pd
import pytest

from itc_analysis.config.sections import Stats
from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.stats.questions.methods_text import (
    describe_associations,
    describe_comparisons,
    describe_compositions,
    describe_diagnostics,
    describe_modalities,
)
from stats.made_up_study import COHORT, make_plan


def test_methods_are_finished_sentences_whose_works_are_in_the_bibliography(study):
    plan = study["plan"]
    for said, keys in (
        describe_associations(study["associations"], plan=plan),
        describe_compositions(study["compositions"], plan=plan),
        describe_modalities(study["agreement"]),
    ):
        assert said.endswith(".")
        assert "{" not in said
        assert set(keys) <= set(REFERENCES)
        assert keys


def test_nothing_planned_is_said(study):
    for said, keys in (
        describe_associations(study["associations"].iloc[:0], plan=study["plan"]),
        describe_compositions(study["compositions"].iloc[:0], plan=study["plan"]),
        describe_modalities(study["agreement"].iloc[:0]),
    ):
        assert said.endswith(".")
        assert keys == []


@pytest.mark.parametrize(
    ("model", "kind", "told", "not_told"),
    [
        ("logarithm, least squares, CR2 by participant", "ratio", "log scale", "HC3"),
        ("logarithm, least squares, CR2 by participant", "ratio", "log scale", "half a cell"),
        ("logit, least squares, HC3", "odds_ratio", "HC3", "intensities"),
        ("value as it is, least squares, CR2", "difference", "as they are", "HC3"),
    ],
)
def test_only_models_that_were_used_are_described(model, kind, told, not_told):
    row = {"model": model, "estimate_kind": kind, "covariates": "none", "p_permutation": None}
    text, _ = describe_comparisons(
        pd.DataFrame([row]), plan=make_plan(), cohort=COHORT, settings=Stats(n_permutations=0)
    )
    assert told in text
    assert not_told not in text.replace("HC3-studentised", "")


def test_diagnostics_name_what_was_computed():
    columns = ["one_out_lowest", "estimate_core", "e_value", "value_estimate", "soft_estimate",
               "beside_estimate", "second_model", "tipping_missing", "tipping_low"]  # fmt: skip
    none = dict.fromkeys(columns)
    assert describe_diagnostics(pd.DataFrame([none])) == ("", [])
    some = none | {"e_value": 2.0, "second_model": "beta-binomial, likelihood ratio"}
    text, keys = describe_diagnostics(pd.DataFrame([some | {"tipping_low": 0.7}]))
    assert "beta-binomial model for shares" in text
    assert "negative binomial" not in text
    assert "below the limit of detection" in text
    assert "without a number" not in text
    assert "missing covariates" not in text
    assert keys == ["vanderweele2017"]
