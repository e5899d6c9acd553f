"""Words for a paper: the sentences of the page, and works that resolve."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from itc_analysis.config.sections import Settings
from itc_analysis.report.html.bibliography import read_works
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.page import write_page
from itc_analysis.report.sections import methods, paper


def test_methods_cite_what_the_two_lists_hold(material: Material, tmp_path: Path) -> None:
    write_page(material, tmp_path / "report.html")
    text = (tmp_path / "report.methods.md").read_text(encoding="utf-8")
    works = read_works((tmp_path / "report.references.bib").read_text(encoding="utf-8"))
    csl = json.loads((tmp_path / "report.references.json").read_text(encoding="utf-8"))
    cited = list(dict.fromkeys(re.findall(r"@(\w+)", text)))
    assert len(cited) > 1
    assert cited == list(works) == [item["id"] for item in csl]
    assert all(item["title"] and item["author"] and item["issued"] for item in csl)


def test_every_sentence_of_the_page_is_there_once(material: Material) -> None:
    text = paper.methods_markdown(material)
    entries = [entry for entry in material.provenance if entry.get("methods")]
    plain = re.sub(r" \[@[^\]]*\]", "", text)
    for sentence in methods.sentences(entries):
        assert plain.count(sentence) == 1


def test_the_same_results_give_the_same_bytes(material: Material, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_page(material, tmp_path / name / "report.html")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert len(list((tmp_path / "one").iterdir())) == 6


def test_simulated_data_are_called_so(
    make_results: Callable[..., Path], settings: Settings
) -> None:
    simulated = settings.model_copy(
        update={"study": settings.study.model_copy(update={"simulated": "effect"})}
    )
    text = paper.methods_markdown(collect(make_results(), simulated))
    assert "SIMULATED DATA (effect)" in text
