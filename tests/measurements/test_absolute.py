"""Cells per microlitre: each formula by hand, and when there must be no count."""

from __future__ import annotations

import math
from typing import Any

import pytest

from itc_analysis.measurements.absolute import cells_per_ul_from_analyser, cells_per_ul_from_beads


def test_beads_formula_by_hand() -> None:
    # 10,000 cells for 2,000 of 50,000 beads: the tube held 250,000 cells, in 100 uL of blood
    found = cells_per_ul_from_beads(10_000, 2_000, beads_per_tube=50_000, blood_volume_ul=100)
    assert found == pytest.approx(2_500)
    diluted = cells_per_ul_from_beads(
        10_000, 2_000, beads_per_tube=50_000, blood_volume_ul=100, dilution=2
    )
    assert diluted == pytest.approx(5_000)


def test_analyser_formula_by_hand() -> None:
    # 6 x 10^9/L = 6,000 per uL; 30 % lymphocytes = 1,800; 70 % of them T
    found = cells_per_ul_from_analyser(7_000, 10_000, wbc_10e9_per_l=6.0, lymphocyte_share=0.3)
    assert found == pytest.approx(1_260)


def test_population_of_the_counting_tube_is_counted_by_its_beads(study: Any) -> None:
    row = study.row("H1-a", "mait", "cells_per_ul")
    assert row["value"] == pytest.approx(300 / 2_000 * 50_000 / 100)
    assert row["count_method"] == "beads"
    assert row["unit"] == "cells/uL"
    # T cells cancel: 1/n + 1/beads; Haldane's halves change the third digit
    assert row["standard_error"] == pytest.approx(math.sqrt(1 / 300 + 1 / 2_000), rel=5e-3)
    assert row["lower"] < row["value"] < row["upper"]


def test_t_cells_get_a_count_with_the_error_of_t_and_beads(study: Any) -> None:
    row = study.row("H1-a", "t_cells", "cells_per_ul")
    assert row["value"] == pytest.approx(2_500)
    error = math.sqrt(1 / 10_000 + 1 / 2_000)
    assert row["standard_error"] == pytest.approx(error)
    assert row["upper"] == pytest.approx(2_500 * math.exp(1.959964 * error), rel=1e-6)
    assert (row["n_cells"], row["n_denominator"]) == (10_000, 2_000)


def test_population_of_a_second_tube_goes_via_the_counting_tube(study: Any) -> None:
    row = study.row("H1-b", "innate_cd8", "cells_per_ul")
    assert row["value"] == pytest.approx(400 / 8_000 * 2_500)
    assert row["count_method"] == "via_counting_tube"
    by_hand = (1 / 400 - 1 / 8_000) + (1 / 10_000 + 1 / 2_000)
    assert row["standard_error"] == pytest.approx(math.sqrt(by_hand), rel=5e-3)


def test_several_counting_tubes_of_a_sample_are_averaged_on_the_log_scale(study: Any) -> None:
    extra = study.tables.tubes[study.tables.tubes["file_id"] == "H1-a"].assign(file_id="H1-a2")
    counts = study.tables.counts[study.tables.counts["source_id"] == "H1-a"].assign(
        source_id="H1-a2"
    )
    counts.loc[counts["population"] == "beads", "n_events"] = 4_000  # 1,250 T per uL here
    study.append(tubes=extra, counts=counts)
    row = study.row("H1-b", "innate_cd8", "cells_per_ul")
    assert row["value"] == pytest.approx(0.05 * math.sqrt(2_500 * 1_250))
    # the error of a mean of two: half of the root of the sum of squares
    of_mean = ((1 / 10_000 + 1 / 2_000) + (1 / 10_000 + 1 / 4_000)) / 4
    by_hand = math.sqrt((1 / 400 - 1 / 8_000) + of_mean)
    # Haldane's halves change the third digit; with the sum itself it would be 12 % more
    assert row["standard_error"] == pytest.approx(by_hand, rel=5e-3)


