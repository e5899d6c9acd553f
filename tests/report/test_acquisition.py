"""The section on acquisition and batches: shares left out, the least steady tubes, bridge controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from itc_analysis.config import Settings
from itc_analysis.flow.bridge import chart_bridge
from itc_analysis.report import acquisition, bridge
from itc_analysis.report.blocks import Details, Gallery, Paragraph, Section, Table
from itc_analysis.report.material import Material, collect
from itc_analysis.report.words import per_cent
from itc_analysis.tables import contract, made

#: Batches of the bridge control.
N_RUNS = 8


@pytest.fixture(scope="module")
def material(results: Path, settings: Settings) -> Material:
    return collect(results, settings)


@pytest.fixture
def with_bridge(material: Material) -> Callable[..., Material]:
    """Return a function that adds runs of the bridge control, the last of them of a share of its own."""

    def add(*, last: float = 0.03, n_runs: int = N_RUNS) -> Material:
        rows = [
            bridge_run(number, 0.03 + 0.0004 * (number % 3), population)
            for number in range(n_runs)
            for population in ("mait", "gd_t_cells")
        ]
        rows[-2] |= {"value": last}
        runs = contract.make(rows, made.Measurements)
        return replace(material, measurements=pd.concat([material.measurements, runs]))

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


def texts(section: Section) -> str:
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
    shares = acquisition.shares_removed(replace(material, tube_quality=quality))
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
    bare = replace(material, tube_quality=quality, acquisitions=contract.empty(made.Acquisitions))
    told = texts(acquisition.section(bare))
    assert f"the file has no Time channel ({len(quality)} tubes)" in told
    assert "No tube could be judged along its acquisition" in told


def test_a_study_without_bridge_control_says_so(material: Material) -> None:
    people = material.samples[material.samples["sample_type"] == "participant"]
    told = texts(acquisition.section(replace(material, samples=people)))
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
