"""The methods text: whole sentences, every citation resolved."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from lxml import html

from itc_analysis.report.html.bibliography import REFERENCES
from itc_analysis.report.html.blocks import Bullets, Paragraph
from itc_analysis.report.html.material import Material
from itc_analysis.report.sections import methods


def cited_in_source(root: Path) -> dict[str, list[str]]:
    """Return every text of the package that has the form of a key, such as parks2006, with its
    files.
    """
    found: dict[str, list[str]] = {}
    for path in sorted((root / "src").rglob("*.py")):
        if path.name == "bibliography.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and re.fullmatch(r"[a-z]+(18|19|20)\d\d[a-z]?|nct\d{8}", node.value):
                found.setdefault(node.value, []).append(path.name)
    return found


def test_every_key_cited_in_the_package_is_in_the_bibliography(root: Path) -> None:
    cited = cited_in_source(root)
    assert cited
    unknown = {key: files for key, files in cited.items() if key not in REFERENCES}
    assert unknown == {}


def test_every_reference_is_complete() -> None:
    for key, entry in REFERENCES.items():
        assert re.search(r"\b(19|20)\d\d\b", entry.text), key
        assert entry.text.endswith("."), key
        assert not entry.doi or re.fullmatch(r"10\.\d{4,9}/\S+", entry.doi), key


def test_citations_are_numbered_in_the_order_of_the_text(material: Material) -> None:
    entries = [entry for entry in material.provenance if entry.get("methods")]
    keys = methods.citation_order(entries)
    assert keys[:2] == ["vonelm2007", "parks2006"]
    text = " ".join(
        str(block.text)
        for block in methods.methods_text(entries, keys)
        if isinstance(block, Paragraph)
    )
    cited = [int(number) for number in re.findall(r'href="#reference-(\d+)"', text)]
    assert sorted(set(cited)) == list(range(1, len(keys) + 1))
    first_seen = list(dict.fromkeys(cited))
    assert first_seen == sorted(first_seen)


def test_methods_are_told_once_in_the_order_of_the_workflow(material: Material) -> None:
    blocks = methods.section(material).blocks
    texts = [
        html.fromstring(f"<p>{block.text}</p>").text_content()
        for block in blocks
        if isinstance(block, Paragraph)
    ]
    places = [
        next(place for place, text in enumerate(texts) if start in text)
        for start in (
            "Participants were checked",
            "logicle",
            "Cuts were pooled",
            "Cells were called",
            "robust errors",
        )
    ]
    assert places == sorted(places)
    assert (
        sum("logicle" in text for text in texts) == 1
    )  # both panels say it; the page says it once


def test_no_brace_is_left_in_the_methods(material: Material) -> None:
    for block in methods.section(material).blocks:
        if isinstance(block, Paragraph):
            assert not set("{}") & set(str(block.text))


def test_a_key_without_an_entry_is_shown_not_hidden() -> None:
    shown = methods.references(["parks2006", "nobody1900"])
    assert isinstance(shown, Bullets)
    assert "nobody1900 (no entry in the bibliography" in str(shown.items[1])


def test_changed_settings_are_marked(material: Material) -> None:
    rows = {row[0]: row for row in methods.settings_table(material).rows}
    assert rows["study.name"][1:3] == ["Made-up study", "default: Sclero-LTI"]
    assert rows["flow.lod_events"][1:3] == ["20", ""]
