"""Reporting checklists: filled from the tables, and the same on the page and in the files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from itc_analysis.cli import main
from itc_analysis.config.frozen import freeze
from itc_analysis.config.sections import Settings
from itc_analysis.report.checklists import checklist, miflowcyt
from itc_analysis.report.checklists.strobe import ITEMS
from itc_analysis.report.html.material import Material, collect
from report.reading import with_tables

PANEL = """channel\tmarker\tfluorochrome\trole\tclone\tmanufacturer\tcatalogue_number
FSC-A\tFSC-A\t\tscatter\t\t\t
PE-A\tCD3\tPE\tlineage\tUCHT1\tMaker\t12-3
APC-A\tCD4\tAPC\tlineage\t\t\t
"""


@pytest.fixture(scope="module")
def written(
    results: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("checklists")
    panel = folder / "panel_a.tsv"
    panel.write_text(PANEL, encoding="utf-8")
    arguments = ["--config", freeze(settings, folder, "all"), "--results", str(results)]
    page = folder / "report.html"
    assert main(["report", *arguments, "--panels", str(panel), "--output", str(page)]) == 0
    assert page.exists()
    return {
        name: json.loads((folder / f"report.{name}.json").read_text(encoding="utf-8"))
        for name in ("miflowcyt", "strobe")
    }


def item(content: dict[str, Any], number: str) -> dict[str, Any]:
    (found,) = [record for record in content["items"] if record["item"] == number]
    return dict(found)


def test_every_item_of_miflowcyt_is_there_once(written: dict[str, dict[str, Any]]) -> None:
    # Lee et al. 2008, and the author's checklist of Cytometry A
    expected = [f"1.{n}" for n in range(1, 9)] + [f"2.{n}" for n in range(1, 5)]
    expected += [f"3.{n}" for n in range(1, 4)] + [f"4.{n}" for n in range(1, 5)]
    assert [record["item"] for record in written["miflowcyt"]["items"]] == expected
    assert written["miflowcyt"]["doi"] == "10.1002/cyto.a.20623"


def test_what_no_file_tells_is_not_recorded_and_has_no_values(
    written: dict[str, dict[str, Any]],
) -> None:
    for content in written.values():
        for record in content["items"]:
            assert record["is_recorded"] == (record["text"] != checklist.NOT_RECORDED)
            assert record["is_recorded"] or "values" not in record
    assert not item(written["miflowcyt"], "1.4")["is_recorded"]
    assert not item(written["strobe"], "22")["is_recorded"]


def test_reagents_are_those_of_the_panel_sheet(written: dict[str, dict[str, Any]]) -> None:
    found = item(written["miflowcyt"], "2.4")
    assert found["values"] == {
        "panel_a": [
            {
                "analyte": "CD3",
                "reporter": "PE",
                "clone": "UCHT1",
                "manufacturer": "Maker",
                "catalogue_number": "12-3",
            },
            {"analyte": "CD4", "reporter": "APC"},
        ]
    }
    assert found["text"] == "panel_a: CD3 (PE) and CD4 (APC); clones given for 1."


def test_the_instrument_and_its_voltages_are_those_of_the_files(
    written: dict[str, dict[str, Any]], material: Material
) -> None:
    n = int(material.tube_quality["cytometer"].notna().sum())
    assert item(written["miflowcyt"], "3.2")["values"] == {"made-up cytometer": n}
    voltages = item(written["miflowcyt"], "3.3")["values"]
    assert voltages == {panel: {"CD3": ["450", "451"]} for panel in ("panel_a", "panel_b")}


def test_files_and_gates_are_named_one_by_one(
    written: dict[str, dict[str, Any]], material: Material
) -> None:
    files = item(written["miflowcyt"], "4.1")["values"]
    assert [row["file_id"] for row in files] == list(material.tubes["file_id"])
    assert all(set(row) == {"file_id", "panel", "batch", "tube"} for row in files)
    gates = item(written["miflowcyt"], "4.4")["values"]
    assert sum(sum(row["tubes_by_state"].values()) for row in gates) == len(material.gates)


def test_limits_and_key_results_lead_to_the_report_and_the_rest_is_the_authors(
    written: dict[str, dict[str, Any]],
) -> None:
    assert "What must not be concluded" in item(written["strobe"], "19")["text"]
    assert item(written["strobe"], "18")["is_recorded"]
    assert not item(written["strobe"], "20–21")["is_recorded"]


def test_numbers_by_group_say_that_they_count_the_enrolled(
    written: dict[str, dict[str, Any]],
) -> None:
    """Table 1, to which the item leads, counts the analysed."""
    assert item(written["strobe"], "14a")["text"].startswith("Participants enrolled, by group: ")


def test_the_specimen_has_its_hours_from_draw_to_staining(
    results: Path, settings: Settings
) -> None:
    material = collect(results, settings)
    samples = material.samples.assign(draw_to_stain_hours=4.0)
    samples.loc[samples.index[0], "draw_to_stain_hours"] = 20.0
    (asked,) = [one for one in miflowcyt.ITEMS if one.number == "2.1"]
    assert asked.text is not None
    told = asked.text(with_tables(material, samples=samples))
    n = samples["sample_id"].isin(material.tubes["sample_id"]).sum()
    assert (
        told == f"From blood draw to staining: median 4 h (4 to 20), known for {n} of {n} samples."
    )
    unknown = samples.assign(draw_to_stain_hours=float("nan"))
    assert asked.text(with_tables(material, samples=unknown)) == ""


def test_the_main_results_are_the_primary_comparisons(
    written: dict[str, dict[str, Any]], material: Material
) -> None:
    rows = material.comparisons.query("role == 'primary'")
    found = item(written["strobe"], "16")["values"]
    assert len(found) == len(rows)
    assert [row["estimate"] for row in found if row["estimate"] is not None] == pytest.approx(
        rows["estimate"].dropna().tolist()
    )


def test_a_study_without_flow_cytometry_has_no_miflowcyt(
    make_results: Callable[..., Path], settings: Settings, tmp_path: Path
) -> None:
    material = collect(make_results(with_flow=False), settings)
    names = [path.name for path in checklist.write_checklists(material, tmp_path / "page.html")]
    assert names == ["page.strobe.json"]


def test_one_participant_is_told_in_the_singular(
    make_results: Callable[..., Path], settings: Settings
) -> None:
    material = collect(make_results(per_group=2), settings)
    people = material.participants.head(1).assign(is_analysed=True)
    strobe = next(c for c in checklist.CHECKLISTS if c.name.startswith("STROBE"))
    filled = checklist.records(strobe, with_tables(material, participants=people))
    told = " ".join(record["text"] for record in filled)
    assert "1 enrolled, 1 analysed" in told
    assert not re.search(r"\b1 (participants|criteria|populations|batches|libraries|files)\b", told)


def test_strobe_says_whether_covariates_were_imputed(material: Material) -> None:
    complete = material.comparisons.assign(model="least squares, HC3", covariates="age_years")
    pooled = material.comparisons.assign(model="least squares, HC3; 20 imputations")
    told = {
        name: next(
            item.text(with_tables(material, comparisons=rows, participants=people))
            for item in ITEMS
            if item.number == "12c"
        )
        for name, rows, people in (
            ("complete", complete, material.participants.assign(age_years=None)),
            ("known", complete, material.participants.assign(age_years=50.0)),
            ("pooled", pooled, material.participants),
        )
    }
    assert "no analysed participant lacks a covariate" in told["known"]
    assert "participants who lack a covariate are left out" in told["complete"]
    assert "missing covariates were imputed" in told["pooled"]


def test_strobe_says_how_people_below_the_limit_enter(material: Material) -> None:
    rows = material.comparisons.assign(n_below_lod=3)
    missing = next(item for item in ITEMS if item.number == "12c")

    def told(model: str) -> str:
        return missing.text(with_tables(material, comparisons=rows.assign(model=model)))

    assert "neither as zero nor as the limit" in told("counts of cells (binomial)")
    assert "at most the limit" not in told("counts of cells (binomial)")
    assert "at most the limit" in told("logarithm, censored regression")


def test_strobe_names_the_subgroups(material: Material) -> None:
    subgroups = next(item for item in ITEMS if item.number == "12b")
    assert subgroups.text(material) == ""
    rows = material.comparisons.head(1).assign(
        comparison="SSc (dcSSc) vs healthy",
        index_group="SSc",
        family="diffuse SSc",
        role="exploratory",
    )
    told = subgroups.text(with_tables(material, comparisons=rows))
    assert "dcSSc alone (diffuse SSc, exploratory)" in told


def test_strobe_counts_staining_and_library_batches_apart(material: Material) -> None:
    rows = material.measurements
    n_stained, n_libraries = (
        rows.loc[rows["assay"] == assay, "batch"].nunique() for assay in ("flow", "singlecell")
    )
    told = next(item for item in ITEMS if item.number == "9").text(material)
    assert f"of {n_stained} staining batch" in told
    assert f"{n_libraries} library batch" in told
    assert "under Participants" in told


def test_strobe_names_what_was_asked_beside_the_comparisons(material: Material) -> None:
    other = next(item for item in ITEMS if item.number == "17")
    assert "compositions" in other.text(material)
    without = with_tables(material, compositions=material.compositions.iloc[:0])
    assert "compositions" not in other.text(without)
