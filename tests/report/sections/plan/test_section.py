"""The section on the plan: estimands from settings and tables, the graph of tests, the lock."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from lxml import etree

from itc_analysis.config.steps import ReportSettings
from itc_analysis.report.html.blocks import Bullets, Details, Figure, Paragraph, Table
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.sections.plan import estimands, graph, locked
from itc_analysis.report.sections.plan.section import section
from report.reading import with_tables

RESOURCES = Path(__file__).parents[4] / "src" / "itc_analysis" / "resources"


def plan_file(tmp_path: Path, **changes: object) -> Path:
    data = yaml.safe_load((RESOURCES / "analysis_plan.yaml").read_text()) | changes
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture(scope="module")
def material(results: Path, settings: ReportSettings) -> Material:
    return collect(results, settings, plan=RESOURCES / "analysis_plan.yaml")


def with_states(material: Material, states: list[str]) -> Material:
    rows = material.comparisons
    lock = (states * len(rows))[: len(rows)]
    return with_tables(material, comparisons=rows.assign(lock=pd.array(lock, dtype="string")))


def test_every_primary_and_secondary_endpoint_has_its_estimand(material: Material) -> None:
    assert material.plan is not None
    table, _, events = estimands.blocks(material, material.plan)
    assert isinstance(table, Table)
    told = [" | ".join(str(cell) for cell in row) for row in table.rows]
    assert any("primary, primary" in row and "MAIT" in row and "odds ratio" in row for row in told)
    assert any("each disease" in row and "against SLE; against pSS" in row for row in told)
    assert any("difference of means" in row for row in told)
    assert not any("exploratory" in row for row in told)
    people = material.participants
    assert f"{int(people['is_analysed'].sum())} of {len(people)}" in told[0]
    assert isinstance(events, Bullets)


def test_estimands_follow_the_plan(results: Path, settings: ReportSettings, tmp_path: Path) -> None:
    path = plan_file(
        tmp_path,
        pooled_weights="participants",
        missing_covariates="complete_cases",
        covariates="age_years + hydroxychloroquine",
    )
    other = collect(results, settings, plan=path)
    assert other.plan is not None
    table, _, events = estimands.blocks(other, other.plan)
    assert isinstance(table, Table)
    assert isinstance(events, Bullets)
    said = " ".join(str(item) for item in events.items)
    assert "counting by its participants" in str(table.rows[0][3])
    assert "hydroxychloroquine is adjusted for" in said
    assert "filled in 20 times" not in said
    assert "leave the participant out of the model" in said


def test_a_treatment_that_one_version_keeps_out_is_said_so(material: Material) -> None:
    assert material.plan is not None
    rules = pd.DataFrame(
        {
            "rule": ["biologic", "biologic", "age"],
            "protocol_version": ["initial", "current", "current"],
            "outcome": ["passes", "not_applicable", "passes"],
        }
    )
    said = estimands.treatments(with_tables(material, eligibility=rules), material.plan)
    biologic = next(text for text in said if "biologic" in text)
    assert "keeps out those under the initial version" in biologic
    immunosuppressant = next(text for text in said if "immunosuppressant" in text)
    assert "whatever the treatment" in immunosuppressant


def test_the_graph_has_a_box_per_gate_and_says_itself_in_words(
    results: Path, settings: ReportSettings, tmp_path: Path
) -> None:
    data = yaml.safe_load((RESOURCES / "analysis_plan.yaml").read_text())
    data["families"][0]["adjustment"] = "gatekeeping"
    material = collect(results, settings, plan=plan_file(tmp_path, families=data["families"]))
    assert material.plan is not None
    figure, words = graph.blocks(material, material.plan)
    assert isinstance(figure, Figure)
    tree = etree.fromstring(str(figure.picture).encode())
    texts = [node.text or "" for node in tree.iter("{*}text")]
    # eight endpoints, each with healthy before pooled
    assert sum("SSc vs healthy (α × 0.125)" in text for text in texts) == 8
    assert sum(text == "SSc vs CTD" for text in texts) == 8
    assert len(tree.findall(".//{*}path[@marker-end]")) == 8
    description = tree.find("{*}desc").text
    assert "starts with α/8 on its first comparison; SSc vs healthy, then SSc vs CTD" in description
    assert isinstance(words, Details)
    box = float(tree.get("viewBox").split()[3])
    assert all(float(node.get("y")) < box for node in tree.iter("{*}text"))


def test_a_family_without_gates_says_its_rule(material: Material) -> None:
    assert material.plan is not None
    figure = graph.blocks(material, material.plan)[0]
    assert isinstance(figure, Figure)
    assert "Holm: the smallest p against α/16, the next against α/15" in str(figure.picture)


def test_the_page_says_whether_the_plan_was_locked(material: Material) -> None:
    assert "Nobody checked" in str(locked.blocks(material)[0])
    unlocked = locked.blocks(with_states(material, ["not_locked"]))[0]
    assert isinstance(unlocked, Paragraph)
    assert unlocked.tone == "warning"
    assert "was not locked" in str(unlocked.text)
    good = locked.blocks(with_states(material, ["as_locked"]))[0]
    assert isinstance(good, Paragraph)
    assert good.tone == "plain"
    late = locked.blocks(with_states(material, ["as_locked", "post_hoc"]))[0]
    assert isinstance(late, Paragraph)
    assert "these results are post hoc" in str(late.text)


def test_the_page_lists_what_was_decided_by_hand_after_the_lock(material: Material) -> None:
    changes = pd.DataFrame(
        {
            "part": ["by_hand", "by_hand"],
            "where": ["decisions.P014", "reviews.S001_panel_a mait"],
            "locked": "(none)",
            "now": '"excluded (0a)"',
            "affects": "no result by itself",
        }
    )
    good = with_states(material, ["as_locked"])
    told, table = locked.blocks(with_tables(good, plan_changes=changes))
    assert isinstance(told, Paragraph)
    assert told.tone == "warning"
    assert "1 manual decision on a participant and 1 reviewed gate" in str(told.text)
    assert isinstance(table, Table)
    assert len(table.rows) == 2


def test_sections_with_results_begin_with_what_is_post_hoc(material: Material) -> None:
    late = with_states(material, ["post_hoc"])
    own = section(late)
    pages = [own, *[type(own)(name, "t", [Paragraph("x")]) for name in ("answer", "words")]]
    marked = {part.name: part for part in locked.warn(pages, late)}
    assert "post hoc" in str(marked["answer"].blocks[0])
    assert marked["words"].blocks[0] == Paragraph("x")
    for state in ("as_locked", "not_locked"):
        assert locked.warn(pages, with_states(material, [state])) == pages
