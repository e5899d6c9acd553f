"""The page about gating templates: nothing a template may hold is left out of it."""

from __future__ import annotations

from itc_analysis.flow.gating.methods.registry import COMBINING, METHODS, REFERENCE, arguments_of
from itc_analysis.flow.gating.template import Population, Positivity, Template
from itc_analysis.flow.gating.template_page import template_page
from itc_analysis.tables.quantities import GATE_STATES

PAGE = template_page("made")


def test_every_entry_method_argument_and_state_is_described() -> None:
    for model in (Template, Population, Positivity):
        for name, field in model.model_fields.items():
            assert f"| `{name}` |" in PAGE
            assert field.description
    for name in (*METHODS, *COMBINING, REFERENCE):
        assert f"### `{name}`" in PAGE
    for state in GATE_STATES:
        assert f"| `{state}` |" in PAGE


def test_every_argument_says_what_it_means() -> None:
    for method in METHODS:
        part = PAGE.split(f"### `{method}`")[1].split("###")[0]
        for name in arguments_of(method):
            row = next(line for line in part.splitlines() if line.startswith(f"| `{name}` |"))
            meaning = row.rstrip("| ").split("|")[-1].strip()
            assert len(meaning.split()) >= 2, f"{method}.{name}"
