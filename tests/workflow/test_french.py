"""The French report of a whole simulated study: no English sentence is left on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import html

from itc_analysis.cli import main
from report.language.left_in_english import english_left

pytestmark = pytest.mark.workflow

#: Questions about a sheet name its columns by their labels, which are English as the sheets are.
LABELS_OF_COLUMNS = re.compile(r"demander et remplir : ")


def test_no_english_is_left_in_the_french_report(
    finished_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (finished_study / "config" / "config.yaml").read_text(encoding="utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(f"{settings}\nreport:\n  language: fr\n", encoding="utf-8")
    page = tmp_path / "rapport.html"
    monkeypatch.chdir(finished_study)
    panels = sorted(str(sheet) for sheet in Path("config/panels").glob("*.tsv"))
    assert main(
        ["report", "--config", str(path), "--results", "results", "--panels", *panels,
         "--signatures", "config/signatures.tsv", "--plan", "config/analysis_plan.yaml",
         "--output", str(page)]
    ) == 0  # fmt: skip
    left = english_left(html.document_fromstring(page.read_text(encoding="utf-8")))
    assert [part for part in left if not LABELS_OF_COLUMNS.search(part)] == []