def test_limits_of_a_count_hold_the_error_of_the_t_count(study: Any) -> None:
    study.change("counts", {"source_id": "H1-a", "population": "t_cells"}, gate_se_log=0.1)
    share = study.row("H1-b", "innate_cd8", "share_of_t")
    row = study.row("H1-b", "innate_cd8", "cells_per_ul")
    of_t = 1.959964 * math.sqrt(1 / 10_000 + 1 / 2_000 + 0.1**2)
    for side, sign in (("lower", -1), ("upper", 1)):
        distance = math.hypot(math.log(share[side] / share["value"]), of_t)
        assert row[side] == pytest.approx(row["value"] * math.exp(sign * distance), rel=1e-6)


def test_error_of_the_t_cell_gate_enters_every_count(study: Any) -> None:
    study.change("counts", {"source_id": "H1-a", "population": "t_cells"}, gate_se_log=0.1)
    row = study.row("H1-a", "t_cells", "cells_per_ul")
    assert row["standard_error"] == pytest.approx(math.sqrt(1 / 10_000 + 1 / 2_000 + 0.01))


def test_too_few_beads_give_no_count_and_never_the_analyser(study: Any) -> None:
    study.change("counts", {"source_id": "H1-a", "population": "beads"}, n_events=999)
    study.change("samples", {"sample_id": "S-H1"}, wbc_10e9_per_l=6.0, lymphocyte_share=0.3)
    for source, population in (("H1-a", "mait"), ("H1-a", "t_cells"), ("H1-b", "innate_cd8")):
        row = study.row(source, population, "cells_per_ul")
        assert row["status"] == "no_count"
        assert "999 bead events, 1000 needed" in row["reason"]
    assert study.row("H1-a", "mait", "share_of_t")["status"] == "ok"


def test_missing_blood_volume_and_ungated_beads_are_named(study: Any) -> None:
    study.change("tubes", {"file_id": "H1-a"}, blood_volume_ul=None)
    beads = {"source_id": "H2-a", "population": "beads"}
    study.change("counts", beads, n_events=None, n_parent=None, status="not_estimable")
    assert "volume of blood" in study.row("H1-a", "mait", "cells_per_ul")["reason"]
    assert "beads" in study.row("H2-a", "mait", "cells_per_ul")["reason"]


def test_analyser_counts_a_sample_without_beads(study: Any) -> None:
    study.change("samples", {"sample_id": "S-BR"}, wbc_10e9_per_l=6.0, lymphocyte_share=0.3)
    row = study.row("BR-a", "mait", "cells_per_ul")
    assert row["value"] == pytest.approx(300 / 20_000 * 6_000 * 0.3)
    assert row["count_method"] == "dual_platform"
    assert row["standard_error"] == pytest.approx(math.sqrt(1 / 300 - 1 / 20_000), rel=5e-3)


def test_neither_beads_nor_analyser_is_said(study: Any) -> None:
    row = study.row("BR-a", "mait", "cells_per_ul")
    assert row["status"] == "no_count"
    assert "neither counting beads nor WBC" in row["reason"]


def test_unusable_counting_tube_leaves_the_second_tube_its_percentage(study: Any) -> None:
    study.change("tube_quality", {"file_id": "H1-a"}, status="unreadable", reason="truncated")
    row = study.row("H1-b", "innate_cd8", "cells_per_ul")
    assert row["status"] == "no_count"
    assert "H1-a: the counting tube is unreadable" in row["reason"]
    assert study.row("H1-b", "innate_cd8", "share_of_t")["value"] == pytest.approx(0.05)


def test_old_sample_keeps_its_percentage_but_gets_no_count(study: Any) -> None:
    study.change("samples", {"sample_id": "S-H1"}, draw_to_stain_hours=52)
    assert study.row("H1-a", "mait", "cells_per_ul")["status"] == "no_count"
    share = study.row("H1-a", "mait", "share_of_t")
    assert share["status"] == "ok"
    assert "48 h after the draw" in share["reason"]
    assert study.row("H2-a", "mait", "cells_per_ul")["status"] == "ok"
