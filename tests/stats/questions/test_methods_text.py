from __future__ import annotations

from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.stats.questions.methods_text import (
    describe_associations,
    describe_compositions,
    describe_modalities,
)


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
