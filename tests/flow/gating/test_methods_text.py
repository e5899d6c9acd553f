"""Gating methods in the words of a methods section, only where a template uses them."""

from __future__ import annotations

from pathlib import Path

from itc_analysis.flow.gating.methods_text import FURTHER, describe_further_methods
from itc_analysis.flow.gating.template import check_template, load_template
from itc_analysis.report.html.bibliography import REFERENCES


def test_the_usual_methods_need_no_further_sentence(root: Path) -> None:
    template = load_template(root / "src/itc_analysis/resources/gating/panel_f.yaml")
    assert describe_further_methods(template) == ("", ())


def test_a_further_method_is_named_with_its_populations_and_works() -> None:
    entries = [
        {"name": "cd8_pos", "parent": "all", "markers": ["CD8"], "side": "above", "method": "mixture"},  # noqa: E501
        {"name": "cd4_pos", "parent": "all", "markers": ["CD4"], "side": "above", "method": "mixture"},  # noqa: E501
        {"name": "mait_cd8", "parent": "cd4_pos", "markers": ["CD8"], "side": "above",
         "method": "reference", "arguments": {"of": "cd8_pos"}},
    ]  # fmt: skip
    text, cited = describe_further_methods(
        check_template({"panel": "made", "populations": entries}, "made.yaml")
    )
    assert "In made, cd8 pos, cd4 pos were gated by fitting normal populations" in text
    assert "In made, mait cd8 was gated by the cut of another population" in text
    assert "quadrant" not in text
    assert cited == ("lo2008", "schwarz1978", "kass1995", "ashman1994")


def test_every_work_of_a_further_method_is_in_the_bibliography() -> None:
    assert {key for _, cited in FURTHER.values() for key in cited} <= set(REFERENCES)
