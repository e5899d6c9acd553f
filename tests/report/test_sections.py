"""Choices that sections make: which tubes are drawn, which labels are given, who is listed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.config.sections import Settings
from itc_analysis.flow.pictures.plots import background_text
from itc_analysis.report.html.blocks import (
    Bullets,
    Details,
    Outcome,
    PageSection,
    Paragraph,
    Table,
)
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.html.names import names_cell
from itc_analysis.report.sections import problems
from itc_analysis.report.sections.front import outcomes
from itc_analysis.report.sections.laboratory import gating
from itc_analysis.report.sections.people import alike, participants
from itc_analysis.report.sections.results import answer, comparisons, numbers, scores
from itc_analysis.results import Layout
from itc_analysis.singlecell.plots import plot_quality
from itc_analysis.stats.plots.comparisons import plot_group_points
from itc_analysis.tables import contract
from itc_analysis.tables.measured import Measurements
from itc_analysis.tables.stats.comparisons import Comparisons
from report.reading import with_tables


def tables_of(section: PageSection) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def test_the_worst_judged_tube_is_drawn_first(material: Material) -> None:
    gates = material.gates
    for panel, tubes in gating.example_tubes(material).items():
        bad = gates[(gates["panel"] == panel) & (gates["state"] != "ok")]
        assert tubes[0] == bad["file_id"].iloc[0]
        assert len(tubes) == material.settings.report.n_example_tubes


def test_overview_pages_are_linked_relative_to_the_page(material: Material, tmp_path: Path) -> None:
    layout = Layout(str(tmp_path / "results"))
    elsewhere = replace(material, layout=layout)
    assert gating.overview_links(elsewhere) == []
    panel = str(material.gates["panel"].iloc[0])
    page = Path(layout.overview(panel)) / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!doctype html>", encoding="utf-8")
    (told,) = gating.overview_links(elsewhere)
    assert isinstance(told, Paragraph)
    (target,) = re.findall('href="([^"]*)"', str(told.text))
    # relative to the report, which lies in the results folder itself
    assert Path(layout.report).parent / target == page


def test_states_of_cuts_add_up_to_the_tubes(material: Material) -> None:
    table = gating.states(material.gates)
    gates = material.gates
    n = gates.groupby(["panel", "population"])["file_id"].nunique().sort_values()
    shown = sorted(sum(int(str(cell)) for cell in row[1:]) for row in table.rows)
    assert shown == n.tolist()


def test_detections_add_up_to_the_participants_tubes(material: Material) -> None:
    table = gating.detection(material)
    assert isinstance(table, Table)
    counts = material.counts[material.counts["sample_id"] != "S-bridge"]
    shown = sum(int(str(cell)) for row in table.rows for cell in row[2:6])
    assert shown == len(counts)


def test_the_answer_shows_healthy_then_pooled_then_each_disease(material: Material) -> None:
    rows = answer.abundance_rows(material)
    order = answer.reference_order(material, rows)
    assert list(order) == ["healthy", "SLE+pSS+RA+IIM", "SLE", "pSS", "RA", "IIM"]


def test_a_plan_without_primary_comparisons_says_that_nothing_is_confirmatory(
    make_results: Callable[..., Path], settings: Settings
) -> None:
    folder = make_results(groups=("SSc", "SLE", "healthy"))
    path = Layout(str(folder)).comparisons
    table = contract.read(path, Comparisons)
    contract.write(table[table["role"] != "primary"], path, Comparisons)
    first = outcomes.section(collect(folder, settings)).blocks[0]
    assert "declares no primary comparison" in str(getattr(first, "text", ""))


def test_a_study_where_nothing_can_be_estimated_says_so_before_any_table(
    make_results: Callable[..., Path], settings: Settings
) -> None:
    folder = make_results()
    path = Layout(str(folder)).comparisons
    table = contract.read(path, Comparisons)
    numbers = ["estimate", "lower", "upper", "p_value", "p_adjusted"]
    table[numbers] = float("nan")
    table = table.assign(status="not_estimable", reason="1 participant, fewer than 3; so it is")
    contract.write(table, path, Comparisons)
    section = outcomes.section(collect(folder, settings))
    first, *lines, _ = section.blocks
    n_rows = int(table["measure"].isin(answer.ABUNDANCE).sum())
    assert f"None of the {n_rows} comparisons of abundance" in str(getattr(first, "text", ""))
    assert all(isinstance(line, Outcome) for line in lines)
    assert any(isinstance(block, Table) for block in section.more)


@pytest.mark.parametrize(
    ("flow", "reference", "label"),
    [
        ({"exhaustion": "higher", "activation": "none"}, "healthy", "inhibitory-receptor-high"),
        ({"exhaustion": "none", "activation": "higher"}, "healthy", "activated"),
        (
            {"exhaustion": "higher", "activation": "higher"},
            "healthy",
            "activated + inhibitory-receptor-high (not separable from activation, raised as well)",
        ),
        (
            {"exhaustion": "higher", "activation": "none", "interferon": "higher"},
            "healthy",
            "inhibitory-receptor-high (not separable from interferon response, raised as well)",
        ),
        ({"exhaustion": "none", "activation": "none"}, "healthy", "no difference shown"),
        ({"exhaustion": "lower", "activation": "none"}, "healthy", "lower: inhibitory receptors"),
        ({"exhaustion": "not_estimable"}, "healthy", "not estimable"),
        ({"exhaustion": "higher"}, "RA", "higher: inhibitory receptors"),
    ],
)
def test_labels_follow_the_rule(flow: dict[str, str], reference: str, label: str) -> None:
    found = {"flow": flow}
    assert scores.reading(found, is_against_healthy=reference == "healthy") == label  # type: ignore[arg-type]


def test_assays_that_disagree_are_told_apart() -> None:
    label = scores.reading(
        {"flow": {"exhaustion": "higher"}, "singlecell": {"exhaustion": "none"}},
        is_against_healthy=True,
    )
    assert label == "flow cytometry: inhibitory-receptor-high; single cell: no difference shown"


def test_every_measurement_without_a_number_is_counted(material: Material) -> None:
    section = problems.section(material)
    table = next(table for table in tables_of(section) if "Measurements" in table.header)
    shown = sum(int(str(row[2]).replace(",", "")) for row in table.rows)
    assert shown == int((material.measurements["status"] != "ok").sum())


def test_a_participant_without_any_number_is_named(
    make_results: Callable[..., Path], settings: Settings
) -> None:
    folder = make_results()
    path = Layout(str(folder)).measurements
    table = contract.read(path, Measurements)
    contract.write(table[table["participant_id"] != "healthy02"], path, Measurements)
    section = problems.section(collect(folder, settings))
    rows = [row for shown in tables_of(section) for row in shown.rows if row[0] == "healthy02"]
    assert rows == [["healthy02", "healthy", "no sample of this person was measured"]]


def test_long_lists_of_names_are_folded_but_whole() -> None:
    names = [f"P{number:03d}" for number in range(1, 31)]
    cell = str(names_cell(names))
    assert cell.startswith("<details><summary>all 30</summary>")
    assert all(name in cell for name in names)
    assert names_cell(["b", "a", "b"]) == "a and b"
    assert names_cell([]) == "–"


def test_remarks_are_numbered_once_and_told_below(material: Material) -> None:
    rows = material.comparisons.query("role == 'primary'").copy()
    rows["reason"] = "few participants; treatment is not adjusted for"
    table, told = comparisons.comparison_blocks(rows, material, caption="Primary.")
    assert isinstance(table, Table)
    assert isinstance(told, Details)
    assert {str(row[-1]) for row in table.rows} == {"1, 2"}
    notes = told.blocks[0]
    assert isinstance(notes, Bullets)
    assert list(notes.items) == [
        "1: Few participants.",
        "2: Treatment is not adjusted for.",
    ]


def test_an_assay_that_the_study_lacks_has_no_node_and_one_without_numbers_has_lost_everybody(
    material: Material,
) -> None:
    flow_only = with_tables(
        material,
        libraries=material.libraries.iloc[:0],
        library_quality=material.library_quality.iloc[:0],
    )
    assert "ingle-cell" not in str(participants.flow_chart(flow_only).picture)
    rows = material.measurements
    unmeasured = with_tables(material, measurements=rows[rows["assay"] != "singlecell"])
    n = int(material.participants["is_analysed"].sum())
    assert f"Without single-cell data: n = {n}" in str(participants.flow_chart(unmeasured).picture)


def test_people_whose_cells_were_too_few_for_a_phenotype_have_flow_cytometry(
    material: Material,
) -> None:
    rows = material.measurements
    rows = rows.assign(status=rows["status"].where(rows["assay"] != "flow", "few_cells"))
    picture = str(participants.flow_chart(with_tables(material, measurements=rows)).picture)
    assert "Without flow cytometry: n = 0" in picture


def test_a_study_without_the_assay_of_the_plan_shows_what_it_measured(material: Material) -> None:
    rows = material.measurements
    flow = rows[(rows["assay"] == "flow") & rows["measure"].isin(answer.ABUNDANCE)]
    moved = with_tables(material, measurements=flow.assign(assay="singlecell"))
    assert set(numbers.plotted_rows(moved)["assay"]) == {"singlecell"}
    both = with_tables(material, measurements=pd.concat([flow, flow.assign(assay="singlecell")]))
    assert set(numbers.plotted_rows(both)["assay"]) == {"flow"}


def test_covariates_that_nobody_has_are_not_drawn(material: Material) -> None:
    nobody = material.participants.assign(age_years=float("nan"))
    picture = str(alike.blocks(with_tables(material, participants=nobody))[1].picture)  # type: ignore[union-attr]
    assert ">age<" not in picture
    assert ">sex<" in picture


@pytest.mark.parametrize(
    ("n_background", "text"),
    [(0.0, "0"), (1e-14, "<0.01"), (0.0099, "<0.01"), (0.01, "0.01"), (2.0123, "2.01")],
)
def test_background_that_is_as_good_as_none_has_no_digits(n_background: float, text: str) -> None:
    assert background_text(n_background) == text


def test_a_single_point_is_not_hidden_under_a_bar(material: Material) -> None:
    rows = material.measurements
    rows = rows[(rows["population"] == "mait") & (rows["measure"] == "share_of_t")]
    rows = rows[rows["status"] == "ok"]
    one, two = (rows.groupby("group").head(n) for n in (1, 2))
    assert len(plot_group_points(one).lines) == 0
    axes = plot_group_points(two)
    assert len(axes.lines) == two["group"].nunique()
    assert all(bar.get_zorder() < axes.collections[0].get_zorder() for bar in axes.lines)


def test_one_library_has_its_name_and_an_axis_with_labels(material: Material) -> None:
    one = material.library_quality.head(1)
    axes = plot_quality(one)
    axes.figure.draw_without_rendering()
    assert [label.get_text() for label in axes.get_xticklabels()] == list(one["library_id"])
    low, high = axes.get_ylim()
    shown = [
        label.get_text()
        for label, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
        if low <= place <= high
    ]
    assert shown == ["10", "100", "1,000"]
    assert axes.get_title().startswith("1 of 1 library used")


def test_a_section_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="say in a sentence"):
        PageSection("empty", "Empty", [])


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 1 cells"):
        Table("caption", ["a", "b"], [["only one"]])


def test_reasons_that_differ_only_in_their_numbers_are_one_row() -> None:
    rows = pd.DataFrame(
        {"status": "few", "reason": ["1 cell, 20 needed", "13 cells, 20 needed", "1 class"]}
    )
    found = problems._by_reason(rows, ["status"])
    assert [(key, len(group)) for key, group in found] == [
        (("few", "1 cell, 20 needed"), 2),
        (("few", "1 class"), 1),
    ]
