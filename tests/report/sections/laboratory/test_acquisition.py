"""The section on acquisition and batches: shares left out, the least steady tubes, bridge
controls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from itc_analysis.flow.batches.bridge import chart_bridge
from itc_analysis.report.html.blocks import Cell, Details, Gallery, PageSection, Paragraph, Table
from itc_analysis.report.html.material import Material
from itc_analysis.report.html.words import per_cent
from itc_analysis.report.sections.laboratory import (
    acceptance,
    acquisition,
    alignment,
    bridge,
    compensation,
    scales,
)
from itc_analysis.tables import contract
from itc_analysis.tables.flow.panelwide import AlignmentCheck, Landmarks
from itc_analysis.tables.flow.tubes import Acquisitions
from itc_analysis.tables.measured import Measurements
from report.reading import with_tables

#: Batches of the bridge control.
N_RUNS = 8


@pytest.fixture
def with_bridge(material: Material) -> Callable[..., Material]:
    """Return a function that adds runs of the bridge control, the last of them of a share of its
    own.
    """

    def add(*, last: float = 0.03, n_runs: int = N_RUNS) -> Material:
        rows = [
            bridge_run(number, 0.03 + 0.0004 * (number % 3), population)
            for number in range(n_runs)
            for population in ("mait", "gd_t_cells")
        ]
        rows[-2] |= {"value": last}
        runs = contract.make(rows, Measurements)
        return with_tables(material, measurements=pd.concat([material.measurements, runs]))

    return add


def bridge_run(number: int, value: float, population: str) -> dict[str, Any]:
    return {
        "sample_id": "S-bridge",
        "participant_id": None,
        "group": None,
        "assay": "flow",
        "source_id": f"bridge_b{number}",
        "batch": f"b{number}",
        "population": population,
        "measure": "share_of_t",
        "feature": "-",
        "value": value,
        "unit": "share",
        "standard_error": 0.001,
        "status": "ok",
    }


def texts(section: PageSection) -> str:
    return " ".join(str(block.text) for block in section.blocks if isinstance(block, Paragraph))


def test_every_tube_is_counted_once_by_panel_and_status(material: Material) -> None:
    table = acquisition.by_status(acquisition.shares_removed(material))
    assert sum(int(str(row[1])) for row in table.rows) == len(material.tube_quality)
    assert [row[0] for row in table.rows] == [
        "panel_a: ok",
        "panel_a: file could not be read",
        "panel_b: ok",
    ]


def test_shares_are_of_the_events_of_the_file_and_inside_the_margins(material: Material) -> None:
    shares = acquisition.shares_removed(material)
    unsteady = shares.sort_values("removed_time").dropna(subset="removed_time").iloc[-1]
    assert unsteady["removed"] == pytest.approx(1 - 19_500 / 20_000)
    assert unsteady["removed_time"] == pytest.approx(2 / 24)
    row = acquisition.by_status(shares).rows[0]
    assert row[3] == per_cent(1 - 19_500 / 20_000)
    assert row[6] == per_cent(2 / 24)


def test_a_tube_that_was_not_read_has_no_share(material: Material) -> None:
    quality = material.tube_quality.copy()
    is_unread = quality["status"] == "unreadable"
    quality.loc[is_unread, ["n_events", "n_clean"]] = 0
    shares = acquisition.shares_removed(with_tables(material, tube_quality=quality))
    assert shares.loc[is_unread, ["removed", "removed_time"]].isna().all(axis=None)
    row = acquisition.by_status(shares).rows[1]
    assert list(row[2:]) == ["–", "–", "0", "–", "–"]


def test_the_least_steady_tube_is_drawn_first(material: Material) -> None:
    shares = acquisition.shares_removed(material)
    chosen = acquisition.least_steady(shares, 2)
    for panel, files in chosen.items():
        own = shares[shares["panel"] == panel]
        assert files[0] == own.loc[own["removed_time"].idxmax(), "file_id"]
        assert len(files) == 2
    section = acquisition.section(material)
    drawn = [block for block in section.blocks if isinstance(block, Gallery)]
    assert [len(gallery.figures) for gallery in drawn] == [2, 2]


def test_tubes_without_a_clock_are_told_with_the_reason(material: Material) -> None:
    quality = material.tube_quality.copy()
    quality["remarks"] = "3 events removed; no time check: the file has no Time channel; other"
    bare = with_tables(material, tube_quality=quality, acquisitions=contract.empty(Acquisitions))
    told = texts(acquisition.section(bare))
    assert f"the file has no Time channel ({len(quality)} tubes)" in told
    assert "No tube could be judged along its acquisition" in told


def test_a_study_without_bridge_control_says_so(material: Material) -> None:
    people = material.samples[material.samples["sample_type"] == "participant"]
    told = texts(acquisition.section(with_tables(material, samples=people)))
    assert "The study has no bridge control" in told


def test_bridge_controls_without_numbers_are_told(material: Material) -> None:
    assert "1 bridge control in the sample sheet, but none has a number" in texts(
        acquisition.section(material)
    )


def test_a_run_outside_its_limits_is_listed_and_a_steady_control_lists_none(
    with_bridge: Callable[..., Material],
) -> None:
    steady = bridge.blocks(with_bridge())
    assert not [block for block in steady if isinstance(block, Table | Details)]
    table = next(
        block for block in bridge.blocks(with_bridge(last=0.06)) if isinstance(block, Table)
    )
    assert [list(row[:4]) for row in table.rows] == [
        ["MAIT, % of T cells", "b7", "bridge_b7", "6.00 %"]
    ]


def test_every_population_of_the_answer_with_a_run_is_charted(
    with_bridge: Callable[..., Material],
) -> None:
    blocks = bridge.blocks(with_bridge())
    gallery = next(block for block in blocks if isinstance(block, Gallery))
    pictures = [str(figure.picture) for figure in gallery.figures]
    assert len(pictures) == 2
    assert all(f"{N_RUNS} runs" in picture for picture in pictures)
    chart = chart_bridge(with_bridge().measurements)
    assert bridge.charted_populations(chart, with_bridge()) == ["mait", "gd_t_cells"]


def test_few_runs_are_drawn_but_not_judged(with_bridge: Callable[..., Material]) -> None:
    blocks = bridge.blocks(with_bridge(n_runs=2))
    assert "so no run is judged" in str(getattr(blocks[0], "text", ""))
    assert any(isinstance(block, Gallery) for block in blocks)


def test_the_share_expected_by_chance_is_that_of_students_t(
    with_bridge: Callable[..., Material],
) -> None:
    told = bridge.summary(chart_bridge(with_bridge(last=0.06).measurements))
    # 16 values, 6 degrees of freedom: P(|t| > 3) = 0.024 and P(2 < |t| < 3) = 0.068 (tables of t)
    assert "up to about 1.1 and 0.38 by chance" in told
    assert "of 16 values" in told.lower()


def test_dead_cells_and_debris_have_their_median_or_the_reason(material: Material) -> None:
    (table,) = acquisition.dead_and_debris(material.tube_quality)
    assert isinstance(table, Table)
    rows = {str(row[0]): row for row in table.rows}
    known = material.tube_quality.query("panel == 'panel_a'")["share_dead"].dropna()
    dead = rows["panel_a: dead cells"]
    assert list(dead[1:4]) == [str(len(known)), per_cent(known.median()), per_cent(known.max())]
    assert dead[5] == "tube unreadable (1)"
    debris = rows["panel_a: debris"]
    assert debris[1] == "0"
    assert f"no scatter gate ({len(known)})" in str(debris[5])


def test_the_scale_of_every_marker_is_told_with_its_state(material: Material) -> None:
    sentence, details = scales.blocks(material)
    assert isinstance(sentence, Paragraph)
    assert isinstance(details, Details)
    assert "2 estimated on the study’s tubes, 2 given" in str(sentence.text)
    assert "2 the default" in str(sentence.text)
    (table,) = details.blocks
    assert isinstance(table, Table)
    assert len(table.rows) == len(material.scales)
    assert any("below zero" in str(row[-1]) for row in table.rows)


def aligned(material: Material, *, after: float) -> Material:
    """Return the material of a study that was aligned, with one rare share that moved to
    `after`.
    """
    check = [
        {"panel": "panel_a", "gates": gates, "batch": batch, "source_id": f"bridge_{batch}",
         "population": population, "marker": marker, "before": before, "lower": 0.001, "upper": 0.003,  # noqa: E501
         "after": after if population == "inkt" and batch == "b2" else before, "n_before": 40,
         "n_after": 40, "is_within": None if marker != "-" else not (population == "inkt" and batch == "b2"  # noqa: E501
                                                                     and after > 0.003)}
        for gates in ("own", "reference")
        for batch, before in (("b1", 0.002), ("b2", 0.0025))
        for population, marker in (("inkt", "-"), ("mait", "-"), ("mait", "PD-1"))
    ]  # fmt: skip
    peaks = [
        {"panel": "panel_a", "batch": "b2", "marker": "6B11", "peak": peak, "population": "not_gd",
         "reference": "b1", "state": state, "reason": reason}
        for peak, state, reason in (("negative", "moved", None), ("positive", "left_out", "40 events"))  # noqa: E501
    ]  # fmt: skip
    flow = material.settings.flow.model_copy(update={"align": True})
    tables = with_tables(
        material,
        alignment=contract.make(check, AlignmentCheck),
        landmarks=contract.make(peaks, Landmarks),
    )
    return replace(tables, settings=material.settings.model_copy(update={"flow": flow}))


def test_alignment_is_shown_before_and_after_with_the_rare_shares_that_left_their_limits(
    material: Material, with_bridge: Callable[..., Material]
) -> None:
    blocks = alignment.blocks(aligned(with_bridge(), after=0.009))
    assert isinstance(blocks[0], Paragraph)
    assert "b1 (panel_a)" in str(blocks[0].text)
    table = next(block for block in blocks if isinstance(block, Table))
    rows = {str(row[0]): row for row in table.rows}
    # the slow way: two batches, sd / mean
    before, after = pd.Series([0.002, 0.0025]), pd.Series([0.002, 0.009])
    assert rows["iNKT"][2] == per_cent(before.std() / before.mean())
    assert rows["iNKT"][3] == per_cent(after.std() / after.mean())
    assert rows["iNKT"][-1] == Cell("2", "bad")
    assert rows["MAIT"][-1] == Cell("0", "")
    told = [block for block in blocks if isinstance(block, Details)]
    assert [str(block.summary) for block in told] == [
        "Marker levels before and after alignment",
        "1 peak not used for alignment",
    ]
    shown = bridge.blocks(aligned(with_bridge(), after=0.009))
    assert all(block in shown for block in blocks)


def test_a_study_that_was_not_aligned_says_so_once(with_bridge: Callable[..., Material]) -> None:
    (sentence,) = alignment.blocks(with_bridge())
    assert isinstance(sentence, Paragraph)
    assert "not aligned" in str(sentence.text)


def test_a_rule_that_no_tube_can_be_judged_by_says_so_once(material: Material) -> None:
    (table,) = acceptance.blocks(material)
    assert isinstance(table, Table)
    told = [str(row[-1]) for row in table.rows if "lymphosum" in str(row[0])]
    assert told == ["not applied: no tube counts T, B and NK cells within one lymphocyte gate"]
    assert [row[1] for row in table.rows if "lymphosum" in str(row[0])] == ["–"]


def test_rules_are_for_tubes_of_resting_cells(material: Material) -> None:
    tubes = material.tubes.assign(condition="pma")
    (told,) = acceptance.blocks(with_tables(material, tubes=tubes))
    assert isinstance(told, Paragraph)
    assert "No tube has been counted" in str(told.text)


def test_compensation_is_told_with_its_over_compensated_pairs_and_spreading(
    material: Material, tmp_path: Path
) -> None:
    first, warning, pairs, spreading = compensation.blocks(material)
    assert isinstance(first, Paragraph)
    assert "with the matrix of the file" in str(first.text)
    assert isinstance(warning, Paragraph)
    assert "Of 6 pairs of channels, 2 seem over-compensated" in str(warning.text)
    assert "2 could not be judged" in str(warning.text)
    assert isinstance(pairs, Details)
    (table,) = pairs.blocks
    assert isinstance(table, Table)
    assert [row[0] for row in table.rows] == ["panel_a: CD3", "panel_b: CD3"]
    assert isinstance(spreading, Paragraph)
    assert "needs single stains" in str(spreading.text)
    path = tmp_path / "panel_a.spreading.csv"
    path.write_text(",FITC-A,PE-A\nFITC-A,0,1.25\nPE-A,0.4,0\n")
    *_, shown = compensation.blocks(replace(material, spreading=(path,)))
    assert isinstance(shown, Details)
    (matrix,) = shown.blocks
    assert isinstance(matrix, Table)
    assert list(matrix.rows[1]) == ["PE-A", "0.40", "0"]
