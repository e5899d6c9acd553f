"""Shares of single-cell populations by three ways of counting."""

from __future__ import annotations

from pathlib import Path

import pytest

from itc_analysis.config.sections import Settings
from itc_analysis.report.html.blocks import Table
from itc_analysis.report.html.material import Material, collect
from itc_analysis.report.sections.laboratory import counting
from itc_analysis.report.sections.results import doubts
from report.reading import with_tables


@pytest.fixture
def material(results: Path, settings: Settings) -> Material:
    """The made-up study with its comparisons of flow shares turned into those of single cells."""
    found = collect(results, settings)
    parts = {}
    for name in ("comparisons", "diagnostics", "measurements"):
        rows = getattr(found, name)
        rows = rows[(rows["measure"] == "share_of_t") & rows["population"].isin(["mait"])]
        parts[name] = rows.assign(assay="singlecell")
    caught = parts["measurements"]["group"].map({"SSc": 0.35}).fillna(0.7)
    parts["measurements"]["capture"] = caught
    beside = parts["diagnostics"]
    for way, by in (("hard", 0.5), ("soft", 0.9)):
        for part, wide in (("estimate", 1.0), ("lower", 0.8), ("upper", 1.25)):
            beside[f"{way}_{part}"] = by * wide * beside["estimate_full"]
        beside[f"{way}_p_value"] = 0.2
    return with_tables(found, **parts)


def test_each_comparison_shows_the_chains_caught_and_three_estimates(material: Material) -> None:
    (table,) = [block for block in counting.blocks(material) if isinstance(block, Table)]
    assert len(table.rows) == len(material.diagnostics)
    row = next(row for row in table.rows if row[1] == "healthy")
    assert row[0] == "MAIT"
    assert row[2] == "35.0 % / 70.0 %"
    beside = material.diagnostics[material.diagnostics["comparison"].str.contains("healthy")]
    estimate = float(beside["estimate_full"].iloc[0])
    shown = [float(str(cell).split()[0]) for cell in row[3:]]
    assert shown == pytest.approx([estimate, 0.5 * estimate, 0.9 * estimate], rel=0.05)


def test_a_difference_that_the_soft_count_does_not_show_is_doubted(material: Material) -> None:
    rows = material.comparisons[material.comparisons["estimate"].notna()]
    (row, beside), *_ = doubts.pairs(rows, material)
    told = [str(text) for text in doubts.against(row, beside, alpha=0.05)]
    assert "the soft count of cells does not show it (p = 0.20)" in told
    shown = beside._replace(soft_p_value=0.01)
    assert not any("soft count" in str(text) for text in doubts.against(row, shown, alpha=0.05))


def test_a_study_without_soft_counts_has_no_such_table(results: Path, settings: Settings) -> None:
    assert counting.blocks(collect(results, settings)) == []
