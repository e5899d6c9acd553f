"""Templates: everything that is wrong is said at once, and the shipped ones fit their panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from itc_analysis.errors import SettingsError
from itc_analysis.flow.gating.template import ROOT, check_template, load_template
from itc_analysis.flow.panel.markers import read_panel

SHIPPED = {
    "src/itc_analysis/resources/gating/panel_a.yaml": (
        "src/itc_analysis/resources/panels/panel_a.tsv"
    ),
    "src/itc_analysis/resources/gating/panel_b.yaml": (
        "src/itc_analysis/resources/panels/panel_b.tsv"
    ),
    "config/examples/omip021/gating/omip021.yaml": "config/examples/omip021/panels/omip021.tsv",
    "config/examples/coereba/gating/coereba.yaml": "config/examples/coereba/panels/coereba.tsv",
}


def population(**given: Any) -> dict[str, Any]:
    usual = {
        "name": "t_cells",
        "parent": "all",
        "markers": ["CD3"],
        "method": "density_minimum",
        "side": "above",
    }
    return {**usual, **given}


def faults_of(*populations: dict[str, Any], **top: Any) -> list[str]:
    data = {"panel": "p", "populations": list(populations), **top}
    with pytest.raises(SettingsError) as caught:
        check_template(data, "p.yaml", panel_markers={"CD3", "CD4", "6B11"})
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("template", SHIPPED)
def test_shipped_template_fits_its_panel(template: str, root: Path) -> None:
    markers = set(pd.read_csv(root / SHIPPED[template], sep="\t", dtype=str)["marker"])
    loaded = load_template(root / template, panel_markers=markers)
    assert loaded.panel == Path(template).stem
    assert any(p.measured for p in loaded.populations)


def test_innate_populations_of_the_shipped_templates_are_disjoint_by_descent(root: Path) -> None:
    for name in ("panel_a", "panel_b"):
        template = load_template(root / f"src/itc_analysis/resources/gating/{name}.yaml")
        without_gd = template.by_name["not_gd"].combination.none_of
        without_inkt = template.by_name["not_inkt"].combination.none_of
        without_mait = template.by_name["conventional_ab"].combination.none_of
        assert (without_gd, without_inkt, without_mait) == (("gd_t_cells",), ("inkt",), ("mait",))
        for child, parent in (("inkt", "not_gd"), ("va72_pos", "not_inkt"), ("mait", "va72_pos")):
            assert template.by_name[child].parent == parent
        assert template.by_name["cd8_t_cells"].parent == "conventional_ab"
    assert template.by_name["eomes_cd8"].parent == "cd8_t_cells"


def test_all_faults_are_said_at_once() -> None:
    faults = faults_of(
        population(parent="lymphocytess"),
        population(name="lymphocytes", method="density_minimun"),
        population(name="cd4", markers=["CD44"], arguments={"zz": 3}),
        population(name="early", parent="late"),
        population(name="late", side=None),
        population(name="rare", method="rare_positive", side="above", control="CD4"),
        population(name="rest", method="complement", arguments={"of": ["cd44", "late"]}),
    )
    text = "\n".join(faults)
    assert "unknown parent 'lymphocytess'; did you mean 'lymphocytes'?" in text
    assert "unknown method 'density_minimun'; did you mean 'density_minimum'?" in text
    assert "unknown argument 'zz' of density_minimum; did you mean 'z'?" in text
    assert "its parent 'late' stands after it; move the parent up" in text
    assert "population 'late', density_minimum needs a side" in text
    assert "population 'rare', rare_positive takes no side" in text
    assert "control 'CD4' is not a marker of the gate" in text
    assert "complement looks at populations, not at markers" in text
    assert "unknown population 'cd44'; did you mean 'cd4'?" in text
    assert "marker 'CD44' is not in the panel sheet; did you mean 'CD4'?" in text
    assert len(faults) == 10


def test_a_combination_of_nothing_and_a_scale_of_no_marker_are_told() -> None:
    text = "\n".join(
        faults_of(
            population(),
            population(
                name="none", method="boolean", markers=[], side=None, arguments={"all_of": []}
            ),
        )
    )
    assert "population 'none', 'all_of' names no population" in text
    data = {
        "panel": "p",
        "populations": [population()],
        "transform": {"markers": {"CD99": {"kind": "linear"}}},
    }
    with pytest.raises(SettingsError, match="marker 'CD99' is not in the panel sheet"):
        check_template(data, "template", panel_markers=["CD4"])


def test_parents_in_a_circle_are_told_and_not_followed_for_ever() -> None:
    text = "\n".join(
        faults_of(
            population(name="one", parent="two"),
            population(name="two", parent="one"),
            population(name="own", parent="own"),
            population(
                name="rest",
                parent="two",
                method="complement",
                markers=[],
                side=None,
                arguments={"of": ["two", "own"]},
            ),
        )
    )
    assert "population 'one', its parent 'two' stands after it" in text
    assert "population 'own', its parent 'own' stands after it" in text


def test_a_marker_by_another_name_in_the_panel_sheet_is_to_be_renamed(root: Path) -> None:
    template = root / "src/itc_analysis/resources/gating/panel_a.yaml"
    markers = set(read_panel(root / "src/itc_analysis/resources/panels/panel_a.tsv")["marker"])
    with pytest.raises(SettingsError) as caught:
        load_template(template, panel_markers=markers - {"6B11", "PD-1"} | {"iNKT", "CD279"})
    told = str(caught.value)
    assert "'6B11' is not in the panel sheet; 'iNKT' in the sheet is 6B11 of the template" in told
    assert "'CD279' in the sheet is PD-1 of the template: rename it" in told


def test_a_misspelt_key_is_named() -> None:
    assert any("unknown setting 'parrent'" in f for f in faults_of(population(parrent="all")))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"markers": ["CD3", "CD4"]}, "takes 1 marker(s), found 2"),
        ({"arguments": {"only_peak": "maybe"}}, "give negative or positive or refuse"),
        ({"arguments": {"z": "four"}}, "give a number"),
        ({"method": "fixed"}, "argument 'cut' of fixed is missing"),
        ({"name": "all"}, "the name appears twice"),
        ({"min_parent": 0}, "min_parent"),
        ({"level": "dim"}, "level"),
        ({"level": "bright", "side": "below"}, "take its complement"),
        ({"level": "bright", "method": "tail"}, "level takes one marker"),
        ({"arguments": {"z": -4}}, "argument 'z' is -4; give a number between 0 and 100"),
        ({"arguments": {"z": float("nan")}}, "argument 'z' is nan; give a number"),
        ({"method": "fixed", "arguments": {"cut": 20000}}, "cuts are in transformed units, 0 to 1"),
        (
            {"method": "mixture", "markers": ["CD3", "CD4"], "arguments": {"coverage": 95}},
            "'coverage' is 95; give a number between 0 and 1: it is a share",
        ),
        ({"method": "mixture", "markers": ["CD3", "CD3"]}, "a marker appears twice"),
        ({"name": "t" * 81}, "at most 80 characters"),
    ],
)
def test_faults_of_one_population(given: dict[str, Any], said: str) -> None:
    assert said in "\n".join(faults_of(population(**given)))


def test_combinations_are_checked() -> None:
    here = population(markers=["CD3"])
    other = population(name="within", parent="t_cells", markers=["CD4"])
    said = "\n".join(
        faults_of(
            here,
            other,
            population(name="x", parent="within", method="boolean", markers=[], side=None,
                       arguments={"all_of": ["t_cells", "within"]}),
            population(name="y", method="boolean", markers=[], side=None,
                       arguments={"any_of": ["t_cells"]}),
            population(name="z", method="boolean", markers=[], side=None, arguments={"of": "t"}),
        )
    )  # fmt: skip
    assert "'t_cells' does not lie within 'within'" in said
    assert "one population alone is no combination" in said
    assert "unknown argument 'of' of boolean" in said
    assert "boolean needs 'all_of' or 'any_of' or 'none_of'" in said


def test_a_combination_that_no_cell_can_be_in_is_refused() -> None:
    both = {"method": "boolean", "markers": [], "side": None}
    said = "\n".join(
        faults_of(
            population(),
            population(name="x", arguments={"all_of": ["t_cells"], "none_of": ["t_cells"]}, **both),
            population(name="y", arguments={"any_of": ["t_cells", "t_cells"]}, **both),
        )
    )
    assert "'t_cells' is in all_of and in none_of: no cell can be in the population" in said
    assert "population 'y', 'any_of' names a population twice" in said


@pytest.mark.parametrize("given", [{"t_cells": {"parent": "all"}}, ["t_cells"], [None]])
def test_populations_that_are_no_list_of_entries_are_told_beside_blocks(given: Any) -> None:
    data = {"panel": "p", "populations": given, "blocks": [{"block": "coreceptors", "of": "x"}]}
    with pytest.raises(SettingsError, match="populations"):
        check_template(data, "p.yaml")


def test_denominator_and_positivity_are_checked() -> None:
    twice = [{"marker": "CD4", "role": "other"}] * 2
    said = "\n".join(faults_of(population(), denominator="t_cell", positivity=twice))
    assert "denominator 't_cell' is not a population; did you mean 't_cells'?" in said
    assert "marker 'CD4' appears twice" in said


def test_ancestors_end_at_the_denominator() -> None:
    chain = [population(), population(name="a", parent="t_cells"), population(name="b", parent="a")]
    below = check_template({"panel": "p", "populations": chain, "denominator": "t_cells"}, "p")
    assert below.ancestors("b") == ("b", "a", "t_cells")
    whole = check_template({"panel": "p", "populations": chain}, "p")
    assert whole.ancestors("b") == ("b", "a", "t_cells", ROOT)
