"""The whole page: it stands alone, says what the tables say, and lets nothing in."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree, html

from itc_analysis.cli import main
from itc_analysis.config.frozen import freeze
from itc_analysis.config.sections import Settings, Study
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.page import DEPTH, SCREENS, build_page, write_page
from itc_analysis.results import Layout
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.participants import Participants
from itc_analysis.tables.stats.comparisons import Comparisons


@pytest.fixture(scope="module")
def tree(page: str) -> html.HtmlElement:
    return html.document_fromstring(page)


def test_every_tag_is_closed_and_every_id_is_unique(page: str, tree: html.HtmlElement) -> None:
    parser = etree.HTMLParser(recover=True)
    etree.fromstring(page.encode(), parser)
    serious = [error for error in parser.error_log if "Tag" not in error.message]  # svg tags
    assert serious == []
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))


def test_every_inner_link_has_its_target(tree: html.HtmlElement) -> None:
    ids = {element.get("id") for element in tree.iter() if element.get("id")}
    inner = [link[1:] for link in tree.xpath("//a/@href") if link.startswith("#")]
    assert len(inner) > len(SCREENS) + len(DEPTH)
    assert set(inner) <= ids
    used = set(re.findall(r"url\(#([^)]+)\)", html.tostring(tree, encoding="unicode")))
    assert used <= ids


def test_nothing_is_loaded_from_elsewhere(page: str, tree: html.HtmlElement) -> None:
    for element in tree.iter():
        for name in ("src", "data", "poster", "srcset", "action"):
            assert str(element.get(name, "data:")).startswith("data:"), (element.tag, name)
    assert tree.xpath("//iframe | //object | //embed") == []
    *data, program = tree.xpath("//script")  # no other script, above all none of a sheet
    assert [block.get("id") for block in data] == ["script-words", "gate-tiles"]
    assert {block.get("type") for block in data} == {"application/json"}
    digest = base64.b64encode(hashlib.sha256(program.text.encode()).digest()).decode()
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}';" in policy
    assert [link.get("href") for link in tree.xpath("//link")] == ["data:,"]
    assert "@import" not in page
    outside = [link for link in tree.xpath("//a/@href") if not link.startswith("#")]
    assert outside
    assert all(link.startswith("https://doi.org/") for link in outside)
    assert not tree.xpath("//*[@*[starts-with(name(), 'on')]]")  # no code in attributes


def test_every_section_has_a_heading_and_says_something(tree: html.HtmlElement) -> None:
    sections = tree.xpath("//main//section")
    assert len(sections) == len(SCREENS) + len(DEPTH)
    for section in sections:
        assert len(section.xpath(".//h2")) == 1
        assert len(section.text_content().split()) > 10


def test_the_screens_come_first_and_the_depth_is_folded(tree: html.HtmlElement) -> None:
    sections = tree.xpath("//main//section")
    assert [section.get("id") for section in sections[: len(SCREENS)]] == [
        "answer",
        "participants",
        "gates",
        "caveats",
    ]
    for section in sections[len(SCREENS) :]:
        (folded,) = section.xpath("details")
        assert folded.get("open") is None
        assert folded[0].tag == "summary"


def test_no_heading_is_empty_below(tree: html.HtmlElement) -> None:
    for heading in tree.xpath("//main//h3"):
        following = heading.getnext()
        assert following is not None, heading.text
        assert following.tag not in ("h2", "h3"), heading.text


def test_every_table_has_a_caption_and_headers(tree: html.HtmlElement) -> None:
    tables = tree.xpath("//table")
    assert tables
    for table in tables:
        assert table.xpath("string(caption)").strip()
        assert table.xpath("count(thead//th[@scope='col'])") > 1
        assert all(row.xpath("th[@scope='row']") for row in table.xpath("tbody/tr"))


def test_every_picture_is_described(tree: html.HtmlElement) -> None:
    for image in tree.xpath("//img"):
        assert len(image.get("alt", "")) > 10
    pictures = tree.xpath("//figure//*[name()='svg' and @role='img']")
    assert pictures
    for picture in pictures:
        assert picture.get("aria-label") or picture.get("aria-labelledby")


def test_the_primary_numbers_of_the_page_are_those_of_the_table(
    results: Path, tree: html.HtmlElement
) -> None:
    table = contract.read(Layout(str(results)).comparisons, Comparisons)
    rows = table[(table["role"] == "primary") & (table["reference_group"] == "healthy")]
    names = {"mait": "MAIT", "inkt": "iNKT", "gd_t_cells": "γδ T", "innate_cd8": "innate CD8"}
    measures = {"share_of_t": "% of T cells", "cells_per_ul": "cells/µL"}
    shown = {
        row.xpath("string(th)"): row.xpath("string(td[1])")
        for row in tree.xpath("//section[@id='answer']//tbody/tr")
    }
    assert len(rows) == 8
    for row in rows.itertuples():
        cell = shown[f"{names[row.population]}, {measures[row.measure]}"]
        if row.status == "not_estimable":
            assert "not estimable" in cell
            continue
        found = [float(text) for text in re.findall(r"\d+\.?\d*", cell)]
        # two or three digits are shown: 0.6 % is half a unit of the second digit at 0.10
        assert found[0] == pytest.approx(row.estimate, rel=0.06, abs=0.005)
        assert found[1] == pytest.approx(row.lower, rel=0.06, abs=0.005)
        assert found[2] == pytest.approx(row.upper, rel=0.06, abs=0.005)
        p = row.p_adjusted
        assert found[3] == pytest.approx(max(p, 0.001) if p <= 0.995 else 0.99, abs=0.006)


def test_every_comparison_of_the_plan_is_on_the_page(results: Path, tree: html.HtmlElement) -> None:
    table = contract.read(Layout(str(results)).comparisons, Comparisons)
    rows = tree.xpath("//section[@id='comparisons']//table[position()>0]//tbody/tr")
    n_families = table["family"].nunique()
    assert len(rows) == len(table) + n_families


def test_per_cent_is_a_hundred_times_the_share(results: Path, tree: html.HtmlElement) -> None:
    table = contract.read(Layout(str(results)).comparisons, Comparisons)
    row = table.query(
        "population == 'mait' and measure == 'share_of_t' and reference_group == 'healthy'"
    ).iloc[0]
    text = tree.xpath("string(//section[@id='answer']//details/details)")
    found = re.search(r"Median ([\d.]+) % in SSc \(n = (\d+)\), ([\d.]+) % in healthy", text)
    assert found is not None
    # three significant digits: half a unit of the third
    assert float(found[1]) == pytest.approx(100 * row["median_index"], rel=0.005)
    assert float(found[3]) == pytest.approx(100 * row["median_reference"], rel=0.005)
    assert int(found[2]) == row["n_index"]


def test_text_from_sheets_cannot_become_code(page: str) -> None:
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(" in page


def test_a_real_study_never_says_simulated(page: str, tree: html.HtmlElement) -> None:
    assert "<title>Made-up study" in page
    copied = copy.deepcopy(tree)
    for settings_table in copied.xpath("//section[@id='methods']//details"):
        settings_table.drop_tree()  # the names of all settings, study.simulated among them
    assert "simulated" not in copied.find("body").text_content().lower()


def test_a_simulated_study_says_so_first(
    make_results: Callable[..., Path], settings: Settings
) -> None:
    folder = make_results(with_single_cell=False)
    study = Study(name="Made-up study", simulated="effect", libraries="config/libraries.tsv")
    simulated = settings.model_copy(update={"study": study})
    page = build_page(collect(folder, simulated))
    body = html.document_fromstring(page).find("body")
    assert body[0].get("class") == "simulated"
    assert "SIMULATED DATA" in body[0].text_content()
    assert "effect" in body[0].text_content()
    assert "<title>SIMULATED" in page


def test_the_page_holds_no_path_of_this_machine(results: Path, page: str) -> None:
    assert str(results) not in page
    assert str(Path.home()) not in page


def test_nobody_who_is_enrolled_disappears(results: Path, tree: html.HtmlElement) -> None:
    people = contract.read(Layout(str(results)).participants, Participants)
    flow = tree.xpath("string(//section[@id='participants']//*[name()='desc'])")
    assert f"Enrolled: {len(people)}" in flow
    excluded = people.loc[~people["is_analysed"], "participant_id"].tolist()
    told = tree.xpath("string(//section[@id='participants'])")
    assert all(person in told for person in excluded)


def test_exhausted_is_never_said_of_cells(tree: html.HtmlElement) -> None:
    for row in tree.xpath("//section[@id='scores']//tbody/tr"):
        assert "exhaust" not in row.text_content().lower()
    assert "inhibitory-receptor-high" in tree.xpath("string(//section[@id='scores'])")


@pytest.mark.parametrize(
    ("parts", "sentences"),
    [
        (
            {"with_single_cell": False, "groups": ("SSc",)},
            [
                "The study has one group only (SSc), so no groups are compared.",
            ],
        ),
        (
            {"with_flow": False, "groups": ("RA", "healthy")},
            [
                "The study has no flow cytometry.",
                "Nobody in this study is in the index group ‘SSc’",
            ],
        ),
    ],
)
def test_what_a_study_lacks_is_said_in_a_sentence(
    make_results: Callable[..., Path],
    settings: Settings,
    parts: dict[str, object],
    sentences: list[str],
) -> None:
    page = build_page(collect(make_results(**parts), settings))
    assert [sentence for sentence in sentences if sentence not in page] == []
    tree = html.document_fromstring(page)
    assert all(heading.getnext() is not None for heading in tree.xpath("//main//h3"))
    # what was not measured has no section
    sections = {section.get("id") for section in tree.xpath("//main//section")}
    assert ("singlecell" in sections) == parts.get("with_single_cell", True)
    assert (sections >= {"gates", "acquisition"}) == parts.get("with_flow", True)


def test_a_missing_table_is_named(make_results: Callable[..., Path], settings: Settings) -> None:
    folder = make_results()
    Path(Layout(str(folder)).histograms("panel_a", "b1")).unlink()
    Path(Layout(str(folder)).gates("panel_b", "b1")).unlink()
    page = build_page(collect(folder, settings))
    assert "flow/panel_b/b1/gates.parquet" in page
    assert "has no histograms of its gates to draw" in page


def test_a_folder_without_results_is_a_clear_fault(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    config = freeze(settings, tmp_path, "all")
    output = tmp_path / "report.html"
    arguments = ["--config", config, "--results", str(tmp_path), "--output", str(output)]
    assert main(["report", *arguments]) == 2
    assert "no measurements.parquet here; run the workflow" in capsys.readouterr().err
    assert not output.exists()


def test_the_command_takes_frozen_settings_and_gives_the_same_bytes_again(
    results: Path, tmp_path: Path, settings: Settings, page: str
) -> None:
    config = freeze(settings, tmp_path, "all")
    output = tmp_path / "new" / "report.html"
    arguments = ["--config", config, "--results", str(results), "--output", str(output)]
    assert main(["report", *arguments]) == 0
    assert output.read_text(encoding="utf-8") == page


def test_an_unfinished_page_leaves_the_old_one(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Material) -> None:
        msg = "no such column"
        raise KeyError(msg)

    output = tmp_path / "report.html"
    output.write_text("old", encoding="utf-8")
    monkeypatch.setattr("itc_analysis.report.page.DEPTH", (fail,))
    with pytest.raises(KeyError, match="no such column"):
        write_page(material, output)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert output.read_text(encoding="utf-8") == "old"
